import json
from importlib.resources import files

import pytest

from keras_s2s import Pair, read_pairs
from keras_s2s.cli import build
from keras_s2s.config import RunConfig, load_config
from keras_s2s.data.tokenizer import Tokenizer


def test_build_leaves_everything_in_one_folder(invoke, training, model, pairs_file, tmp_path):
    folder = tmp_path / "out"
    text = invoke("build", pairs_file, "-o", folder, "--epochs", 3, "--set", "model.units=64").stdout
    (call,) = training
    assert (call.folder, call.resume) == (folder, True)
    assert call.config.data.train == str(folder / "train.tsv")
    assert call.config.training.epochs == 3
    assert call.config.model.units == 64
    assert json.loads((folder / "evaluation.json").read_text(encoding="utf-8"))["exact_match"] == 0
    for part in ("60 rows", "BLEU", "→", "keras-s2s translate --model"):
        assert part in text


def test_build_splits_without_a_leak(invoke, training, pairs_file, tmp_path):
    invoke("build", pairs_file, "-o", tmp_path / "out")
    parts = [set(read_pairs(tmp_path / "out" / f"{part}.tsv")) for part in build.PARTS]
    assert set.union(*parts) == set(read_pairs(pairs_file))
    assert sum(map(len, parts)) == 60
    assert all(parts)


def test_build_from_two_files_into_the_default_folder(invoke, training, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lines = [f"w{a} w{b}" for a in range(6) for b in range(6)]
    (tmp_path / "in.en.txt").write_text("\n".join(lines), encoding="utf-8")
    (tmp_path / "in.es.txt").write_text("\n".join(line.upper() for line in lines), encoding="utf-8")
    invoke("build", "in.en.txt", "in.es.txt")
    assert str(training[0].folder) == "runs/in"


def test_building_again_leaves_unchanged_splits_alone(invoke, training, pairs_file, tmp_path):
    def build_and_look():
        invoke("build", pairs_file, "-o", tmp_path / "out")
        return {path.name: path.stat().st_mtime_ns for path in (tmp_path / "out").glob("*.tsv")}

    first = build_and_look()
    assert set(first) == {"train.tsv", "valid.tsv", "test.tsv"}
    assert build_and_look() == first
    with pairs_file.open("a", encoding="utf-8") as stream:
        stream.writelines(f"new {i}\tnuevo {i}\n" for i in range(60))
    assert build_and_look()["train.tsv"] != first["train.tsv"]
    assert not list((tmp_path / "out").glob("*.unfinished"))


def test_masks_travel_along(tmp_path):
    class Splits:
        train = valid = test = (Pair("ab", "cd", "10"), Pair("e", "f"))

    build._write_splits(Splits, tmp_path)
    assert list(read_pairs(tmp_path / "valid.tsv")) == list(Splits.train)


@pytest.mark.parametrize("count", [6, 60])
def test_a_small_file_gets_vocabularies_that_it_has_text_for(invoke, training, pairs_file, tmp_path, count):
    lines = pairs_file.read_text(encoding="utf-8").splitlines()[:count]
    pairs_file.write_text("\n".join(lines), encoding="utf-8")
    invoke("build", pairs_file, "-o", tmp_path / "out")
    config = training[0].config.model
    train = list(read_pairs(tmp_path / "out" / "train.tsv"))
    for column, side in enumerate((config.source_tokenizer, config.target_tokenizer)):
        assert side.vocabulary_size < RunConfig().model.source_tokenizer.vocabulary_size
        assert len(Tokenizer.train([pair[column] for pair in train], side)) == side.vocabulary_size


def test_a_vocabulary_that_was_asked_for_is_kept(invoke, training, pairs_file, tmp_path):
    invoke("build", pairs_file, "-o", tmp_path / "out", "--set", "model.source_tokenizer.vocabulary_size=30")
    assert training[0].config.model.source_tokenizer.vocabulary_size == 30


def test_the_demo(invoke, training, model, tmp_path, monkeypatch):
    test = [Pair(f"sentence {i}", f"SENTENCE {i}") for i in range(20)] + [Pair("odd", "raro")]
    splits = type("Splits", (), {"test": test})
    monkeypatch.setattr("keras_s2s.data.datasets.load_dataset", lambda name: splits)
    model.answers = {"Let's go!": "¡Vamos!", "let's go": "vamos"}
    text = invoke("demo", "-o", tmp_path / "out", "--set", "training.epochs=1").stdout
    (call,) = training
    assert (call.config.data.name, call.config.training.epochs, call.resume) == ("phrasebook-en-es", 1, False)
    for part in ("SENTENCE 0", "21 unseen sentences: 95.2%", '"Let\'s go!"', '→ "¡Vamos!"', '→ "vamos"'):
        assert part in text


def test_the_demos_configuration_is_valid():
    assert load_config(str(files("keras_s2s.cli") / "demo.toml")).model.layers == 2
