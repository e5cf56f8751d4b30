"""What one pass over a corpus met: rows read, rows kept, rows dropped and why."""

from __future__ import annotations

import enum
from collections import Counter
from dataclasses import dataclass, field

EXAMPLES_PER_REASON = 3
SHOWN = 60  # characters of each side of the first pair


class DropReason(enum.Enum):
    """Why a row did not become a pair; the value is the phrase that reports print."""

    BLANK_LINE = "blank line"
    DUPLICATE = "duplicate pair"
    EMPTY_SIDE = "empty source or target"
    INVALID_UTF8 = "invalid UTF-8"
    WRONG_COLUMNS = "wrong number of columns"
    BROKEN_QUOTES = "broken CSV quoting"
    INVALID_JSON = "invalid JSON or missing key"
    INVALID_MASK = "mask of the wrong length or characters"
    TOO_LONG = "too long"

    @property
    def is_bad(self) -> bool:
        """Whether the reason counts against the file. Blank lines and duplicates are harmless."""
        return self not in (DropReason.BLANK_LINE, DropReason.DUPLICATE)


@dataclass
class ReadReport:
    """The count of one pass over a corpus. `rows == kept + sum(dropped.values())` holds at all times.

    Attributes:
        name: The file(s) read.
        kept: Rows that became pairs.
        dropped: Rows that did not, by reason.
        examples: The first few places of each reason, as `file:line` or `file:line (detail)`.
        first: The first pair, to see whether columns and header are as meant; None before it is read.
        complete: Whether the pass came to the end of the file.
    """

    name: str = ""
    kept: int = 0
    dropped: Counter[DropReason] = field(default_factory=Counter)
    examples: dict[DropReason, list[str]] = field(default_factory=dict)
    first: tuple[str, str] | None = None
    complete: bool = False

    @property
    def rows(self) -> int:
        """Rows read, kept or dropped."""
        return self.kept + self.dropped.total()

    @property
    def bad(self) -> int:
        """Rows dropped for a fault of theirs: all but duplicates and blank lines."""
        return sum(count for reason, count in self.dropped.items() if reason.is_bad)

    @property
    def bad_share(self) -> float:
        """Bad rows among the rows read; 0 before the first row."""
        return self.bad / self.rows if self.rows else 0.0

    @property
    def first_bad(self) -> str:
        """One sentence on the first bad row, with a space behind it; "" if there is none."""
        bad = next((reason for reason in self.examples if reason.is_bad), None)
        return f"The first: {bad.value}, {self.examples[bad][0]}. " if bad else ""

    def drop(self, reason: DropReason, place: str, detail: str = "") -> None:
        """Counts one dropped row and remembers where it stands if it is among the first of its kind."""
        self.dropped[reason] += 1
        places = self.examples.setdefault(reason, [])
        if len(places) < EXAMPLES_PER_REASON:
            places.append(f"{place} ({detail})" if detail else place)

    def to_dict(self) -> dict[str, object]:
        """The report as JSON-ready values, reasons by their lower-case names."""
        return {
            "name": self.name,
            "rows": self.rows,
            "kept": self.kept,
            "bad": self.bad,
            "bad_share": self.bad_share,
            "dropped": {reason.name.lower(): count for reason, count in self.dropped.items()},
            "examples": {reason.name.lower(): list(places) for reason, places in self.examples.items()},
            "first": self.first and list(self.first),
            "complete": self.complete,
        }

    def __str__(self) -> str:
        """A small table: a line for what was kept, one for the first pair, one for each reason."""
        title = f"{self.name}: {self.rows:,} rows" + ("" if self.complete else " so far")
        lines = [title, f"  {'kept':<40}{self.kept:>14,}"]
        if self.first:
            source, target = (repr(side if len(side) <= SHOWN else f"{side[:SHOWN]}…") for side in self.first)
            lines.append(f"  the first: {source} → {target}")
        for reason, count in self.dropped.most_common():
            places = "; ".join(self.examples[reason])
            lines.append(f"  {'dropped: ' + reason.value:<40}{count:>14,}  {places}")
        return "\n".join(lines)
