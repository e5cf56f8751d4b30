from .config import (
    DataConfig,
    ModelConfig,
    RunConfig,
    SearchConfig,
    TokenizerConfig,
    TrainingConfig,
    load_config,
)
from .data.corpus import Corpus, Pair, Splits, read_pairs
from .data.datasets import load_dataset
from .evaluation.report import evaluate
from .seq2seq import Seq2Seq, load
from .training.trainer import train
from .translation import Hypothesis, Translator

__version__: str

__all__ = [
    "Corpus",
    "DataConfig",
    "Hypothesis",
    "ModelConfig",
    "Pair",
    "RunConfig",
    "SearchConfig",
    "Seq2Seq",
    "Splits",
    "TokenizerConfig",
    "TrainingConfig",
    "Translator",
    "__version__",
    "evaluate",
    "load",
    "load_config",
    "load_dataset",
    "read_pairs",
    "train",
]
