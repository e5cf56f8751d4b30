"""What every client of a server does alike: texts become requests, answers hypotheses. Imports nothing heavy."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from keras_s2s.deploy.client.error import ServingError
from keras_s2s.translation import Hypothesis, require_texts

PLAIN: Final = "serving_default"
BEAM: Final = "beam"

LEAST_LOG_PROB: Final = -5e8
"""`beam` fills up with hypotheses of -1e9 where a text has fewer: there is none below this."""


@dataclass(frozen=True, slots=True)
class RequestRules:
    """How a client asks.

    Attributes:
        timeout: Seconds that a request may take, all its tries and the waits between them included.
        retries: Further tries of a request that fails with UNAVAILABLE or RESOURCE_EXHAUSTED; no other error passes.
        batch_size: Most texts in a request.

    Raises:
        ValueError: One of them lies outside its range.
    """

    timeout: float
    retries: int
    batch_size: int

    def __post_init__(self) -> None:
        if not self.timeout > 0:
            raise ValueError(f"timeout is the number of seconds a request may take, more than 0; got {self.timeout}")
        if self.retries < 0:
            raise ValueError(f"retries is the number of further tries, at least 0; got {self.retries}")
        if self.batch_size < 1:
            raise ValueError(f"batch_size is the number of texts in a request, at least 1; got {self.batch_size}")

    def requests(self, texts: Sequence[str]) -> Iterator[list[str]]:
        """Yield the texts of each request, in order.

        Raises:
            ValueError: `texts` is no list of Unicode texts.
        """
        texts = require_texts(texts)
        for start in range(0, len(texts), self.batch_size):
            yield texts[start : start + self.batch_size]


@dataclass(frozen=True, slots=True)
class Outputs:
    """The outputs of one request, and what is needed to complain of them.

    Attributes:
        tensors: By name, as nested lists; strings are text, not bytes.
        rows: How many texts were asked.
        target: The server's address.
        model: The model that was asked.
    """

    tensors: Mapping[str, Any]
    rows: int
    target: str
    model: str

    def translations(self) -> list[str]:
        """Return the answers of `serving_default`.

        Raises:
            ServingError: There is not one text for each that was asked.
        """
        return self._column("translations")

    def hypotheses(self, n: int | None) -> list[list[Hypothesis]]:
        """Return the answers of `beam`, at most `n` for each text.

        Raises:
            ServingError: There is not one row for each text that was asked.
            ValueError: The server gives fewer than `n`.
        """
        texts, scores, pieces = map(self._column, ("translations", "log_probs", "pieces"))
        if n is not None and n > len(texts[0]):
            raise ValueError(
                f"n={n} is more than the served model gives, which is {len(texts[0])}: export it with n_best={n}"
            )
        rows = (zip(*row, strict=True) for row in zip(texts, pieces, scores, strict=True))
        return [
            [Hypothesis(text, _tokens(joined), score) for text, joined, score in row if score > LEAST_LOG_PROB][:n]
            for row in rows
        ]

    def _column(self, name: str) -> list[Any]:
        column = self.tensors.get(name)
        if isinstance(column, list) and len(column) == self.rows:
            return column
        received = f"{len(column)}" if isinstance(column, list) else f"the outputs {sorted(self.tensors)}"
        message = f"expected {self.rows} rows of {name}, got {received}; check that keras-s2s exported the model"
        raise ServingError("INTERNAL", message, target=self.target, model=self.model)


def _tokens(joined: str) -> tuple[str, ...]:
    return tuple(joined.split(" ")) if joined else ()
