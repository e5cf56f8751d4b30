"""Labels under their sequence."""

from io import StringIO

import pytest
from rich.cells import cell_len
from rich.color import Color
from rich.console import Console

from keras_s2s.cli.drawing import STATES, draw


def test_lines_of_sixty_with_numbers():
    sequence, labels = "MKTAYIAKQR" * 13, "CCHHHHHEEC" * 13
    lines = draw(sequence, labels).plain.split("\n")
    assert lines[0] == f"  1 {sequence[:60]} 60"
    assert lines[1] == "    " + "──∿∿∿∿∿═►─" * 6
    assert lines[2] == "    " + labels[:60]
    assert lines[3] == ""
    assert lines[4] == f" 61 {sequence[:60]} 120"
    assert lines[8:11] == [f"121 {sequence[:10]} 130", "    ──∿∿∿∿∿═►─", "    CCHHHHHEEC"]
    assert lines[11:] == ["", "∿ helix 50% · ═► strand 20% · ─ coil 30%"]


def test_a_strand_across_two_lines_has_one_head():
    lines = draw("A" * 70, "E" * 70).plain.split("\n")
    assert lines[1].strip() == "═" * 60
    assert lines[5].strip() == "═" * 9 + "►"


def test_other_labels_stand_as_letters():
    assert draw("abc", "xyz").plain == "1 abc 3\n  xyz"
    assert draw("  abc\n", "xyz").plain == "1 abc 3\n  xyz"


@pytest.mark.parametrize(("sequence", "labels"), [("", ""), ("  ", ""), ("abc", "x"), ("abc", "")])
def test_what_cannot_be_drawn(sequence, labels):
    assert draw(sequence, labels) is None


def test_every_glyph_is_one_cell_wide():
    assert {cell_len(glyph) for state in STATES.values() for glyph in (state.body, state.end)} == {1}


def contrast(one, other):
    def luminance(color):
        shares = [channel / 255 for channel in color]
        linear = [s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4 for s in shares]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    darker, lighter = sorted(map(luminance, (one, other)))
    return (lighter + 0.05) / (darker + 0.05)


def test_colors_can_be_read_on_light_and_dark():
    """By the contrast of WCAG 2.2; what has no colour has the terminal's own."""
    for style in filter(None, (state.style for state in STATES.values())):
        color = Color.parse(style).get_truecolor()
        assert contrast(color, (255, 255, 255)) > 4
        assert contrast(color, (0, 0, 0)) > 4


def test_colors_show_on_a_terminal_alone():
    drawing = draw("MKTAY", "CHHEE")
    for terminal in (True, False):
        colors = "truecolor" if terminal else "auto"
        console = Console(file=StringIO(), force_terminal=terminal, color_system=colors, width=80)
        console.print(drawing)
        assert ("\x1b[38;2;" in console.file.getvalue()) == terminal
