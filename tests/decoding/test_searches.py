"""The searches over a model that is a table, so that every answer can be found by trying everything."""

import itertools
import math

import keras
import numpy as np
import pytest
from keras import ops

from keras_s2s.config import SearchConfig
from keras_s2s.data.tokenizer import EOS, PAD, UNKNOWN
from keras_s2s.decoding.beam import beam_search
from keras_s2s.decoding.greedy import greedy_search
from keras_s2s.decoding.outputs import NEVER, Choice, next_log_probs
from keras_s2s.decoding.sampling import sample_search

VOCABULARY, LIMIT, BATCH = 6, 4, 3
TOKENS = [i for i in range(VOCABULARY) if i not in (PAD, UNKNOWN)]


@pytest.fixture(params=range(5))
def table(request):
    """Logits by row of the batch, last token and the one before: `[batch, vocabulary, vocabulary, vocabulary]`."""
    return np.random.default_rng(request.param).normal(0, 2, (BATCH, *[VOCABULARY] * 3)).astype("float32")


def model(table):
    """Return the step and the first state of a model that reads its logits from `table`."""
    flat = ops.reshape(table, (-1, VOCABULARY))

    def step(token, state):
        index = (state["row"] * VOCABULARY + state["before"]) * VOCABULARY + token
        return Choice(next_log_probs(ops.take(flat, index, axis=0)), {"row": state["row"], "before": token})

    state = {"row": ops.arange(BATCH, dtype="int32"), "before": ops.zeros((BATCH,), "int32")}
    return step, state, ops.zeros((BATCH,), "bool")


def score(table, row, tokens):
    """Return the log-probability of a sequence, step by step in NumPy."""
    total, before, last = 0.0, 0, EOS
    for token in tokens:
        logits = table[row, before, last].astype("float64")
        total += logits[token] - np.log(np.exp(logits).sum())
        before, last = last, token
    return total


def every_output():
    """Every sequence that ends with its only `<EOS>` within the limit, or fills the limit without one."""
    words = [t for t in TOKENS if t != EOS]
    for n in range(LIMIT):
        yield from ((*s, EOS) for s in itertools.product(words, repeat=n))
    yield from itertools.product(words, repeat=LIMIT)


def as_tuple(row):
    return tuple(int(t) for t in np.asarray(row) if t != PAD)


def search_with(name, step, state, finished, limit):
    match name:
        case "greedy":
            return greedy_search(step, state, finished, limit)
        case "beam":
            return beam_search(step, state, finished, limit, 2, 1.0)
        case "sample":
            noise = np.full((BATCH, 2, limit), 0.5, "float32")
            return sample_search(step, state, finished, noise, SearchConfig(method="sample"))


@pytest.mark.parametrize("name", ["greedy", "beam", "sample"])
def test_a_search_ends_when_every_row_has_picked_eos(name):
    """Two steps to write `4 <EOS>` in all rows, and no third one, though there is room for a thousand."""
    logits = np.full((BATCH, *[VOCABULARY] * 3), -30, "float32")
    logits[..., EOS, 4] = logits[..., 4, EOS] = 30
    logits[..., EOS, EOS] = 0  # the second beam's answer
    counted, state, finished = model(logits)
    steps = []

    def step(token, state):
        steps.append(token)
        return counted(token, state)

    found = search_with(name, step, state, finished, 1000)
    assert as_tuple(found.tokens[0, 0]) == (4, EOS)
    assert len(steps) == 2
    steps.clear()
    search_with(name, step, state, ops.ones((BATCH,), "bool"), 1000)
    assert not steps


@pytest.mark.parametrize("alpha", [0.0, 0.6, 1.5])
def test_a_full_beam_is_exhaustive(table, alpha):
    outputs = list(every_output())
    found = beam_search(*model(table), LIMIT, width=len(outputs), length_penalty=alpha)
    for row in range(BATCH):
        ranked = sorted(outputs, key=lambda s: score(table, row, s) / ((5 + len(s)) / 6) ** alpha, reverse=True)
        got = [as_tuple(t) for t in found.tokens[row]]
        assert got[:20] == ranked[:20]
        assert sorted(got) == sorted(outputs)
        expected = [score(table, row, s) for s in got]
        assert np.asarray(found.log_probs[row]) == pytest.approx(expected, abs=1e-4)


def test_greedy_takes_the_likeliest_at_each_step(table):
    found = greedy_search(*model(table), LIMIT)
    for row in range(BATCH):
        tokens, before, last = [], 0, EOS
        while len(tokens) < LIMIT and (not tokens or last != EOS):
            best = max(TOKENS, key=lambda t: table[row, before, last, t])
            before, last = last, best
            tokens.append(best)
        assert as_tuple(found.tokens[row, 0]) == tuple(tokens)
        assert float(found.log_probs[row, 0]) == pytest.approx(score(table, row, tokens), abs=1e-4)


