"""What every translator answers with, whatever runs underneath: Keras, TensorFlow Serving or LiteRT."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """One candidate output.

    Attributes:
        text: The output as text.
        tokens: Its pieces, without `<EOS>`.
        log_prob: The natural logarithm of the probability that the model gives to these tokens followed by
            `<EOS>`; without a length penalty, so that hypotheses of different searches compare.
    """

    text: str
    tokens: tuple[str, ...]
    log_prob: float


@runtime_checkable
class Translator(Protocol):
    """Anything that turns source texts into target texts."""

    def translate(self, texts: Sequence[str]) -> list[str]:
        """Return the best output of each text, in order."""
        ...

    def n_best(self, texts: Sequence[str], n: int | None = None) -> list[list[Hypothesis]]:
        """Return up to `n` hypotheses of each text, best first."""
        ...
