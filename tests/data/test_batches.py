"""Batches: every pair once, few shapes, and nothing but seed, epoch and step decides."""

import keras
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from keras_s2s.config import ModelConfig, TokenizerConfig
from keras_s2s.data import batches as layout
from keras_s2s.data.batches import Batches
from keras_s2s.data.corpus import Pair
from keras_s2s.data.id_cache import IdCache
from keras_s2s.data.tokenizer import EOS, PAD, Tokenizer
from keras_s2s.training.callbacks import FollowEpochs

LETTERS = "abcdefgh"
CONFIG = ModelConfig(max_source_length=30, max_target_length=30)


@pytest.fixture(scope="module")
def tokenizer():
    return Tokenizer.train([LETTERS], TokenizerConfig(kind="char"))


words = st.text(LETTERS, min_size=1, max_size=25)
pairs = st.lists(st.builds(Pair, words, words, st.none()), min_size=1, max_size=60)
relaxed = settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])


def make(pairs, tokenizer, **options):
    return Batches.from_pairs(pairs, tokenizer, tokenizer, CONFIG, **({"batch_tokens": 120} | options))


def pairs_of(batches, epoch, tokenizer):
    """Return what a pass holds, read back from its arrays."""
    found = []
    for step in range(len(batches)):
        inputs, labels, weights = batches.batch(epoch, step)
        real = weights.any(axis=1)
        assert not inputs["source"][~real].any()
        assert (inputs["target"][:, 0] == EOS).all()
        assert (inputs["target"][:, 1:] == labels[:, :-1]).all()
        assert ((labels != PAD) == (weights > 0)).all()
        sources = [[i for i in row if i != PAD] for row in inputs["source"][real].tolist()]
        found += zip(tokenizer.decode(sources), tokenizer.decode(labels[real].tolist()), strict=True)
    return sorted(found)


@relaxed
@given(pairs=pairs, buckets=st.integers(1, 6), epoch=st.integers(0, 3))
def test_every_pair_once_in_every_pass(tokenizer, pairs, buckets, epoch):
    batches = make(pairs, tokenizer, buckets=buckets)
    assert pairs_of(batches, epoch, tokenizer) == sorted((p.source, p.target) for p in pairs)


@relaxed
@given(pairs=pairs, buckets=st.integers(1, 6))
def test_few_shapes_of_bounded_size(tokenizer, pairs, buckets):
    batches = make(pairs, tokenizer, buckets=buckets)
    assert len(batches.buckets) <= buckets
    for bucket in batches.buckets:
        assert bucket.rows * max(bucket.source, bucket.target) <= 120 or bucket.rows == 1
    shapes = {(batches[i][0]["source"].shape, batches[i][1].shape) for i in range(len(batches))}
    assert shapes <= {((b.rows, b.source), (b.rows, b.target)) for b in batches.buckets}


def random_pairs(n, seed=0):
    rng = np.random.default_rng(seed)
    return [Pair("a" * int(rng.integers(1, 25)), "b" * int(rng.integers(1, 25))) for _ in range(n)]


def same(one, other):
    return all(np.array_equal(a, b) for a, b in zip(keras.tree.flatten(one), keras.tree.flatten(other), strict=True))


def test_a_batch_depends_on_seed_epoch_and_step_alone(tokenizer):
    pairs = random_pairs(300)
    forwards, backwards, other = (make(pairs, tokenizer, seed=seed) for seed in (3, 3, 4))
    places = [(epoch, step) for epoch in range(3) for step in range(len(forwards))]
    there = {place: forwards.batch(*place) for place in places}
    assert all(same(backwards.batch(*place), there[place]) for place in reversed(places))
    assert not all(same(other.batch(*place), there[place]) for place in places)
    assert not all(same(there[0, step], there[1, step]) for step in range(len(forwards)))


@relaxed
@given(pairs=pairs, share=st.sampled_from([0.0, 0.3, 1.0]), seed=st.integers(0, 3))
def test_noise_changes_what_the_decoder_reads_and_nothing_else(tokenizer, pairs, share, seed):
    plain, noisy = make(pairs, tokenizer, seed=seed), make(pairs, tokenizer, seed=seed, input_noise=share)
    for step in range(len(plain)):
        (inputs, *rest), (changed, *others) = plain.batch(1, step), noisy.batch(1, step)
        assert (inputs["source"] == changed["source"]).all()
        assert all((one == other).all() for one, other in zip(rest, others, strict=True))
        before, after = inputs["target"], changed["target"]
        reserved = (before == EOS) | (before == PAD)
        assert (before[reserved] == after[reserved]).all()
        assert set(after[~reserved]) <= set(before[~reserved])
        assert share or (before == after).all()


