"""Translate pairs and say how good the outputs are, with what it takes to get the figures again."""

import hashlib
import inspect
import json
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args

from rich.console import Group, RenderableType
from rich.table import Table

import keras_s2s
from keras_s2s.evaluation import metrics
from keras_s2s.evaluation.error_rates import ErrorRates, error_rates
from keras_s2s.evaluation.labels import Labels, score_labels
from keras_s2s.extras import explained
from keras_s2s.translation import Translator
from keras_s2s.whole_file import sha256_of

if TYPE_CHECKING:
    from keras_s2s.config import SearchConfig

Measure = Literal["translation", "labels", "error_rates"]
"""What outputs are measured by: as translations; label by label, where they are exactly as long as their sources; or by
their wrong tokens, as pronunciations are."""


def usual_measure(search: "SearchConfig") -> Measure:
    """Return what the outputs of a search are measured by where nothing else is asked for."""
    return "labels" if search.match_length else "translation"


# Upper ends of the source-length buckets, in words; the last bucket is open.
LENGTH_BOUNDS = (5, 10, 15, 20)


@dataclass(frozen=True, slots=True)
class LengthBucket:
    """BLEU of the sentences whose source has from `shortest` to `longest` words; `None` is no upper end."""

    shortest: int
    longest: int | None
    sentences: int
    bleu: float

    @property
    def label(self) -> str:
        """The bucket's range as people write it."""
        return f"{self.shortest}+" if self.longest is None else f"{self.shortest}–{self.longest}"


@dataclass(frozen=True, slots=True)
class Evaluation:
    """How good a translator is on a set of pairs.

    What the measure has no use for is `None`, or empty, and stands neither in the table nor in the JSON.

    Attributes:
        sentences: Number of sources.
        bleu: Corpus BLEU, 0 to 100.
        bleu_signature: sacreBLEU's signature of it.
        chrf: Corpus chrF2, 0 to 100.
        chrf_signature: sacreBLEU's signature of it.
        exact_match: Share of outputs equal to a reference, 0 to 1; masks change nothing in it.
        length_ratio: Output words by reference words.
        bleu_by_length: BLEU by source length; buckets without a sentence are left out.
        seconds: Time spent translating.
        signature: Everything needed to get the figures again: metrics, library version, model, search and data.
        model_sha256: SHA-256 of the model's file, by which a model card knows whose figures these are.
        labels: How right the outputs are label by label.
        error_rates: How many of their tokens, and of the outputs, are wrong.
    """

    sentences: int
    bleu: float | None
    bleu_signature: str | None
    chrf: float | None
    chrf_signature: str | None
    exact_match: float
    length_ratio: float | None
    bleu_by_length: tuple[LengthBucket, ...]
    seconds: float
    signature: str
    model_sha256: str | None = None
    labels: Labels | None = None
    error_rates: ErrorRates | None = None

    @property
    def sentences_per_second(self) -> float:
        """Translation speed, loading excluded."""
        return self.sentences / self.seconds if self.seconds else float("inf")

    def to_dict(self) -> dict[str, Any]:
        """The evaluation as JSON-ready values; what was not measured is left out."""
        measured = {name: value for name, value in asdict(self).items() if value not in (None, ())}
        speed = self.sentences_per_second if self.seconds else None
        return {**measured, "sentences_per_second": speed}

    def to_json(self) -> str:
        """The evaluation as indented JSON."""
        return json.dumps(self.to_dict(), indent=2, ensure_ascii=False)

    def table(self) -> RenderableType:
        """The figures for a terminal, first what the measure is about; print `signature` with them."""
        unit = "sentences" if self.bleu is not None else "sequences"
        table = Table("figure", "value", title=f"{self.sentences:,} {unit}")
        table.columns[1].justify = "right"
        if self.labels is not None:
            table.add_row(self.labels.title, f"{self.labels.accuracy:.1%}")
            table.add_row("positions scored", f"{self.labels.positions:,}")
            table.add_row("positions masked", f"{self.labels.masked:,}")
        for row in self.error_rates.rows() if self.error_rates else ():
            table.add_row(*row)
        if self.bleu is not None:
            table.add_row("BLEU", f"{self.bleu:.2f}")
        if self.chrf is not None:
            table.add_row("chrF2", f"{self.chrf:.2f}")
        table.add_row("exact match", f"{self.exact_match:.1%}")
        if self.length_ratio is not None:
            table.add_row("length ratio", f"{self.length_ratio:.3f}")
        table.add_row(f"{unit}/s", f"{self.sentences_per_second:,.1f}", end_section=True)
        for bucket in self.bleu_by_length:
            label = f"BLEU, {bucket.label} source words ({bucket.sentences:,})"
            table.add_row(label, f"{bucket.bleu:.2f}")
        return table if self.labels is None else Group(table, self.labels.table())


