"""Labels drawn under their sequence, place by place, as databases of proteins show secondary structure."""

from collections import Counter
from itertools import groupby
from typing import NamedTuple

from rich.text import Text

# Places in a line of the drawing, as in the databases.
WIDTH = 60


class _State(NamedTuple):
    """How a state of secondary structure is drawn: each place of a run, and its last place."""

    name: str
    body: str
    end: str
    style: str


# Each colour has a contrast of more than 4 with white and with black; glyphs and letters say the same without it.
STATES = {
    "H": _State("helix", "∿", "∿", "#d6336c"),
    "E": _State("strand", "═", "►", "#0a7fc2"),
    "C": _State("coil", "─", "─", ""),
}


def draw(sequence: str, labels: str) -> Text | None:
    """Return a sequence with its labels under it, in numbered lines of 60 places.

    Helix, strand and coil (H, E, C) are drawn too, with a legend that says how much there is of each; other labels
    stand there as letters alone.

    Args:
        sequence: The source; white space around it does not count.
        labels: A character for each of its characters.

    Returns:
        The drawing, which ends without a line break; `None` where there is not one label for each character.

    Examples:
        >>> print(draw("MKTAYIAK", "CHHHHEEC"))
        1 MKTAYIAK 8
          ─∿∿∿∿═►─
          CHHHHEEC
        <BLANKLINE>
        ∿ helix 50% · ═► strand 25% · ─ coil 25%
    """
    sequence = sequence.strip()
    if not sequence or len(sequence) != len(labels):
        return None
    glyphs = _glyphs(labels) if set(labels) <= set(STATES) else ""
    digits = len(str(len(sequence)))
    lines = []
    for start in range(0, len(sequence), WIDTH):
        part, given = sequence[start : start + WIDTH], labels[start : start + WIDTH]
        lines.append(Text(f"{start + 1:>{digits}} {part} {start + len(part)}"))
        margin = " " * (digits + 1)
        if glyphs:
            lines.append(Text(margin) + _in_color(glyphs[start : start + WIDTH], given))
        lines += [Text(margin) + _in_color(given, given), Text()]
    return Text("\n").join([*lines, _legend(labels)] if glyphs else lines[:-1])


def _glyphs(labels: str) -> str:
    """Return a glyph for each label: runs of a state, each with its end."""
    runs = ((STATES[label], len(list(run))) for label, run in groupby(labels))
    return "".join(state.body * (length - 1) + state.end for state, length in runs)


def _in_color(text: str, labels: str) -> Text:
    """Return a text with each character in the colour of its label."""
    runs = groupby(zip(text, labels, strict=True), key=lambda place: place[1])
    parts = (("".join(character for character, _ in run), label) for label, run in runs)
    return Text.assemble(*((part, STATES[label].style if label in STATES else "") for part, label in parts))


def _legend(labels: str) -> Text:
    """Return what each glyph stands for, and the share of places that it takes."""
    counts = Counter(labels)
    parts = []
    for label, (name, body, end, style) in STATES.items():
        sign = body if body == end else body + end
        parts.append(Text.assemble((sign, style), f" {name} {counts[label] / len(labels):.0%}"))
    return Text(" · ").join(parts)
