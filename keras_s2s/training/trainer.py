"""A whole training run from a configuration, which can be killed at any moment and started again."""

import csv
import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import keras
from rich.console import Console

from keras_s2s.config import RunConfig, TrainingConfig, dump_config, load_config
from keras_s2s.data.batches import Batches
from keras_s2s.data.corpus import Pair, Splits
from keras_s2s.data.id_cache import IdCache
from keras_s2s.data.left_out import left_out
from keras_s2s.data.tokenizer import Tokenizer
from keras_s2s.model.losses import SmoothedCrossentropy
from keras_s2s.seq2seq import Seq2Seq, load
from keras_s2s.training.callbacks import FollowEpochs, ProgressBar, Samples, ValidationFigure
from keras_s2s.training.checkpoint import Checkpoints, Progress, SaveCheckpoint, without_optimizer
from keras_s2s.training.data import identity, open_splits
from keras_s2s.training.optimizer import make_optimizer
from keras_s2s.training.selection import FIGURES, validation_pairs
from keras_s2s.training.start import take_over, warn_of_unknown
from keras_s2s.whole_file import replacing


def train(
    config: RunConfig,
    folder: str | Path,
    *,
    resume: bool = True,
    data_folder: str | Path | None = None,
    console: Console | None = None,
) -> Seq2Seq:
    """Train a model and leave it, with its checkpoints and logs, in a folder.

    The folder holds `config.toml`, both SentencePiece models, `ids/` (the data as ids), `checkpoints/`, `log.csv`,
    `tensorboard/` and at the end `model.keras`: the weights of the epoch with the best validation figure (`select_by`),
    or the mean of the last epochs' where `average_checkpoints` says so and the figure agrees.

    Args:
        config: Data, model, training and search.
        folder: The run's folder; it is made if need be.
        resume: Go on from the folder's last checkpoint. Otherwise an earlier run there is deleted.
        data_folder: Where to look for a named data set before it is downloaded.
        console: Where to print; left out, standard error.

    Raises:
        ValueError: The folder holds a run with another configuration or on other data, or files that are no run's;
            another process trains in it; or the data, or the model to start from, does not fit the configuration.
        OSError: A file cannot be read or written.
    """
    folder = Path(folder)
    config, start = take_over(config)
    splits = open_splits(config.data, data_folder)
    origin = identity(config.data, data_folder)
    folder.mkdir(parents=True, exist_ok=True)
    with _alone_in(folder):
        _prepare_folder(folder, config, origin, resume)
        with _back_end(config.training):
            _Run(config, folder, console or Console(stderr=True), start).fit(splits, origin)
    return load(folder / "model.keras")  # in the precision of every later load


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Keep other trainings out of a run's folder, until this one ends or dies.

    Raises:
        ValueError: One is in it.
    """
    with (folder / ".lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ValueError(
                f"another process trains in {folder} now: wait for it, end it, or choose another folder"
            ) from None
        yield


def _prepare_folder(folder: Path, config: RunConfig, origin: str, resume: bool) -> None:
    """Check that the run in the folder, if there is one, is this one, on the same data; or delete it."""
    saved, data = folder / "config.toml", folder / "data.json"
    ours = data.exists()
    if not resume:
        _require_run(folder)
        for name in _FOLDERS:
            shutil.rmtree(folder / name, ignore_errors=True)
        for name in _FILES:
            (folder / name).unlink(missing_ok=True)
    elif saved.exists() and (folder / "checkpoints").exists() and load_config(saved) != config:
        raise ValueError(
            f"{folder} holds a run with another configuration ({saved}): choose another folder, set the same "
            "configuration, or start anew with resume=False (--no-resume), which deletes that run"
        )
    elif data.exists() and (folder / "checkpoints").exists() and data.read_text() != origin:
        raise ValueError(
            f"{folder} holds a run on other data: {config.data.name or config.data.train} has changed since it began. "
            "Put the data back, choose another folder, or start anew with resume=False (--no-resume), which deletes "
            "that run"
        )
    if not ours and saved.exists() and load_config(saved) != config:
        raise ValueError(
            f"{saved} is of no run and says something else than the configuration of this one, which would take its "
            "place: choose another folder, or move it"
        )
    if not saved.exists() or load_config(saved) != config:  # else it may be the user's, with comments
        _write(saved, dump_config(config))
    _write(data, origin)


def _write(path: Path, text: str) -> None:
    with replacing(path) as unfinished:
        unfinished.write_text(text, encoding="utf-8")


_FOLDERS = ("checkpoints", "ids", "tensorboard")
_FILES = ("data.json", "source.model", "target.model", "log.csv", "evaluation.json")
"""What a run leaves beside its configuration and its model, and `resume=False` deletes."""


def _require_run(folder: Path) -> None:
    """Check that what is to be deleted was written by `train`.

    Raises:
        ValueError: There is something of these names, but not the files that say of which run it is.
    """
    there = [name for name in (*_FOLDERS, *_FILES) if (folder / name).exists()]
    missing = [name for name in ("config.toml", "data.json") if not (folder / name).is_file()]
    if there and missing:
        raise ValueError(
            f"{folder} has {', '.join(there)} but no {' and no '.join(missing)}, so that they may not be ours to "
            "delete: choose another folder, or remove them yourself"
        )


@contextmanager
def _back_end(settings: TrainingConfig) -> Iterator[None]:
    """Seed, and set precision for the length of the run; determinism stays, as TensorFlow has no way back from it."""
    policy = keras.config.dtype_policy()
    if settings.mixed_precision:
        keras.config.set_dtype_policy("mixed_bfloat16")
    keras.utils.set_random_seed(settings.seed)
    if settings.deterministic and keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()
    try:
        yield
    finally:
        keras.config.set_dtype_policy(policy)


class _Run:
    """One run: its configuration, its folder, where it prints, and the model that it starts from, if any."""

    def __init__(self, config: RunConfig, folder: Path, console: Console, start: Seq2Seq | None = None) -> None:
        self.config = config
        self.settings = config.training
        self.folder = folder
        self.console = console
        self.start = start
        self.figure = FIGURES[self.settings.select_by]
        self.checkpoints = Checkpoints(folder / "checkpoints", keep=self.settings.average_checkpoints)

    def fit(self, splits: Splits, origin: str) -> None:
        """Train from the last checkpoint, or from the start, to the end."""
        source, target = self._tokenizer(splits, "source"), self._tokenizer(splits, "target")
        batches, validation = self._batches(splits, source, target, origin)
        for report in left_out((splits.train, splits.valid, splits.test), splits.report):
            self._print(report)
        if epochs := self.checkpoints.epochs():
            model, progress = self.checkpoints.load(epochs[-1]), self.checkpoints.progress(epochs[-1])
            if self._finished(progress):
                self._print(f"finished before, after epoch {progress.epoch}: {self.folder / 'model.keras'}")
                return
            self._print(f"going on after epoch {progress.epoch} of {self.settings.epochs}")
        else:
            model, progress = Seq2Seq(self.config.model, source, target, search=self.config.search), Progress()
            if self.start is not None:
                warn_of_unknown(splits, self.start)
                model.set_weights(self.start.get_weights())
            self._compile(model, len(batches))
        self._write_log(progress)
        valid = validation_pairs(splits.valid, source, target, self.config)
        if not self._stopped_early(progress):
            tokens_per_step = batches.tokens / batches.steps_per_pass
            with ProgressBar(tokens_per_step, len(batches), self.settings.epochs, self.console) as bar:
                model.fit(
                    batches,
                    validation_data=validation,
                    initial_epoch=progress.epoch,
                    epochs=self.settings.epochs,
                    verbose=0,
                    shuffle=False,  # the batches are in random order already, one that can be repeated
                    callbacks=self._callbacks(valid, batches, progress, bar),
                )
        self._finish(valid)

    def _tokenizer(self, splits: Splits, side: str) -> Tokenizer:
        """Learn a side's tokeniser from the training split, or take that of the run, or of the model, that goes on."""
        path = self.folder / f"{side}.model"
        if not (path.exists() and self.checkpoints.epochs()):
            if self.start is not None:
                tokenizer = getattr(self.start, f"{side}_tokenizer")
            else:
                texts = (getattr(pair, side) for pair in splits.train)
                tokenizer = Tokenizer.train(texts, getattr(self.config.model, f"{side}_tokenizer"))
            with replacing(path) as unfinished:
                unfinished.write_bytes(tokenizer.model)
        return Tokenizer.from_file(path)

    def _batches(self, splits: Splits, source: Tokenizer, target: Tokenizer, origin: str) -> tuple[Batches, Batches]:
        settings = self.settings

        def ids(part: str) -> IdCache:
            pairs, folder = getattr(splits, part), self.folder / "ids" / part
            return IdCache.build(pairs, source, target, self.config.model, folder, origin=f"{part} {origin}")

        train = Batches(
            ids("train"),
            batch_tokens=settings.batch_tokens,
            buckets=settings.buckets,
            seed=settings.seed,
            steps_per_epoch=settings.steps_per_epoch,
            input_noise=settings.input_noise,
        )
        valid = Batches(ids("valid"), batch_tokens=train.batch_tokens, shuffle=False)
        return train, valid

    def _compile(self, model: Seq2Seq, steps: int) -> None:
        settings = self.settings
        # XLA has no deterministic form of some kernels, so that Keras refuses the two together.
        model.compile(
            make_optimizer(settings, settings.epochs * steps),
            SmoothedCrossentropy(settings.label_smoothing),
            jit_compile=settings.jit_compile and not settings.deterministic,
        )

    def _callbacks(
        self, valid: list[Pair], batches: Batches, progress: Progress, bar: ProgressBar
    ) -> list[keras.callbacks.Callback]:
        settings = self.settings
        callbacks = [
            FollowEpochs(batches),
            ValidationFigure(self.figure, valid),
            bar,
            Samples(valid[: settings.samples], self.console),
            SaveCheckpoint(self.figure.column, self.checkpoints, progress, settings.early_stopping),
            keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: self._write_log(progress)),
        ]
        if settings.tensorboard and keras.backend.backend() == "tensorflow":
            callbacks.append(keras.callbacks.TensorBoard(self.folder / "tensorboard"))
        return callbacks

    def _finished(self, progress: Progress) -> bool:
        """Whether the run has come to its end and left its model, which what was measured of it goes by."""
        model, last = self.folder / "model.keras", self.checkpoints.path(progress.epoch) / "progress.json"
        if progress.epoch < self.settings.epochs and not self._stopped_early(progress):
            return False
        return model.is_file() and model.stat().st_mtime_ns > last.stat().st_mtime_ns

    def _stopped_early(self, progress: Progress) -> bool:
        return 0 < self.settings.early_stopping <= progress.epochs_without_gain

    def _finish(self, valid: list[Pair]) -> None:
        """Choose the weights to keep by the validation figure, and save them."""
        progress = self.checkpoints.progress(self.checkpoints.epochs()[-1])
        model = without_optimizer(self.checkpoints.load(progress.best_epoch))
        chosen = f"epoch {progress.best_epoch}"
        if self.checkpoints.keep > 1:
            average = without_optimizer(model)
            self.checkpoints.average(average)
            sources = [pair.source for pair in valid]
            scores = [self.figure.score(each.translate(sources), valid) for each in (average, model)]
            if scores[0] > scores[1]:
                model, chosen = average, f"the mean of the last {self.checkpoints.keep} epochs"
        model.save(self.folder / "model.keras")
        self._print(f"kept {chosen}, by validation {self.figure.name}: {self.folder / 'model.keras'}")

    def _write_log(self, progress: Progress) -> None:
        """Write the epochs' figures anew, so that the log never holds more than the checkpoint."""
        names = ["epoch", *dict.fromkeys(name for row in progress.history for name in row)]
        with replacing(self.folder / "log.csv") as unfinished, unfinished.open("w", newline="") as file:
            writer = csv.DictWriter(file, names)
            writer.writeheader()
            writer.writerows({"epoch": i, **row} for i, row in enumerate(progress.history, start=1))

    def _print(self, line: str) -> None:
        self.console.print(line, markup=False, highlight=False, soft_wrap=True)