def test_noise_replaces_the_share_that_was_asked_for(tokenizer):
    pairs = [Pair("a", "".join(np.random.default_rng(i).choice(list(LETTERS), 20))) for i in range(200)]
    plain, noisy = make(pairs, tokenizer), make(pairs, tokenizer, input_noise=0.4)

    def differing(epoch):
        batches = [(plain.batch(epoch, step)[0], noisy.batch(epoch, step)[0]) for step in range(len(plain))]
        return np.concatenate([(one["target"] != other["target"]).ravel() for one, other in batches])

    # Of 20 tokens the decoder reads all but the last, behind `<EOS>`; one in eight is replaced by its like.
    assert differing(0).sum() / (200 * 19) == pytest.approx(0.4 * 7 / 8, abs=0.03)
    assert (differing(0) == differing(0)).all()
    assert (differing(0) != differing(1)).any()


def test_short_epochs_cut_the_same_stream(tokenizer):
    pairs = random_pairs(300)
    short = make(pairs, tokenizer, steps_per_epoch=7, buckets=3)
    assert len(short) == 7
    epochs = -(-short.steps_per_pass // 7)
    seen = sum(int(short.batch(e, s)[2].any(axis=1).sum()) for e in range(epochs) for s in range(7))
    assert seen >= 300


def test_the_first_two_batches_differ_in_both_lengths(tokenizer):
    batches = make(random_pairs(300), tokenizer, buckets=8)
    for epoch in range(20):
        first, second = batches.batch(epoch, 0), batches.batch(epoch, 1)
        assert first[0]["source"].shape[1] != second[0]["source"].shape[1]
        assert first[1].shape[1] != second[1].shape[1]


@pytest.mark.parametrize("constant", ["source", "target"])
def test_one_side_of_a_constant_length_has_buckets_too(tokenizer, constant):
    texts = ["abcdefgh"[: 1 + n % 8] * (1 + n % 3) for n in range(200)]
    pairs = [Pair(t, "abc") if constant == "target" else Pair("abc", t) for t in texts]
    batches = make(pairs, tokenizer, buckets=4)
    assert len(batches.buckets) == 4
    assert pairs_of(batches, 0, tokenizer) == sorted((p.source, p.target) for p in pairs)
    padding = [(ids == PAD).mean() for step in range(len(batches)) for ids in batches.batch(0, step)[0].values()]
    assert np.mean(padding) < 0.35


@pytest.mark.parametrize("steps_per_epoch", [None, 1, 2, 10])
def test_every_shape_fits_what_keras_takes_from_the_first_two_batches(make_model, steps_per_epoch):
    """Sources of three lengths, targets of two: no two neighbours of the buckets need to differ in both."""
    words = ("to", "go", "eat", "sleep", "now")
    pairs = [Pair(" ".join(words[: 1 + n % 5]), " ".join(["ir"] * (1 + (n % 5 > 2)))) for n in range(60)]
    model = make_model(layers=1)
    model.compile(jit_compile=False)
    batches = model.batches(pairs, batch_tokens=20, buckets=5, steps_per_epoch=steps_per_epoch)
    assert len(batches.buckets) == (1 if steps_per_epoch in (1, 2) else 5)
    model.fit(batches, epochs=8, verbose=0)


def test_buckets_waste_little(tokenizer):
    batches = make(random_pairs(3000), tokenizer, batch_tokens=1000, buckets=8, shuffle=False)
    computed = sum(b.rows * (b.source + b.target) for s in range(len(batches)) for b in [shape_of(batches, s)])
    real = len(batches.cache.source) + len(batches.cache.target)
    assert real / computed > 0.6  # independent lengths: one shape for all would give 0.52


def test_few_pairs_have_few_shapes(tokenizer):
    """Each is compiled once, which takes as long as many steps."""
    few, many = (
        make(random_pairs(n), tokenizer, batch_tokens=batch_tokens, buckets=None)
        for n, batch_tokens in ((300, 1000), (3000, 100))
    )
    assert len(few.buckets) == 1
    assert 2 < len(many.buckets) <= 8
    assert len(make(random_pairs(300), tokenizer, batch_tokens=1000, buckets=3).buckets) == 3


def test_few_pairs_have_small_batches(tokenizer, monkeypatch):
    few, many = (make(random_pairs(n), tokenizer, batch_tokens=None) for n in (300, 70_000))
    mean = 13.5  # with <EOS>
    assert few.batch_tokens == pytest.approx(50 * mean, rel=0.1)
    assert many.batch_tokens == pytest.approx(70 * mean, rel=0.01)
    assert max(bucket.rows * max(bucket.source, bucket.target) for bucket in many.buckets) <= many.batch_tokens
    long = [Pair("a" * 20, "b") for _ in range(300)]
    assert make(long, tokenizer, batch_tokens=None).batch_tokens == 50 * 21
    monkeypatch.setattr(layout, "MOST_TOKENS", 600)
    assert make(long, tokenizer, batch_tokens=None).batch_tokens == 600
    assert make(long, tokenizer, batch_tokens=70).batch_tokens == 70


def shape_of(batches, step):
    inputs, labels, _ = batches[step]
    return next(b for b in batches.buckets if (b.source, b.target) == (inputs["source"].shape[1], labels.shape[1]))


def test_tf_data_view_is_the_same_stream(tokenizer):
    batches = make(random_pairs(100), tokenizer)
    stream = batches.as_tf_dataset().take(len(batches) + 3).as_numpy_iterator()
    for i, batch in enumerate(stream):
        assert same(batch, batches.batch(*divmod(i, len(batches))))


def test_masks_become_weights(tokenizer):
    [_, _, weights] = make([Pair("abc", "hhee", "1001")], tokenizer)[0]
    assert weights[0].tolist() == [1, 0, 0, 1, 1]
    with pytest.raises(ValueError, match="mask of 'abc' has 2 characters for 4 target tokens"):
        make([Pair("abc", "hhee", "10")], tokenizer)


def test_long_pairs_are_left_out_and_counted(tokenizer, caplog):
    batches = make([Pair("a" * 30, "b"), Pair("a", "b" * 30), Pair("a", "b")], tokenizer)
    assert (len(batches.cache), batches.cache.left_out) == (1, 2)
    assert "2 of 3 pairs are longer" in caplog.text
    with pytest.raises(ValueError, match="all are longer than max_source_length=30"):
        make([Pair("a" * 30, "b")], tokenizer)
    with pytest.raises(ValueError, match="no pair for batches: the data is empty"):
        make([], tokenizer)
    strict = ModelConfig(max_source_length=30, max_target_length=30, overlong="error")
    with pytest.raises(ValueError, match="31 source and 2 target tokens"):
        Batches.from_pairs([Pair("a" * 30, "b")], tokenizer, tokenizer, strict)


def test_a_cache_is_reused_only_for_the_same_data(tokenizer, tmp_path):
    def build(pairs, origin, config=CONFIG):
        return len(IdCache.build(pairs, tokenizer, tokenizer, config, tmp_path / "ids", origin=origin))

    pair = Pair("a", "b")
    assert build([pair], "one") == 1
    assert build([pair] * 2, "one") == 1  # not read again
    assert build([pair] * 3, "two") == 3
    assert build([pair] * 4, "two", ModelConfig(max_source_length=9)) == 4
    assert build([pair] * 5, "") == 5
    assert build([pair] * 6, "") == 6


def test_a_fit_by_itself_starts_with_the_epoch_after(make_model, phrases):
    model, seen = make_model(), []
    batches = model.batches(phrases, batch_tokens=64, buckets=1)
    model.compile(run_eagerly=True)
    watch = keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: seen.append(batches.epoch))
    model.fit(batches, epochs=2, verbose=0, callbacks=[watch])
    assert seen == [1, 2]
    model.fit(batches, initial_epoch=5, epochs=7, verbose=0, callbacks=[FollowEpochs(batches), watch])
    assert seen[2:] == [5, 6]


def test_an_interrupted_build_leaves_no_cache(tokenizer, tmp_path):
    def broken():
        yield Pair("a", "b")
        raise OSError("the disk went away")

    folder = tmp_path / "ids"
    with pytest.raises(OSError, match="went away"):
        IdCache.build(broken(), tokenizer, tokenizer, CONFIG, folder, origin="x")
    assert not folder.exists()
    assert len(IdCache.build([Pair("a", "b")], tokenizer, tokenizer, CONFIG, folder, origin="x")) == 1
