"""Pairs of texts, read from files as a stream: nothing of the corpus stays in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from os import PathLike
from typing import TYPE_CHECKING, NamedTuple

from keras_s2s.data.hash_set import HashSet
from keras_s2s.data.pair_reader import PairReader
from keras_s2s.data.read_report import DropReason, ReadReport
from keras_s2s.data.readers import open_reader

if TYPE_CHECKING:
    from keras_s2s.data.splits import SplitReport

__all__ = ["Corpus", "DropReason", "Pair", "ReadReport", "Splits", "read_pairs"]

# A wrong file should fail before it is read to its end: from this many bad rows on, the share is checked.
EARLY_CHECK = 1_000


class Pair(NamedTuple):
    """One example: a source text and the target text that answers it.

    Attributes:
        source: The text to read.
        target: The text to write.
        mask: One "1" (counts) or "0" (ignored) per target token or character; None: everything counts.
    """

    source: str
    target: str
    mask: str | None = None


@dataclass(frozen=True)
class Splits:
    """The three parts of a data set. Each can be iterated as often as wanted.

    Attributes:
        train: Pairs to learn from; often a stream that is read from its file anew at every pass.
        valid: Pairs to tune on.
        test: Pairs to report on.
        name: The data set's name.
        licence: The licence under which the pairs may be used.
        attribution: Whom to name where the pairs, or a model trained on them, are published.
        report: How the pairs were divided, where this library divided them.
    """

    train: Iterable[Pair]
    valid: Iterable[Pair]
    test: Iterable[Pair]
    name: str = ""
    licence: str = ""
    attribution: str = ""
    report: SplitReport | None = None


class Corpus:
    """A re-iterable stream of pairs: every `iter(corpus)` reads the file(s) anew and cleans on the way.

    Nothing is kept between rows but the report of the pass and, if `deduplicate`, one 64-bit hash per pair.
    Make one with `read_pairs`.

    Args:
        reader: Where the rows come from.
        max_characters: Longest source and longest target, in characters; longer pairs are dropped.
        max_bad_share: Largest share of bad rows (0 to 1) that a pass accepts.
        deduplicate: Whether to drop pairs that came before in the same pass.

    Examples:
        >>> corpus = read_pairs("my.tsv")                                      # doctest: +SKIP
        >>> for source, target, mask in corpus: ...                            # doctest: +SKIP
        >>> print(corpus.report)                                               # doctest: +SKIP
    """

    def __init__(
        self,
        reader: PairReader,
        *,
        max_characters: int = 10_000,
        max_bad_share: float = 0.01,
        deduplicate: bool = True,
    ) -> None:
        if max_characters < 1:
            raise ValueError(f"max_characters is {max_characters}: expected at least 1.")
        if not 0.0 <= max_bad_share <= 1.0:
            raise ValueError(f"max_bad_share is {max_bad_share}: expected a share between 0 and 1.")
        self.reader = reader
        self.max_characters = max_characters
        self.max_bad_share = max_bad_share
        self.deduplicate = deduplicate
        self.report = ReadReport(reader.name)

    def __iter__(self) -> Iterator[Pair]:
        """Reads the file(s) from the start.

        Raises:
            ValueError: Too many rows are bad, none is good, or the file is broken.
        """
        report = self.report = ReadReport(self.reader.name)
        yield from self._pairs(report)
        report.complete = True
        self._check(report)
        if not report.kept:
            raise ValueError(f"{report.name} holds no usable pair. {self._advice(report)}.\n{report}")

    def __repr__(self) -> str:
        return f"Corpus({self.reader.name!r})"

    def split(
        self,
        *,
        valid: int | float | None = None,
        test: int | float | None = None,
        seed: int = 0,
        by_target: bool = True,
        held_out: Iterable[Pair] = (),
    ) -> Splits:
        """Divides the corpus into train, valid and test without a leak; see `splits.split_pairs`."""
        from keras_s2s.data.splits import split_pairs

        return split_pairs(self, valid=valid, test=test, seed=seed, by_target=by_target, held_out=held_out)

    def _pairs(self, report: ReadReport) -> Iterator[Pair]:
        """The good rows as pairs. One function on purpose: it runs once for each of millions of rows."""
        longest, make = self.max_characters, Pair._make
        is_new = HashSet().add if self.deduplicate else None
        for line, fields in self.reader.rows():
            if not isinstance(fields, tuple):
                self._drop(report, fields.reason, line, fields.detail)
                continue
            source, target, mask = fields
            if not source or not target:
                self._drop(report, DropReason.EMPTY_SIDE, line)
                continue
            if len(source) > longest or len(target) > longest:
                detail = f"{max(len(source), len(target)):,} characters; at most {longest:,}"
                self._drop(report, DropReason.TOO_LONG, line, detail)
                continue
            if mask is not None and (fault := mask_fault(mask, target)):
                self._drop(report, DropReason.INVALID_MASK, line, fault)
                continue
            if is_new is not None and not is_new(hash(fields)):
                self._drop(report, DropReason.DUPLICATE, line)
                continue
            if not report.kept:
                report.first = source, target
            report.kept += 1
            yield make(fields)

    def _drop(self, report: ReadReport, reason: DropReason, line: int, detail: str = "") -> None:
        report.drop(reason, self.reader.place(line), detail)
        if reason.is_bad and report.dropped[reason] % EARLY_CHECK == 0:
            self._check(report)

    def _check(self, report: ReadReport) -> None:
        if report.bad_share <= self.max_bad_share:
            return
        raise ValueError(
            f"{report.name}: {report.bad:,} of {report.rows:,} rows are bad ({report.bad_share:.1%}); "
            f"at most {self.max_bad_share:.1%} are accepted. {self._advice(report)}, or accept more with "
            f"max_bad_share=.\n{report}"
        )

    def _advice(self, report: ReadReport) -> str:
        """The first bad row, what was expected and how to mend it: in the first line, as some show no other."""
        return f"{report.first_bad}{self.reader.expected} Mend these rows, or choose the right format= or columns="


def mask_fault(mask: str, target: str) -> str:
    """What is wrong with a mask; "" for a good one: 0 and 1 only, one per character or word of the target."""
    if mask.strip("01"):
        return "a mask holds only 0 and 1; if this column is no mask, choose columns=(0, 1)"
    if len(mask) != len(target) and len(mask) != len(target.split()):
        return f"mask of {len(mask)}, target of {len(target)} characters and {len(target.split())} words"
    return ""


def read_pairs(
    path: str | PathLike[str],
    target_path: str | PathLike[str] | None = None,
    *,
    format: str | None = None,
    columns: Sequence[int] | Sequence[str] | None = None,
    max_characters: int = 10_000,
    max_bad_share: float = 0.01,
    deduplicate: bool = True,
) -> Corpus:
    """Opens a file of pairs, plain or gzipped, as a stream.

    Sides are Unicode NFC, stripped of surrounding white space, and hold no tab, line break or NUL: each pair
    can be written as one line of TSV.

    Args:
        path: `.tsv` (source, tab, target and perhaps tab, mask; no quoting), `.csv` (quoted fields), `.jsonl`
            (`{"source": …, "target": …}`, perhaps `"mask"`), or the source half of two parallel text files.
        target_path: The target half, line by line beside `path`.
        format: "tsv", "csv", "jsonl" or "parallel", where the suffix does not tell.
        columns: Which columns are the source, the target and, if there are three, the mask. Numbers from 0,
            or names: those of the header line (TSV, CSV) or the keys (JSON lines). `(0, 1)` ignores further
            columns, as the files of manythings.org need; `(1, 0)` swaps the direction. By default the first
            two, and a third, if there is one, as the mask.
        max_characters: Longest source and longest target; longer pairs are dropped and count as bad.
        max_bad_share: Largest share of bad rows that is accepted.
        deduplicate: Whether to drop repeated pairs.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is empty, binary or of unknown format; or, once read, too much of it is bad.
    """
    reader = open_reader(path, target_path, format=format, columns=columns, max_characters=max_characters)
    return Corpus(reader, max_characters=max_characters, max_bad_share=max_bad_share, deduplicate=deduplicate)
