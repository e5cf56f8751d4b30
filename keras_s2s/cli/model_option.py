"""Which model a command works with."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from keras_s2s.cli.console import err, quiet_import

if TYPE_CHECKING:
    from keras_s2s.deploy.device.litert import LiteRTTranslator
    from keras_s2s.seq2seq import Seq2Seq

# English to Spanish: what a checkout has, and what the package brings.
SHIPPED_MODELS = (
    Path(__file__).parents[2] / "saved_models" / "en_es" / "en_es.tflite",
    Path(__file__).parents[1] / "shipped" / "tiny_en_es.tflite",
)

Model = Annotated[
    Path | None,
    typer.Option(
        "--model",
        "-m",
        envvar="KERAS_S2S_MODEL",
        help="A .keras or .tflite file; left out: the English-Spanish one that is shipped.",
        show_default=False,
    ),
]

_ON_DEVICE = ".tflite"


def default_model() -> Path:
    """Return the model that translates where none is named: the best one that is shipped.

    Raises:
        FileNotFoundError: None is there.
    """
    for path in SHIPPED_MODELS:
        if path.is_file():
            return path
    raise FileNotFoundError("no model: name one with --model, or make one with `keras-s2s demo`")


def open_model(path: Path) -> "Seq2Seq":
    """Load the model at `path`.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is no model of this package, or an exported one.
    """
    if on_device(path):
        raise ValueError(f"{path}: an exported model, which only translates: name the .keras file that it came from")
    if not path.is_file():  # said at once, before the seconds that TensorFlow takes to load
        inside = sorted(file.name for kind in (".keras", _ON_DEVICE) for file in path.glob(f"*{kind}"))
        hint = f"; it is a folder: name a file in it, {' or '.join(inside)}" if inside else ""
        raise FileNotFoundError(f"{path}: no such model file{hint}")
    with err.status(f"loading {path}"):
        with quiet_import():
            from keras_s2s.seq2seq import load
        return load(path, compile=False)  # no command that takes a model trains it


def on_device(path: Path) -> bool:
    """Return whether a model is for `open_on_device`."""
    return path.suffix == _ON_DEVICE


def open_on_device(path: Path) -> "LiteRTTranslator":
    """Load a `.tflite` file, without TensorFlow.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is no file that `keras-s2s export tflite` wrote.
    """
    with quiet_import():
        from keras_s2s.deploy.device.litert import LiteRTTranslator

        return LiteRTTranslator(path)
