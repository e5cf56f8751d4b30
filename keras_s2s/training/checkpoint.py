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
        best_bleu: The best validation BLEU so far.
        best_epoch: The epoch, counted from 1, that reached it.
        history: The logs of each epoch.
    """

    epoch: int = 0
    best_bleu: float = -1.0
    best_epoch: int = 0
    history: list[dict[str, float]] = field(default_factory=list)

    @property
    def epochs_without_gain(self) -> int:
        """Epochs since the best one."""
        return self.epoch - self.best_epoch


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
        return sorted(int(path.name.removeprefix("epoch-")) for path in self.folder.glob("epoch-????"))

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
    """Ends each epoch with a checkpoint, and training when BLEU has not risen for long.

    Expects `val_bleu` among the logs (see `ValidationBleu`, which goes before).
    """

    def __init__(self, checkpoints: Checkpoints, progress: Progress, patience: int = 0) -> None:
        """Go on from `progress`; `patience` is the number of epochs without gain to stop after, 0 for never."""
        super().__init__()
        self._checkpoints = checkpoints
        self._progress = progress
        self._patience = patience

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Note the epoch's figures and save."""
        progress = self._progress
        progress.epoch = epoch + 1
        progress.history.append({name: float(value) for name, value in (logs or {}).items()})
        bleu = progress.history[-1]["val_bleu"]
        if bleu >= progress.best_bleu:
            progress.best_bleu, progress.best_epoch = bleu, progress.epoch
        self._checkpoints.save(self.model, progress)
        if 0 < self._patience <= progress.epochs_without_gain:
            self.model.stop_training = True


def without_optimizer(model: Seq2Seq) -> Seq2Seq:
    """Return a model with the same weights and no optimiser: a third of the size."""
    copy = Seq2Seq.from_config(model.get_config())
    copy.set_weights(model.get_weights())
    return copy
