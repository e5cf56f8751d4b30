"""Further training pairs with made-up names and numbers, from which a model learns to copy what it never saw.

A corpus has few names, and most often the same: one pair in five of `tatoeba-en-es` has Tom or Mary. What a model
learns from them is to write Tom and Mary. But where a name stands alike on both sides any other might stand, and so
others are put there, drawn letter by letter after the corpus's own; numbers likewise. In the spirit of Currey, Miceli
Barone & Heafield 2017 (https://aclanthology.org/W17-4715), whose copied text taught a translator names.
"""

import random
import re
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from keras_s2s.data.corpus import Pair

TEMPLATES = 20_000
"""Pairs with names, and as many with numbers, that others are made after: a random sample where there are more."""

_TOKEN = re.compile(r"\w+")
_INSIDE = re.compile(r"[\w,;] +$")
"""What stands before a word inside a sentence: a capital there is no beginning's."""
_SHORTEST, _LONGEST, _TRIES = 3, 12, 100
_END = "\n"


@dataclass(frozen=True)
class VariedNames:
    """Pairs made after others, with other names and numbers, as a stream that is the same in each pass.

    A name is a word that stands alike, with a capital, on both sides, and is met so inside a sentence too. A number is
    one that stands alike on both sides, but 1, on which grammar depends. Half of the pairs that are made have numbers,
    where there are both. Pairs with a mask are left aside.

    Attributes:
        pairs: The pairs that others are made after.
        share: How many are made, as a share of all pairs; none where no pair has a name or a number.
        seed: Another seed makes others.

    Examples:
        >>> pairs = [Pair("I saw Barbara.", "Vi a Barbara."), Pair("I am 30.", "Tengo 30 años.")]
        >>> [pair.target for pair in VariedNames(pairs, share=1.0)]
        ['Vi a Bara.', 'Tengo 55 años.']
    """

    pairs: Iterable[Pair]
    share: float
    seed: int = 0

    def __iter__(self) -> Iterator[Pair]:
        """Reads the pairs and makes the others."""
        draw = random.Random(self.seed)
        with_names, with_numbers, names = _Sample(draw), _Sample(draw), set[str]()
        total = 0
        for pair in self.pairs:
            total += 1
            alike = _alike(pair, names) if pair.mask is None else []
            if any(word.isdecimal() for word in alike):
                with_numbers.add((pair, alike))
            elif alike:
                with_names.add((pair, alike))
        kinds = [sample.kept for sample in (with_names, with_numbers) if sample.kept]
        if not kinds:
            warnings.warn(
                f"vary_names: none of {total:,} pairs has a name, a word with a capital, or a number on both sides, so "
                "that there is nothing to vary: leave it out",
                stacklevel=2,
            )
        letters = _Letters(sorted(names))
        for i in range(round(self.share * total) if kinds else 0):
            pair, alike = draw.choice(kinds[i % len(kinds)])
            other = {word: _number(word, draw) if word.isdecimal() else letters.name(draw) for word in alike}
            yield Pair(_put_in(pair.source, other), _put_in(pair.target, other))


def _alike(pair: Pair, names: set[str]) -> list[str]:
    """Return the names and numbers that stand on both sides, equally often; add to the names that are known."""
    source, target = Counter(_TOKEN.findall(pair.source)), Counter(_TOKEN.findall(pair.target))
    words = [word for word, count in source.items() if target[word] == count and _may_vary(word)]
    names.update(word for word in words if word.isalpha() and _inside(word, pair.source) and _inside(word, pair.target))
    return [word for word in words if word.isdecimal() or word in names]


def _may_vary(word: str) -> bool:
    if word.isdecimal():
        return word != "1"
    return word.isalpha() and word[0].isupper() and word[1:].islower()


def _inside(word: str, text: str) -> bool:
    """Tell whether a word stands somewhere inside a sentence."""
    return any(_INSIDE.search(text[: match.start()]) for match in re.finditer(rf"\b{word}\b", text))


def _put_in(text: str, other: dict[str, str]) -> str:
    return _TOKEN.sub(lambda match: other.get(match[0], match[0]), text)


def _number(word: str, draw: random.Random) -> str:
    """Return a number of as many digits, other than 1, which begins with a 0 only where this one does."""
    least = 2 if len(word) == 1 else 0 if word[0] == "0" else 10 ** (len(word) - 1)
    return str(draw.randrange(least, 10 ** len(word))).zfill(len(word))


class _Letters:
    """Which letter follows which, after one or two others, in given names."""

    def __init__(self, names: Iterable[str]) -> None:
        self.following = defaultdict[str, list[str]](list)
        for name in names:
            text = name + _END
            for i, letter in enumerate(text):
                self.following[text[max(0, i - 2) : i]].append(letter)
                if i > 1:
                    self.following[text[i - 1]].append(letter)

    def name(self, draw: random.Random) -> str:
        """Draw a name of common length, or of any length where names are few; it is more or less like those given."""
        context = draw.choice((1, 2))
        for _ in range(_TRIES):
            name = ""
            while not name.endswith(_END):
                name += draw.choice(self.following[name[-context:]])
            if _SHORTEST <= len(name) - 1 <= _LONGEST:
                break
        return name.removesuffix(_END)


class _Sample:
    """A random sample of what was added (reservoir sampling; Vitter 1985)."""

    def __init__(self, draw: random.Random) -> None:
        self.kept: list[tuple[Pair, list[str]]] = []
        self.added = 0
        self.draw = draw

    def add(self, item: tuple[Pair, list[str]]) -> None:
        """Take in one item."""
        self.added += 1
        if len(self.kept) < TEMPLATES:
            self.kept.append(item)
        elif (place := self.draw.randrange(self.added)) < TEMPLATES:
            self.kept[place] = item
