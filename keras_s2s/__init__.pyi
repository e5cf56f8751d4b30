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
from .deploy.litert import LiteRTTranslator
from .deploy.saved_model import export_saved_model
from .deploy.tflite import export_tflite
from .evaluation.report import evaluate
from .seq2seq import Seq2Seq, load
from .training.trainer import train
from .translation import Hypothesis, Translator

__version__: str

__all__ = [
    "Corpus",
    "DataConfig",
    "Hypothesis",
    "LiteRTTranslator",
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
    "export_saved_model",
    "export_tflite",
    "load",
    "load_config",
    "load_dataset",
    "read_pairs",
    "train",
]
