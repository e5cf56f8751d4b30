"""Training runs: what they leave, how they resume, and what they say of bad input."""

import csv
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace

import keras
import numpy as np
import pytest
from rich.console import Console

from keras_s2s.config import (
    DataConfig,
    TokenizerConfig,
    dump_config,
    load_config,
)
from keras_s2s.data.corpus import Pair
from keras_s2s.data.tokenizer import Tokenizer
from keras_s2s.seq2seq import Seq2Seq, load
from keras_s2s.training.callbacks import ProgressBar, ValidationFigure
from keras_s2s.training.checkpoint import Checkpoints, Progress, SaveCheckpoint
from keras_s2s.training.data import identity, open_splits
from keras_s2s.training.trainer import train


def with_training(config, **changes):
    return replace(config, training=replace(config.training, **changes))


def run(config, folder, **options):
    console = Console(file=io.StringIO(), width=200)
    model = train(config, folder, console=console, **options)
    return model, console.file.getvalue()


def weights_of(path):
    return load(path).get_weights()


def same(one, other):
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_what_a_run_leaves(config, tmp_path):
    folder = tmp_path / "run"
    model, printed = run(with_training(config, tensorboard=True), folder)
    left = {path.name for path in folder.iterdir()}
    assert left == {
        *(".lock", "config.toml", "data.json", "source.model", "target.model"),
        *("ids", "checkpoints", "log.csv", "tensorboard", "model.keras"),
    }
    assert same(weights_of(folder / "model.keras"), model.get_weights())
    assert load(folder / "model.keras").search == config.search
    assert any((folder / "tensorboard").rglob("events*"))
    rows = list(csv.DictReader((folder / "log.csv").open()))
    assert [row["epoch"] for row in rows] == ["1", "2", "3"]
    assert {"loss", "perplexity", "val_perplexity", "val_bleu", "tokens_per_second"} <= set(rows[0])
    assert float(rows[-1]["val_loss"]) < float(rows[0]["val_loss"])
    assert printed.count("tokens/s") == 3
    assert printed.count("→") == 9  # three samples an epoch
    assert "kept epoch" in printed


INTERRUPTED = """
import sys, time
from keras_s2s.config import load_config
from keras_s2s.training import checkpoint
from keras_s2s.training.trainer import train
save = checkpoint.Checkpoints.save
def slow_save(self, model, progress):
    save(self, model, progress)
    print("saved", progress.epoch, flush=True)
    time.sleep(0.5)
checkpoint.Checkpoints.save = slow_save
train(load_config(sys.argv[1]), sys.argv[2])
"""


