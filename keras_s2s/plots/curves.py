"""Training, epoch by epoch."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.ticker import MaxNLocator

from keras_s2s.plots.style import Picture, Theme, drawing

_PANELS = (
    ("Loss", {"loss": "training", "val_loss": "validation"}),
    ("Token accuracy", {"accuracy": "training", "val_accuracy": "validation"}),
    ("Perplexity", {"perplexity": "training", "val_perplexity": "validation"}),
    ("BLEU", {"val_bleu": "validation"}),
    ("Exact match", {"val_exact_match": "validation"}),
    ("Decoded accuracy", {"val_decoded_accuracy": "validation"}),
)


def training_curves(history: Any, *, theme: Theme = "light") -> Picture:
    """Draw loss, accuracy, perplexity and the figure of decoded outputs, as many of them as were measured.

    Args:
        history: What `model.fit` returned; a mapping from figure to a number for each epoch; or a training run's
            folder or its `log.csv`.
        theme: `light` or `dark`.

    Raises:
        FileNotFoundError: There is no such log.
        ValueError: It holds none of these figures.
    """
    epochs = _epochs(history)
    panels = [(title, {k: v for k, v in lines.items() if epochs.get(k)}) for title, lines in _PANELS]
    panels = [(title, lines) for title, lines in panels if lines]
    if not panels:
        raise ValueError(f"expected figures such as loss and val_accuracy, got {sorted(epochs) or 'none'}")
    with drawing(3.2 * len(panels), 2.9, theme) as (figure, colors):
        for axes, (title, lines) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
            for name, label in lines.items():
                color = colors.decoder if label == "validation" else colors.encoder
                values = epochs[name]
                axes.plot(range(1, len(values) + 1), values, color=color, marker="o", markersize=3, label=label)
            axes.set(title=title, xlabel="epoch")
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
            axes.grid(axis="y", color=colors.faint, linewidth=0.5)
            axes.set_axisbelow(True)
        figure.axes[0].legend()
        return figure


def _epochs(history: Any) -> Mapping[str, Sequence[float]]:
    if isinstance(history, str | Path):
        path = Path(history)
        path = path / "log.csv" if path.is_dir() else path
        if not path.is_file():
            raise FileNotFoundError(f"{path}: no such log of a training run")
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file))
        return {name: [float(row[name]) for row in rows if row[name]] for name in (rows[0] if rows else ())}
    found: Mapping[str, Sequence[float]] = getattr(history, "history", history)
    return found
