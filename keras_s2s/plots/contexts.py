"""Context vectors of sentences in two dimensions."""

from collections.abc import Sequence

import numpy as np
from keras import ops

from keras_s2s.decoding.inference import encode, inference_weights
from keras_s2s.decoding.runtime import pad_rows
from keras_s2s.plots.style import Picture, Theme, drawing
from keras_s2s.seq2seq import Seq2Seq
from keras_s2s.translation import require_texts


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
    with drawing(7.2, 5, theme) as (figure, colors):
        axes = figure.add_subplot()
        for name, color in zip(names, (colors.encoder, colors.decoder, colors.context), strict=False):
            chosen = [i for i in range(len(texts)) if groups is None or groups[i] == name]
            axes.scatter(points[chosen, 0], points[chosen, 1], color=color, s=36, label=name, zorder=2)
        for text, point in zip(texts, points, strict=True):
            axes.annotate(text, point, xytext=(6, 4), textcoords="offset points", fontsize=9)
        axes.margins(0.22, 0.1)
        axes.set(
            title="Context vectors",
            xlabel=f"first direction, {share[0]:.0%} of the variance",
            ylabel=f"second, {share[1]:.0%}",
        )
        if groups is not None:
            axes.legend()
        return figure


def _vectors(model: Seq2Seq, texts: list[str]) -> np.ndarray:
    """Return all layers' hidden and cell states of each text side by side. `[texts, size]`"""
    source, length = pad_rows(model.source_tokenizer.encode(texts, model.config.max_source_length))
    state, _ = encode(inference_weights(model), source, length, model.config)
    names = sorted(name for name in state if name.startswith(("hidden_", "cell_")))
    return np.concatenate([ops.convert_to_numpy(state[name]) for name in names], axis=1).astype(np.float64)
