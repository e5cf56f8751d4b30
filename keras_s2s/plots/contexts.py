"""Context vectors of sentences in two dimensions."""

from collections.abc import Sequence
from functools import partial

import numpy as np
from keras import ops

from keras_s2s.decoding.inference import encode, inference_weights
from keras_s2s.decoding.runtime import pad_rows
from keras_s2s.plots.style import Picture, Theme, drawing, inches
from keras_s2s.seq2seq import Seq2Seq
from keras_s2s.translation import require_texts

_WIDTH, _HEIGHT = 7.2, 5.0
_PLOT = np.array([_WIDTH - 0.8, _HEIGHT - 0.9])  # what is left for points, about
_MARGINS = np.array([0.22, 0.1])  # shares of the points' extent, on either side
_SIZE = 9  # points, of a label
_GAP = 0.06  # inches between a point and its label


def context_vectors(
    model: Seq2Seq, texts: Sequence[str], *, groups: Sequence[str] | None = None, theme: Theme = "light"
) -> Picture:
    """Draw what the encoder hands over for each text, by its two main directions (principal component analysis).

    Near each other lie sentences that the model takes for similar (as figure 2 of Sutskever, Vinyals & Le 2014,
    https://arxiv.org/abs/1409.3215).

    Args:
        model: Any model.
        texts: Three or more source texts.
        groups: A name for each text; texts of a group get a colour of their own, at most three groups.
        theme: `light` or `dark`.

    Raises:
        ValueError: There are fewer than three texts, not as many groups as texts, or more than three groups.
    """
    texts = require_texts(texts)
    if len(texts) < 3:
        raise ValueError(f"expected three or more texts, got {len(texts)}: two points always lie on a line")
    if groups is not None and len(groups) != len(texts):
        raise ValueError(f"expected a group for each of {len(texts)} texts, got {len(groups)}")
    names = list(dict.fromkeys(groups or [""]))
    if len(names) > 3:
        raise ValueError(f"expected at most three groups, got {len(names)}: {', '.join(names)}")
    vectors = _vectors(model, texts)
    vectors -= vectors.mean(axis=0)
    _, sizes, directions = np.linalg.svd(vectors, full_matrices=False)
    points = vectors @ directions[:2].T  # [texts, 2]
    points *= np.where(points[np.abs(points).argmax(axis=0), [0, 1]] < 0, -1, 1)  # the sign means nothing: fix it
    share = sizes[:2] ** 2 / max((sizes**2).sum(), 1e-12)
    with drawing(_WIDTH, _HEIGHT, theme) as (figure, colors):
        axes = figure.add_subplot()
        for name, color in zip(names, (colors.encoder, colors.decoder, colors.context), strict=False):
            chosen = [i for i in range(len(texts)) if groups is None or groups[i] == name]
            axes.scatter(points[chosen, 0], points[chosen, 1], color=color, s=36, label=name, zorder=2)
        for text, point, (right, up) in zip(texts, points, _sides(points, texts), strict=True):
            axes.annotate(
                text,
                point,
                xytext=(72 * _GAP * right, 72 * _GAP * up),
                textcoords="offset points",
                ha="left" if right > 0 else "right",
                va="bottom" if up > 0 else "top",
                fontsize=_SIZE,
            )
        axes.margins(*_MARGINS)
        axes.set(
            title="Context vectors",
            xlabel=f"first direction, {share[0]:.0%} of the variance",
            ylabel=f"second, {share[1]:.0%}",
        )
        if groups is not None:
            axes.legend()
        return figure


def _sides(points: np.ndarray, texts: Sequence[str]) -> list[tuple[int, int]]:
    """Choose for each label the corner of its point, 1 right or up and -1 left or down, where it covers least.

    Args:
        points: Where the points lie, in any unit. `[texts, 2]`
        texts: The labels.
    """
    area = _PLOT / (1 + 2 * _MARGINS)  # of the points without the margins, in inches
    places = (points - points.min(axis=0)) / np.maximum(np.ptp(points, axis=0), 1e-9) * area
    left, right = -_MARGINS[0] * area[0], (1 + _MARGINS[0]) * area[0]
    sides = dict.fromkeys(range(len(texts)), (1, 1))

    def box(text: int, side: tuple[int, int]) -> np.ndarray:
        near = places[text] + np.multiply(side, _GAP)
        return np.sort([near, near + np.multiply(side, [inches(texts[text], _SIZE), _SIZE / 72])], axis=0)

    def covered(text: int, side: tuple[int, int]) -> float:
        own = box(text, side)
        others = [box(other, at) for other, at in sides.items() if other != text]
        dots = [np.array([place - _GAP, place + _GAP]) for place in places]
        return max(left - own[0, 0], own[1, 0] - right, 0.0) + sum(_overlap(own, other) for other in others + dots)

    for _ in range(3):  # where one label goes depends on the others
        for text in sides:
            sides[text] = min(((1, 1), (1, -1), (-1, 1), (-1, -1)), key=partial(covered, text))
    return list(sides.values())


def _overlap(one: np.ndarray, other: np.ndarray) -> float:
    """Return the area that two boxes share, each its lower left and its upper right corner. `[2, 2]`"""
    return float(np.clip(np.minimum(one[1], other[1]) - np.maximum(one[0], other[0]), 0, None).prod())


def _vectors(model: Seq2Seq, texts: list[str]) -> np.ndarray:
    """Return all layers' hidden and cell states of each text side by side. `[texts, size]`"""
    source, length = pad_rows(model.source_tokenizer.encode(texts, model.config.max_source_length))
    state, _ = encode(inference_weights(model), source, length, model.config)
    names = sorted(name for name in state if name.startswith(("hidden_", "cell_")))
    return np.concatenate([ops.convert_to_numpy(state[name]) for name in names], axis=1).astype(np.float64)
