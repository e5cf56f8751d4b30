"""Where the decoder looks."""

from keras_s2s.plots.style import Picture, Theme, drawing, heat_map, show_piece
from keras_s2s.seq2seq import Seq2Seq


def attention_map(model: Seq2Seq, source: str, target: str | None = None, *, theme: Theme = "light") -> Picture:
    """Draw the share of attention that each source token gets as each target token is written: an alignment.

    Args:
        model: A model with attention.
        source: The source text.
        target: The output to follow; left out, the model's own.
        theme: `light` or `dark`.

    Raises:
        ValueError: The model has no attention.
    """
    target = model.translate([source])[0] if target is None else target
    (alignment,) = model.align([source], [target])
    rows, columns = len(alignment.target), len(alignment.source)
    with drawing(2.2 + 0.5 * columns, 1.4 + 0.42 * rows, theme) as (figure, colors):
        axes = figure.add_subplot()
        axes.set_xticks(range(columns), map(show_piece, alignment.source))
        axes.set_yticks(range(rows), map(show_piece, alignment.target))
        axes.set(xlabel="source", ylabel="output")
        axes.xaxis.set_label_position("top")
        image = heat_map(axes, alignment.attention, colors.strength, 0, 1, rotate=True)
        figure.colorbar(image, ax=axes, fraction=0.04, pad=0.02, label="attention").outline.set_visible(False)
        return figure