def evaluate(
    translator: Translator,
    pairs: Iterable[Sequence[str | None]],
    *,
    measure: Measure = "translation",
    batch_size: int = 256,
    model_file: Path | None = None,
    search: str = "",
    data: str = "",
    group_references: bool = False,
    progress: Callable[[int], None] | None = None,
) -> Evaluation:
    """Translate the sources of `pairs` and compare with the targets.

    Args:
        translator: Anything with `translate`: a `Seq2Seq`, a served or an on-device model.
        pairs: `(source, target)` each, and perhaps a mask (see `Pair.mask`), which `labels` obeys and nothing else.
        measure: `translation`: BLEU, chrF2 and length ratio; `labels`, for outputs exactly as long as their
            sources: accuracy (Q3), precision, recall and F1 of each label, confusion matrix; or `error_rates`, for
            tokens with spaces between them: token and sequence error rate.
        batch_size: Sentences handed to `translate` at a time.
        model_file: The file of the translator's model; its hash goes into the signature.
        search: How the outputs are chosen, for the signature: `describe_search(SearchConfig(...))`.
        data: The data set's name, for the signature; its hash is always there.
        group_references: Join pairs of the same source into one sentence with several right answers; by
            default each pair is a sentence with one. `error_rates` always does, `labels` never.
        progress: Called with the number of sentences of each batch when it is done.

    Raises:
        ValueError: There are no pairs, the translator does not answer each text once, or the measure is `labels` and
            an output is not as long as its target.
        OSError: `model_file` cannot be read.
        MissingExtraError: The measure's library, sacreBLEU or RapidFuzz, is not installed.

    Examples:
        >>> result = evaluate(model, pairs.test, data="my-pairs")              # doctest: +SKIP
        >>> print(f"{result.bleu:.1f} {result.signature}")                     # doctest: +SKIP
    """
    if measure not in get_args(Measure):
        raise ValueError(f"measure is {measure!r}: expected {' or '.join(get_args(Measure))}.")
    if measure == "labels" and group_references:
        raise ValueError("labels are compared with one reference: set group_references=False, or measure='translation'")
    with explained():  # a missing library is said before the minutes that translating may take
        if measure == "translation":
            import sacrebleu  # noqa: F401
        elif measure == "error_rates":
            import rapidfuzz  # noqa: F401
    model_sha256 = sha256_of(model_file) if model_file else None
    texts = _collect(pairs, group_references or measure == "error_rates", masked=measure == "labels")
    sources, references = texts.sources, texts.references
    started = time.perf_counter()
    outputs = _translate(translator, sources, batch_size, progress)
    seconds = time.perf_counter() - started

    bleu = metrics.bleu(outputs, references) if measure == "translation" else None
    chrf = metrics.chrf(outputs, references) if measure == "translation" else None
    labels = score_labels(outputs, [right for (right,) in references], texts.masks) if measure == "labels" else None
    errors = error_rates(outputs, references) if measure == "error_rates" else None
    details = {
        "BLEU": bleu.signature if bleu else None,
        "chrF2": chrf.signature if chrf else None,
        "labels": f"{labels.positions:,} scored, {labels.masked:,} masked" if labels else None,
        "error rates": errors.signature if errors else None,
        "keras_s2s": keras_s2s.__version__,
        "model": f"sha256 {model_sha256[:12]}" if model_sha256 else None,
        "search": search or "unstated",
        "data": f"{data or 'unnamed'}, {len(sources)} sentences, sha256 {texts.digest[:12]}",
    }
    return Evaluation(
        sentences=len(sources),
        bleu=bleu.score if bleu else None,
        bleu_signature=bleu.signature if bleu else None,
        chrf=chrf.score if chrf else None,
        chrf_signature=chrf.signature if chrf else None,
        exact_match=metrics.exact_match(outputs, references),
        length_ratio=bleu.length_ratio if bleu else None,
        bleu_by_length=_by_length(sources, outputs, references) if bleu else (),
        seconds=seconds,
        signature="; ".join(f"{name}: {value}" for name, value in details.items() if value),
        model_sha256=model_sha256,
        labels=labels,
        error_rates=errors,
    )


