"""Constraints forbid what they say and nothing else; with them a search stays exact."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_s2s.config import SearchConfig
from keras_s2s.data.tokenizer import EOS
from keras_s2s.decoding.constraints import append, begin_with, no_repeated_ngram
from keras_s2s.decoding.inference import inference_weights
from keras_s2s.decoding.outputs import NEVER
from keras_s2s.decoding.runtime import search_all
from keras_s2s.decoding.scoring import closest_decisions, score

SOURCES = [[3, 5, 4, 1], [6, 1], [7, 3, 3, 8, 4, 1], [5, 4, 1], [4, 4, 6, 1], [8, 3, 1]]
GREEDY = SearchConfig()
BEAM = SearchConfig(method="beam", beam_size=4)
SAMPLE = SearchConfig(method="sample", seed=3, temperature=2.0)


def found(model, config, sources=SOURCES, prefixes=None, batch_size=4):
    answers = dict(search_all(inference_weights(model), sources, model.config, config, batch_size, prefixes))
    return [answers[i] for i in range(len(sources))]


def ngrams(tokens, size):
    return [tuple(tokens[i : i + size]) for i in range(len(tokens) - size + 1)]


def repeats(tokens, size):
    words = [t for t in tokens if t != EOS]
    return len(set(ngrams(words, size))) < len(ngrams(words, size))


def every_output(model, limit):
    """Every output that a search may end with: ids up to `<EOS>`, or as many words as the limit."""
    words = range(3, len(model.target_tokenizer))
    for n in range(limit):
        yield from ([*chosen, EOS] for chosen in product(words, repeat=n))
    yield from map(list, product(words, repeat=limit))


@given(st.lists(st.integers(3, 6), max_size=9), st.integers(1, 4))
def test_what_would_repeat_is_forbidden(tokens, size):
    written = np.zeros((2, 10), "int32")  # the other row has written nothing
    for token in [EOS, *tokens]:
        written = np.asarray(append(written, np.array([token, 0], "int32")))
    log_probs = np.random.default_rng(0).normal(size=(2, 8)).astype("float32")
    left = np.asarray(no_repeated_ngram(log_probs, written, size))
    forbidden = [t for t in range(8) if (*tokens[len(tokens) - size + 1 :], t)[-size:] in ngrams(tokens, size)]
    expected = log_probs.copy()
    expected[0, forbidden] = NEVER
    assert EOS not in forbidden
    assert np.array_equal(left, expected)


def test_an_ngram_longer_than_any_output_forbids_nothing():
    log_probs = np.zeros((1, 5), "float32")
    assert np.array_equal(no_repeated_ngram(log_probs, np.full((1, 4), 3, "int32"), 5), log_probs)


@pytest.mark.parametrize("config", [GREEDY, BEAM, SAMPLE], ids=lambda c: c.method)
@pytest.mark.parametrize("size", [1, 2])
def test_no_ngram_is_written_twice(make_model, config, size):
    model = make_model(spread=3.0, attention="general")
    plain = found(model, config)
    blocked = found(model, replace(config, no_repeat_ngram=size))
    assert any(repeats(ids, size) for hypotheses in plain for ids, _ in hypotheses)  # there is something to forbid
    assert not any(repeats(ids, size) for hypotheses in blocked for ids, _ in hypotheses)
    pairs = [(source, ids) for source, hypotheses in zip(SOURCES, blocked, strict=True) for ids, _ in hypotheses]
    log_probs = [log_prob for hypotheses in blocked for _, log_prob in hypotheses]
    assert score(inference_weights(model), pairs, model.config) == pytest.approx(log_probs, abs=1e-4)


@pytest.mark.parametrize("size", [1, 2])
def test_greedy_changes_only_from_where_it_would_repeat(make_model, size):
    model = make_model(spread=3.0)
    equal = []
    for [(plain, p)], [(blocked, q)] in zip(
        found(model, GREEDY), found(model, replace(GREEDY, no_repeat_ngram=size)), strict=True
    ):
        same = next((i for i, (a, b) in enumerate(zip(plain, blocked, strict=False)) if a != b), None)
        assert (same is None) == (not repeats(plain, size))
        if same is None:
            assert (blocked, q) == (plain, pytest.approx(p, abs=1e-5))
        else:
            assert repeats(plain[: same + 1], size)
            assert not repeats(plain[:same], size)
        equal.append(same is None)
    assert not all(equal)


@pytest.mark.parametrize("config", [GREEDY, BEAM, SAMPLE], ids=lambda c: c.method)
def test_where_nothing_can_repeat_the_search_is_the_plain_one(make_model, config):
    model = make_model(spread=3.0)
    longer = replace(config, no_repeat_ngram=model.config.max_target_length)
    for plain, blocked in zip(found(model, config), found(model, longer), strict=True):
        assert [ids for ids, _ in blocked] == [ids for ids, _ in plain]
        assert [p for _, p in blocked] == pytest.approx([p for _, p in plain], abs=1e-5)


@pytest.mark.parametrize("size", [1, 2])
def test_a_full_beam_finds_the_best_of_all_outputs_without_repeats(make_model, size):
    model = make_model(spread=3.0)
    outputs = [ids for ids in every_output(model, 4) if not repeats(ids, size)]
    config = SearchConfig(method="beam", beam_size=len(outputs), no_repeat_ngram=size, max_length=4)
    [hypotheses] = found(model, config, SOURCES[:1])
    log_probs = score(inference_weights(model), [(SOURCES[0], ids) for ids in outputs], model.config)
    ranks = [log_prob / ((5 + len(ids)) / 6) for log_prob, ids in zip(log_probs, outputs, strict=True)]
    order = sorted(range(len(outputs)), key=lambda i: -ranks[i])
    assert sorted(ids for ids, _ in hypotheses) == sorted(outputs)
    assert [ids for ids, _ in hypotheses[:20]] == [outputs[i] for i in order[:20]]


def test_a_batch_equals_its_sources_one_by_one(make_model):
    model = make_model(spread=3.0, attention="dot")
    for config in (replace(GREEDY, no_repeat_ngram=1), replace(BEAM, no_repeat_ngram=2)):
        for source, together in zip(SOURCES, found(model, config), strict=True):
            [alone] = found(model, config, [source])
            assert [ids for ids, _ in alone] == [ids for ids, _ in together]


def test_the_margin_of_a_constrained_search_is_that_of_its_own_steps(make_model):
    model = make_model(spread=3.0)
    config = replace(GREEDY, no_repeat_ngram=1)
    weights = inference_weights(model)
    margins = closest_decisions(weights, SOURCES, model.config, config)
    words = range(3, len(model.target_tokenizer))
    for source, [(ids, _)], margin in zip(SOURCES, found(model, config), margins, strict=True):
        tightest = []
        for end in range(1, len(ids) + 1):
            others = [[*ids[: end - 1], i] for i in [EOS, *words] if i != ids[end - 1]]
            others = [other for other in others if not repeats(other, 1)]
            best, *rest = score(weights, [(source, ids[:end]), *((source, other) for other in others)], model.config)
            tightest.append(best - max(rest, default=-np.inf))
        assert margin == pytest.approx(min(tightest), abs=1e-4)


def test_a_length_to_match_and_nothing_twice_exclude_each_other():
    with pytest.raises(ValueError, match="set no_repeat_ngram = 0 or match_length = false"):
        SearchConfig(match_length=True, no_repeat_ngram=2)


def test_a_beginning_is_all_that_is_allowed_while_it_lasts():
    own = np.random.default_rng(0).normal(size=(3, 6)).astype("float32")
    others = np.full((3, 6), NEVER, "float32")  # a beginning stands above other constraints
    prefix = np.array([[4, 5, 3], [5, 0, 0], [0, 0, 0]], "int32")
    left = np.asarray(begin_with(others, own, np.array([1, 1, 1], "int32"), prefix))
    assert left[0, 5] == own[0, 5]
    assert (np.delete(left[0], 5) == NEVER).all()
    assert np.array_equal(begin_with(own, own, np.array([1, 1, 1], "int32"), prefix)[1:], own[1:])
    assert np.array_equal(begin_with(own, own, np.array([3, 3, 9], "int32"), prefix), own)


@pytest.mark.parametrize("config", [GREEDY, BEAM, SAMPLE], ids=lambda c: c.method)
def test_outputs_begin_as_told(make_model, config):
    model = make_model(spread=3.0, attention="general")
    prefixes = [[5, 4], [], [3, 3, 6], [7], [4, 5, 6, 7, 8, 9, 3], [9]]
    told = found(model, config, prefixes=prefixes)
    for prefix, hypotheses in zip(prefixes, told, strict=True):
        assert {tuple(ids[: len(prefix)]) for ids, _ in hypotheses} == {tuple(prefix)}
    assert [ids for ids, _ in told[1]] == [ids for ids, _ in found(model, config)[1]]
    pairs = [(source, ids) for source, hypotheses in zip(SOURCES, told, strict=True) for ids, _ in hypotheses]
    log_probs = [log_prob for hypotheses in told for _, log_prob in hypotheses]
    assert score(inference_weights(model), pairs, model.config) == pytest.approx(log_probs, abs=1e-4)


def test_a_beginning_that_greedy_would_write_itself_changes_nothing(make_model):
    model = make_model(spread=3.0)
    own = [hypotheses[0][0] for hypotheses in found(model, GREEDY)]
    assert max(map(len, own)) > 3
    again = found(model, GREEDY, prefixes=[ids[: -(-len(ids) // 2)] if EOS not in ids[:2] else [] for ids in own])
    assert [hypotheses[0][0] for hypotheses in again] == own


def test_a_full_beam_finds_the_best_of_all_continuations(make_model):
    model = make_model(spread=3.0)
    outputs = [ids for ids in every_output(model, 4) if ids[:2] == [5, 4]]
    config = SearchConfig(method="beam", beam_size=len(outputs), max_length=4)
    [hypotheses] = found(model, config, SOURCES[:1], [[5, 4]])
    log_probs = score(inference_weights(model), [(SOURCES[0], ids) for ids in outputs], model.config)
    ranks = [log_prob / ((5 + len(ids)) / 6) for log_prob, ids in zip(log_probs, outputs, strict=True)]
    order = sorted(range(len(outputs)), key=lambda i: -ranks[i])
    assert [ids for ids, _ in hypotheses[:20]] == [outputs[i] for i in order[:20]]
    assert sorted(ids for ids, _ in hypotheses) == sorted(outputs)