def test_a_killed_run_ends_with_the_weights_of_an_uninterrupted_one(config, tmp_path):
    config = with_training(config, epochs=4, average_checkpoints=2)
    path, folder = tmp_path / "run.toml", tmp_path / "killed"
    path.write_text(dump_config(config))
    whole, _ = run(config, tmp_path / "whole")
    process = subprocess.Popen([sys.executable, "-c", INTERRUPTED, path, folder], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    while process.stdout.readline().split() != ["saved", "2"]:
        assert process.poll() is None
    time.sleep(0.6)  # somewhere in the third epoch
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (folder / "model.keras").exists()
    resumed, printed = run(config, folder)
    assert "going on after epoch" in printed
    assert same(resumed.get_weights(), whole.get_weights())
    last = "checkpoints/epoch-0004/model.keras"
    assert same(weights_of(folder / last), weights_of(tmp_path / "whole" / last))
    bleus = [[row["val_bleu"] for row in csv.DictReader((f / "log.csv").open())] for f in (folder, tmp_path / "whole")]
    assert bleus[0] == bleus[1]


KILLED = """
import os, signal, sys
from keras_s2s.config import load_config
from keras_s2s.data import id_cache, tokenizer
from keras_s2s.seq2seq import Seq2Seq
from keras_s2s.training.trainer import train

def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

def half_a_model(self, path, **_):
    path.write_bytes(b"half")
    die()

moment = sys.argv[3]
if moment == "learning the second tokeniser":
    learn, learned = tokenizer.Tokenizer.train, []
    tokenizer.Tokenizer.train = lambda *args: die() if learned else learned.append(1) or learn(*args)
elif moment == "caching the ids of the second split":
    build, built = id_cache.IdCache.build, []
    def once(*args, **options):
        if built:
            tokenizer.Tokenizer.encode = die
        built.append(1)
        return build(*args, **options)
    id_cache.IdCache.build = once
else:
    Seq2Seq.save = half_a_model
train(load_config(sys.argv[1]), sys.argv[2])
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "moment", ["learning the second tokeniser", "caching the ids of the second split", "writing a checkpoint"]
)
def test_a_run_killed_before_its_first_checkpoint(config, tmp_path, moment):
    config = with_training(config, epochs=1)
    path, folder = tmp_path / "run.toml", tmp_path / "killed"
    path.write_text(dump_config(config))
    process = subprocess.run([sys.executable, "-c", KILLED, path, folder, moment], capture_output=True, check=False)
    assert process.returncode == -signal.SIGKILL, process.stderr[-2000:]
    resumed, _ = run(config, folder)
    whole, _ = run(config, tmp_path / "whole")
    assert same(resumed.get_weights(), whole.get_weights())


def test_a_finished_run_started_again_only_answers(config, tmp_path):
    first, _ = run(config, tmp_path / "run")
    saved = (tmp_path / "run" / "model.keras").read_bytes()
    again, printed = run(config, tmp_path / "run")
    assert same(first.get_weights(), again.get_weights())
    assert "finished before, after epoch 3" in printed
    assert "tokens/s" not in printed
    assert (tmp_path / "run" / "model.keras").read_bytes() == saved  # its hash is what evaluations know it by
    (tmp_path / "run" / "model.keras").unlink()
    again, printed = run(config, tmp_path / "run")
    assert same(first.get_weights(), again.get_weights())
    assert "tokens/s" not in printed


def test_another_configuration_is_refused_or_starts_anew(config, tmp_path):
    folder = tmp_path / "run"
    run(with_training(config, epochs=2), folder)
    other = replace(config, model=replace(config.model, units=24), training=replace(config.training, epochs=1))
    with pytest.raises(ValueError, match="another configuration"):
        run(other, folder)
    assert load(folder / "model.keras").config.units == 16  # the refusal left the run as it was
    run(other, folder, resume=False)
    assert load(folder / "model.keras").config.units == 24
    assert load_config(folder / "config.toml") == other
    assert Checkpoints(folder / "checkpoints").epochs() == [1]


def test_data_that_changed_under_a_run_are_refused(config, tmp_path):
    folder, data = tmp_path / "run", tmp_path / "train.tsv"
    run(with_training(config, epochs=1), folder)
    rows = data.read_text()
    data.write_text(rows.replace("uno", "UNO"))
    config = with_training(config, epochs=1)
    with pytest.raises(ValueError, match=r"holds a run on other data: .*train\.tsv has changed since it began"):
        run(config, folder)
    data.write_text(rows)  # the same pairs again, in a file of another date
    run(config, folder)


def test_short_epochs_mixed_precision_and_a_mask(config, tmp_path, monkeypatch):
    (tmp_path / "train.tsv").write_text("".join(f"{'AC' * n}\t{'HE' * n}\t{'10' * n}\n" for n in range(1, 30)))
    for part in ("valid", "test"):
        (tmp_path / f"{part}.tsv").write_text("ACAC\tHEHE\t1111\n")
    chars = TokenizerConfig(kind="char", vocabulary_size=20)
    config = replace(config, model=replace(config.model, source_tokenizer=chars, target_tokenizer=chars))
    trained, translate = [], ValidationFigure.on_epoch_end

    def watch(self, epoch, logs):
        trained.append(self.model.get_layer("decoder_lstm_1").compute_dtype)
        translate(self, epoch, logs)

    monkeypatch.setattr(ValidationFigure, "on_epoch_end", watch)
    policy = keras.config.dtype_policy().name
    model, _ = run(with_training(config, epochs=2, steps_per_epoch=3, mixed_precision=True), tmp_path / "run")
    assert keras.config.dtype_policy().name == policy
    checkpoints = Checkpoints(tmp_path / "run" / "checkpoints")
    assert len(checkpoints.progress(2).history) == 2
    assert checkpoints.load(2).optimizer.iterations == 2 * 3
    assert trained == ["bfloat16", "bfloat16"]
    assert model.get_layer("decoder_lstm_1").compute_dtype == "float32"
    assert {w.dtype.name for w in model.get_weights()} == {"float32"}


def test_training_stops_when_bleu_does_not_rise(config, tmp_path, monkeypatch):
    scores = iter([10.0, 20.0, 15.0, 16.0, 99.0])
    monkeypatch.setattr(
        "keras_s2s.training.trainer.ValidationFigure.on_epoch_end",
        lambda self, epoch, logs: logs.update(val_bleu=next(scores)),
    )
    model, printed = run(with_training(config, epochs=9, early_stopping=2), tmp_path / "run")
    assert "kept epoch 2" in printed
    assert Checkpoints(tmp_path / "run" / "checkpoints").epochs() == [2, 4]
    assert same(model.get_weights(), weights_of(tmp_path / "run" / "checkpoints" / "epoch-0002" / "model.keras"))
    _, printed = run(with_training(config, epochs=9, early_stopping=2), tmp_path / "run")
    assert "tokens/s" not in printed


def test_of_equal_epochs_the_last_is_kept_and_none_of_them_counts_as_a_gain(make_model, tmp_path):
    progress = Progress()
    callback = SaveCheckpoint("val_bleu", Checkpoints(tmp_path), progress, patience=2)
    model = make_model()
    model.stop_training = False  # as `fit` begins
    callback.set_model(model)
    stopped = []
    for epoch, bleu in enumerate([10.0, 20.0, 20.0, 20.0]):
        callback.on_epoch_end(epoch, {"val_bleu": bleu})
        stopped.append(model.stop_training)
    assert stopped == [False, False, False, True]
    assert (progress.best_epoch, progress.gained_epoch) == (4, 2)


def test_a_full_disk_leaves_the_last_checkpoint(make_model, tmp_path, monkeypatch):
    model, checkpoints = make_model(), Checkpoints(tmp_path)
    checkpoints.save(model, Progress(epoch=1, best_epoch=1, history=[{"loss": 1.0}]))
    good = (checkpoints.path(1) / "model.keras").read_bytes()

    def full_disk(self, filepath, **options):
        filepath.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Seq2Seq, "save", full_disk)
    for epoch in (1, 2):
        with pytest.raises(OSError, match="No space left"):
            checkpoints.save(model, Progress(epoch=epoch))
    monkeypatch.undo()
    assert [path.name for path in tmp_path.iterdir()] == ["epoch-0001"]
    assert (checkpoints.path(1) / "model.keras").read_bytes() == good
    assert checkpoints.progress(1).history == [{"loss": 1.0}]


def test_a_really_full_disk(make_model, tmp_path):
    """The same with the operating system's own limit, in a process that may write no file over 100 kB."""
    model, checkpoints = make_model(), Checkpoints(tmp_path)
    checkpoints.save(model, Progress(epoch=1, best_epoch=1))
    code = f"""
import resource, signal
from keras_s2s.training.checkpoint import Checkpoints, Progress
checkpoints = Checkpoints(__import__("pathlib").Path({str(tmp_path)!r}))
model = checkpoints.load(1)
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    checkpoints.save(model, Progress(epoch=2))
except OSError as error:
    print("refused:", error)
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=os.environ)
    assert "refused:" in result.stdout, result.stderr[-2000:]
    assert [path.name for path in tmp_path.iterdir()] == ["epoch-0001"]
    assert same(checkpoints.load(1).get_weights(), model.get_weights())


def test_checkpoints_that_are_not_a_runs_are_not_deleted(config, tmp_path):
    folder = tmp_path / "mine"
    (folder / "checkpoints").mkdir(parents=True)
    (folder / "config.toml").write_text("mine = true", encoding="utf-8")
    with pytest.raises(ValueError, match=r"has checkpoints but no data\.json.*remove them yourself"):
        run(config, folder, resume=False)
    assert {path.name for path in folder.iterdir()} == {".lock", "checkpoints", "config.toml"}


@pytest.mark.parametrize("name", ["tensorboard", "log.csv", "source.model"])
def test_files_of_no_run_are_not_deleted(config, tmp_path, name):
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / name).mkdir() if name == "tensorboard" else (folder / name).touch()
    with pytest.raises(ValueError, match=f"has {name} but no config.toml and no data.json"):
        run(config, folder, resume=False)
    assert (folder / name).exists()


def test_a_configuration_in_the_folder_keeps_its_comments(config, tmp_path):
    config, path = with_training(config, epochs=1), tmp_path / "run" / "config.toml"
    path.parent.mkdir()
    written = "# mine\n" + dump_config(config)
    path.write_text(written, encoding="utf-8")
    with pytest.raises(ValueError, match=r"config\.toml is of no run and says something else"):
        run(with_training(config, seed=5), path.parent)
    run(config, path.parent)
    assert path.read_text(encoding="utf-8") == written


def test_two_trainings_in_one_folder(config, tmp_path):
    code = f"""
import sys
from pathlib import Path
from keras_s2s.training.trainer import _alone_in
with _alone_in(Path({str(tmp_path)!r})):
    print("in", flush=True)
    sys.stdin.read()
"""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", code], **pipes) as first:
        assert first.stdout.readline() == "in\n"
        with pytest.raises(ValueError, match="another process trains in"):
            run(config, tmp_path)
        first.communicate("")
    assert first.returncode == 0
    run(with_training(config, epochs=1), tmp_path)


def test_the_bar_goes_when_training_is_interrupted():
    console = Console(file=io.StringIO(), force_terminal=True)
    bar = ProgressBar(10, 3, 1, console)
    with pytest.raises(KeyboardInterrupt), bar:
        raise KeyboardInterrupt
    # The cursor is shown after it was hidden.
    assert console.file.getvalue().rindex("\x1b[?25h") > console.file.getvalue().rindex("\x1b[?25l")


def test_tokenisers_of_no_checkpoint_are_learned_anew(config, tmp_path):
    """A run whose checkpoints were deleted has the vocabulary that it is told to have."""
    once = with_training(config, epochs=1)
    run(once, tmp_path)
    shutil.rmtree(tmp_path / "checkpoints")
    kinds = replace(once.model, source_tokenizer=replace(once.model.source_tokenizer, kind="char"))
    model, _ = run(replace(once, model=kinds), tmp_path)
    assert model.source_tokenizer.model != Tokenizer.from_file(tmp_path / "target.model").model
    assert not model.source_tokenizer.writes_words


def test_unfinished_checkpoints_are_cleared_away(tmp_path):
    (tmp_path / "epoch-0003.unfinished").mkdir()
    assert Checkpoints(tmp_path).epochs() == []
    assert list(tmp_path.iterdir()) == []


def test_the_latest_and_the_best_checkpoints_stay(make_model, tmp_path):
    model, checkpoints = make_model(), Checkpoints(tmp_path, keep=2)
    callback = SaveCheckpoint("val_bleu", checkpoints, Progress())
    callback.set_model(model)
    for epoch, bleu in enumerate([5.0, 9.0, 7.0, 8.0, 6.0]):
        callback.on_epoch_end(epoch, {"val_bleu": bleu, "val_accuracy": epoch})
    assert checkpoints.epochs() == [2, 4, 5]
    assert json.loads((tmp_path / "epoch-0005" / "progress.json").read_text())["best_epoch"] == 2


def test_averaging_takes_the_mean_of_the_latest(make_model, tmp_path):
    checkpoints = Checkpoints(tmp_path, keep=2)
    models = [make_model(seed=seed) for seed in (1, 2, 3)]
    for epoch, model in enumerate(models, start=1):
        checkpoints.save(model, Progress(epoch=epoch))
    average = make_model(seed=4)
    checkpoints.average(average)
    for mean, a, b in zip(*(m.get_weights() for m in (average, *models[1:])), strict=True):
        assert mean == pytest.approx((a + b) / 2)


def test_the_progress_bar_counts_tokens(monkeypatch):
    console = Console(file=io.StringIO(), width=200)
    bar = ProgressBar(tokens_per_step=50.0, steps=4, epochs=2, console=console)
    clock = iter([0.0, 2.0, 9.0])
    monkeypatch.setattr("keras_s2s.training.callbacks.time.perf_counter", lambda: next(clock))
    with bar:
        bar.on_epoch_begin(0)
        for step in range(4):
            bar.on_train_batch_end(step, {"loss": 1.0})
        bar.on_test_begin()
        logs = {"loss": 1.0, "val_bleu": 12.5}
        bar.on_epoch_end(0, logs)
    assert logs["tokens_per_second"] == 4 * 50.0 / 2.0
    assert "epoch 1/2 · loss 1.000 · BLEU 12.5 · 100 tokens/s · 2 s" in console.file.getvalue()


def test_a_terminal_shows_the_time_left(monkeypatch):
    console = Console(file=io.StringIO(), width=200, force_terminal=True)
    bar = ProgressBar(tokens_per_step=50.0, steps=100, epochs=1, console=console)
    with bar:
        bar.on_epoch_begin(0)
        for step in range(50):
            time.sleep(0.01)
            bar.on_train_batch_end(step, {"loss": 1.0})
        bar._bar.refresh()
    shown = console.file.getvalue()
    assert "50/100 steps" in shown
    assert re.search(r"tokens/s · loss 1\.000.*0:00:0[01]", shown)


def test_open_splits(tmp_path):
    rows = [Pair(f"source {i}", f"target {i}") for i in range(60)]
    path = tmp_path / "all.tsv"
    path.write_text("".join(f"{p.source}\t{p.target}\n" for p in rows))
    splits = open_splits(DataConfig(train=str(path), valid_size=5, test_size=7))
    assert [len(list(part)) for part in (splits.train, splits.valid, splits.test)] == [48, 5, 7]
    with pytest.raises(ValueError, match="nothing to train on"):
        open_splits(DataConfig())
    with pytest.raises(FileNotFoundError):
        open_splits(DataConfig(train=str(tmp_path / "absent.tsv")))
    before = identity(DataConfig(train=str(path)))
    path.write_text(path.read_text() + "one\tmore\n")
    assert identity(DataConfig(train=str(path))) != before
