"""Tables of pairs: TSV and CSV."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from keras_s2s.data.pair_reader import BLANK, Columns, Fields, FileReader, Row
from keras_s2s.data.read_report import DropReason
from keras_s2s.data.text_lines import Problem, clean, line_blocks

HEADERS = (["source", "target"], ["source", "target", "mask"])
LONGEST_ROW = 100  # lines; a CSV row that spans more is taken for a quote that was never closed


@dataclass(frozen=True)
class CellPicker:
    """Takes source, target and mask from the cells of a row.

    Attributes:
        places: Their column numbers from 0; None: the first two, and the third of a row that has three.
    """

    places: tuple[int, ...] | None

    def __call__(self, cells: list[str]) -> Fields | Problem:
        """Source, target and mask, stripped; a problem where the row has other columns."""
        if self.places is None:
            if len(cells) == 2:
                return cells[0].strip(), cells[1].strip(), None
            if len(cells) == 3:
                return cells[0].strip(), cells[1].strip(), cells[2].strip() or None
        elif max(self.places) < len(cells):
            source, target, *mask = (cells[place].strip() for place in self.places)
            return source, target, (mask[0] or None) if mask else None
        if not any(cell.strip() for cell in cells):
            return BLANK
        return Problem(DropReason.WRONG_COLUMNS, f"found {len(cells)} column{'s' * (len(cells) != 1)}")


class TableReader(FileReader):
    """What TSV and CSV share: the choice of columns, by number or by the names in a header line."""

    def picker(self, first: list[str]) -> tuple[CellPicker, bool]:
        """How to read the rows, and whether the first one is a header: its cells are `first`.

        Without names in `columns`, a first row that reads "source", "target" (and "mask") is a header.

        Raises:
            ValueError: The header lacks a name.
        """
        names = [name.strip() for name in first]
        if self.columns is None or isinstance(self.columns[0], int):
            places = self.columns and tuple(int(column) for column in self.columns)
            return CellPicker(places), [name.casefold() for name in names] in HEADERS
        missing = [name for name in self.columns if name not in names]
        if missing:
            raise ValueError(
                f"{self.name}: no column {missing} in the header line, which reads {names}. "
                "Name columns of the header, or number them from 0, as in columns=(0, 1)."
            )
        return CellPicker(tuple(names.index(str(name)) for name in self.columns)), True


class TsvReader(TableReader):
    """Source, tab, target, perhaps tab and mask. No quoting: all but tab and line feed is text."""

    @property
    def expected(self) -> str:
        """What a row should look like."""
        return f"Expected tab-separated columns, source<TAB>target{_places(self.columns)}, without quotes."

    def rows(self) -> Iterator[Row]:
        """Reads from the start."""
        pick: CellPicker | None = None
        number = 0
        for block in line_blocks(self.path, self.line_limit):
            for line in block:
                number += 1
                if not isinstance(line, str):
                    yield number, line
                    continue
                cells = line.split("\t")
                if pick is None:
                    pick, is_header = self.picker(cells)
                    if is_header:
                        continue
                yield number, pick(cells)


class CsvReader(TableReader):
    """Comma-separated fields, in `"` where they hold commas, quotes or line breaks (RFC 4180)."""

    @property
    def expected(self) -> str:
        """What a row should look like."""
        return f'Expected comma-separated columns, source,target{_places(self.columns)}, in " where needed.'

    def rows(self) -> Iterator[Row]:
        """Reads from the start; raises ValueError where a quote is never closed."""
        lines = _CsvLines(self.path, self.line_limit)
        pick: CellPicker | None = None
        for start, cells in self._table(lines):
            while lines.unreadable:
                yield lines.unreadable.pop(0)
            if cells is None or isinstance(cells, Problem):
                if cells is not None:
                    yield start, cells
                continue
            if pick is None:
                pick, is_header = self.picker(cells)
                if is_header:
                    continue
            yield start, pick(cells)

    def _table(self, lines: _CsvLines) -> Iterator[tuple[int, list[str] | Problem | None]]:
        """Each row's first line and cells; None at the end."""
        table = csv.reader(lines, strict=True)
        cells: list[str] | None = [""]
        while cells is not None:
            lines.start = 0
            try:
                cells = next(table, None)
            except csv.Error as error:
                self._refuse_open_quote(lines.start, lines.number)
                too_long = "field limit" in str(error)
                reason = DropReason.TOO_LONG if too_long else DropReason.BROKEN_QUOTES
                yield lines.start, Problem(reason, str(error))
                continue
            self._refuse_open_quote(lines.start, lines.number)
            # Line breaks and tabs inside quotes become spaces, as everywhere.
            yield (
                lines.start,
                cells and [clean(cell) if "\n" in cell or "\t" in cell else cell for cell in cells],
            )

    def _refuse_open_quote(self, start: int, end: int) -> None:
        # One stray quote swallows every row up to the next: that loss must not pass as one row.
        if not start or end - start < LONGEST_ROW:
            return
        raise ValueError(
            f"{self.place(start)}: a quote is opened here and not closed within {end - start:,} lines. "
            'Double a quote that belongs to the text (""), or read a file with tabs as format="tsv".'
        )


class _CsvLines:
    """Feeds the csv module line by line; what is not text is set aside in `unreadable`."""

    def __init__(self, path: Path, limit: int) -> None:
        self._lines = chain.from_iterable(line_blocks(path, limit))
        self.unreadable: list[Row] = []
        self.number = 0  # of the line read last
        self.start = 0  # of the line that was fed first since this was set to 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        for line in self._lines:
            self.number += 1
            if isinstance(line, str):
                self.start = self.start or self.number
                return line + "\n"
            self.unreadable.append((self.number, line))
        raise StopIteration


def _places(columns: Columns | None) -> str:
    if columns is None:
        return " and perhaps a mask; columns=(0, 1) ignores further columns"
    return f" at {columns}"
