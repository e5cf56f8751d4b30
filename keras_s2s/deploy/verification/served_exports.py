"""Exports for a server, as things that answer texts: run in this process, or asked where they are served."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from keras_s2s.config import SearchConfig, from_dict
from keras_s2s.deploy.client.rules import BEAM, PLAIN, Outputs
from keras_s2s.deploy.model_card import JSON_NAME
from keras_s2s.deploy.server.warmup import PLACE
from keras_s2s.deploy.verification.exports import TextExport
from keras_s2s.translation import Hypothesis

if TYPE_CHECKING:
    from keras_s2s.deploy.client.serving_client import ServingClient
    from keras_s2s.seq2seq import Seq2Seq


class SavedModelExport(TextExport):
    """A version folder that `export_saved_model` wrote, run in this process."""

    def __init__(self, folder: Path, model: "Seq2Seq", search: SearchConfig) -> None:
        """Load the version.

        Raises:
            ValueError: It is no SavedModel that this package wrote.
        """
        import tensorflow as tf
        import tensorflow_text  # noqa: F401  registers the tokeniser's ops

        try:
            self._loaded = tf.saved_model.load(str(folder))  # kept: the signatures hold its variables weakly
        except (OSError, ValueError, tf.errors.OpError) as error:
            cause = (str(error).splitlines() or [""])[0]
            raise ValueError(f"{folder}: not a readable SavedModel ({cause})") from error
        signatures = self._loaded.signatures
        if not {PLAIN, BEAM} <= set(signatures):
            raise ValueError(f"{folder}: a SavedModel without the signatures {PLAIN} and {BEAM}: not made by keras_s2s")
        self._signatures: Mapping[str, Any] = signatures
        n_best = signatures[BEAM].structured_outputs["translations"].shape[1]
        super().__init__(str(folder), model, _search_of(folder) or search, n_best)

    def plain(self, texts: Sequence[str]) -> list[str]:  # noqa: D102  as in TextExport
        return self._ask(PLAIN, texts).translations()

    def best(self, texts: Sequence[str]) -> list[Hypothesis]:  # noqa: D102
        return [hypotheses[0] for hypotheses in self._ask(BEAM, texts).hypotheses(1)]

    def _ask(self, signature: str, texts: Sequence[str]) -> Outputs:
        import tensorflow as tf

        outputs = self._signatures[signature](texts=tf.constant(list(texts), tf.string))
        tensors = {name: _text(tensor.numpy().tolist()) for name, tensor in outputs.items()}
        return Outputs(tensors, len(texts), self.name, "")


class ServedExport(TextExport):
    """A model on a server, asked over gRPC; it does not say which searches it was exported with."""

    def __init__(self, client: "ServingClient", model: "Seq2Seq", search: SearchConfig) -> None:
        """Ask the server what it has.

        Raises:
            ServingError: It has no such model, or does not answer.
        """
        self._client = client
        n_best = client.metadata().signatures[BEAM].outputs["translations"].shape[1]
        super().__init__(f"{client.target}/{client.model.name}", model, search, n_best or 1)

    def plain(self, texts: Sequence[str]) -> list[str]:  # noqa: D102  as in TextExport
        return self._client.translate(texts)

    def best(self, texts: Sequence[str]) -> list[Hypothesis]:  # noqa: D102
        return [hypotheses[0] for hypotheses in self._client.n_best(texts, 1)]


def _search_of(version: Path) -> SearchConfig | None:
    """Return the search that a SavedModel was exported with, if its model card is there."""
    card = (version / PLACE).with_name(JSON_NAME)
    if not card.is_file():
        return None
    return from_dict(SearchConfig, json.loads(card.read_text(encoding="utf-8"))["search"], origin=str(card))


def _text(value: Any) -> Any:
    """Return nested lists with their strings as text."""
    if isinstance(value, list):
        return [_text(element) for element in value]
    return value.decode() if isinstance(value, bytes) else value
