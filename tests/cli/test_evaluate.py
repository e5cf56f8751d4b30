import json
from pathlib import Path

import pytest

from keras_s2s.config import SearchConfig

PAIRS = "hello\tHELLO\nbye now\tadiós ahora\n"


@pytest.fixture(autouse=True)
def model_files(tmp_path_factory, monkeypatch):
    """Files in place of models: their hash is in the signature."""
    monkeypatch.chdir(tmp_path_factory.mktemp("models"))
    for name in ("any.keras", "m.keras"):
        Path(name).write_text(name)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "test.tsv"
    path.write_text(PAIRS, encoding="utf-8")
    return path


def test_a_table(invoke, model, file):
    text = invoke("evaluate", "any.keras", file, env={"COLUMNS": "200"}).stdout
    for part in ("2 sentences", "BLEU", "chrF2", "50.0%", "length ratio", "model: sha256", "greedy", "test.tsv"):
        assert part in text


def test_json_to_a_file_and_to_standard_output(invoke, model, file, tmp_path):
    written = tmp_path / "figures.json"
    assert "BLEU" in invoke("evaluate", "any.keras", file, "--json", written).stdout
    to_file = json.loads(written.read_text(encoding="utf-8"))
    printed = json.loads(invoke("evaluate", "any.keras", file, "--json", "-").stdout)
    assert printed["exact_match"] == to_file["exact_match"] == 0.5
    assert printed["signature"] == to_file["signature"]


def test_the_search_is_used_and_stands_in_the_signature(invoke, model, file):
    printed = invoke("evaluate", "any.keras", file, "--beam", 3, "--json", "-").stdout
    assert model.search == SearchConfig(method="beam", beam_size=3)
    assert "search: beam beam_size=3 length_penalty=1.0" in json.loads(printed)["signature"]


def test_error_rates(invoke, model, file):
    printed = invoke("evaluate", "any.keras", file, "--measure", "error_rates", "--json", "-").stdout
    assert json.loads(printed)["error_rates"]["sequence_error_rate"] == 0.5


def test_a_named_data_set_and_a_limit(invoke, model, tmp_path):
    folder = tmp_path / "tatoeba-en-es"
    folder.mkdir()
    for name in ("train", "valid", "devtest"):
        (folder / f"{name}.tsv").write_text(PAIRS, encoding="utf-8")
    options = ("--data", tmp_path, "--limit", 1, "--split", "valid", "--json", "-")
    figures = json.loads(invoke("evaluate", "any.keras", "tatoeba-en-es", *options).stdout)
    assert figures["sentences"] == 1
    assert "data: tatoeba-en-es valid, 1 sentences, sha256" in figures["signature"]


def test_bad_rows_are_shown_and_repeated_ones_count(invoke, model, tmp_path):
    path = tmp_path / "test.tsv"
    path.write_text("hello\tHELLO\n" * 150 + "one column\n", encoding="utf-8")
    result = invoke("evaluate", "m.keras", path, "--json", "-")
    assert json.loads(result.stdout)["sentences"] == 150
    for part in ("151 rows", "dropped: wrong number of columns", "test.tsv:151 (found 1 column)"):
        assert part in result.stderr


def test_a_clean_file_needs_no_report(invoke, model, file):
    assert "rows" not in invoke("evaluate", "m.keras", file).stderr


def test_a_limit_does_not_hide_bad_rows(invoke, fail, model, tmp_path):
    path = tmp_path / "test.tsv"
    path.write_text("hello\tHELLO\nbye\tBYE\n" + "one column\n" * 3, encoding="utf-8")
    line, code = fail("evaluate", "m.keras", path, "--limit", 1)
    assert code == 1
    assert "3 of 5 rows are bad" in line
    assert "--max-bad-share" in line
    figures = invoke("evaluate", "m.keras", path, "--limit", 1, "--max-bad-share", 0.6, "--json", "-").stdout
    assert json.loads(figures)["sentences"] == 1


def test_a_division_that_left_pairs_out_is_shown(invoke, model, monkeypatch):
    from keras_s2s.data.corpus import Pair
    from keras_s2s.data.splits import split_pairs

    splits = split_pairs([Pair(f"w{n}", f"t{n % 9}") for n in range(40)], valid=5, test=9)
    monkeypatch.setattr("keras_s2s.data.datasets.load_dataset", lambda name, folder: splits)
    assert splits.report.test_dropped
    assert "40 distinct sources" in invoke("evaluate", "m.keras", "tatoeba-en-es").stderr


def test_several_right_answers(invoke, model, tmp_path):
    path = tmp_path / "many.tsv"
    path.write_text("hi\thola\nhi\tHI\n", encoding="utf-8")
    figures = json.loads(invoke("evaluate", "m.keras", path, "--group-references", "--json", "-").stdout)
    assert (figures["sentences"], figures["exact_match"]) == (1, 1)


@pytest.fixture
def chains(tmp_path):
    path = tmp_path / "chains.tsv"
    path.write_text("acd\tACE\t110\nef\tEE\n", encoding="utf-8")
    return path


def test_the_measure_follows_the_models_search(invoke, model, chains):
    model.search = SearchConfig(match_length=True)
    figures = json.loads(invoke("evaluate", "m.keras", chains, "--json", "-").stdout)
    assert figures["labels"]["accuracy"] == 3 / 4  # AC of ACD, the D masked; E of EF
    assert "bleu" not in figures
    text = invoke("evaluate", "m.keras", chains, env={"COLUMNS": "200"}).stdout
    assert "75.0%" in text
    assert "BLEU" not in text
    assert "bleu" in json.loads(invoke("evaluate", "m.keras", chains, "--measure", "translation", "--json", "-").stdout)


def test_the_measure_can_be_chosen(invoke, model, chains):
    figures = json.loads(invoke("evaluate", "m.keras", chains, "--measure", "labels", "--json", "-").stdout)
    assert figures["labels"]["masked"] == 1


def test_neither_file_nor_data_set(fail, model):
    line, code = fail("evaluate", "any.keras", "phrasebok")
    assert line.startswith("phrasebok: neither a file nor a data set (phrasebook-en-es")
    assert code == 1


def test_a_wrong_split(fail, model):
    assert "expected train, valid or test" in fail("evaluate", "m.keras", "phrasebook-en-es", "--split", "dev")[0]


def test_a_missing_model(fail, file, tmp_path):
    assert fail("evaluate", tmp_path / "x.keras", file)[0] == f"{tmp_path / 'x.keras'}: no such model file"


def test_a_place_that_is_not_there_is_said_first(fail, model, file, tmp_path):
    line, _ = fail("evaluate", "any.keras", file, "--json", tmp_path / "none" / "figures.json")
    assert "there is no folder" in line
    assert not model.calls


def test_draws_go_by_the_place_among_all(invoke, model, file):
    invoke("evaluate", "any.keras", file, "--batch-size", 1)
    assert model.places == [0, 1]
