"""Checkpoints that survive a kill at any moment: each is whole or absent."""

import json
import shutil
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import keras

from keras_s2s.seq2seq import Seq2Seq, load


@dataclass
class Progress:
    """How far a run has come.

    Attributes:
        epoch: Epochs finished.
        best_epoch: The epoch, counted from 1, with the best validation figure so far; of equal ones the last.
        gained_epoch: The first of them: after it there was no gain.
        history: The logs of each epoch.
    """

    epoch: int = 0
    best_epoch: int = 0
    gained_epoch: int = 0
    history: list[dict[str, float]] = field(default_factory=list)

    @property
    def epochs_without_gain(self) -> int:
        """Epochs since the best figure was reached."""
        return self.epoch - self.gained_epoch


class Checkpoints:
    """The folder of a run's checkpoints, `epoch-0001`, `epoch-0002` and so on.

    A checkpoint is a folder with the model, its optimiser and its random state (`model.keras`) and the `Progress`
    (`progress.json`). It is written under another name and renamed when it is whole. The latest `keep` and the best
    one stay; older ones are deleted after a newer one is in place.
    """

    def __init__(self, folder: Path, keep: int = 1) -> None:
        """Use `folder`, and clear away what an interrupted run left unfinished there."""
        self.folder = folder
        self.keep = keep
        folder.mkdir(parents=True, exist_ok=True)
        for unfinished in folder.glob("*.unfinished"):
            shutil.rmtree(unfinished)

    def epochs(self) -> list[int]:
        """Return the epochs that have a checkpoint, in order."""
        return sorted(int(path.name.removeprefix("epoch-")) for path in self.folder.glob("epoch-*[0-9]"))

    def path(self, epoch: int) -> Path:
        """Return the folder of an epoch's checkpoint."""
        return self.folder / f"epoch-{epoch:04d}"

    def save(self, model: Seq2Seq, progress: Progress) -> None:
        """Write a checkpoint of the epoch that has just ended.

        Raises:
            OSError: It cannot be written (a full disk, say); the earlier checkpoints are as they were.
        """
        unfinished = self.folder / f"epoch-{progress.epoch:04d}.unfinished"
        try:
            unfinished.mkdir()
            model.save(unfinished / "model.keras")
            (unfinished / "progress.json").write_text(json.dumps(asdict(progress)))
            shutil.rmtree(self.path(progress.epoch), ignore_errors=True)
            unfinished.replace(self.path(progress.epoch))
        except BaseException:
            shutil.rmtree(unfinished, ignore_errors=True)
            raise
        for epoch in self.epochs()[: -self.keep]:
            if epoch != progress.best_epoch:
                shutil.rmtree(self.path(epoch))

    def load(self, epoch: int) -> Seq2Seq:
        """Return the model of an epoch, with its optimiser, ready to go on."""
        return load(self.path(epoch) / "model.keras")

    def progress(self, epoch: int) -> Progress:
        """Return how far the run had come."""
        return Progress(**json.loads((self.path(epoch) / "progress.json").read_text()))

    def average(self, model: Seq2Seq) -> None:
        """Give `model` the mean of the kept latest checkpoints' weights."""
        weights = [self.load(epoch).get_weights() for epoch in self.epochs()[-self.keep :]]
        model.set_weights([sum(arrays) / len(arrays) for arrays in zip(*weights, strict=True)])


class SaveCheckpoint(keras.callbacks.Callback):
    """Ends each epoch with a checkpoint, and training when a figure has not risen for long.

    Args:
        figure: The column of the logs that tells the best epoch; a callback before this one writes it (see
            `ValidationFigure`).
        checkpoints: Where to save.
        progress: How far the run has come, to go on from.
        patience: Epochs without gain to stop after; 0 never stops.
    """

    def __init__(self, figure: str, checkpoints: Checkpoints, progress: Progress, patience: int = 0) -> None:
        """Hold what is written to."""
        super().__init__()
        self._figure = figure
        self._checkpoints = checkpoints
        self._progress = progress
        self._patience = patience

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Note the epoch's figures and save."""
        progress = self._progress
        progress.epoch = epoch + 1
        progress.history.append({name: float(value) for name, value in (logs or {}).items()})
        best = progress.history[progress.best_epoch - 1][self._figure] if progress.best_epoch else float("-inf")
        figure = progress.history[-1][self._figure]
        if figure >= best:
            progress.best_epoch = progress.epoch
        if figure > best:
            progress.gained_epoch = progress.epoch
        self._checkpoints.save(self.model, progress)
        if 0 < self._patience <= progress.epochs_without_gain:
            self.model.stop_training = True


def without_optimizer(model: Seq2Seq) -> Seq2Seq:
    """Return a model with the same weights and no optimiser: a third of the size."""
    copy = Seq2Seq.from_config(model.get_config())
    copy.set_weights(model.get_weights())
    return copy
