"""Division of pairs into train, valid and test: streaming, repeatable, without leaks.

A source belongs to a split by its hash alone, so the same pairs are held out however the file is sorted.
Sources that differ in case, punctuation or spacing only go together.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain

from keras_s2s.data.corpus import Pair, Splits
from keras_s2s.data.source_sample import HASH_SPACE, HashSample, near_key, stable_hash

DEFAULT_SIZE, DEFAULT_SHARE = 2_000, 0.05
SAMPLE_CAPACITY = 1 << 17
MANY_DROPPED = 0.1


@dataclass
class SplitReport:
    """How pairs were divided.

    Attributes:
        seed: Seed of the division.
        by_target: Whether targets were kept apart as well as sources.
        distinct_sources: Sources that differ in more than case, punctuation and spacing; above 131,072 an
            estimate.
        valid: Pairs in valid.
        test: Pairs in test.
        test_dropped: Pairs left out of test because their target stands in valid.
        train: Pairs in train; None before the first whole pass over it.
        train_dropped: Pairs left out of train because their target stands in valid or test; None likewise.
        train_shared: Pairs left out of train because their source stands in a file of valid or test; None likewise.
    """

    seed: int
    by_target: bool
    distinct_sources: int
    valid: int
    test: int
    test_dropped: int
    train: int | None = None
    train_dropped: int | None = None
    train_shared: int | None = None

    @property
    def dropped(self) -> int:
        """Pairs that stand in no split, as far as they were counted."""
        return self.test_dropped + (self.train_dropped or 0) + (self.train_shared or 0)

    def __str__(self) -> str:
        train = "not counted yet" if self.train is None else f"{self.train:,}"
        dropped = "" if self.train_dropped is None else f" ({self.train_dropped:,} dropped by target)"
        if self.train_shared:
            dropped = f" ({self.train_dropped:,} dropped by target, {self.train_shared:,} by source)"
        return (
            f"{self.distinct_sources:,} distinct sources, seed {self.seed}\n"
            f"  train  {train}{dropped}\n  valid  {self.valid:,}\n"
            f"  test   {self.test:,} ({self.test_dropped:,} dropped by target)"
        )


@dataclass(frozen=True)
class TrainPairs:
    """The pairs that are not held out, as a stream: each pass reads `pairs` anew and filters.

    Attributes:
        pairs: All pairs.
        held_sources: `near_key` of the sources in valid and test.
        held_targets: `near_key` of the targets in valid and test; empty if targets may stand in two splits.
        report: Told the counts after each whole pass.
        given_sources: `near_key` of the sources that were held out before, and are not in `pairs` to be so.
    """

    pairs: Iterable[Pair]
    held_sources: frozenset[str] = field(repr=False)
    held_targets: frozenset[str] = field(repr=False)
    report: SplitReport
    given_sources: frozenset[str] = field(default=frozenset(), repr=False)

    def __iter__(self) -> Iterator[Pair]:
        """Reads the training pairs.

        Raises:
            ValueError: None is left.
        """
        kept = dropped = shared = 0
        for pair in self.pairs:
            source = near_key(pair.source)
            if source in self.held_sources:
                continue
            if source in self.given_sources:
                shared += 1
                continue
            if self.held_targets and near_key(pair.target) in self.held_targets:
                dropped += 1
                continue
            kept += 1
            yield pair
        self.report.train, self.report.train_dropped, self.report.train_shared = kept, dropped, shared
        if not kept:
            raise ValueError(
                f"No pair is left for training: {dropped:,} have their target in valid or test"
                f"{f', {shared:,} their source' if shared else ''}. {_RELAX}"
            )
        if dropped > MANY_DROPPED * (kept + dropped):
            warnings.warn(f"{dropped:,} of {kept + dropped:,} training pairs were dropped. {_RELAX}", stacklevel=2)


_RELAX = "Where targets repeat by nature (labels, dates), pass by_target=False; else hold out fewer pairs."


def split_pairs(
    pairs: Iterable[Pair],
    *,
    valid: int | float | None = None,
    test: int | float | None = None,
    seed: int = 0,
    by_target: bool = True,
    held_out: Iterable[Pair] = (),
) -> Splits:
    """Divides pairs into train, valid and test.

    Reads `pairs` twice; memory holds valid, test and a bounded sample of hashes (with shares, twice their
    part of the sources). `train` is a stream (`TrainPairs`); `valid` and `test` are tuples in an order that
    depends on the seed, not on the file.

    Args:
        pairs: Any collection or stream that can be iterated more than once.
        valid: Distinct sources to hold out for valid: a number, or a share of the distinct sources (a float
            below 1); by default 2,000 or 5 %, whichever is less. All pairs of a held-out source go with it.
        test: Likewise for test.
        seed: Another seed holds out other sources.
        by_target: Keeps targets apart too, up to case, punctuation and spacing: a pair whose target stands in
            valid or test is left out of train, and one whose target stands in valid is left out of test.
        held_out: Pairs that are held out already, as those of a file of their own. What shares a source with
            them, or with `by_target` a target, is in no split.

    Returns:
        The splits, with `report` (a `SplitReport`).

    Raises:
        TypeError: `pairs` is an iterator, which can be read only once.
        ValueError: The sizes make no sense, or there are too few sources.

    Examples:
        >>> pairs = [Pair(f"number {n}", f"nombre {n}") for n in range(100)]
        >>> splits = split_pairs(pairs, valid=5, test=0.1)
        >>> len(splits.valid), len(splits.test), len(list(splits.train))
        (5, 10, 85)
    """
    if iter(pairs) is pairs:
        raise TypeError("split_pairs reads its pairs more than once: pass a list or a Corpus, not a generator.")
    if isinstance(pairs, Sequence):
        pairs = [Pair(*pair) for pair in pairs]  # plain tuples are welcome too
    _check_size("valid", valid)
    _check_size("test", test)
    hash_key = stable_hash(seed)
    given_sources, given_targets = near_keys(held_out, by_target)
    free = Unlike(pairs, given_sources, given_targets) if given_sources else pairs
    sample = _sample_sources(free, hash_key, valid, test)
    what = "distinct sources that are not held out already" if given_sources else "distinct sources"
    valid_hashes, test_hashes = _choose(sample, valid, test, what)
    valid_rows, test_rows = _collect(free, hash_key, valid_hashes, test_hashes)

    held_sources = frozenset(near_key(pair.source) for pair in (*valid_rows, *test_rows))
    before, held_targets = len(test_rows), frozenset[str]()
    if by_target:
        valid_targets = {near_key(pair.target) for pair in valid_rows}
        test_rows = tuple(pair for pair in test_rows if near_key(pair.target) not in valid_targets)
        held_targets = frozenset(valid_targets.union(near_key(pair.target) for pair in test_rows))
    if before and not test_rows:
        raise ValueError(f"Every target of the test split stands in valid as well. {_RELAX}")
    report = SplitReport(
        seed,
        by_target,
        sample.distinct,
        len(valid_rows),
        len(test_rows),
        test_dropped=before - len(test_rows),
    )
    train = TrainPairs(pairs, held_sources, held_targets | given_targets, report, given_sources)
    return Splits(train, valid_rows, test_rows, report=report)


@dataclass(frozen=True)
class JoinedPairs:
    """The pairs of several streams, one stream after the other."""

    parts: tuple[Iterable[Pair], ...]

    def __iter__(self) -> Iterator[Pair]:
        """Reads them all."""
        return chain.from_iterable(self.parts)


def with_more(splits: Splits, more: Iterable[Iterable[Pair]], *, by_target: bool = True) -> Splits:
    """Adds pairs to the training split, but those that share a source with valid or test.

    Args:
        splits: A data set's.
        more: Further pairs, each collection as a stream that can be read more than once.
        by_target: Leaves out those that share a target with valid or test as well.

    Examples:
        >>> splits = Splits([Pair("one", "uno")], [Pair("two", "dos")], [Pair("three", "tres")])
        >>> list(with_more(splits, [[Pair("Two!", "¡Dos!"), Pair("four", "cuatro")]]).train)
        [Pair(source='one', target='uno', mask=None), Pair(source='four', target='cuatro', mask=None)]
    """
    held = near_keys(chain(splits.valid, splits.test), by_target)
    return replace(splits, train=JoinedPairs((splits.train, *(Unlike(pairs, *held) for pairs in more))))


def near_keys(pairs: Iterable[Pair], by_target: bool) -> tuple[frozenset[str], frozenset[str]]:
    """The near keys of the pairs' sources and, if `by_target`, of their targets; in one pass."""
    sources, targets = set(), set()
    for pair in pairs:
        sources.add(near_key(pair.source))
        if by_target:
            targets.add(near_key(pair.target))
    return frozenset(sources), frozenset(targets)


