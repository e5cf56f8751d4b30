"""The exports of a model, of whatever kind, as things that answer: what `verify` compares."""

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from keras_s2s.config import SearchConfig, from_dict
from keras_s2s.data.tokenizer import EOS, Tokenizer
from keras_s2s.deploy.device_model import DeviceModel, Method
from keras_s2s.deploy.model_card import JSON_NAME
from keras_s2s.deploy.serving_rules import BEAM, PLAIN, Outputs
from keras_s2s.deploy.warmup import PLACE
from keras_s2s.translation import Hypothesis

if TYPE_CHECKING:
    from keras_s2s.deploy.serving_client import ServingClient
    from keras_s2s.seq2seq import Seq2Seq

BATCH = 32
_ADDRESS = re.compile(r"(?P<target>[^/\s]+:\d+)(/(?P<model>[^/\s]+))?")


class Answer(NamedTuple):
    """What an export gave to a text.

    Attributes:
        text: Its best output.
        ids: The tokens of it, `<EOS>` included; where the export tells the text alone, those that the tokeniser cuts it
            into.
    """

    text: str
    ids: list[int]


class Export(ABC):
    """An export that answers texts.

    Attributes:
        name: What the user calls it.
        weights: How they are stored: `float32`, `float16` or `int8`.
        searches: Its searches by name, each with the search of the Keras model that it stands for.
    """

    name: str
    weights: str
    searches: Mapping[str, SearchConfig]

    @abstractmethod
    def answers(self, texts: Sequence[str], search: str) -> list[Answer]:
        """Answer texts by one of the searches; a text over the limit loses its end."""


class DeviceExport(Export):
    """A `.tflite` file."""

    def __init__(self, path: Path, model: "Seq2Seq") -> None:
        """Load the file.

        Raises:
            FileNotFoundError: There is no such file.
            ValueError: It is no export of this package, or one of another model.
        """
        self._model = DeviceModel(path)
        ours = (model.source_tokenizer, model.target_tokenizer)
        if (self._model.source_tokenizer, self._model.target_tokenizer) != ours:
            raise ValueError(f"{path}: an export of another model: its tokenisers are not this model's")
        manifest = self._model.manifest
        described, limits = manifest["search"], manifest["limits"]
        self.name, self.weights = str(path), manifest["weights"]
        self._limit = limits["max_source_length"]
        beam = SearchConfig(
            method="beam",
            beam_size=described["beam_size"],
            length_penalty=float(described["length_penalty"]),
            max_length=limits["max_target_length"],
        )
        self.searches = {"greedy": replace(beam, method="greedy"), "beam": beam}

    def answers(self, texts: Sequence[str], search: str) -> list[Answer]:  # noqa: D102  as in Export
        method: Method = "beam" if search == "beam" else "greedy"
        rows = self._model.source_tokenizer.encode(texts, self._limit)
        found = [self._model.search(row, method)[0][0] for row in rows]
        decoded = self._model.target_tokenizer.decode(found)
        return [Answer(text, ids) for text, ids in zip(decoded, found, strict=True)]


class TextExport(Export):
    """An export that takes strings and gives strings."""

    weights = "float32"

    def __init__(self, name: str, model: "Seq2Seq", search: SearchConfig, n_best: int) -> None:
        """Remember what the export stands for.

        Args:
            name: What the user calls it.
            model: The Keras model.
            search: The search that it was exported with.
            n_best: Hypotheses that its `beam` answers with.
        """
        self.name = name
        beam = replace(search, method="beam", beam_size=max(search.beam_size, n_best))
        self.searches = {"plain": search, "beam": beam}
        self._target_tokenizer = model.target_tokenizer
        self._ids = _ids_by_piece(model.target_tokenizer)
        self._limit = min(search.max_length or model.config.max_target_length, model.config.max_target_length)

    def answers(self, texts: Sequence[str], search: str) -> list[Answer]:  # noqa: D102  as in Export
        found: list[Answer] = []
        for start in range(0, len(texts), BATCH):
            batch = texts[start : start + BATCH]
            found += map(self._pieces_to_ids, self.best(batch)) if search == "beam" else self._cut(self.plain(batch))
        return found

    def _pieces_to_ids(self, hypothesis: Hypothesis) -> Answer:
        ids = [self._ids[piece] for piece in hypothesis.tokens]
        return Answer(hypothesis.text, ids if len(ids) == self._limit else [*ids, EOS])

    def _cut(self, texts: list[str]) -> Iterable[Answer]:
        return map(Answer, texts, self._target_tokenizer.encode(texts))

    @abstractmethod
    def plain(self, texts: Sequence[str]) -> list[str]:
        """Return the plain answers."""

    @abstractmethod
    def best(self, texts: Sequence[str]) -> list[Hypothesis]:
        """Return the first of each text's n-best."""


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


def open_export(name: str, model: "Seq2Seq", search: SearchConfig) -> Export:
    """Open an export by what the user calls it.

    Args:
        name: A `.tflite` file; a SavedModel's version folder, or the folder of its versions, which stands for the
            newest; `host:port` or `host:port/model` of a server that speaks gRPC.
        model: The Keras model that it was made from.
        search: The search that a served model was exported with; the other exports say so themselves.

    Raises:
        FileNotFoundError: There is nothing of this name.
        ServingError: The server does not have the model, or does not answer.
        ValueError: It is no export, or one of another model.
    """
    path = Path(name)
    if path.is_dir():
        return SavedModelExport(_newest_version(path), model, search)
    if path.suffix == ".tflite" or path.exists():
        return DeviceExport(path, model)
    if address := _ADDRESS.fullmatch(name):
        from keras_s2s.deploy.serving_client import ServingClient

        client = ServingClient(address["target"], model=address["model"] or "model")
        return ServedExport(client, model, search)
    raise FileNotFoundError(f"{name}: no such file or folder, and no HOST:PORT of a server")


def find_exports(model: Path) -> list[str]:
    """Return the exports in the folder of a `.keras` file: `.tflite` files, and the newest version of SavedModels."""
    files = sorted(str(path) for path in model.parent.glob("*.tflite"))
    served = {path.parents[1] for path in model.parent.glob("*/*/saved_model.pb")}
    return files + sorted(map(str, served))


def _newest_version(folder: Path) -> Path:
    if (folder / "saved_model.pb").is_file():
        return folder
    versions = [child for child in folder.iterdir() if child.name.isdecimal()]
    if not versions:
        raise FileNotFoundError(f"{folder}: neither a SavedModel nor a folder of its versions")
    return max(versions, key=lambda version: int(version.name))


def _search_of(version: Path) -> SearchConfig | None:
    """Return the search that a SavedModel was exported with, if its model card is there."""
    card = (version / PLACE).with_name(JSON_NAME)
    if not card.is_file():
        return None
    return from_dict(SearchConfig, json.loads(card.read_text(encoding="utf-8"))["search"], origin=str(card))


def _ids_by_piece(tokenizer: Tokenizer) -> dict[str, int]:
    return {piece: i for i in range(len(tokenizer)) for piece in tokenizer.pieces([i])}


def _text(value: Any) -> Any:
    """Return nested lists with their strings as text."""
    if isinstance(value, list):
        return [_text(element) for element in value]
    return value.decode() if isinstance(value, bytes) else value
