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
from .deploy.rest_client import RestClient
from .deploy.saved_model import export_saved_model
from .deploy.serving_async_client import AsyncServingClient
from .deploy.serving_client import ServingClient
from .deploy.serving_error import ServingError
from .deploy.tflite import export_tflite
from .deploy.tls import TLS
from .evaluation.report import evaluate
from .seq2seq import Seq2Seq, load
from .training.trainer import train
from .translation import Hypothesis, Translator

__version__: str

__all__ = [
    "TLS",
    "AsyncServingClient",
    "Corpus",
    "DataConfig",
    "Hypothesis",
    "LiteRTTranslator",
    "ModelConfig",
    "Pair",
    "RestClient",
    "RunConfig",
    "SearchConfig",
    "Seq2Seq",
    "ServingClient",
    "ServingError",
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
