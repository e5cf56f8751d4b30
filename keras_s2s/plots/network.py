"""The unrolled network, drawn from a model's own layers."""

from dataclasses import dataclass
from itertools import pairwise

from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from keras_s2s.plots.style import Colors, Picture, Theme, drawing, inches, show_piece
from keras_s2s.seq2seq import Seq2Seq

_WIDTH, _HEIGHT = 0.78, 0.5  # of a box; boxes stand one unit apart
_GAP = 1.6  # between the encoder's last column and the decoder's first
_MOST_STEPS = 12
_SCALE = 0.8  # inches of a unit
_SIZE = 9  # points, of the letters in and beside the boxes


@dataclass(frozen=True)
class _Row:
    """Boxes of one layer, side by side.

    Attributes:
        label: What stands in each box.
        name: What stands beside the row.
        ways: Arrows along the row: 0 none, 1 to the right, 2 both ways.
    """

    label: str
    name: str
    ways: int = 0


def network(model: Seq2Seq, source: str, target: str | None = None, *, theme: Theme = "light") -> Picture:
    """Draw the encoder over the source's tokens, the context vectors, and the decoder over the output's.

    Time runs from left to right, layers from bottom to top; what one step picks is fed to the next. Every row is a
    layer of the model, with its size.

    Args:
        model: Any model.
        source: The source text, at most 12 tokens with `<EOS>`.
        target: The output; left out, the model's own.
        theme: `light` or `dark`.

    Raises:
        ValueError: Source or output have too many tokens to be drawn.
    """
    target = model.translate([source])[0] if target is None else target
    read, picked = (
        [*map(show_piece, tokenizer.pieces(tokenizer.encode([text])[0])), "<EOS>"]
        for tokenizer, text in ((model.source_tokenizer, source), (model.target_tokenizer, target))
    )
    if max(len(read), len(picked)) > _MOST_STEPS:
        raise ValueError(
            f"expected at most {_MOST_STEPS} tokens a side, got {len(read)} and {len(picked)}: choose a shorter text"
        )
    if model.config.reverse_source:
        read[:-1] = read[-2::-1]
    encoder, decoder = _encoder_rows(model), _decoder_rows(model)
    start = len(read) - 1 + _GAP + _WIDTH
    places = [start + i for i in range(len(picked))]
    margins = [0.8 + max(inches(row.name, _SIZE) for row in rows) / _SCALE for rows in (encoder, decoder)]
    across, up = (-margins[0], places[-1] + margins[1]), (-1.1, len(decoder) + 1.4)
    with drawing(_SCALE * (across[1] - across[0]), _SCALE * (up[1] - up[0]), theme) as (figure, colors):
        axes = figure.add_subplot()
        axes.set_axis_off()
        columns = [float(i) for i in range(len(read))]
        _draw_side(axes, columns, read, encoder, colors.encoder, colors)
        _draw_side(axes, places, ["<EOS>", *picked[:-1]], decoder, colors.decoder, colors)
        for x, token in zip(places, picked, strict=True):
            axes.text(x, len(decoder) + 1, token, ha="center", va="center", weight="bold", size=10)
            _arrow(axes, (x, len(decoder) + _HEIGHT / 2), (x, len(decoder) + 0.8), colors)
        _draw_context(axes, model, columns[-1], start, colors)
        axes.set(xlim=across, ylim=up)
        for name, side, color in (("encoder", columns, colors.encoder), ("decoder", places, colors.decoder)):
            axes.text(sum(side) / len(side), -0.8, name, ha="center", color=color, size=12)
        return figure


def _encoder_rows(model: Seq2Seq) -> list[_Row]:
    config = model.config
    lstm = [
        _Row("LSTM", f"layer {layer}, {config.units} units", 2 if config.bidirectional else 1)
        for layer in range(1, config.layers + 1)
    ]
    return [_Row("embed", f"embedding, {len(model.source_tokenizer):,} × {config.embedding}"), *lstm]