@dataclass(frozen=True)
class Unlike:
    """The pairs whose source and target are not among those given (by `near_key`), as a stream."""

    pairs: Iterable[Pair]
    sources: frozenset[str] = field(repr=False)
    targets: frozenset[str] = field(repr=False)

    def __iter__(self) -> Iterator[Pair]:
        """Reads them."""
        for pair in self.pairs:
            if near_key(pair.source) not in self.sources and near_key(pair.target) not in self.targets:
                yield pair


def _sample_sources(
    pairs: Iterable[Pair], hash_key: Callable[[str], int], valid: int | float | None, test: int | float | None
) -> HashSample:
    counts = sum(size if isinstance(size, int) else DEFAULT_SIZE for size in (valid, test))
    shares = sum(size for size in (valid, test) if isinstance(size, float))
    # Twice the share and four times the count, so that the smallest ones are surely all in the sample.
    sample = HashSample(max(SAMPLE_CAPACITY, 4 * counts), floor=int(2 * shares * HASH_SPACE))
    for pair in pairs:
        sample.add(hash_key(near_key(pair.source)))
    return sample


def _choose(
    sample: HashSample, valid: int | float | None, test: int | float | None, what: str
) -> tuple[frozenset[int], frozenset[int]]:
    """The hashes of the sources in valid and in test: the smallest ones."""
    n_valid, n_test = _size(valid, sample.distinct), _size(test, sample.distinct)
    if n_valid + n_test >= sample.distinct:
        raise ValueError(
            f"{sample.distinct:,} {what} cannot give {n_valid:,} to valid, {n_test:,} to test and "
            "at least 1 to train (sources that differ in case, punctuation or spacing only count as one). "
            "Give smaller valid= and test= (0 leaves a split empty), or more pairs."
        )
    smallest = sorted(sample.hashes)[: n_valid + n_test]
    return frozenset(smallest[:n_valid]), frozenset(smallest[n_valid:])


