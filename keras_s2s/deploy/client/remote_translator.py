"""`RemoteTranslator`: what a client that waits for its answers does, whatever it speaks. Imports nothing heavy."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Self

from keras_s2s.deploy.client.rules import BEAM, PLAIN, Outputs, RequestRules
from keras_s2s.deploy.client.served_model import ModelMetadata, ServedModel, VersionStatus
from keras_s2s.translation import Hypothesis, require_n


class RemoteTranslator(ABC):
    """A translator whose model runs on a server; gRPC and REST fill in how to ask it.

    Several threads may share one. Close it when it is done, or use it in a `with` statement.

    Attributes:
        target: The server's address.
        model: The model that is asked.
    """

    def __init__(self, target: str, model: ServedModel, rules: RequestRules) -> None:
        """Remember where and how to ask; nothing is sent yet."""
        self.target = target
        self.model = model
        self._rules = rules

    def translate(self, texts: Sequence[str]) -> list[str]:
        """Return the best output of each text, by the search that was chosen at export.

        Args:
            texts: Source texts. A text with no tokens, such as `""`, gives `""`.

        Raises:
            ServingError: A request got no answer.
            ValueError: `texts` is no list of Unicode texts.
        """
        answers: list[str] = []
        for batch in self._rules.requests(texts):
            answers += self._predict(PLAIN, batch).translations()
        return answers

    def n_best(self, texts: Sequence[str], n: int | None = None) -> list[list[Hypothesis]]:
        """Return up to `n` hypotheses of each text by beam search, best first.

        Args:
            texts: Source texts.
            n: Hypotheses wanted; left out, as many as the export gives.

        Raises:
            ServingError: A request got no answer.
            ValueError: `n` is more than that, or `texts` is no list of Unicode texts.
        """
        require_n(n)
        answers: list[list[Hypothesis]] = []
        for batch in self._rules.requests(texts):
            answers += self._predict(BEAM, batch).hypotheses(n)
        return answers

    @abstractmethod
    def status(self) -> list[VersionStatus]:
        """Return how far the server is with each version of the model, or with the version that was named.

        Raises:
            ServingError: The server does not know the model, or does not answer.
        """

    @abstractmethod
    def metadata(self) -> ModelMetadata:
        """Return the version that answers, and its signatures.

        Raises:
            ServingError: The server has no such model ready, or does not answer.
        """

    @abstractmethod
    def close(self) -> None:
        """Give the connection back."""

    @abstractmethod
    def _predict(self, signature: str, texts: list[str]) -> Outputs:
        """Ask for one batch.

        Raises:
            ServingError: It got no answer.
        """

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
