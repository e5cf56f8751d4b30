"""A repeatable sample of sources: near-identical texts count as one, a stable hash decides."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Callable

HASH_SPACE = 1 << 64


class _PunctuationTable(dict[int, int | str]):
    """For `str.translate`: punctuation and control characters become spaces. Filled as characters are met."""

    def __missing__(self, codepoint: int) -> int | str:
        value = " " if unicodedata.category(chr(codepoint))[0] in "PC" else codepoint
        self[codepoint] = value
        return value


_PUNCTUATION = _PunctuationTable()


def near_key(text: str) -> str:
    """What is left of a text without case, punctuation and surplus space; of mere punctuation, the text.

    Examples:
        >>> near_key("  ¡Vamos,  MARÍA! ")
        'vamos maría'
    """
    folded = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(folded.translate(_PUNCTUATION).split()) or folded.strip()


def stable_hash(seed: int) -> Callable[[str], int]:
    """A 64-bit hash of texts that is the same in every process and on every machine."""
    start = hashlib.blake2b(digest_size=8, key=str(seed).encode())

    def hash_text(text: str) -> int:
        state = start.copy()
        state.update(text.encode("utf-8", "surrogatepass"))
        return int.from_bytes(state.digest(), "little")

    return hash_text


class HashSample:
    """The smallest of the hashes that were added, each once.

    Only hashes below a bound are kept; when they are too many, the bound is halved. Where it ends depends on
    the hashes alone, not on their order, and tells how many there were.

    Args:
        capacity: Number of hashes above which the bound is halved.
        floor: The bound stays at or above this.
    """

    def __init__(self, capacity: int, floor: int) -> None:
        self.hashes: set[int] = set()
        self._bound, self._capacity, self._floor = HASH_SPACE, capacity, floor

    def add(self, value: int) -> None:
        """Takes in one hash."""
        if value >= self._bound:
            return
        self.hashes.add(value)
        while len(self.hashes) > self._capacity and self._bound // 2 >= self._floor:
            self._bound //= 2
            self.hashes = {kept for kept in self.hashes if kept < self._bound}

    @property
    def distinct(self) -> int:
        """How many different hashes were added: exact up to `capacity`, an estimate above."""
        return len(self.hashes) * HASH_SPACE // self._bound
