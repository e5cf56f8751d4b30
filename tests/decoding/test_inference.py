"""The inference graph gives what the training graph gives."""

import keras
import numpy as np
import pytest

from keras_s2s.decoding.inference import encode, inference_weights, step
from keras_s2s.decoding.outputs import repeat_rows


def rows(model, seed=0, batch=4, time=7):
    """Return sources of different lengths with `<EOS>`, padded, and their lengths."""
    rng = np.random.default_rng(seed)
    source = np.zeros((batch, time), "int32")
    lengths = np.array([7, 1, 4, 2][:batch], "int32")
    for i, n in enumerate(lengths):
        source[i, : n - 1] = rng.integers(3, len(model.source_tokenizer), n - 1)
        source[i, n - 1] = 1
    return source, lengths


def test_steps_equal_teacher_forcing(make_model, architecture):
    model = make_model(**architecture, spread=1.5)
    source, lengths = rows(model)
    target = np.random.default_rng(1).integers(1, len(model.target_tokenizer), (4, 6)).astype("int32")
    expected = np.asarray(model({"source": source, "target": target}))  # [batch, time, vocabulary]
    weights = inference_weights(model)
    state, memory = encode(weights, source, lengths, model.config)
    for time in range(target.shape[1]):
        logits, state, _ = step(weights, target[:, time], state, memory, model.config)
        assert np.asarray(logits) == pytest.approx(expected[:, time], abs=2e-5)


def test_a_row_is_encoded_as_if_alone(make_model, architecture):
    model = make_model(**architecture, spread=2.0)
    weights = inference_weights(model)
    source, lengths = rows(model)
    together, memory = encode(weights, source, lengths, model.config)
    for i, n in enumerate(lengths):
        alone, own_memory = encode(weights, source[i : i + 1, :n], lengths[i : i + 1], model.config)
        for name, state in alone.items():
            assert np.asarray(state)[0] == pytest.approx(np.asarray(together[name])[i], abs=1e-5)
        for name in own_memory.keys() - {"lengths"}:
            assert np.asarray(own_memory[name])[0] == pytest.approx(np.asarray(memory[name])[i, :n], abs=1e-5)


@pytest.mark.parametrize("attention", ["dot", "general", "additive"])
def test_attention_is_the_networks_own_and_never_on_padding(make_model, attention):
    model = make_model(attention=attention, spread=8.0)
    source, lengths = rows(model)
    target = np.ones((4, 1), "int32")
    layer = model.get_layer("attention")
    inner = keras.Model(model.inputs, layer.input)
    asked, values, keys = inner({"source": source, "target": target})
    mask = [None, source != 0]
    _, expected = layer([asked, values, keys], mask=mask, return_attention_scores=True)
    weights = inference_weights(model)
    state, memory = encode(weights, source, lengths, model.config)
    attention = np.asarray(step(weights, target[:, 0], state, memory, model.config).attention)
    assert attention == pytest.approx(np.asarray(expected)[:, 0], abs=1e-5)
    assert attention.sum(axis=1) == pytest.approx(1, abs=1e-5)
    assert (attention[source == 0] == 0).all()
    assert attention[0].max() > 1.5 / 7  # it does choose


def test_attention_is_in_the_sources_own_order(make_model):
    plain, turned = (make_model(attention="dot", reverse_source=reverse, spread=8.0) for reverse in (False, True))
    source = np.array([[4, 5, 6, 7, 1, 0], [7, 6, 5, 4, 1, 0]], "int32")  # the one is the other, reversed
    length, start = np.array([5, 5], "int32"), np.ones(2, "int32")
    seen = []
    for model in (plain, turned):
        state, memory = encode(inference_weights(model), source, length, model.config)
        seen.append(np.asarray(step(inference_weights(model), start, state, memory, model.config).attention))
    assert seen[1][0, [3, 2, 1, 0, 4, 5]] == pytest.approx(seen[0][1], abs=1e-5)
    assert seen[0][1, 0] != pytest.approx(seen[0][1, 3], abs=1e-3)


def test_a_window_moves_with_the_step(make_model):
    model = make_model(attention="general", attention_window=1, spread=2.0)
    source, lengths = rows(model)
    weights = inference_weights(model)
    state, memory = encode(weights, source, lengths, model.config)
    for time in range(lengths[0]):
        _, state, attention = step(weights, np.ones(4, "int32"), state, memory, model.config)
        seen = np.nonzero(np.asarray(attention)[0])[0]
        assert seen.tolist() == [t for t in (time - 1, time, time + 1) if 0 <= t < lengths[0]]


@pytest.mark.parametrize("attention", ["dot", "general", "additive"])
def test_beams_share_the_memory_of_their_source(make_model, attention):
    model = make_model(attention=attention, spread=2.0)
    source, lengths = rows(model)
    weights = inference_weights(model)
    state, memory = encode(weights, source, lengths, model.config)
    tokens = np.arange(12, dtype="int32") % len(model.target_tokenizer)
    together = step(weights, tokens, repeat_rows(state, 3), memory, model.config, beams=3)
    for beam in range(3):
        alone = step(weights, tokens[beam::3], state, memory, model.config)
        assert np.asarray(together.logits)[beam::3] == pytest.approx(np.asarray(alone.logits), abs=1e-5)


def test_weights_are_the_models_own(make_model, architecture):
    model = make_model(**architecture)
    weights = inference_weights(model)
    assert len(weights) == len(model.trainable_variables)
    assert all(any(w is v for v in model.trainable_variables) for w in weights.values())
