import json
import warnings
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import pytest

from keras_s2s import Pair, read_pairs
from keras_s2s.cli import build
from keras_s2s.cli.main import run
from keras_s2s.cli.recipes import Recipe
from keras_s2s.config import RunConfig, SearchConfig, load_config
from keras_s2s.data.tokenizer import Tokenizer
from keras_s2s.whole_file import sha256_of

CONFIGS = Path(__file__).parents[2] / "configs"


def test_build_leaves_everything_in_one_folder(invoke, training, model, pairs_file, tmp_path):
    folder = tmp_path / "out"
    text = invoke("build", pairs_file, "-o", folder, "--epochs", 3, "--set", "model.units=64").stdout
    (call,) = training
    assert (call.folder, call.resume) == (folder, True)
    assert call.config.data.train == str(folder / "train.tsv")
    assert call.config.training.epochs == 3
    assert call.config.model.units == 64
    evaluation = json.loads((folder / "evaluation.json").read_text(encoding="utf-8"))
    assert (evaluation["exact_match"], evaluation["model_sha256"]) == (0, sha256_of(folder / "model.keras"))
    for part in ("60 rows", "BLEU", "→", "keras-s2s translate --model", f"serve {folder / 'saved_model'} --name out"):
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


def test_building_again_writes_the_same_splits(invoke, training, pairs_file, tmp_path):
    def build_and_look():
        invoke("build", pairs_file, "-o", tmp_path / "out")
        return {path.name: path.read_bytes() for path in (tmp_path / "out").glob("*.tsv")}

    first = build_and_look()
    assert set(first) == {"train.tsv", "valid.tsv", "test.tsv"}
    assert build_and_look() == first
    with pairs_file.open("a", encoding="utf-8") as stream:
        stream.writelines(f"new {i}\tnuevo {i}\n" for i in range(60))
    assert build_and_look()["train.tsv"] != first["train.tsv"]
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        *first,
        *("data.json", "evaluation.json", "model.keras"),
    }


def test_other_pairs_leave_a_run_as_it_is(invoke, fail, training, pairs_file, tmp_path):
    folder = tmp_path / "out"
    invoke("build", pairs_file, "-o", folder)
    (folder / "checkpoints").mkdir()
    before = {path: path.read_bytes() for path in folder.glob("*.tsv")}
    invoke("build", pairs_file, "-o", folder)
    with pairs_file.open("a", encoding="utf-8") as stream:
        stream.writelines(f"new {i}\tnuevo {i}\n" for i in range(60))
    message = fail("build", pairs_file, "-o", folder)[0]
    assert f"{folder} holds a run on other pairs (train.tsv" in message
    assert {path: path.read_bytes() for path in folder.glob("*.tsv")} == before
    invoke("build", pairs_file, "-o", folder, "--no-resume")
    assert (folder / "train.tsv").read_bytes() != before[folder / "train.tsv"]


def test_settings_of_the_data_are_obeyed(invoke, training, tmp_path):
    path, folder = tmp_path / "named.tsv", tmp_path / "out"
    rows = [f"{n}\tnúmero {n % 40}\tnumber {n}" for n in range(100)]
    path.write_text("id\tes\ten\n" + "\n".join([*rows, "bad", "worse"]), encoding="utf-8")
    columns, share = ("--set", 'data.columns=["en", "es"]'), ("--set", "data.max_bad_share=0.02")
    sizes = ("--set", "data.valid_size=7", "--set", "data.test_size=5", "--set", "data.split_by_target=false")
    text = invoke("build", path, "-o", folder, *columns, *share, *sizes).stdout
    assert "102 rows" in text
    parts = {part: list(read_pairs(folder / f"{part}.tsv")) for part in build.PARTS}
    assert {part: len(pairs) for part, pairs in parts.items()} == {"train": 88, "valid": 7, "test": 5}
    assert all(pair.source.startswith("number ") for pair in parts["train"])
    data = training[0].config.data
    assert (data.columns, data.max_bad_share, data.split_by_target) == (None, 0.02, False)


def test_options_are_settings_by_another_name(invoke, training, pairs_file, tmp_path):
    invoke("build", pairs_file, "-o", tmp_path / "out", "--columns", "1,0", "--no-split-by-target")
    assert not training[0].config.data.split_by_target
    assert all(pair.source.startswith("el ") for pair in read_pairs(tmp_path / "out" / "train.tsv"))


