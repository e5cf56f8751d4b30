"""Pairs line by line: JSON lines, and two parallel text files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

from keras_s2s.data.pair_reader import BLANK, Fields, FileReader, Row
from keras_s2s.data.read_report import DropReason
from keras_s2s.data.text_lines import Problem, clean, line_blocks


class JsonLinesReader(FileReader):
    """One JSON object a line, with the texts under two keys and perhaps a mask under a third."""

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of source, target and, if there are three, mask."""
        return tuple(str(key) for key in self.columns or ("source", "target", "mask"))

    @property
    def expected(self) -> str:
        """What a row should look like."""
        return f'Expected one JSON object a line, such as {{"{self.keys[0]}": "…", "{self.keys[1]}": "…"}}.'

    def rows(self) -> Iterator[Row]:
        """Reads from the start."""
        keys = self.keys
        for number, line in enumerate(chain.from_iterable(line_blocks(self.path, self.line_limit)), start=1):
            if not isinstance(line, str):
                yield number, line
            elif not line or line.isspace():
                yield number, BLANK
            else:
                yield number, _parse(line, keys)


def _parse(line: str, keys: tuple[str, ...]) -> Fields | Problem:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        return Problem(DropReason.INVALID_JSON, str(error)[:80])
    if not isinstance(record, dict):
        return Problem(DropReason.INVALID_JSON, f"a {type(record).__name__}, not an object with keys")
    source, target = record.get(keys[0]), record.get(keys[1])
    mask = record.get(keys[2]) if len(keys) > 2 else None
    if not (isinstance(source, str) and isinstance(target, str) and isinstance(mask, str | None)):
        wrong = next(key for key in keys if not isinstance(record.get(key), str))
        found = ", ".join(map(repr, record))[:60]
        return Problem(DropReason.INVALID_JSON, f"no text under {wrong!r}; the keys are {found}")
    mask = (mask or "").strip() or None
    if "\\" not in line:  # the line was normalised as it was read
        return source.strip(), target.strip(), mask
    # Escapes such as \ud800, \u0000 and \n only show now.
    if not (_is_unicode(source) and _is_unicode(target)):
        return Problem(DropReason.INVALID_UTF8, "a lone surrogate")
    return clean(source), clean(target), mask


def _is_unicode(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


@dataclass(frozen=True)
class ParallelReader:
    """Two text files, one side each: line *n* of the one answers line *n* of the other.

    Attributes:
        path: The sources.
        target_path: The targets.
        line_limit: Longest line in bytes.
    """

    path: Path
    target_path: Path
    line_limit: int

    @property
    def name(self) -> str:
        """The two files, for messages."""
        return f"{self.path} + {self.target_path}"

    @property
    def expected(self) -> str:
        """What a row should look like."""
        return f"Expected line n of {self.target_path.name} to answer line n of {self.path.name}."

    def place(self, line: int) -> str:
        """`file:line` of a row, in the file of the sources."""
        return f"{self.path.name}:{line}"

    def rows(self) -> Iterator[Row]:
        """Reads both files from the start; raises ValueError where one is longer."""
        sources = chain.from_iterable(line_blocks(self.path, self.line_limit))
        targets = chain.from_iterable(line_blocks(self.target_path, self.line_limit))
        number = 0
        for source in sources:
            target = next(targets, None)
            if target is None:
                raise self._wrong_lengths(number + 1 + sum(1 for _ in sources), number)
            number += 1
            if isinstance(source, Problem):
                yield number, source
            elif isinstance(target, Problem):
                yield number, replace(target, detail=f"{self.target_path.name}: {target.detail}")
            else:
                yield number, _beside(source, target)
        if surplus := sum(1 for _ in targets):
            raise self._wrong_lengths(number, number + surplus)

    def _wrong_lengths(self, sources: int, targets: int) -> ValueError:
        return ValueError(
            f"{self.path} has {sources:,} lines and {self.target_path} has {targets:,}: two parallel files "
            "need the same number of lines. Look for a line break inside a text or a file that was cut off."
        )


def _beside(source: str, target: str) -> Fields | Problem:
    source, target = source.replace("\t", " ").strip(), target.replace("\t", " ").strip()
    return (source, target, None) if source or target else BLANK
