"""Scores are those of the searches and of the training graph; margins those of an exhaustive look."""

from dataclasses import replace

import numpy as np
import pytest

from keras_s2s.config import SearchConfig
from keras_s2s.data.tokenizer import UNKNOWN
from keras_s2s.decoding.inference import inference_weights
from keras_s2s.decoding.runtime import search_all
from keras_s2s.decoding.scoring import closest_decisions, score

SOURCES = [[3, 5, 4, 1], [6, 1], [7, 3, 3, 8, 4, 1], [5, 4, 1]]


def search(model, config, sources=SOURCES):
    found = dict(search_all(inference_weights(model), sources, model.config, config, batch_size=3))
    return [found[i] for i in range(len(sources))]


@pytest.mark.parametrize("config", [SearchConfig(), SearchConfig(method="beam", beam_size=5)], ids=["greedy", "beam"])
@pytest.mark.parametrize("options", [{}, {"attention": "general", "reverse_source": True}], ids=["classic", "attends"])
def test_a_score_is_the_searchs_own(make_model, config, options):
    model = make_model(spread=3.0, **options)
    answers = search(model, config)
    pairs = [(source, ids) for source, found in zip(SOURCES, answers, strict=True) for ids, _ in found]
    expected = [log_prob for found in answers for _, log_prob in found]
    assert score(inference_weights(model), pairs, model.config) == pytest.approx(expected, abs=1e-4)


def test_a_score_is_that_of_teacher_forcing(make_model):
    model = make_model(spread=3.0)
    target = [4, 3, 6, 5, 1]
    inputs = {"source": np.array(SOURCES[:1]), "target": np.array([[1, *target[:-1]]])}
    logits = np.asarray(model(inputs))[0].astype("float64")
    log_probs = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
    expected = log_probs[np.arange(len(target)), target].sum()
    assert score(inference_weights(model), [(SOURCES[0], target)], model.config) == pytest.approx([expected], abs=1e-4)


def test_nothing_to_score(make_model):
    model = make_model()
    weights = inference_weights(model)
    assert score(weights, [], model.config) == []
    assert score(weights, [([1], []), ([3, 1], [])], model.config) == [0.0, 0.0]
    for search in (SearchConfig(), SearchConfig(method="beam")):
        assert closest_decisions(weights, [], model.config, search) == []
        alone, among = (closest_decisions(weights, rows, model.config, search) for rows in ([[1]], [[3, 1], [1]]))
        assert alone == among[1:] == [np.inf]
        assert among[0] < np.inf


def test_the_margin_of_greedy_is_that_of_its_tightest_step(make_model):
    model = make_model(spread=3.0)
    weights, config = inference_weights(model), SearchConfig()
    found = closest_decisions(weights, SOURCES, model.config, config)
    allowed = [i for i in range(1, len(model.target_tokenizer)) if i != UNKNOWN]
    for source, [(ids, _), *_], margin in zip(SOURCES, search(model, config), found, strict=True):
        margins = []
        for end in range(1, len(ids) + 1):
            others = [[*ids[: end - 1], i] for i in allowed if i != ids[end - 1]]
            best, *rest = score(weights, [(source, ids[:end]), *((source, other) for other in others)], model.config)
            margins.append(best - max(rest))
        assert margin == pytest.approx(min(margins), abs=1e-4)


@pytest.mark.parametrize("length_penalty", [0.0, 1.0])
def test_the_margin_of_a_beam_bounds_what_noise_can_change(make_model, length_penalty):
    """Weights moved so little that no rank moves by half the margin give the same answers; moved more, some differ."""
    model = make_model(spread=3.0)
    config = SearchConfig(method="beam", beam_size=3, length_penalty=length_penalty)
    margins = closest_decisions(inference_weights(model), SOURCES, model.config, config)
    assert all(0 < margin < 2 for margin in margins)
    before = search(model, config)
    layer = model.get_layer("decoder_output")
    kernel, bias = layer.get_weights()
    noise = np.random.default_rng(0).uniform(-1, 1, bias.shape)
    limit = model.config.max_target_length

    def changed_by(size):
        layer.set_weights([kernel, bias + size * noise])
        return sum(a[0][0] != b[0][0] for a, b in zip(before, search(model, config), strict=True))

    assert changed_by(min(margins) / (4 * limit)) == 0
    assert changed_by(3.0) > 0


def test_a_wider_beam_of_one_is_greedy(make_model):
    model = make_model(spread=3.0)
    weights = inference_weights(model)
    narrow = SearchConfig(method="beam", beam_size=1, length_penalty=0.0)
    beam, greedy = (
        closest_decisions(weights, SOURCES, model.config, c) for c in (narrow, replace(narrow, method="greedy"))
    )
    assert beam == pytest.approx(greedy)


@pytest.mark.parametrize("match_length", [False, True])
def test_a_margin_is_that_of_the_source_alone(make_model, match_length):
    model = make_model(spread=3.0)
    weights = inference_weights(model)
    config = SearchConfig(method="beam", beam_size=3, match_length=match_length)
    alone = [closest_decisions(weights, [source], model.config, config)[0] for source in SOURCES]
    assert closest_decisions(weights, SOURCES, model.config, config) == pytest.approx(alone, abs=1e-4)
