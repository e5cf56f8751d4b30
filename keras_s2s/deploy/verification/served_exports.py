"""Exports for a server, as things that answer texts: run in this process, or asked where they are served."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from keras_s2s.config import SearchConfig, from_dict
from keras_s2s.deploy.client.rules import BEAM, PLAIN, Outputs
from keras_s2s.deploy.model_card import JSON_NAME
from keras_s2s.deploy.server.warmup import PLACE
from keras_s2s.deploy.verification.exports import ANOTHER_MODEL, COMPARE_OTHERS, TextExport
from keras_s2s.translation import Hypothesis

if TYPE_CHECKING:
    from keras_s2s.deploy.client.serving_client import ServingClient
    from keras_s2s.seq2seq import Seq2Seq

Shape = tuple[int | None, ...]

STEP: Final = "decode_step"
_OUTPUTS: Final = {PLAIN: ("translations", 1), BEAM: ("translations", 2), STEP: ("log_probs", 2)}
"""An output of each signature that the exports of this package have, and its rank."""

# The op in a graph that holds a tokeniser, and its attribute with the SentencePiece model.
_TOKENIZER_OP, _TOKENIZER_MODEL = "SentencepieceOp", "model"


class SavedModelExport(TextExport):
    """A version folder that `export_saved_model` wrote, run in this process."""

    def __init__(self, folder: Path, model: "Seq2Seq", search: SearchConfig) -> None:
        """Load the version.

        Raises:
            ValueError: It is no SavedModel that this package wrote, or one of another model.
        """
        import tensorflow as tf
        import tensorflow_text  # noqa: F401  registers the tokeniser's ops

        try:
            self._loaded = tf.saved_model.load(str(folder))  # kept: the signatures hold its variables weakly
        except (OSError, ValueError, tf.errors.OpError) as error:
            cause = (str(error).splitlines() or [""])[0]
            raise ValueError(f"{folder}: not a readable SavedModel ({cause})") from error
        self._signatures: Mapping[str, Any] = self._loaded.signatures
        shapes = {name: _shapes(signature.structured_outputs) for name, signature in self._signatures.items()}
        n_best = _n_best(str(folder), shapes, model)
        if _tokenizers(folder) != {model.source_tokenizer.model, model.target_tokenizer.model}:
            raise ValueError(f"{folder}: {ANOTHER_MODEL}: its tokenisers are not this model's; {COMPARE_OTHERS}")
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
    """A model on a server, asked over gRPC.

    It does not say which searches it was exported with; nor of its tokenisers more than how many pieces it writes, and
    as it answers which ones.
    """

    def __init__(self, client: "ServingClient", model: "Seq2Seq", search: SearchConfig) -> None:
        """Ask the server what it has.

        Args:
            client: Its client, which is closed with the export, or if there is none for one of the reasons below.
            model: The Keras model.
            search: The search that the served model was exported with.

        Raises:
            ServingError: The server has no such model, or does not answer.
            ValueError: The model was not exported by this package, or is another one.
        """
        self._client = client
        name = f"{client.target}/{client.model.name}"
        try:
            signatures = client.metadata().signatures
            shapes = {
                key: {output: tensor.shape for output, tensor in signature.outputs.items()}
                for key, signature in signatures.items()
            }
            super().__init__(name, model, search, _n_best(name, shapes, model))
        except BaseException:
            client.close()
            raise

    def plain(self, texts: Sequence[str]) -> list[str]:  # noqa: D102  as in TextExport
        return self._client.translate(texts)

    def best(self, texts: Sequence[str]) -> list[Hypothesis]:  # noqa: D102
        return [hypotheses[0] for hypotheses in self._client.n_best(texts, 1)]

    def close(self) -> None:  # noqa: D102  as in Export
        self._client.close()


def _n_best(name: str, shapes: Mapping[str, Mapping[str, Shape]], model: "Seq2Seq") -> int:
    """Return how many hypotheses `beam` answers with, by the shapes of each signature's outputs.

    Raises:
        ValueError: They are not those of this package's exports, or of another number of pieces than the model's.
    """
    if any(len(shapes.get(key, {}).get(output, ())) != rank for key, (output, rank) in _OUTPUTS.items()):
        raise ValueError(
            f"{name}: not made by keras_s2s: expected the signatures {', '.join(_OUTPUTS)}, got "
            f"{', '.join(sorted(shapes)) or 'none'}; `keras-s2s export saved-model` makes one of a .keras file"
        )
    pieces, expected = shapes[STEP]["log_probs"][1], len(model.target_tokenizer)
    if pieces != expected:
        raise ValueError(
            f"{name}: {ANOTHER_MODEL}: it writes {pieces} pieces, this model's target tokeniser has {expected}; "
            f"{COMPARE_OTHERS}"
        )
    return shapes[BEAM]["translations"][1] or 1


def _shapes(outputs: Mapping[str, Any]) -> dict[str, Shape]:
    return {name: () if tensor.shape.rank is None else tuple(tensor.shape) for name, tensor in outputs.items()}


def _tokenizers(version: Path) -> set[bytes]:
    """Return the SentencePiece models in the graph of a SavedModel."""
    from tensorflow.core.protobuf import saved_model_pb2

    saved = saved_model_pb2.SavedModel.FromString((version / "saved_model.pb").read_bytes())
    functions = (function for graph in saved.meta_graphs for function in graph.graph_def.library.function)
    nodes = (node for function in functions for node in function.node_def)
    return {node.attr[_TOKENIZER_MODEL].s for node in nodes if node.op == _TOKENIZER_OP}


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