def _decoder_rows(model: Seq2Seq) -> list[_Row]:
    config, size = model.config, len(model.target_tokenizer)
    rows = [_Row("embed", f"embedding, {size:,} × {config.embedding}")]
    rows += [_Row("LSTM", f"layer {layer}, {config.units} units", 1) for layer in range(1, config.decoder_depth + 1)]
    if config.attention != "none":
        rows.append(_Row("attend", f"{config.attention} attention"))
    tied = ",\nweights of the embedding" if config.tie_embeddings else ""
    return [*rows, _Row("softmax", f"fully connected, softmax, {size:,}{tied}")]


def _draw_side(
    axes: Axes, columns: list[float], tokens: list[str], rows: list[_Row], color: str, colors: Colors
) -> None:
    """Draw one side: tokens at the bottom, a row for each layer above them."""
    for x, token in zip(columns, tokens, strict=True):
        axes.text(x, 0, token, ha="center", va="center", weight="bold", size=10)
        for y in range(1, len(rows) + 1):
            _arrow(axes, (x, y - 1 + (_HEIGHT / 2 if y > 1 else 0.2)), (x, y - _HEIGHT / 2), colors)
    outside = -1 if columns[0] == 0 else 1
    edge = columns[0] if outside < 0 else columns[-1]
    for y, row in enumerate(rows, start=1):
        for x in columns:
            _box(axes, x, y, row.label, color, colors)
        for left, right in pairwise(columns):
            ends = (left + _WIDTH / 2, y), (right - _WIDTH / 2, y)
            if row.ways:
                _arrow(axes, *ends, colors, both=row.ways == 2)
        axes.text(
            edge + outside * (_WIDTH / 2 + 0.15),
            y,
            row.name,
            ha="right" if outside < 0 else "left",
            va="center",
            size=_SIZE,
        )


def _draw_context(axes: Axes, model: Seq2Seq, left: float, right: float, colors: Colors) -> None:
    """Draw what the encoder hands over: both memories of each layer, and what attention looks at."""
    config, middle = model.config, (left + right) / 2
    if config.bridged:
        height = max(config.layers, config.decoder_depth)
        _box(axes, middle, 2 + (height - 1) / 2, "bridge", colors.context, colors, height=height - 1 + _HEIGHT)
        pairs = [(left, middle, config.layers), (middle, right, config.decoder_depth)]
    else:
        pairs = [(left, right, config.layers)]
    for begin, end, layers in pairs:
        for y in range(2, layers + 2):
            _arrow(axes, (begin + _WIDTH / 2, y), (end - _WIDTH / 2, y), colors, color=colors.context, width=2)
            if not config.bridged:
                axes.text(middle, y + 0.12, "h, c", ha="center", va="bottom", color=colors.context)
    axes.text(middle, 1, "context\nvectors", ha="center", va="center", color=colors.context)
    if config.attention != "none":
        top, row = config.layers + 1, config.decoder_depth + 2
        _arrow(axes, (left, top + _HEIGHT / 2), (right - _WIDTH / 2, row), colors, color=colors.context, bend=-0.25)


def _box(axes: Axes, x: float, y: float, label: str, color: str, colors: Colors, height: float = _HEIGHT) -> None:
    corner = (x - _WIDTH / 2, y - height / 2)
    shape = FancyBboxPatch(
        corner,
        _WIDTH,
        height,
        boxstyle="round,pad=0,rounding_size=0.08",
        facecolor=colors.paper,
        edgecolor=color,
        lw=1.5,
    )
    axes.add_patch(shape)
    axes.text(x, y, label, ha="center", va="center", size=_SIZE)


def _arrow(
    axes: Axes,
    begin: tuple[float, float],
    end: tuple[float, float],
    colors: Colors,
    *,
    color: str | None = None,
    width: float = 1.0,
    both: bool = False,
    bend: float = 0.0,
) -> None:
    style = f"{'<|-|>' if both else '-|>'},head_width=2.5,head_length=4"
    axes.add_patch(
        FancyArrowPatch(
            begin,
            end,
            arrowstyle=style,
            connectionstyle=f"arc3,rad={bend}",
            color=color or colors.ink,
            linewidth=width,
            shrinkA=1,
            shrinkB=1,
        )
    )
