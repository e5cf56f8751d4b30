"""Quality by length of the source."""

from collections.abc import Mapping

import numpy as np

from keras_s2s.evaluation.report import Evaluation
from keras_s2s.plots.style import Picture, Theme, drawing


def quality_by_length(evaluations: Evaluation | Mapping[str, Evaluation], *, theme: Theme = "light") -> Picture:
    """Draw BLEU for each range of source lengths, and how many sentences it rests on.

    Args:
        evaluations: What `evaluate` returned, or several by name, to compare; of the same sentences.
        theme: `light` or `dark`.

    Raises:
        ValueError: There is none, there are more than three, or their ranges of lengths differ.
    """
    named = {"": evaluations} if isinstance(evaluations, Evaluation) else dict(evaluations)
    ranges = {tuple((b.label, b.sentences) for b in e.bleu_by_length) for e in named.values()}
    if not 1 <= len(named) <= 3:
        raise ValueError(f"expected one to three evaluations, got {len(named)}")
    if len(ranges) > 1:
        raise ValueError("the evaluations are of different sentences: evaluate each translator on the same pairs")
    (buckets,) = ranges
    places, width = np.arange(len(buckets)), 0.8 / len(named)
    with drawing(6.4, 3.4, theme) as (figure, colors):
        axes = figure.add_subplot()
        for i, (name, evaluation) in enumerate(named.items()):
            bleu = [bucket.bleu for bucket in evaluation.bleu_by_length]
            bars = axes.bar(places + (i - (len(named) - 1) / 2) * width, bleu, width * 0.92, label=name)
            axes.bar_label(bars, fmt="%.1f", fontsize=8, padding=2)
        counted = [f"{label}\n{count:,} sentence{'' if count == 1 else 's'}" for label, count in buckets]
        axes.set_xticks(places, counted, fontsize=8.5)
        axes.tick_params(axis="x", length=0)
        axes.set_title("BLEU by source length in words")
        axes.margins(y=0.12)
        axes.set_ylim(bottom=0)
        axes.grid(axis="y", color=colors.faint, linewidth=0.5)
        axes.set_axisbelow(True)
        if any(named):
            axes.legend(ncols=len(named))
        return figure
