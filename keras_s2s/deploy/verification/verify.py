"""Whether the exports of a model answer as it does, and if not, how near it came to their answers itself."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import compress
from typing import Any

import numpy as np

from keras_s2s.config import SearchConfig
from keras_s2s.data.source_limit import read_sources
from keras_s2s.data.tokenizer import UNKNOWN
from keras_s2s.decoding.inference import inference_weights
from keras_s2s.decoding.runtime import search_all
from keras_s2s.decoding.scoring import closest_decisions, score
from keras_s2s.deploy.agreement import TIE
from keras_s2s.deploy.verification.exports import Answer, Export
from keras_s2s.evaluation import metrics
from keras_s2s.seq2seq import Seq2Seq
from keras_s2s.text_ids import source_surfaces

KERAS_BATCH = 128


@dataclass(frozen=True, slots=True)
class Difference:
    """A text that an export answers otherwise than its model.

    Attributes:
        text: The text.
        expected: The model's answer.
        received: The export's.
        gap: How much likelier the model holds its own answer: the difference of the log-probabilities, by scoring both;
            infinite where another unknown word was copied, of which they say nothing.
        margin: How near the model's own search came to keeping another hypothesis (`scoring.closest_decisions`).
        same_tokens: Whether the two are made of the same tokens, so that the fault is in the text alone.
    """

    text: str
    expected: str
    received: str
    gap: float
    margin: float
    same_tokens: bool

    @property
    def tie(self) -> bool:
        """Whether rounding alone explains it: the two answers are equally good, or the search met a tie on its way."""
        return not self.same_tokens and min(abs(self.gap), self.margin) < TIE


@dataclass(frozen=True, slots=True)
class Comparison:
    """One search of one export beside that of its model.

    Attributes:
        export: The export's name.
        weights: How its weights are stored: `float32`, `float16` or `int8`.
        search: The name of the search.
        texts: How many texts were compared.
        differences: Those that were answered otherwise.
        bleu: The export's BLEU, 0 to 100, where there are references.
        expected_bleu: The model's.
    """

    export: str
    weights: str
    search: str
    texts: int
    differences: tuple[Difference, ...]
    bleu: float | None
    expected_bleu: float | None

    @property
    def same(self) -> int:
        """How many texts were answered alike."""
        return self.texts - len(self.differences)

    @property
    def share(self) -> float:
        """The share of them."""
        return self.same / self.texts

    @property
    def faults(self) -> int:
        """Differences that no rounding explains: of an unquantised export, those that are no ties."""
        return 0 if self.weights != "float32" else sum(not difference.tie for difference in self.differences)

    def to_dict(self) -> dict[str, Any]:
        """The comparison as JSON-ready values."""
        differences = [{**asdict(d), "tie": d.tie} for d in self.differences]
        figures = {"same": self.same, "share": self.share, "faults": self.faults}
        return {**asdict(self), **figures, "differences": differences}


class Verification:
    """A model and texts, to compare any number of exports with; the model answers each search once."""

    def __init__(self, model: Seq2Seq, texts: Sequence[str], references: Sequence[str] | None = None) -> None:
        """Take the texts.

        Args:
            model: The Keras model.
            texts: Source texts. Those over the limit lose their end, or are left out where the model refuses them.
            references: A right answer to each, for BLEU.

        Raises:
            ValueError: There are no texts, or not as many references.
        """
        limit = model.config.max_source_length
        if references is not None and len(references) != len(texts):
            raise ValueError(f"expected a reference for each of {len(texts)} texts, got {len(references)}")
        sources = read_sources(model.source_tokenizer, texts, limit)
        fits = [model.config.overlong == "truncate" or not source.excess for source in sources]
        self._model = model
        self._texts = list(compress(texts, fits))
        self._references = None if references is None else [(reference,) for reference in compress(references, fits)]
        self._rows = [source.ids for source in compress(sources, fits)]
        self._known: dict[SearchConfig, list[Answer]] = {}
        if not self._texts:
            raise ValueError(f"no texts to compare on: expected at least one of at most {limit} tokens")

    def compare(self, export: Export, progress: Callable[[int], None] | None = None) -> Iterable[Comparison]:
        """Compare all searches of an export.

        Args:
            export: The export.
            progress: Called with the number of texts that were compared.

        Yields:
            A comparison for each search.
        """
        for name, search in export.searches.items():
            expected, received = self._expected(search), export.answers(self._texts, name)
            yield Comparison(
                export=export.name,
                weights=export.weights,
                search=name,
                texts=len(self._texts),
                differences=tuple(self._differences(search, expected, received)),
                bleu=self._bleu(received),
                expected_bleu=self._bleu(expected),
            )
            if progress:
                progress(len(self._texts))

    def _expected(self, search: SearchConfig) -> list[Answer]:
        if search not in self._known:
            weights, config = inference_weights(self._model), self._model.config
            found = dict(search_all(weights, self._rows, config, search, KERAS_BATCH))
            ids = [found[i][0][0] for i in range(len(self._rows))]
            tokenizer = self._model.target_tokenizer
            surfaces = source_surfaces(self._model.source_tokenizer, self._texts, config, search)
            texts = tokenizer.decode(ids, surfaces)
            self._known[search] = list(map(Answer, texts, map(tokenizer.without_copies, ids)))
        return self._known[search]

    def _differences(
        self, search: SearchConfig, expected: Sequence[Answer], received: Sequence[Answer]
    ) -> Iterable[Difference]:
        weights, config = inference_weights(self._model), self._model.config
        answers = zip(self._texts, self._rows, expected, received, strict=True)
        different = [answer for answer in answers if answer[2].text != answer[3].text]
        own = score(weights, [(row, wanted.ids) for _, row, wanted, _ in different], config)
        other = score(weights, [(row, got.ids) for _, row, _, got in different], config)
        margins = closest_decisions(weights, [row for _, row, _, _ in different], config, search)
        for (text, _, wanted, got), gap, margin in zip(different, np.subtract(own, other), margins, strict=True):
            same = wanted.ids == got.ids
            copied = same and UNKNOWN in wanted.ids
            yield Difference(text, wanted.text, got.text, float("inf" if copied else gap), margin, same and not copied)

    def _bleu(self, answers: Sequence[Answer]) -> float | None:
        if self._references is None:
            return None
        return metrics.bleu([answer.text for answer in answers], self._references).score