def _collect(
    pairs: Iterable[Pair], hash_key: Callable[[str], int], valid: frozenset[int], test: frozenset[int]
) -> tuple[tuple[Pair, ...], tuple[Pair, ...]]:
    rows: dict[bool, list[tuple[int, Pair]]] = {True: [], False: []}
    held = valid | test
    for pair in pairs:
        value = hash_key(near_key(pair.source))
        if value in held:
            rows[value in valid].append((value, pair))
    # By hash and text, so that a slice of a split is the same for every order of the file.
    ordered = {
        is_valid: sorted(found, key=lambda item: (item[0], item[1].source, item[1].target, item[1].mask or ""))
        for is_valid, found in rows.items()
    }
    return tuple(pair for _, pair in ordered[True]), tuple(pair for _, pair in ordered[False])


def _check_size(name: str, size: int | float | None) -> None:
    whole = isinstance(size, int) and not isinstance(size, bool) and size >= 0
    share = isinstance(size, float) and 0.0 <= size < 1.0
    if not (size is None or whole or share):
        raise ValueError(f"{name}={size!r}: expected a number of sources (int, 0 or more) or a share (float below 1).")


def _size(size: int | float | None, distinct: int) -> int:
    if size is None:
        return min(DEFAULT_SIZE, max(1, int(DEFAULT_SHARE * distinct)))
    if isinstance(size, float):
        return max(1, round(size * distinct)) if size else 0
    return size