def test_what_might_suit_the_pairs_better_is_told(invoke, training, pairs_file, make_model, tmp_path):
    def hints(name, *options):
        lines = invoke("build", pairs_file, "-o", tmp_path / name, *options).stderr.splitlines()
        return [line.partition(":")[0].partition(",")[0] for line in lines if line.startswith("for ")]

    assert hints("plain") == ["for spellings", "for sentences"]
    assert hints("recipe", "--recipe", "attention") == ["for spellings"]
    assert hints("characters", "--recipe", "pronounce") == []
    make_model(units=6).save(tmp_path / "start.keras")
    assert hints("tuned", "--start-from", tmp_path / "start.keras") == []  # nothing to choose


def test_a_model_to_start_from_brings_its_own_network_and_tokenisers(
    invoke, fail, training, pairs_file, make_model, tmp_path
):
    start = make_model(units=6)
    start.save(tmp_path / "start.keras")
    invoke("build", pairs_file, "-o", tmp_path / "out", "--start-from", tmp_path / "start.keras")
    assert training[0].config.model == start.config
    assert training[0].config.training.start_from == str(tmp_path / "start.keras")
    assert "absent.keras: no such model file" in fail("build", pairs_file, "--start-from", "absent.keras")[0]
    options = ("--start-from", tmp_path / "start.keras", "--set", "model.units=8")
    assert "leave [model] out" in fail("build", pairs_file, "-o", tmp_path / "other", *options)[0]
    assert len(training) == 1


@pytest.mark.parametrize("recipe", list(Recipe))
def test_a_recipe_is_followed_but_for_its_pairs(invoke, fail, training, pairs_file, tmp_path, recipe):
    invoke("build", pairs_file, "-o", tmp_path / "out", "--recipe", recipe, "--set", "training.epochs=2")
    config, own = training[0].config, load_config(CONFIGS / f"{recipe}.toml")
    assert config.training == replace(own.training, epochs=2, batch_tokens=None, buckets=None)  # by these pairs
    assert config.search == own.search
    tokenizers = {"source_tokenizer": own.model.source_tokenizer, "target_tokenizer": own.model.target_tokenizer}
    assert replace(config.model, **tokenizers) == own.model  # but for vocabularies, which few pairs make smaller
    assert (config.data.name, config.data.also) == (None, ())
    assert config.data.train == str(tmp_path / "out" / "train.tsv")
    assert config.data.split_by_target == own.data.split_by_target
    options = ("--recipe", recipe, "--start-from", "some.keras")
    assert "leave out one of them" in fail("build", pairs_file, "-o", tmp_path / "other", *options)[0]


def test_a_file_to_tune_on_is_kept_out_of_training(invoke, training, pairs_file, tmp_path):
    valid, folder = tmp_path / "valid.tsv", tmp_path / "out"
    valid.write_text("The cat a!\tel cat a x\nThe cat a!\tel cat a x\nbad\n", encoding="utf-8")
    settings = ("--set", f"data.valid={valid}", "--set", "data.max_bad_share=0.4")
    result = invoke("build", pairs_file, "-o", folder, *settings)
    parts = {part: list(read_pairs(folder / f"{part}.tsv", deduplicate=False)) for part in build.PARTS}
    assert len(parts["valid"]) == 2
    assert Pair("the cat a", "el cat a x") not in [*parts["train"], *parts["test"]]
    assert len(parts["train"]) + len(parts["test"]) == 59
    assert "valid.tsv:3 (found 1 column)" in result.stderr
    assert "1 by source" in result.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--set", "data.colums=[0, 1]"), "--set: unknown key 'data.colums', did you mean 'columns'?"),
        (("--set", "training.epochs=many"), "--set: training.epochs: "),
        (("--set", "data.train=x.tsv"), "--set data.train: build divides "),
        (("--set", "data.name=phrasebook-en-es"), "--set data.name: build divides "),
        (("--set", "data.valid_size=70"), "Give a smaller --set data.valid_size=N and data.test_size=N"),
        (("--columns", "0,1,2,3"), "--columns (0, 1, 2, 3) with format"),
        (("--format", "xls"), "Unknown format 'xls'"),
        (("--set", "search.method=sample"), "search.method: a sample cannot be exported"),
    ],
)
def test_wrong_settings_name_what_was_typed(fail, training, pairs_file, tmp_path, options, message):
    line, code = fail("build", pairs_file, "-o", tmp_path / "out", *options)
    assert message in line
    assert code == 1
    assert not training


