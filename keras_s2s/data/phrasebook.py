"""The data set `phrasebook-en-es`: a grammar table multiplied out, and everyday phrases written by hand.

Some of the grammar's sentences are also written as people type them. The result is split so that valid and test
hold only new combinations of known words.
"""

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from importlib.resources import files
from itertools import combinations

from keras_s2s.data.corpus import Pair, Splits
from keras_s2s.data.phrase_grammar import Grammar, Parts, Sentence, digest

# Shares of the grammar's sentences: in test, in valid, and written once more in another way.
TEST_SHARE, VALID_SHARE = 0.038, 0.036
FULL_SHARE, CASUAL_SHARE, NO_STOP_SHARE = 0.2, 0.12, 0.1

WORD = re.compile(r"[\w']+")
NOT_BARE = re.compile(r"[^\w ]")
MARKS = ".,!?¿¡"


def load_phrasebook() -> Splits:
    """Expands the phrasebook: the same pairs in the same order on every machine.

    One English text has exactly one Spanish answer. Each split is in a fixed shuffle. Valid and test are
    drawn from the grammar alone, by a digest of the bare target: no text stands in two splits, not even in
    another case or punctuation. Each of their combinations is new, but every two parts of it (frame and
    subject, verb and object, …) occur together in train, and so does every word.

    Returns:
        About 30,000 pairs, 1,000 each in `valid` and `test`. The everyday phrases are all in `train`.

    Raises:
        ValueError: The table or the list of phrases is at fault: two answers to a text, a form nothing fits.
    """
    everyday = load_everyday()
    parts: dict[Pair, Parts] = dict.fromkeys(everyday, ())
    for sentence in load_grammar().sentences():
        for pair in variants(sentence):
            parts.setdefault(pair, sentence.parts)
    targets = one_answer_each(parts)
    held_out = hold_out(parts, targets, pinned={targets[pair] for pair in everyday})
    splits: dict[str, list[Pair]] = {"train": [], "valid": [], "test": []}
    for pair in sorted(parts, key=lambda pair: digest(pair.source)):
        splits[held_out.get(targets[pair], "train")].append(pair)
    return Splits(
        train=tuple(splits["train"]),
        valid=tuple(splits["valid"]),
        test=tuple(splits["test"]),
        name="phrasebook-en-es",
    )


def load_grammar() -> Grammar:
    """The table `phrasebook.toml`."""
    return Grammar(tomllib.loads(read("phrasebook.toml")))


def load_everyday() -> list[Pair]:
    """The pairs of `everyday.tsv`.

    Raises:
        ValueError: A line is not two texts with a tab between them.
    """
    pairs = []
    for number, line in enumerate(read("everyday.tsv").splitlines(), start=1):
        columns = line.split("\t")
        if len(columns) != 2 or not all(columns):
            raise ValueError(f"everyday.tsv, line {number}: expected English, tab, Spanish; got {line!r}.")
        pairs.append(Pair(*columns))
    return pairs


def read(name: str) -> str:
    """The text of a file that lies beside this module."""
    return files("keras_s2s.data").joinpath(name).read_text(encoding="utf-8")


def variants(sentence: Sentence) -> Iterator[Pair]:
    """The sentence as a pair and, for some, once more: uncontracted, casual, or without its full stop."""
    source, target = sentence.source, sentence.target
    yield Pair(source, target)
    draw = digest(f"variant {source}")
    if draw < FULL_SHARE:
        if sentence.full != source:
            yield Pair(sentence.full, target)
    elif draw < FULL_SHARE + CASUAL_SHARE:
        yield Pair(casual(source), casual(target))
    elif draw < FULL_SHARE + CASUAL_SHARE + NO_STOP_SHARE and source.endswith("."):
        yield Pair(source[:-1], target[:-1])


def bare(text: str) -> str:
    """The text's letters, digits and spaces in lower case: texts that differ in less must share a split."""
    return NOT_BARE.sub("", text.casefold()).strip()


def casual(text: str) -> str:
    """The text as typed in haste: lower case, without marks ("¿Comes pan?" is "comes pan")."""
    return text.lower().translate(dict.fromkeys(map(ord, MARKS)))


def one_answer_each(pairs: Iterable[Pair]) -> dict[Pair, str]:
    """The bare target of every pair. As a bare source has only one, splits by bare target keep sources apart.

    Raises:
        ValueError: A bare source has two bare targets.
    """
    targets = {pair: bare(pair.target) for pair in pairs}
    first: dict[str, Pair] = {}
    for pair, target in targets.items():
        other = first.setdefault(bare(pair.source), pair)
        if targets[other] != target:
            raise ValueError(
                f"{pair.source!r} has two answers, {other.target!r} and {pair.target!r}: drop one of them."
            )
    return targets


def hold_out(parts: Mapping[Pair, Parts], targets: Mapping[Pair, str], pinned: set[str]) -> dict[str, str]:
    """Chooses the bare targets of valid and test.

    Args:
        parts: What each pair was made of.
        targets: The bare target of each pair.
        pinned: Bare targets that stay in train.

    Returns:
        "valid" or "test" for each bare target that was held out.
    """
    held_out = {}
    for target in set(targets.values()) - pinned:
        if (draw := digest(f"split {target}")) < TEST_SHARE + VALID_SHARE:
            held_out[target] = "test" if draw < TEST_SHARE else "valid"
    known: set[object] = set()
    for pair, names in parts.items():
        if targets[pair] not in held_out:
            known.update(ingredients(pair, names))
    for pair, names in parts.items():
        if targets[pair] in held_out and not known.issuperset(ingredients(pair, names)):
            del held_out[targets[pair]]
    return held_out


def ingredients(pair: Pair, parts: Parts) -> Iterator[object]:
    """What train must hold for a held-out pair: each of its words, and every two of its parts together."""
    yield from WORD.findall(pair.source)
    yield from WORD.findall(pair.target)
    yield from combinations(parts, 2)
