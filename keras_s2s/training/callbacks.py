"""What is watched while a model trains: speed, translations, the figure that selects the best epoch."""

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Self

import keras
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from keras_s2s.data.batches import Batches
from keras_s2s.data.corpus import Pair
from keras_s2s.seq2seq import Seq2Seq
from keras_s2s.training.selection import FIGURES, Figure


class FollowEpochs(keras.callbacks.Callback):
    """Tells the batches which epoch begins.

    By itself a `PyDataset` only hears that some epoch is over, and once too often when Keras builds the model.
    """

    def __init__(self, batches: Batches) -> None:
        """Hold the batches."""
        super().__init__()
        self._batches = batches

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Set the epoch."""
        self._batches.epoch = epoch


class ValidationFigure(keras.callbacks.Callback):
    """Adds a figure of the greedy outputs of validation pairs to each epoch's logs.

    Put it before every callback that reads the figure.

    Args:
        figure: Which figure.
        pairs: The validation pairs that are translated.
    """

    def __init__(self, figure: Figure, pairs: Sequence[Pair]) -> None:
        """Hold the pairs."""
        super().__init__()
        self._figure = figure
        self._pairs = [Pair(*pair) for pair in pairs]  # plain tuples are welcome too

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Translate and score."""
        outputs = _translate_greedily(self.model, self._pairs)
        if logs is not None:
            logs[self._figure.column] = self._figure.score(outputs, self._pairs)


class Samples(keras.callbacks.Callback):
    """Prints a few translations after each epoch, so that one sees the model learn."""

    def __init__(self, pairs: Sequence[Pair], console: Console) -> None:
        """Hold the pairs."""
        super().__init__()
        self._pairs = pairs
        self._console = console

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Translate and print."""
        outputs = _translate_greedily(self.model, self._pairs)
        for pair, output in zip(self._pairs, outputs, strict=True):
            line = f"    {pair.source} → {output}" + ("" if output == pair.target else f"   ({pair.target})")
            self._console.print(line, style="dim", markup=False, highlight=False, soft_wrap=True)


class ProgressBar(keras.callbacks.Callback):
    """A bar for each epoch with tokens/s and the time left, then one line with its figures.

    Train in a `with` block of it: Keras tells no callback of a training that is interrupted, and the terminal has no
    cursor while the bar is there.

    Args:
        tokens_per_step: Target tokens in a step, padding not counted, on average.
        steps: Steps in an epoch.
        epochs: Epochs in all.
        console: Where to print; the bar shows in a terminal alone, the lines everywhere.
    """

    def __init__(self, tokens_per_step: float, steps: int, epochs: int, console: Console) -> None:
        """Make the bar."""
        super().__init__()
        self._tokens_per_step = tokens_per_step
        self._steps = steps
        self._epochs = epochs
        self._console = console
        self._bar = Progress(
            TextColumn("epoch {task.fields[epoch]}"),
            BarColumn(),
            TextColumn("{task.completed}/{task.total} steps · {task.fields[figures]}"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("", total=steps, epoch="", figures="")

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Begin at zero."""
        self._began = time.perf_counter()
        self._bar.reset(self._task, total=self._steps, epoch=f"{epoch + 1}/{self._epochs}", figures="compiling")

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Move on."""
        if self._bar.disable:
            return
        rate = (batch + 1) * self._tokens_per_step / (time.perf_counter() - self._began)
        loss = float((logs or {}).get("loss", 0))
        self._bar.update(self._task, completed=batch + 1, figures=f"{rate:,.0f} tokens/s · loss {loss:.3f}")

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Stop the clock: validation and translation are no training."""
        self._trained = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Print the epoch's line, and log its tokens/s."""
        logs = logs if logs is not None else {}
        seconds = getattr(self, "_trained", time.perf_counter()) - self._began
        logs["tokens_per_second"] = self._steps * self._tokens_per_step / seconds
        shown = {
            "loss": "loss {:.3f}",
            "accuracy": "accuracy {:.1%}",
            "val_perplexity": "valid perplexity {:.2f}",
            "val_accuracy": "accuracy {:.1%}",
            **{figure.column: figure.text for figure in FIGURES.values()},
            "tokens_per_second": "{:,.0f} tokens/s",
        }
        figures = " · ".join(text.format(float(logs[name])) for name, text in shown.items() if name in logs)
        line = f"epoch {epoch + 1}/{self._epochs} · {figures} · {seconds:.0f} s"
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)


def _translate_greedily(model: Seq2Seq, pairs: Sequence[Pair]) -> list[str]:
    """Return the outputs of the model's own search made greedy, which is faster and tells epochs apart as well."""
    return model.translate([pair.source for pair in pairs], replace(model.search, method="greedy"))
