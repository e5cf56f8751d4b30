"""Gates and memories over time."""

import numpy as np

from keras_s2s.decoding.inference import inference_weights
from keras_s2s.decoding.trace import LayerTrace, trace
from keras_s2s.plots.style import Picture, Theme, drawing, heat_map, show_piece
from keras_s2s.seq2seq import Seq2Seq

_ROWS = (
    ("forget", "forget gate"),
    ("input", "input gate"),
    ("output", "output gate"),
    ("cell", "long-term\nmemory"),
    ("hidden", "short-term\nmemory"),
)
_MOST_UNITS = 40


def memory_activity(
    model: Seq2Seq,
    source: str,
    target: str | None = None,
    *,
    layer: int = 1,
    units: int = _MOST_UNITS,
    theme: Theme = "light",
) -> Picture:
    """Draw a layer's gates and memories at each step.

    On the left the encoder reads, on the right the decoder writes. Gates run from 0, the colour of the paper, to 1;
    memories from negative to positive.

    Args:
        model: Any model.
        source: The source text.
        target: The output to follow; left out, the model's own.
        layer: Which layer of encoder and decoder, from 1, the bottom.
        units: How many of the layer's units to show: those whose long-term memory changes most.
        theme: `light` or `dark`.

    Raises:
        ValueError: The model has no such layer on both sides, or the source has no tokens.
    """
    deepest = min(model.config.layers, model.config.decoder_depth)
    if not 1 <= layer <= deepest:
        raise ValueError(f"expected a layer from 1 to {deepest}, got {layer}")
    sides = _sides(model, source, target, layer)
    chosen = _liveliest([side for _, side in sides], units)
    reach = max(float(np.abs(side.cell[:, chosen]).max()) for _, side in sides)
    steps = [len(tokens) for tokens, _ in sides]
    with drawing(1.6 + 0.5 * sum(steps), 7.6, theme) as (figure, colors):
        grid = figure.subplots(len(_ROWS), 2, width_ratios=steps, sharey=True)
        for axes_row, (name, title) in zip(grid, _ROWS, strict=True):
            memory = name in ("cell", "hidden")
            most = 1.0 if name != "cell" else reach
            for axes, (tokens, side) in zip(axes_row, sides, strict=True):
                values = getattr(side, name)[:, chosen].T  # [units, time]
                image = heat_map(axes, values, colors.sign if memory else colors.strength, -most if memory else 0, most)
                axes.set(xticks=[], yticks=[])
                if name == _ROWS[-1][0]:
                    axes.set_xticks(range(len(tokens)), tokens, rotation=45, ha="right", fontsize=9)
            axes_row[0].set_ylabel(title, rotation=0, ha="right", va="center", labelpad=8)
            figure.colorbar(image, ax=axes_row, fraction=0.03, pad=0.01).outline.set_visible(False)
        for axes, title in zip(grid[0], (f"encoder, layer {layer}", f"decoder, layer {layer}"), strict=True):
            axes.set_title(title)
        return figure


def _sides(model: Seq2Seq, source: str, target: str | None, layer: int) -> list[tuple[list[str], LayerTrace]]:
    """Return what each side was fed with, step by step, and what the layer did."""
    (read,) = model.source_tokenizer.encode([source], model.config.max_source_length)
    if len(read) == 1:
        raise ValueError(f"the source {source!r} has no tokens: there is nothing to read")
    target = model.translate([source])[0] if target is None else target
    (written,) = model.target_tokenizer.encode([target], model.config.max_target_length)
    found = trace(inference_weights(model), read, written, model.config)
    pieces = [show_piece(piece) for piece in model.source_tokenizer.pieces(read)]
    if model.config.reverse_source:
        pieces.reverse()
    fed = [show_piece(piece) for piece in model.target_tokenizer.pieces(written)]
    return [([*pieces, "<EOS>"], found.encoder[layer - 1]), (["<EOS>", *fed], found.decoder[layer - 1])]


def _liveliest(sides: list[LayerTrace], units: int) -> list[int]:
    """Return the units whose long-term memory changes most, in their own order."""
    change = sum(np.abs(np.diff(side.cell, axis=0)).sum(axis=0) for side in sides)
    return sorted(np.argsort(-change, kind="stable")[:units].tolist())
