"""What parts of a data set share, and what was left out of them: for those who run a command to see."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain

from keras_s2s.data.corpus import Corpus, Pair
from keras_s2s.data.source_sample import near_key
from keras_s2s.data.splits import JoinedPairs, SplitReport, TrainPairs, Unlike


@dataclass
class OverlapCount:
    """All of `pairs`, as a stream; the first whole pass counts what held-out pairs have as well, and warns of it.

    For a division that is the user's own: nothing is left out.

    Attributes:
        pairs: The pairs to train on.
        sources: `near_key` of the sources that are held out.
        targets: `near_key` of the targets that are; empty if targets may stand in two splits.
        counted: Whether a whole pass has been made.
    """

    pairs: Iterable[Pair]
    sources: frozenset[str] = field(repr=False)
    targets: frozenset[str] = field(repr=False)
    counted: bool = False

    def __iter__(self) -> Iterator[Pair]:
        """Reads the pairs."""
        if self.counted:
            yield from self.pairs
            return
        total = by_source = by_target = 0
        for pair in self.pairs:
            total += 1
            if near_key(pair.source) in self.sources:
                by_source += 1
            elif near_key(pair.target) in self.targets:
                by_target += 1
            yield pair
        self.counted = True
        if by_source or by_target:
            warnings.warn(
                f"of {total:,} training pairs {by_source:,} have their source in valid or test"
                f"{f' and {by_target:,} more their target' if self.targets else ''} (up to case, punctuation and "
                "spacing): what is measured there flatters the model. Leave those out of the training file.",
                stacklevel=2,
            )


def left_out(parts: Iterable[Iterable[Pair]], division: SplitReport | None = None) -> list[str]:
    """The reports of the latest passes over `parts` that dropped rows, and of their division if it left pairs out.

    Args:
        parts: Parts of a data set, of which those that are read from files are looked at.
        division: How the parts were divided.
    """
    found = [str(corpus.report) for part in parts for corpus in _corpora(part) if corpus.report.dropped]
    return [*found, str(division)] if division is not None and division.dropped else found


def _corpora(pairs: Iterable[Pair]) -> Iterator[Corpus]:
    if isinstance(pairs, Corpus):
        yield pairs
    elif isinstance(pairs, TrainPairs | OverlapCount | Unlike):
        yield from _corpora(pairs.pairs)
    elif isinstance(pairs, JoinedPairs):
        yield from chain.from_iterable(map(_corpora, pairs.parts))
