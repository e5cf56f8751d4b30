"""For an unknown token the search writes what attention points to, feeds the unknown one back, and changes no more."""

from dataclasses import replace

import numpy as np
import pytest

from keras_s2s.config import ModelConfig, RunConfig, SearchConfig
from keras_s2s.data.tokenizer import EOS, UNKNOWN
from keras_s2s.decoding.alignment import align
from keras_s2s.decoding.copying import copies
from keras_s2s.decoding.inference import inference_weights
from keras_s2s.decoding.runtime import search_all
from keras_s2s.decoding.scoring import closest_decisions, score
from keras_s2s.decoding.search import require_fitting

SOURCES = [[3, 5, 4, 1], [6, 1], [7, 3, 3, 8, 4, 1], [5, 4, 1], [4, 4, 6, 1], [1]]
GREEDY = SearchConfig(copy_unknown=True)
BEAM = SearchConfig(method="beam", beam_size=4, copy_unknown=True)
SAMPLE = SearchConfig(method="sample", seed=3, temperature=1.5, copy_unknown=True)
ATTENTIVE = (
    (GREEDY, {"attention": "general", "reverse_source": True}),
    (BEAM, {"attention": "additive", "attention_window": 1, "bidirectional": True}),
    (SAMPLE, {"attention": "dot"}),
)


def raise_unknown(model, by):
    bias = model.get_layer("decoder_output").bias
    bias.assign(bias + by * (np.arange(bias.shape[0]) == UNKNOWN))


@pytest.fixture(scope="module")
def make_unknowing(make_model):
    """A function that builds a model that holds the unknown token as likely as several others together."""

    def make_unknowing(bias=4.0, **options):
        model = make_model(spread=3.0, **options)
        raise_unknown(model, bias)
        return model

    return make_unknowing


def found(model, config, sources=SOURCES, prefixes=None):
    answers = dict(search_all(inference_weights(model), sources, model.config, config, 4, prefixes))
    return [answers[i] for i in range(len(sources))]


def test_the_first_place_of_most_attention_but_for_the_end():
    attention = np.array(
        [[0.1, 0.2, 0.7, 0.0], [0.4, 0.1, 0.4, 0.1], [0.0, 0.0, 0.0, 1.0], [0.25, 0.25, 0.3, 0.2]], "float32"
    )
    lengths = np.array([3, 4, 4, 4], "int32")  # of the first row the third token is the end, the fourth padding
    assert np.asarray(copies(attention, lengths, 10)).tolist() == [11, 10, 10, 12]


@pytest.mark.parametrize(("config", "options"), ATTENTIVE, ids=["greedy", "beam", "sample"])
def test_each_copy_is_of_the_token_that_attention_points_to(make_unknowing, config, options):
    model = make_unknowing(**options)
    size, weights, count = len(model.target_tokenizer), inference_weights(model), 0
    for source, hypotheses in zip(SOURCES, found(model, config), strict=True):
        known = [model.target_tokenizer.without_copies(ids) for ids, _ in hypotheses]
        pairs = [(source, ids) for ids in known if ids]
        for (written, log_prob), ids, attention, again in zip(
            hypotheses, known, align(weights, pairs, model.config), score(weights, pairs, model.config), strict=False
        ):
            expected = [
                size + int(row[: len(source) - 1].argmax()) if i == UNKNOWN else i
                for i, row in zip(ids, attention, strict=True)
            ]
            assert written == expected
            assert log_prob == pytest.approx(again, abs=1e-4)
            count += ids.count(UNKNOWN)
    assert count > 3
    assert found(model, config, [[EOS]])[0][0][0] == []


def test_without_it_nothing_is_copied(make_unknowing):
    model = make_unknowing(**ATTENTIVE[0][1])
    plain = found(model, replace(GREEDY, copy_unknown=False))
    assert all(i != UNKNOWN and i < len(model.target_tokenizer) for row in plain for ids, _ in row for i in ids)


def test_where_nothing_is_unknown_it_changes_nothing(make_unknowing):
    model = make_unknowing(bias=-100.0, **ATTENTIVE[1][1])
    for copying, plain in zip(found(model, BEAM), found(model, replace(BEAM, copy_unknown=False)), strict=True):
        assert [ids for ids, _ in copying] == [ids for ids, _ in plain]
        assert [p for _, p in copying] == pytest.approx([p for _, p in plain], abs=1e-5)


def test_a_batch_equals_its_sources_one_by_one(make_unknowing):
    model = make_unknowing(**ATTENTIVE[1][1])
    for source, together in zip(SOURCES[:3], found(model, BEAM), strict=False):
        [alone] = found(model, BEAM, [source])
        assert [ids for ids, _ in alone] == [ids for ids, _ in together]


def test_constraints_see_the_unknown_token(make_unknowing):
    model = make_unknowing(**ATTENTIVE[0][1])

    def most(config):
        rows = [ids for hypotheses in found(model, config) for ids, _ in hypotheses]
        return max(sum(i >= len(model.target_tokenizer) for i in ids) for ids in rows)

    assert most(GREEDY) > 1
    assert most(replace(GREEDY, no_repeat_ngram=1)) == 1
    begun = found(model, GREEDY, prefixes=[[5], [4], [5], [], [], []])
    assert [row[0][0][:1] for row in begun[:3]] == [[5], [4], [5]]


def test_the_margin_counts_the_lead_in_attention(make_unknowing):
    model = make_unknowing(bias=40.0, attention="dot")  # the unknown token is never in doubt
    sources, weights, search = SOURCES[:-1], inference_weights(model), replace(GREEDY, max_length=3)
    expected = []
    for source, [(ids, _)] in zip(sources, found(model, search, sources), strict=True):
        assert min(ids) >= len(model.target_tokenizer)
        [attention] = align(weights, [(source, [UNKNOWN] * len(ids))], model.config)
        shares = np.sort(attention[:, : len(source) - 1], axis=1)
        expected.append(np.inf if len(source) == 2 else (shares[:, -1] - shares[:, -2]).min())
    margins = np.array(closest_decisions(weights, sources, model.config, search))
    assert margins[1] > 10  # one token alone can be copied, and the decision for the unknown one is all there is
    assert np.delete(margins, 1) == pytest.approx(np.delete(expected, 1), abs=1e-5)


def test_weights_that_copy_the_source_word_by_word(make_model):
    """Attention within a window of nothing but the place itself, and an output layer that knows no word."""
    model = make_model(attention="dot", attention_window=0)
    raise_unknown(model, 30.0)
    search = SearchConfig(match_length=True, copy_unknown=True)
    texts = ["let's go now", "Xylophone!", "to sleep Zoë", ""]
    assert model.translate(texts, search) == texts
    assert model.n_best(["go Zoë"], 1, search)[0][0].tokens == ("▁go", "▁Zoë")


def test_a_model_without_attention_is_an_error(make_model):
    message = r"copy_unknown = true .* none: set copy_unknown = false, or train a model with attention = 'dot'"
    model = make_model()
    with pytest.raises(ValueError, match=message):
        model.translate(["let's go"], BEAM)
    with pytest.raises(ValueError, match=message):
        type(model)(model.config, model.source_tokenizer, model.target_tokenizer, search=GREEDY)
    with pytest.raises(ValueError, match=message):
        require_fitting(ModelConfig(), RunConfig(search=GREEDY).search)