def test_labels_are_refused_with_the_option_that_mends_it(fail, training, tmp_path):
    path = tmp_path / "labels.tsv"
    path.write_text("".join(f"word {n}\tsame\n" for n in range(60)), encoding="utf-8")
    assert "pass --no-split-by-target;" in fail("build", path, "-o", tmp_path / "out")[0]


def test_a_warning_names_the_option_too(training, tmp_path, monkeypatch, capsys):
    path = tmp_path / "labels.tsv"
    path.write_text("".join(f"word {n}\tlabel {n % 30}\n" for n in range(90)), encoding="utf-8")
    shown = []
    monkeypatch.setattr("keras_s2s.cli.main.show_warning", lambda message, *rest, **more: shown.append(message))
    monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        with pytest.raises(SystemExit) as stop:
            run(["build", str(path), "-o", str(tmp_path / "out")])
    assert stop.value.code == 0
    assert any("training pairs were dropped" in text and "--no-split-by-target" in text for text in shown)


def test_masks_travel_along(tmp_path):
    pairs = [Pair("ab", "cd", "10"), Pair("e", "f")]
    build._write_parts({"valid.tsv": pairs}, tmp_path)
    assert list(read_pairs(tmp_path / "valid.tsv")) == pairs


@pytest.mark.parametrize("resume", ["--resume", "--no-resume"])
@pytest.mark.parametrize("name", ["train.tsv", "valid.tsv"])
def test_files_that_are_no_runs_are_not_overwritten(fail, training, pairs_file, tmp_path, name, resume):
    """Their own file, or gold beside it, where the folder of the data is named as that of the result."""
    folder = tmp_path / "data"
    folder.mkdir()
    content = pairs_file.read_bytes()
    (folder / name).write_bytes(content)
    message, _ = fail("build", folder / name, "-o", folder, resume)
    assert f"no run that they are of: {name}; choose another folder with --output" in message
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {name: content}
    assert not training


def test_further_files_are_read_as_the_first_is(invoke, training, pairs_file, tmp_path):
    also, folder = tmp_path / "more.tsv", tmp_path / "out"
    also.write_text("más\tmore\n", encoding="utf-8")
    invoke("build", pairs_file, "-o", folder, "--columns", "1,0", "--set", f'data.also=["{also}"]')
    assert training[0].config.data.also == (str(folder / "also-1.tsv"),)
    assert list(read_pairs(folder / "also-1.tsv")) == [Pair("more", "más")]


def test_what_cannot_be_scored_takes_no_part(make_model, capsys):
    model = make_model(max_source_length=4)
    pairs = [Pair("let's go now", "vamos ir ir"), Pair("to go", "ir"), Pair("to go to go", "ir ir ir ir")]
    assert build._fitting(model, pairs) == pairs
    model.search = SearchConfig(match_length=True)
    assert build._fitting(model, pairs) == pairs[:1]
    assert "2 of 3 test pairs are longer" in capsys.readouterr().err


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
    result = invoke("build", pairs_file, "-o", tmp_path / "out", "--set", "model.source_tokenizer.vocabulary_size=30")
    assert "tokenisers: source unigram, 30; target unigram, " in result.stdout
    assert "model.source_tokenizer.kind=char" in result.stderr
    assert training[0].config.model.source_tokenizer.vocabulary_size == 30


def test_the_demo(invoke, training, model, tmp_path, monkeypatch):
    test = [Pair(f"sentence {i}", f"SENTENCE {i}") for i in range(20)] + [Pair("odd", "raro")]
    splits = type("Splits", (), {"test": test})
    monkeypatch.setattr("keras_s2s.data.datasets.load_dataset", lambda name: splits)
    model.answers = {"Let's go!": "¡Vamos!", "let's go": "vamos"}
    text = invoke("demo", "-o", tmp_path / "out", "--set", "training.epochs=1").stdout
    (call,) = training
    assert (call.config.data.name, call.config.training.epochs, call.resume) == ("phrasebook-en-es", 1, True)
    for part in ("SENTENCE 0", "21 unseen sentences: 95.2%", '"Let\'s go!"', '→ "¡Vamos!"', '→ "vamos"'):
        assert part in text


def test_the_demos_configuration_is_valid():
    assert load_config(str(files("keras_s2s.cli") / "demo.toml")).model.layers == 2
