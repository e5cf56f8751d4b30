"""Translate pairs and say how good the translations are, with what it takes to get the figures again."""

import hashlib
import json
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.table import Table

import keras_s2s
from keras_s2s.evaluation import metrics
from keras_s2s.extras import explained
from keras_s2s.translation import Translator

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

    Attributes:
        sentences: Number of sentences translated.
        bleu: Corpus BLEU, 0 to 100.
        bleu_signature: sacreBLEU's signature of it.
        chrf: Corpus chrF2, 0 to 100.
        chrf_signature: sacreBLEU's signature of it.
        exact_match: Share of outputs equal to a reference, 0 to 1.
        length_ratio: Output words by reference words.
        bleu_by_length: BLEU by source length; buckets without a sentence are left out.
        seconds: Time spent translating.
        signature: Everything needed to get the figures again: metrics, library version, search and data.
    """

    sentences: int
    bleu: float
    bleu_signature: str
    chrf: float
    chrf_signature: str
    exact_match: float
    length_ratio: float
    bleu_by_length: tuple[LengthBucket, ...]
    seconds: float
    signature: str

    @property
    def sentences_per_second(self) -> float:
        """Translation speed, loading excluded."""
        return self.sentences / self.seconds if self.seconds else float("inf")

    def to_dict(self) -> dict[str, Any]:
        """The evaluation as JSON-ready values."""
        speed = self.sentences_per_second if self.seconds else None
        return {**asdict(self), "sentences_per_second": speed}

    def to_json(self) -> str:
        """The evaluation as indented JSON."""
        return json.dumps(self.to_dict(), indent=2, ensure_ascii=False)

    def table(self) -> Table:
        """The figures for a terminal; print `signature` with them."""
        table = Table("figure", "value", title=f"{self.sentences:,} sentences")
        table.columns[1].justify = "right"
        table.add_row("BLEU", f"{self.bleu:.2f}")
        table.add_row("chrF2", f"{self.chrf:.2f}")
        table.add_row("exact match", f"{self.exact_match:.1%}")
        table.add_row("length ratio", f"{self.length_ratio:.3f}")
        table.add_row("sentences/s", f"{self.sentences_per_second:,.1f}", end_section=True)
        for bucket in self.bleu_by_length:
            label = f"BLEU, {bucket.label} source words ({bucket.sentences:,})"
            table.add_row(label, f"{bucket.bleu:.2f}")
        return table


def evaluate(
    translator: Translator,
    pairs: Iterable[Sequence[str | None]],
    *,
    batch_size: int = 256,
    search: str = "",
    data: str = "",
    group_references: bool = False,
    progress: Callable[[int], None] | None = None,
) -> Evaluation:
    """Translate the sources of `pairs` and compare with the targets.

    Args:
        translator: Anything with `translate`: a `Seq2Seq`, a served or an on-device model.
        pairs: `(source, target)` each; further elements are ignored.
        batch_size: Sentences handed to `translate` at a time.
        search: How the outputs are chosen, for the signature: `describe_search(SearchConfig(...))`.
        data: The data set's name, for the signature; its hash is always there.
        group_references: Join pairs of the same source into one sentence with several right answers; by
            default each pair is a sentence with one.
        progress: Called with the number of sentences of each batch when it is done.

    Raises:
        ValueError: There are no pairs, or the translator does not answer each text once.
        MissingExtraError: sacreBLEU is not installed.

    Examples:
        >>> result = evaluate(model, pairs.test, data="my-pairs")              # doctest: +SKIP
        >>> print(f"{result.bleu:.1f} {result.signature}")                     # doctest: +SKIP
    """
    with explained():
        import sacrebleu  # noqa: F401  a missing library is said before the minutes that translating may take
    sources, references, digest = _collect(pairs, group_references)
    started = time.perf_counter()
    outputs = _translate(translator, sources, batch_size, progress)
    seconds = time.perf_counter() - started

    bleu, chrf = metrics.bleu(outputs, references), metrics.chrf(outputs, references)
    details = {
        "BLEU": bleu.signature,
        "chrF2": chrf.signature,
        "keras_s2s": keras_s2s.__version__,
        "search": search or "unstated",
        "data": f"{data or 'unnamed'}, {len(sources)} sentences, sha256 {digest[:12]}",
    }
    return Evaluation(
        sentences=len(sources),
        bleu=bleu.score,
        bleu_signature=bleu.signature,
        chrf=chrf.score,
        chrf_signature=chrf.signature,
        exact_match=metrics.exact_match(outputs, references),
        length_ratio=bleu.length_ratio,
        bleu_by_length=_by_length(sources, outputs, references),
        seconds=seconds,
        signature="; ".join(f"{name}: {value}" for name, value in details.items()),
    )


def describe_search(search: Any) -> str:
    """Return a `SearchConfig` in words, with the settings that its method obeys and no others."""
    obeyed = {
        "greedy": (),
        "beam": ("beam_size", "length_penalty"),
        "sample": ("temperature", "top_k", "top_p", "seed"),
    }[search.method]
    settings = [f"{name}={getattr(search, name)}" for name in obeyed]
    unusual: tuple[str, ...] = ("coverage_penalty",) if search.method == "beam" else ()
    unusual += ("no_repeat_ngram", "match_length", "max_length")
    settings += [f"{name}={getattr(search, name)}" for name in unusual if getattr(search, name)]
    return " ".join([search.method, *settings])


def _collect(pairs: Iterable[Sequence[str | None]], group: bool) -> tuple[list[str], list[tuple[str, ...]], str]:
    """Return the sources, their references, and a hash of both."""
    sources: list[str] = []
    references: list[tuple[str, ...]] = []
    digest, place = hashlib.sha256(), dict[str, int]()
    for pair in pairs:
        source, target = pair[0] or "", pair[1] or ""
        digest.update(f"{source}\t{target}\n".encode())
        if group and source in place:
            references[place[source]] += (target,)
            continue
        place[source] = len(sources)
        sources.append(source)
        references.append((target,))
    if not sources:
        raise ValueError("no pairs to evaluate on: expected at least one (source, target).")
    return sources, references, digest.hexdigest()


def _translate(
    translator: Translator, sources: list[str], batch_size: int, progress: Callable[[int], None] | None
) -> list[str]:
    if batch_size < 1:
        raise ValueError(f"batch_size is {batch_size}: expected at least 1.")
    outputs: list[str] = []
    for start in range(0, len(sources), batch_size):
        batch = sources[start : start + batch_size]
        answers = translator.translate(batch)
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
