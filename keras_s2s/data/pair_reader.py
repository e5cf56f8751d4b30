"""What every reader of pairs offers: rows, again and again, and words for messages about them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from keras_s2s.data.read_report import DropReason
from keras_s2s.data.text_lines import Problem

Fields = tuple[str, str, str | None]  # source, target, mask: cleaned, not yet judged
Row = tuple[int, Fields | Problem]  # with the number of its line, from 1
Columns = tuple[int, ...] | tuple[str, ...]

BLANK = Problem(DropReason.BLANK_LINE)


class PairReader(Protocol):
    """A source of rows."""

    @property
    def name(self) -> str:
        """The file or files, for messages."""

    @property
    def expected(self) -> str:
        """One sentence on what a row should look like."""

    def rows(self) -> Iterator[Row]:
        """Reads from the start; raises ValueError where the file as a whole is wrong."""

    def place(self, line: int) -> str:
        """`file:line` of a row."""


@dataclass(frozen=True)
class FileReader:
    """A reader of one file.

    Attributes:
        path: The file.
        columns: Where source, target and mask stand; None for the format's default.
        line_limit: Longest line in bytes.
    """

    path: Path
    columns: Columns | None
    line_limit: int

    @property
    def name(self) -> str:
        """The file, for messages."""
        return str(self.path)

    def place(self, line: int) -> str:
        """`file:line` of a row."""
        return f"{self.path.name}:{line}"