def test_greedy_is_a_beam_of_one(table):
    greedy, beam = greedy_search(*model(table), LIMIT), beam_search(*model(table), LIMIT, 1, 1.0)
    assert np.array_equal(greedy.tokens, beam.tokens)
    assert np.asarray(greedy.log_probs) == pytest.approx(np.asarray(beam.log_probs), abs=1e-5)


def test_a_wider_beam_never_scores_less_than_greedy_without_penalty(table):
    greedy, beam = greedy_search(*model(table), LIMIT), beam_search(*model(table), LIMIT, 100, 0.0)
    assert (np.asarray(beam.log_probs)[:, 0] >= np.asarray(greedy.log_probs)[:, 0] - 1e-5).all()


def test_reserved_tokens_are_never_picked(table):
    table = table.copy()
    table[..., PAD] = table[..., UNKNOWN] = 50
    for found in (
        greedy_search(*model(table), LIMIT),
        beam_search(*model(table), LIMIT, 3, 1.0),
        sample_search(*model(table), noise(4), SearchConfig(method="sample")),
    ):
        tokens = np.asarray(found.tokens)
        assert UNKNOWN not in tokens
        filled = (tokens != PAD).sum(-1)
        assert all((row[:n] != PAD).all() for row, n in zip(tokens.reshape(-1, LIMIT), filled.reshape(-1), strict=True))


def test_finished_rows_answer_nothing(table):
    step, state, _ = model(table)
    finished = np.array([True, False, True])
    for found in (
        greedy_search(step, state, finished, LIMIT),
        beam_search(step, state, finished, LIMIT, 3, 1.0),
        sample_search(step, state, finished, noise(1), SearchConfig()),
    ):
        tokens, log_probs = np.asarray(found.tokens), np.asarray(found.log_probs)
        assert not tokens[finished, 0].any()
        assert tokens[1, 0].any()
        assert (log_probs[finished, 0] == 0).all()
        assert (log_probs[finished, 1:] < NEVER / 2).all()


def noise(draws, seed=0):
    return np.random.default_rng(seed).random((BATCH, draws, LIMIT), np.float32)


def probabilities(table, row, config):
    """Return the distribution of the first token, by the definition of each option."""
    logits = np.array([table[row, 0, EOS, t] if t in TOKENS else -np.inf for t in range(VOCABULARY)], "float64")
    p = np.exp(logits / config.temperature)
    p /= p.sum()
    order = np.argsort(-p)
    kept = order[: config.top_k or VOCABULARY]
    masses = np.cumsum(p[kept] / p[kept].sum())
    kept = kept[: int((masses < config.top_p).sum()) + 1]
    return {int(t): p[t] / p[kept].sum() for t in kept}


@pytest.mark.parametrize(
    "options",
    [{}, {"temperature": 0.5}, {"temperature": 2.0}, {"top_k": 2}, {"top_p": 0.7}, {"top_k": 3, "top_p": 0.8}],
)
def test_samples_follow_the_distribution(table, options):
    config, draws = SearchConfig(method="sample", **options), 4000
    found = sample_search(*model(table), noise(draws), config)
    for row in range(BATCH):
        first = np.asarray(found.tokens)[row, :, 0]
        expected = probabilities(table, row, config)
        assert set(first.tolist()) <= set(expected)
        for token, p in expected.items():
            # Five standard deviations of a share over the draws.
            assert (first == token).mean() == pytest.approx(p, abs=5 * math.sqrt(p * (1 - p) / draws) + 1e-9)
        tokens = as_tuple(found.tokens[row, 0])
        assert float(found.log_probs[row, 0]) == pytest.approx(score(table, row, tokens), abs=1e-4)


def test_the_same_noise_gives_the_same_samples(table):
    one, other = (sample_search(*model(table), noise(5), SearchConfig()) for _ in range(2))
    assert np.array_equal(one.tokens, other.tokens)
    different = sample_search(*model(table), noise(5, seed=1), SearchConfig())
    assert not np.array_equal(one.tokens, different.tokens)


def test_a_finished_beam_is_frozen_until_a_better_one_displaces_it():
    """`<EOS>` at once has the best score of all; a search that went on extending it would lose it."""
    table = np.zeros((BATCH, *[VOCABULARY] * 3), "float32")
    table[:, 0, EOS, EOS] = 3.0
    found = beam_search(*model(table), LIMIT, width=2, length_penalty=0.0)
    assert all(as_tuple(found.tokens[row, 0]) == (EOS,) for row in range(BATCH))
    assert keras.ops.shape(found.tokens) == (BATCH, 2, LIMIT)
