"""The coverage penalty is that of Wu et al., found again by trying every output."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from keras_s2s.config import SearchConfig
from keras_s2s.data.tokenizer import EOS
from keras_s2s.decoding.alignment import align
from keras_s2s.decoding.coverage import LEAST, cover, log_coverage, nothing_covered
from keras_s2s.decoding.inference import inference_weights
from keras_s2s.decoding.runtime import search_all
from keras_s2s.decoding.scoring import closest_decisions, score

SOURCES = [[3, 5, 4, 1], [6, 1], [7, 3, 3, 8, 4, 1], [5, 4, 1]]
BEAM = SearchConfig(method="beam", beam_size=4)


def found(model, config, sources=SOURCES, batch_size=4):
    answers = dict(search_all(inference_weights(model), sources, model.config, config, batch_size))
    return [answers[i] for i in range(len(sources))]


def ids_of(answers):
    return [[ids for ids, _ in hypotheses] for hypotheses in answers]


def test_end_and_padding_are_no_gap():
    coverage = nothing_covered(np.array([4, 1], "int32"), 5)
    assert np.array_equal(coverage, [[0, 0, 0, 1, 1], [1, 1, 1, 1, 1]])
    attention = np.array([[0.5, 0.5, 0.0, 0.0, 0.0], [0.2] * 5], "float32")
    for _ in range(3):
        coverage = cover(coverage, attention, np.array([False, True]))
    assert np.asarray(coverage)[0] == pytest.approx([1.5, 1.5, 0, 1, 1])
    assert np.array_equal(coverage[1], np.ones(5))
    assert np.asarray(log_coverage(coverage)) == pytest.approx([np.log(LEAST), 0.0])


@pytest.mark.parametrize(
    ("options", "beta"), [({"attention": "general", "reverse_source": True}, 2.0), ({"attention": "additive"}, 0.2)]
)
def test_a_full_beam_ranks_by_equation_14(make_model, options, beta):
    model = make_model(spread=4.0, **options)
    source, limit, alpha = SOURCES[0], 3, 0.8
    words = range(3, len(model.target_tokenizer))
    outputs = [[*chosen, EOS] for n in range(limit) for chosen in product(words, repeat=n)]
    outputs += map(list, product(words, repeat=limit))
    config = SearchConfig(
        method="beam", beam_size=len(outputs), max_length=limit, length_penalty=alpha, coverage_penalty=beta
    )
    [hypotheses] = found(model, config, [source])
    pairs, weights = [(source, ids) for ids in outputs], inference_weights(model)
    log_probs = score(weights, pairs, model.config)
    gained = [attention.sum(axis=0)[:-1] for attention in align(weights, pairs, model.config)]
    penalties = [np.log(np.clip(shares, LEAST, 1)).sum() for shares in gained]
    ranks = [
        log_prob / ((5 + len(ids)) / 6) ** alpha + beta * penalty
        for log_prob, penalty, ids in zip(log_probs, penalties, outputs, strict=True)
    ]
    order = sorted(range(len(outputs)), key=lambda i: -ranks[i])
    assert [ids for ids, _ in hypotheses[:20]] == [outputs[i] for i in order[:20]]
    assert [p for _, p in hypotheses[:20]] == pytest.approx([log_probs[i] for i in order[:20]], abs=1e-4)


def test_it_changes_answers_and_a_batch_equals_its_sources_one_by_one(make_model):
    model = make_model(spread=4.0, attention="general")
    config = replace(BEAM, coverage_penalty=1.0)
    together = found(model, config)
    assert ids_of(together) != ids_of(found(model, BEAM))
    for source, hypotheses in zip(SOURCES, together, strict=True):
        [alone] = found(model, config, [source])
        assert ids_of([alone]) == ids_of([hypotheses])
    weights = inference_weights(model)
    margins = [closest_decisions(weights, [source], model.config, config)[0] for source in SOURCES]
    assert closest_decisions(weights, SOURCES, model.config, config) == pytest.approx(margins, abs=1e-4)
    assert margins != pytest.approx(closest_decisions(weights, SOURCES, model.config, BEAM), abs=1e-3)


def test_a_window_has_no_infinite_gap(make_model):
    model = make_model(spread=4.0, attention="additive", attention_window=0)
    for hypotheses in found(model, replace(BEAM, coverage_penalty=1.0)):
        assert len(hypotheses) == BEAM.beam_size
        assert np.isfinite([log_prob for _, log_prob in hypotheses]).all()


def test_other_searches_do_without(make_model):
    model = make_model(spread=4.0, attention="dot")
    for method in ("greedy", "sample"):
        plain = SearchConfig(method=method)
        assert ids_of(found(model, replace(plain, coverage_penalty=5.0))) == ids_of(found(model, plain))


def test_a_model_without_attention_is_an_error(make_model):
    message = r"coverage_penalty = 0\.5 .* none: set coverage_penalty = 0, or train a model with attention = 'dot'"
    with pytest.raises(ValueError, match=message):
        make_model().translate(["let's go"], replace(BEAM, coverage_penalty=0.5))
