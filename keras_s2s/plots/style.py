"""What all pictures share: paper, ink and colours for light and dark, and a figure that a notebook shows by itself."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import matplotlib as mpl
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path

Theme = Literal["light", "dark"]
FONT = "DejaVu Sans"
"""Comes with matplotlib: the same letters everywhere."""


@dataclass(frozen=True)
class Colors:
    """Colours of a theme; those of encoder, decoder and context differ for colour-blind eyes too (Okabe & Ito 2008)."""

    paper: str
    ink: str
    faint: str
    encoder: str
    decoder: str
    context: str

    @property
    def strength(self) -> LinearSegmentedColormap:
        """From nothing to full strength: attention, gates. 0 is the paper itself."""
        return LinearSegmentedColormap.from_list("strength", [self.paper, self.encoder])

    @property
    def sign(self) -> LinearSegmentedColormap:
        """From negative over nothing to positive: memories."""
        return LinearSegmentedColormap.from_list("sign", [self.decoder, self.paper, self.encoder])


THEMES = {
    "light": Colors("#ffffff", "#1c2430", "#c9d1da", "#0072b2", "#d55e00", "#009e73"),
    "dark": Colors("#161b22", "#e6edf3", "#3d4653", "#56b4e9", "#e69f00", "#2fc59b"),
}


class Picture(Figure):
    """A figure that a notebook shows without pyplot, and that no list of open figures keeps alive."""

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        self.savefig(buffer, format="png")
        return buffer.getvalue()


@contextmanager
def drawing(width: float, height: float, theme: Theme) -> Iterator[tuple[Picture, Colors]]:
    """Give a picture to draw on in a theme's colours.

    Args:
        width: In inches.
        height: In inches.
        theme: `light` or `dark`.

    Raises:
        ValueError: There is no such theme.
    """
    if theme not in THEMES:
        raise ValueError(f"expected the theme {' or '.join(map(repr, THEMES))}, got {theme!r}")
    colors = THEMES[theme]
    settings: Any = {  # matplotlib's names of settings are literals to its types
        "axes.edgecolor": colors.faint,
        "axes.facecolor": colors.paper,
        "axes.grid": False,
        "axes.labelcolor": colors.ink,
        "axes.prop_cycle": cycler(color=[colors.encoder, colors.decoder, colors.context]),
        "axes.spines.right": False,
        "axes.spines.top": False,
        "axes.titlelocation": "left",
        "axes.titlesize": 11,
        "figure.facecolor": colors.paper,
        "font.family": [FONT],
        "font.size": 10,
        "legend.frameon": False,
        "savefig.dpi": 110,
        "savefig.facecolor": colors.paper,
        "text.color": colors.ink,
        "xtick.color": colors.ink,
        "ytick.color": colors.ink,
    }
    with mpl.rc_context(settings):
        yield Picture(figsize=(width, height), layout="constrained"), colors


def heat_map(
    axes: Axes, values: Any, colors: LinearSegmentedColormap, least: float, most: float, *, rotate: bool = False
) -> Any:
    """Draw a matrix as coloured cells, its first row on top, and return the image.

    Args:
        axes: Where.
        values: Numbers. `[rows, columns]`
        colors: Their colours.
        least: What the first colour stands for.
        most: What the last colour stands for.
        rotate: Write the names of the columns slanted, on top.
    """
    image = axes.imshow(values, cmap=colors, vmin=least, vmax=most, aspect="auto", interpolation="nearest")
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    if rotate:
        axes.xaxis.tick_top()
        axes.tick_params(axis="x", rotation=45)
        for label in axes.get_xticklabels():
            label.set_horizontalalignment("left")
    return image


def inches(text: str, size: float) -> float:
    """Return how wide a text is, of one line or more, that is written in letters of a size in points."""
    letters = FontProperties(family=FONT, size=size)
    return max(text_to_path.get_text_width_height_descent(line, letters, False)[0] for line in text.split("\n")) / 72


def show_piece(piece: str) -> str:
    """Return a token as readers know it: SentencePiece's mark of a word's beginning as a blank, `<EOS>` as itself."""
    return piece.replace("▁", " ").strip() or "␣"
