"""From a data configuration to splits: files of one's own, alone and beside each other."""

import io

import pytest
from rich.console import Console

from keras_s2s.config import DataConfig, ModelConfig, RunConfig, SearchConfig, TokenizerConfig, TrainingConfig
from keras_s2s.data.corpus import Corpus, Pair
from keras_s2s.data.left_out import left_out
from keras_s2s.data.source_sample import near_key
from keras_s2s.training.data import identity, open_splits


@pytest.fixture
def write(tmp_path):
    """Write pairs into a file and return its path."""

    def write(name, pairs):
        path = tmp_path / f"{name}.tsv"
        path.write_text("".join(f"{pair.source}\t{pair.target}\n" for pair in pairs), encoding="utf-8")
        return str(path)

    return write


TRAIN = [Pair(f"source {n}", f"target {n}") for n in range(60)]
# As in train but for case and marks; with a new target; with a new source; twice the same.
GIVEN = [Pair("Source 3!", "new"), Pair("new", "Target, 4"), Pair("fresh", "fresco"), Pair("fresh", "fresco")]


def keys(pairs, side):
    return {near_key(getattr(pair, side)) for pair in pairs}


@pytest.mark.parametrize("part", ["valid", "test"])
def test_a_file_of_one_part_wastes_nothing_and_leaks_nothing(write, part):
    other = "test" if part == "valid" else "valid"
    config = DataConfig(train=write("train", TRAIN), valid_size=5, test_size=5, **{part: write(part, GIVEN)})
    splits = open_splits(config)
    given, split_off = list(getattr(splits, part)), list(getattr(splits, other))
    train = list(splits.train)
    assert given == GIVEN  # repeated rows too: each counts in a measurement
    assert len(split_off) == 5
    assert len(train) == len(TRAIN) - 5 - 2
    for side in ("source", "target"):
        assert keys(given, side).isdisjoint(keys([*train, *split_off], side))
    assert (splits.report.train_shared, splits.report.train_dropped) == (1, 1)


def test_targets_may_be_shared_where_they_repeat_by_nature(write):
    files = {"train": write("train", TRAIN), "valid": write("valid", GIVEN)}
    splits = open_splits(DataConfig(**files, test_size=5, split_by_target=False))
    assert len(list(splits.train)) == len(TRAIN) - 5 - 1


def test_a_division_of_ones_own_is_left_alone_but_counted(write):
    files = {"train": write("train", TRAIN), "valid": write("valid", GIVEN), "test": write("test", TRAIN[7:9])}
    splits = open_splits(DataConfig(**files))
    with pytest.warns(
        UserWarning, match="60 training pairs 3 have their source in valid or test and 1 more their targ"
    ):
        assert list(splits.train) == TRAIN
    assert (list(splits.valid), list(splits.test)) == (GIVEN, TRAIN[7:9])


def test_files_beside_a_data_set_are_trained_on_too(write, tmp_path):
    more = write("more", [Pair("three", "tres"), *GIVEN[:3], Pair("source 70", "TARGET 8.")])
    files = {
        "train": write("train", TRAIN[:50]),
        "valid": write("valid", TRAIN[50:]),
        "test": write("test", GIVEN[2:3]),
    }
    once, twice = (DataConfig(**files, also=(more,) * times) for times in (1, 2))
    added = [Pair("three", "tres"), *GIVEN[:2], Pair("source 70", "TARGET 8.")]
    assert list(open_splits(once).train) == TRAIN[:50] + added
    assert list(open_splits(twice).train) == TRAIN[:50] + added + added
    assert [*open_splits(once).valid, *open_splits(once).test] == [*TRAIN[50:], GIVEN[2]]
    before = identity(once)
    write("more", TRAIN)
    assert identity(once) != before
    with pytest.raises(FileNotFoundError):
        open_splits(DataConfig(**files, also=("absent.tsv",)))


def test_made_up_pairs_are_trained_on_but_where_they_are_held_out(write):
    pairs = [Pair(f"number {n}", f"número {n}") for n in range(10, 100)]  # all that there are of two digits
    files = {
        "train": write("train", pairs[:60]),
        "valid": write("valid", pairs[60:75]),
        "test": write("test", pairs[75:]),
    }
    splits = open_splits(DataConfig(**files, vary_names=2.0))
    train = list(splits.train)
    assert train[:60] == pairs[:60]
    assert 60 < len(train) < 180
    assert keys(train, "source") == keys(pairs[:60], "source")
    assert list(splits.train) == train


def test_what_is_left_out_of_further_files_is_told(write, tmp_path):
    more = write("more", [Pair("three", "tres"), Pair("three", "tres")])
    splits = open_splits(DataConfig(train=write("train", TRAIN), valid_size=5, test_size=5, also=(more,)))
    assert len(list(splits.train)) == 51
    (report,) = left_out((splits.train, splits.valid, splits.test))
    assert "more.tsv" in report


def test_rows_of_train_that_are_repeated_are_dropped(write):
    splits = open_splits(DataConfig(train=write("train", [*TRAIN, *TRAIN]), valid_size=5, test_size=5))
    assert len(list(splits.train)) == 50


def test_the_files_of_a_named_data_set_tell_its_identity_wherever_they_were_found(write, tmp_path, monkeypatch):
    config = DataConfig(name="tatoeba-en-es")
    for place in ("here", "there"):
        folder = tmp_path / place / "tatoeba-en-es"
        folder.mkdir(parents=True)
        for name in ("train", "valid", "devtest"):
            write(f"{place}/tatoeba-en-es/{name}", TRAIN)
    monkeypatch.setenv("KERAS_S2S_DATA", str(tmp_path / "there"))
    by_variable, by_folder = identity(config), identity(config, tmp_path / "here")
    assert isinstance(open_splits(config).train, Corpus)
    write("there/tatoeba-en-es/train", TRAIN[1:])
    assert identity(config) != by_variable
    assert identity(config, tmp_path / "here") == by_folder  # what is not read does not count


@pytest.mark.filterwarnings("ignore:.*training pairs were dropped")
def test_a_run_prints_what_was_left_out(write, tmp_path):
    from keras_s2s.training.trainer import train

    rows = [Pair(f"source {n}", f"target {n % 30}") for n in range(60)]
    path = write("train", [*rows, rows[0], Pair("no target", "")])
    words = TokenizerConfig(kind="word", vocabulary_size=30)
    config = RunConfig(
        data=DataConfig(train=path, valid_size=4, test_size=4, max_bad_share=0.1),
        model=ModelConfig(source_tokenizer=words, target_tokenizer=words, units=4, embedding=4, layers=1),
        training=TrainingConfig(epochs=1, steps_per_epoch=1, jit_compile=False, tensorboard=False, samples=0),
        search=SearchConfig(max_length=3),
    )
    console = Console(file=io.StringIO(), width=200)
    train(config, tmp_path / "run", console=console)
    printed = console.file.getvalue()
    for part in ("train.tsv: 62 rows", "dropped: duplicate pair", "empty source or target", "dropped by target"):
        assert part in printed
