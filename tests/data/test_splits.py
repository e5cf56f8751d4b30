"""Division into splits: no leak, no loss, no dependence on the order of rows."""

import random
import subprocess
import sys
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_s2s.data.corpus import Pair, read_pairs
from keras_s2s.data.source_sample import HASH_SPACE, HashSample, near_key, stable_hash
from keras_s2s.data.splits import split_pairs

WORDS = [
    "go",
    "Go!",
    "GO",
    "stop",
    "stop.",
    "yes",
    "no",
    "1+2",
    "1-2",
    "¡Sí!",
    "sí",
    "?",
    "!?",
    "a  b",
    "a b",
]
PAIRS = st.lists(st.builds(Pair, st.sampled_from(WORDS), st.sampled_from(WORDS)), max_size=40)


def numbered(count):
    return [Pair(f"number {n}", f"número {n}") for n in range(count)]


def keys(pairs, side):
    return {near_key(getattr(pair, side)) for pair in pairs}


def attempt(pairs, **options):
    """The splits as lists and the report; None where there are too few pairs to split."""
    try:
        splits = split_pairs(pairs, **options)
        return list(splits.train), list(splits.valid), list(splits.test), splits.report
    except ValueError:
        return None


@pytest.mark.filterwarnings("ignore:.*training pairs were dropped")
@given(PAIRS, st.integers(0, 3), st.integers(0, 3), st.integers(0, 9), st.booleans())
def test_no_leak_no_loss(pairs, valid, test, seed, by_target):
    result = attempt(pairs, valid=valid, test=test, seed=seed, by_target=by_target)
    if result is None:
        return
    train, held, tested, report = result
    parts = (train, held, tested)
    for side in ("source", "target") if by_target else ("source",):
        sides = [keys(part, side) for part in parts]
        assert sum(map(len, sides)) == len(set().union(*sides))
    together = Counter(train) + Counter(held) + Counter(tested)
    assert together <= Counter(pairs)
    assert len(pairs) == together.total() + report.test_dropped + report.train_dropped
    assert (report.train, report.valid, report.test) == tuple(map(len, parts))
    assert len(keys(held, "source")) == valid
    if not by_target:
        assert len(keys(tested, "source")) == test
        assert report.test_dropped == report.train_dropped == 0


@pytest.mark.filterwarnings("ignore:.*training pairs were dropped")
@given(PAIRS, st.randoms(use_true_random=False))
def test_the_order_of_rows_decides_nothing(pairs, generator):
    shuffled = generator.sample(pairs, len(pairs))
    first, second = attempt(pairs, valid=2, test=0.2), attempt(shuffled, valid=2, test=0.2)
    if first is None or second is None:
        assert first is second
        return
    assert first[1:3] == second[1:3]
    assert Counter(first[0]) == Counter(second[0])


def test_the_choice_is_the_same_in_every_process():
    code = (
        "from keras_s2s.data.corpus import Pair; from keras_s2s.data.splits import split_pairs;"
        "pairs = [Pair(str(n), str(n)) for n in range(100)];"
        "print([pair.source for pair in split_pairs(pairs, valid=3, test=0).valid])"
    )
    here = [pair.source for pair in split_pairs([Pair(str(n), str(n)) for n in range(100)], valid=3, test=0).valid]
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == str(here) == "['95', '74', '41']"


def test_default_sizes_and_shares():
    splits = split_pairs(numbered(1_000))
    assert (len(splits.valid), len(splits.test), len(list(splits.train))) == (50, 50, 900)
    splits = split_pairs(numbered(50_000))
    assert (len(splits.valid), len(splits.test)) == (2_000, 2_000)
    splits = split_pairs(numbered(1_000), valid=0.2, test=0)
    assert (len(splits.valid), len(splits.test)) == (200, 0)


def test_train_is_a_stream_that_can_be_read_again():
    splits = split_pairs(numbered(100), valid=5, test=5)
    assert splits.report.train is None
    assert "not counted yet" in str(splits.report)
    assert list(splits.train) == list(splits.train)
    assert splits.report.train == 90
    assert "90 (0 dropped by target)" in str(splits.report)


def test_seeds_differ_and_valid_does_not_depend_on_test():
    pairs = numbered(1_000)
    assert split_pairs(pairs, seed=1).valid != split_pairs(pairs, seed=2).valid
    assert split_pairs(pairs, valid=10, test=0).valid == split_pairs(pairs, valid=10, test=20).valid


def test_variants_of_a_source_go_together():
    pairs = [*numbered(50), *[Pair(f"NUMBER, {n}!", f"cifra {n}") for n in range(50)]]
    splits = split_pairs(pairs, valid=5, test=5)
    assert (len(splits.valid), len(splits.test), splits.report.distinct_sources) == (10, 10, 50)


def test_repeated_targets_leave_train_and_are_reported():
    pairs = [Pair(f"word {n}", f"class {n % 20}") for n in range(1_000)]
    splits = split_pairs(pairs, valid=2, test=2, seed=3)
    with pytest.warns(UserWarning, match="by_target=False"):
        train = list(splits.train)
    assert keys(train, "target").isdisjoint(keys([*splits.valid, *splits.test], "target"))
    assert splits.report.train_dropped > 100
    assert len(list(split_pairs(pairs, valid=2, test=2, by_target=False).train)) == 996


