from . import plots
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
from .deploy.client.async_client import AsyncServingClient
from .deploy.client.error import ServingError
from .deploy.client.rest_client import RestClient
from .deploy.client.serving_client import ServingClient
from .deploy.client.tls import TLS
from .deploy.device.litert import LiteRTTranslator
from .deploy.device.tflite import export_tflite
from .deploy.server.saved_model import export_saved_model
from .evaluation.report import evaluate
from .seq2seq import Seq2Seq, load
from .training.trainer import train
from .translation import Alignment, Hypothesis, Translator

__version__: str

__all__ = [
    "TLS",
    "Alignment",
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
    "plots",
    "read_pairs",
    "train",
]
