"""What the folder of a training run tells of the model in it, for the model card."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from keras_s2s.config import DataConfig, load_config, to_dict
from keras_s2s.data.datasets import DATASETS
from keras_s2s.whole_file import sha256_of

if TYPE_CHECKING:
    from keras_s2s.seq2seq import Seq2Seq

CONFIG, EVALUATION, MODEL = "config.toml", "evaluation.json", "model.keras"


def run_facts(model: "Seq2Seq", file: Path) -> dict[str, Any]:
    """Return the facts that `model_card` takes, as far as the folder of a model's file has them.

    The folder counts as the model's run if the tokenisers there are the model's. An evaluation counts if it
    names the hash of the file: others were made of another model.

    Args:
        model: The model.
        file: The `.keras` file that it was loaded from or saved to.

    Raises:
        OSError: The file cannot be read.
        ValueError: The folder is the run's, and its configuration or evaluation is damaged.
    """
    folder = file.parent
    tokenizers = {"source.model": model.source_tokenizer, "target.model": model.target_tokenizer}
    for name, tokenizer in tokenizers.items():
        path = folder / name
        if not path.is_file() or path.read_bytes() != tokenizer.model:
            return {}
    facts: dict[str, Any] = {}
    if (folder / CONFIG).is_file():
        config = load_config(folder / CONFIG)
        training = to_dict(config.training)
        facts["data"] = _data(config.data)
        if config.training.start_from is not None:
            facts["data"]["start"] = training["start_from"] = _name(Path(config.training.start_from))
        facts["recipe"] = {"data": _without_folders(config.data), "training": training}
    if (folder / EVALUATION).is_file():
        evaluation = _read_evaluation(folder / EVALUATION)
        if evaluation.get("model_sha256") == sha256_of(file):
            facts["evaluation"] = evaluation
    return facts


def _name(start: Path) -> str:
    """Return what a model is called: every run's is `model.keras`, so that its folder's name tells more."""
    return f"{start.parent.name}/{start.name}" if start.name == MODEL else start.name


def _data(config: DataConfig) -> dict[str, Any]:
    """Return name, licence and so on of a named data set; of files, these beside it too, what they are called."""
    also = {"also": sorted({Path(path).name for path in config.also})} if config.also else {}
    info = DATASETS.get(config.name or "")
    if info is None:
        return {"name": config.name or Path(config.train or "").name, **also}
    return {
        "name": info.name,
        "description": info.description,
        "licence": info.licence,
        "attribution": info.attribution or "nobody",
        "url": info.url,
        **also,
    }


def _without_folders(config: DataConfig) -> dict[str, Any]:
    """Return the configuration with bare file names: where they lie is nobody else's concern."""
    bare = {key: Path(value).name for key in ("train", "valid", "test") if (value := getattr(config, key)) is not None}
    also = {"also": [Path(path).name for path in config.also]} if config.also else {}
    return {**to_dict(config), **bare, **also}


def _read_evaluation(path: Path) -> dict[str, Any]:
    try:
        evaluation = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path}: not JSON ({error}); write it again with keras-s2s evaluate --json") from None
    if not isinstance(evaluation, dict) or "signature" not in evaluation:
        raise ValueError(f"{path}: no evaluation; write it again with keras-s2s evaluate --json")
    return evaluation