def test_a_task_with_one_target_for_all_is_refused_with_the_way_out():
    pairs = [Pair(f"word {n}", "same") for n in range(100)]
    with pytest.raises(ValueError, match="by_target=False"):
        split_pairs(pairs, valid=2, test=2)
    with pytest.raises(ValueError, match=r"No pair is left for training.*by_target=False"):
        list(split_pairs(pairs, valid=2, test=0).train)


@pytest.mark.filterwarnings("ignore:.*training pairs were dropped")
@given(PAIRS, PAIRS, st.integers(0, 2), st.integers(0, 2), st.booleans())
def test_what_is_held_out_already_leaks_nowhere(pairs, held_out, valid, test, by_target):
    result = attempt(pairs, valid=valid, test=test, by_target=by_target, held_out=held_out)
    if result is None:
        return
    train, *parts, report = result
    for side in ("source", "target") if by_target else ("source",):
        sides = [keys(part, side) for part in (train, *parts, held_out)]
        assert sum(map(len, sides)) == len(set().union(*sides))
    if not parts[0] and not parts[1]:
        assert len(pairs) == len(train) + report.train_shared + report.train_dropped
        assert report.train_shared == sum(near_key(pair.source) in keys(held_out, "source") for pair in pairs)


def test_what_is_held_out_already_is_reported():
    held_out = [Pair("NUMBER, 3!", "other"), Pair("other", "número 7")]
    splits = split_pairs(numbered(100), valid=0, test=5, held_out=held_out)
    assert len(list(splits.train)) == 93
    assert (splits.report.train_shared, splits.report.train_dropped, splits.report.dropped) == (1, 1, 2)
    assert "93 (1 dropped by target, 1 by source)" in str(splits.report)
    splits = split_pairs(numbered(100), valid=0, test=5, held_out=held_out, by_target=False)
    assert len(list(splits.train)) == 94
    pairs = [*numbered(3), Pair("one", "same"), Pair("another", "same")]
    with pytest.raises(ValueError, match="1 have their target in valid or test, 3 their source"):
        list(split_pairs(pairs, valid=0, test=1, held_out=numbered(3)).train)
    with pytest.raises(ValueError, match="0 distinct sources that are not held out already cannot give"):
        split_pairs(numbered(3), valid=0, test=1, held_out=numbered(3))


@pytest.mark.parametrize("count", [0, 1, 2])
def test_too_few_sources(count):
    with pytest.raises(ValueError, match=f"{count} distinct sources cannot give"):
        split_pairs(numbered(count))
    with pytest.raises(ValueError, match="50 distinct sources cannot give 30 to valid, 20 to test"):
        split_pairs(numbered(50), valid=30, test=20)


@pytest.mark.parametrize("size", [-1, 1.0, -0.1, True, "5"])
def test_senseless_sizes(size):
    with pytest.raises(ValueError, match="expected a number of sources"):
        split_pairs(numbered(50), valid=size)


def test_a_generator_is_refused():
    with pytest.raises(TypeError, match="not a generator"):
        split_pairs(pair for pair in numbered(50))


def test_a_corpus_splits_itself(tmp_path):
    path = tmp_path / "a.tsv"
    path.write_text("".join(f"{p.source}\t{p.target}\n" for p in numbered(100)))
    corpus = read_pairs(path)
    assert corpus.split(valid=3, seed=7).valid == split_pairs(numbered(100), valid=3, seed=7).valid
    assert len(list(corpus.split(valid=3, test=2).train)) == 95


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("Let's  GO!", "let s go"),
        ("Straße", "strasse"),
        ("ＡＢ", "ab"),
        ("?!", "?!"),
        ("1+2", "1+2"),
        ("नि", "नि"),
    ],
)
def test_near_keys(text, key):
    assert near_key(text) == key


@given(
    st.lists(st.integers(0, HASH_SPACE - 1), max_size=200),
    st.integers(1, 50),
    st.randoms(use_true_random=False),
)
def test_a_sample_holds_the_smallest_whatever_the_order(values, capacity, generator):
    samples = []
    for order in (values, generator.sample(values, len(values))):
        sample = HashSample(capacity, floor=0)
        for value in order:
            sample.add(value)
        samples.append(sample)
    first, second = samples
    assert first.hashes == second.hashes == set(sorted(set(values))[: len(first.hashes)])
    assert first.distinct == second.distinct
    if len(set(values)) <= capacity:
        assert first.distinct == len(set(values))


def test_a_sample_estimates_and_respects_its_floor():
    hash_text = stable_hash(0)
    values = [hash_text(str(n)) for n in range(50_000)]
    random.Random(0).shuffle(values)
    small, wide = HashSample(1_000, floor=0), HashSample(1_000, floor=HASH_SPACE // 4)
    for value in values:
        small.add(value)
        wide.add(value)
    assert len(small.hashes) <= 1_000
    assert small.distinct == pytest.approx(50_000, rel=0.15)
    assert len(wide.hashes) == pytest.approx(12_500, rel=0.05)


@pytest.mark.needs_data
def test_real_pairs(data_folder):
    splits = read_pairs(data_folder / "tatoeba-en-es" / "train.tsv").split()
    train = list(splits.train)
    assert splits.report.valid >= 2_000
    assert splits.report.test > 1_500
    total = len(train) + len(splits.valid) + len(splits.test)
    assert total + splits.report.train_dropped + splits.report.test_dropped == 106_259
