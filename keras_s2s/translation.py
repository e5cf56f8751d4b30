"""What every translator answers with, whatever runs underneath: Keras, TensorFlow Serving or LiteRT."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:  # the lowest floor imports nothing heavy
    import numpy as np


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """One candidate output.

    Attributes:
        text: The output as text.
        tokens: Its pieces, without `<EOS>`.
        log_prob: The natural logarithm of the probability that the model gives to these tokens followed by
            `<EOS>`, or to these alone where a limit of the search ended them; without a length penalty, so that
            hypotheses of different searches compare. Where the search sets the length (`match_length`), the
            probability among the tokens that it may write.
    """

    text: str
    tokens: tuple[str, ...]
    log_prob: float


@dataclass(frozen=True, slots=True, eq=False)
class Alignment:
    """Where the decoder of a model with attention looks, as it writes a given target.

    Attributes:
        source: The source's pieces and, last, `<EOS>`.
        target: The target's pieces and, last, `<EOS>`; not where they fill the model's limit.
        attention: The share of attention that each source token gets as each target token is written; each row sums
            to 1. `[target tokens, source tokens]`, float32
    """

    source: tuple[str, ...]
    target: tuple[str, ...]
    attention: "np.ndarray[Any, Any]"


@runtime_checkable
class Translator(Protocol):
    """Anything that turns source texts into target texts."""

    def translate(self, texts: Sequence[str]) -> list[str]:
        """Return the best output of each text, in order."""
        ...

    def n_best(self, texts: Sequence[str], n: int | None = None) -> list[list[Hypothesis]]:
        """Return up to `n` hypotheses of each text, best first."""
        ...


def require_texts(texts: Sequence[str]) -> list[str]:
    """Return `texts` as a list, checked.

    Raises:
        ValueError: It is one text and no list of them, or an element is no Unicode text.
    """
    if isinstance(texts, str):
        raise ValueError(f"expected a list of texts, got the text {texts[:40]!r}: put it in brackets")
    texts = list(texts)
    for text in texts:
        if not isinstance(text, str):
            raise ValueError(f"expected texts, got {text!r} of type {type(text).__name__}")
        try:
            text.encode()
        except UnicodeEncodeError:
            raise ValueError(
                f"not Unicode, half of a surrogate pair stands alone: {text[:60]!r}; decode it first"
            ) from None
    return texts


def require_n(n: int | None) -> None:
    """Check the number of hypotheses that is wanted.

    Raises:
        ValueError: It is less than 1.
    """
    if n is not None and n < 1:
        raise ValueError(f"n is the number of hypotheses, at least 1; got {n}")
