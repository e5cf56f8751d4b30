import sys
from pathlib import Path

import pytest

from keras_s2s import read_pairs
from keras_s2s.cli.train import parse_settings


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "small.toml"
    path.write_text('[data]\nname = "tatoeba-en-es"\n[training]\nepochs = 9\n', encoding="utf-8")
    return path


def test_the_configuration_reaches_the_trainer(invoke, training, file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    invoke("train", file)
    (call,) = training
    assert call.config.training.epochs == 9
    assert (call.folder, call.resume) == (Path("runs/small"), True)


def test_options(invoke, training, file, tmp_path):
    invoke(
        *("train", file, "--output", tmp_path / "run", "--no-resume", "--data", tmp_path),
        *(
            "--set",
            "training.epochs=2",
            "--set",
            "model.reverse_source=true",
            "--set",
            "training.decay=constant",
        ),
    )
    (call,) = training
    assert (call.folder, call.resume) == (tmp_path / "run", False)
    assert call.config.training.epochs == 2
    assert call.config.training.decay == "constant"
    assert call.config.model.reverse_source
    assert call.data_folder == tmp_path


def test_settings_are_toml_values_or_text():
    settings = ["a.b=3", "a.c = 2e-3", "a.d=true", "a.e=beam", 'a.f="x=y"', "a.g=x=y"]
    assert parse_settings(settings) == {
        "a.b": 3,
        "a.c": 0.002,
        "a.d": True,
        "a.e": "beam",
        "a.f": "x=y",
        "a.g": "x=y",
    }
    assert parse_settings(None) == {}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--set", "training.epochs"), "expected KEY=VALUE"),
        (("--set", "training.epoch=3"), "did you mean 'epochs'?"),
        (("--set", "training.epochs=many"), "training.epochs"),
    ],
)
def test_wrong_settings(fail, training, file, options, message):
    line, code = fail("train", file, *options)
    assert message in line
    assert code == 1
    assert not training


def test_errors_name_the_configurations_keys(fail, training, file, tmp_path, monkeypatch):
    bad = tmp_path / "bad.tsv"
    bad.write_text("one column\n", encoding="utf-8")

    def read(config, *_, **__):
        for _pair in read_pairs(bad):
            pass

    monkeypatch.setattr(sys.modules["keras_s2s.training.trainer"], "train", read)
    line, _ = fail("train", file)
    assert "Mend these rows, or choose the right data.columns, or accept more with data.max_bad_share = SHARE." in line


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[training]\nepoch = 3\n", "did you mean 'epochs'?"),
        ("[training]\nepochs = 'three'\n", "training.epochs"),
        ("[training\n", "not a TOML file"),
    ],
)
def test_wrong_files(fail, training, tmp_path, text, message):
    path = tmp_path / "wrong.toml"
    path.write_text(text, encoding="utf-8")
    assert message in fail("train", path)[0]