def describe_search(search: "SearchConfig") -> str:
    """Return a `SearchConfig` in words, with the settings that its method obeys and no others."""
    obeyed = {
        "greedy": (),
        "beam": ("beam_size", "length_penalty"),
        "sample": ("temperature", "top_k", "top_p", "seed"),
    }[search.method]
    settings = [f"{name}={getattr(search, name)}" for name in obeyed]
    unusual: tuple[str, ...] = ("coverage_penalty",) if search.method == "beam" else ()
    unusual += ("no_repeat_ngram", "match_length", "copy_unknown", "max_length")
    settings += [f"{name}={getattr(search, name)}" for name in unusual if getattr(search, name)]
    return " ".join([search.method, *settings])


class _Texts(NamedTuple):
    """What is translated, what is right, and a hash of both, and of the masks where they count."""

    sources: list[str]
    references: list[tuple[str, ...]]
    masks: list[str | None]
    digest: str


def _collect(pairs: Iterable[Sequence[str | None]], group: bool, masked: bool) -> _Texts:
    sources: list[str] = []
    references: list[tuple[str, ...]] = []
    masks: list[str | None] = []
    digest, place = hashlib.sha256(), dict[str, int]()
    for pair in pairs:
        source, target = pair[0] or "", pair[1] or ""
        mask = pair[2] if masked and len(pair) > 2 else None
        digest.update("\t".join([source, target, *([mask] if mask else [])]).encode() + b"\n")
        if group and source in place:
            references[place[source]] += (target,)
            continue
        place[source] = len(sources)
        sources.append(source)
        references.append((target,))
        masks.append(mask)
    if not sources:
        raise ValueError("no pairs to evaluate on: expected at least one (source, target).")
    return _Texts(sources, references, masks, digest.hexdigest())


def _translate(
    translator: Translator, sources: list[str], batch_size: int, progress: Callable[[int], None] | None
) -> list[str]:
    if batch_size < 1:
        raise ValueError(f"batch_size is {batch_size}: expected at least 1.")
    outputs: list[str] = []
    # What a Seq2Seq draws for a text goes by its place among all, which no batch tells.
    draws = "place" in inspect.signature(translator.translate).parameters
    for start in range(0, len(sources), batch_size):
        batch = sources[start : start + batch_size]
        answers = translator.translate(batch, **({"place": start} if draws else {}))
        if len(answers) != len(batch):
            raise ValueError(f"the translator gave {len(answers)} answers to {len(batch)} texts: expected one each.")
        outputs += answers
        if progress:
            progress(len(batch))
    return outputs


def _by_length(sources: list[str], outputs: list[str], references: list[tuple[str, ...]]) -> tuple[LengthBucket, ...]:
    """Return BLEU for each range of source lengths that has a sentence."""
    words = [len(source.split()) for source in sources]
    buckets = []
    shortest = 0
    for longest in (*LENGTH_BOUNDS, None):
        chosen = [i for i, n in enumerate(words) if n >= shortest and (longest is None or n <= longest)]
        if chosen:
            score = metrics.bleu([outputs[i] for i in chosen], [references[i] for i in chosen]).score
            buckets.append(LengthBucket(max(shortest, 1), longest, len(chosen), score))
        shortest = (longest or 0) + 1
    return tuple(buckets)
