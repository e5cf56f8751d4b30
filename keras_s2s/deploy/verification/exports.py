"""The exports of a model, of whatever kind, as things that answer texts: what `verify` compares."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, Self

from keras_s2s.config import SearchConfig
from keras_s2s.data.tokenizer import EOS, UNKNOWN, Tokenizer
from keras_s2s.decoding.search import output_limit
from keras_s2s.deploy.device.device_model import DeviceModel, Method
from keras_s2s.translation import Hypothesis

if TYPE_CHECKING:
    from keras_s2s.seq2seq import Seq2Seq

BATCH = 32

ANOTHER_MODEL: Final = "an export of another model"
COMPARE_OTHERS: Final = "compare it with the .keras file that it was made from, or name an export of this model"


class Answer(NamedTuple):
    """What an export gave to a text.

    Attributes:
        text: Its best output.
        ids: The tokens of it, `<EOS>` included, an unknown word that was copied as the unknown token; where the export
            tells the text alone, those that the tokeniser cuts it into.
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
        """Answer texts by one of the searches; a text over the limit loses its end.

        Raises:
            ServingError: A server does not answer.
            ValueError: It turns out to be an export of another model.
        """

    def close(self) -> None:  # noqa: B027  most hold nothing open
        """Give back what the export holds open, such as a connection."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


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
            raise ValueError(f"{path}: {ANOTHER_MODEL}: its tokenisers are not this model's; {COMPARE_OTHERS}")
        manifest = self._model.manifest
        described, limits = manifest["search"], manifest["limits"]
        self.name, self.weights = str(path), manifest["weights"]
        self._limit = limits["max_source_length"]
        beam = SearchConfig(
            method="beam",
            beam_size=described["beam_size"],
            length_penalty=float(described["length_penalty"]),
            coverage_penalty=float(described.get("coverage_penalty", 0)),
            no_repeat_ngram=described.get("no_repeat_ngram", 0),
            max_length=limits["max_target_length"],
            match_length=described["match_length"],
            copy_unknown=described.get("copy_unknown", False),
        )
        self.searches = {"greedy": replace(beam, method="greedy"), "beam": beam}

    def answers(self, texts: Sequence[str], search: str) -> list[Answer]:  # noqa: D102  as in Export
        method: Method = "beam" if search == "beam" else "greedy"
        rows = self._model.source_tokenizer.encode(texts, self._limit)
        found = [self._model.search(row, method)[0][0] for row in rows]
        tokenizer = self._model.target_tokenizer
        decoded = tokenizer.decode(found, self._model.surfaces(texts))
        return [Answer(text, tokenizer.without_copies(ids)) for text, ids in zip(decoded, found, strict=True)]


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
        self._limit = output_limit(model.config, search)

    def answers(self, texts: Sequence[str], search: str) -> list[Answer]:  # noqa: D102  as in Export
        found: list[Answer] = []
        for start in range(0, len(texts), BATCH):
            batch = texts[start : start + BATCH]
            found += map(self._pieces_to_ids, self.best(batch)) if search == "beam" else self._cut(self.plain(batch))
        return found

    def _pieces_to_ids(self, hypothesis: Hypothesis) -> Answer:
        unknown = [piece for piece in hypothesis.tokens if piece not in self._ids]
        if unknown and not self.searches["beam"].copy_unknown:
            raise ValueError(
                f"{self.name}: {ANOTHER_MODEL}: its answer {hypothesis.text[:60]!r} has the piece {unknown[0]!r}, "
                f"which this model's target tokeniser does not have; {COMPARE_OTHERS}"
            )
        ids = [self._ids.get(piece, UNKNOWN) for piece in hypothesis.tokens]
        return Answer(hypothesis.text, ids if len(ids) == self._limit else [*ids, EOS])

    def _cut(self, texts: list[str]) -> Iterable[Answer]:
        return map(Answer, texts, self._target_tokenizer.encode(texts))

    @abstractmethod
    def plain(self, texts: Sequence[str]) -> list[str]:
        """Return the plain answers."""

    @abstractmethod
    def best(self, texts: Sequence[str]) -> list[Hypothesis]:
        """Return the first of each text's n-best."""


def _ids_by_piece(tokenizer: Tokenizer) -> dict[str, int]:
    return {piece: i for i in range(len(tokenizer)) for piece in tokenizer.pieces([i])}
