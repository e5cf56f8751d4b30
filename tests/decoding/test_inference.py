"""The inference graph gives what the training graph gives."""

import numpy as np
import pytest

from keras_s2s.decoding.inference import encode, inference_weights, step


def rows(model, seed=0, batch=4, time=7):
    """Return sources of different lengths with `<EOS>`, padded, and their lengths."""
    rng = np.random.default_rng(seed)
    source = np.zeros((batch, time), "int32")
    lengths = np.array([7, 1, 4, 2][:batch], "int32")
    for i, n in enumerate(lengths):
        source[i, : n - 1] = rng.integers(3, len(model.source_tokenizer), n - 1)
        source[i, n - 1] = 1
    return source, lengths


@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("reverse_source", [False, True])
def test_steps_equal_teacher_forcing(make_model, layers, reverse_source):
    model = make_model(layers=layers, reverse_source=reverse_source, spread=1.5)
    source, lengths = rows(model)
    target = np.random.default_rng(1).integers(1, len(model.target_tokenizer), (4, 6)).astype("int32")
    expected = model.predict({"source": source, "target": target}, verbose=0)  # [batch, time, vocabulary]
    weights = inference_weights(model)
    state = encode(weights, source, lengths, model.config)
    for time in range(target.shape[1]):
        logits, state = step(weights, target[:, time], state, model.config)
        assert np.asarray(logits) == pytest.approx(expected[:, time], abs=2e-5)


def test_a_row_is_encoded_as_if_alone(make_model):
    model = make_model(spread=2.0)
    weights = inference_weights(model)
    source, lengths = rows(model)
    together = encode(weights, source, lengths, model.config)
    for i, n in enumerate(lengths):
        alone = encode(weights, source[i : i + 1, :n], lengths[i : i + 1], model.config)
        for name, state in alone.items():
            assert np.asarray(state)[0] == pytest.approx(np.asarray(together[name])[i], abs=1e-5)


def test_weights_are_the_models_own(make_model):
    model = make_model()
    weights = inference_weights(model)
    assert len(weights) == len(model.trainable_variables)
    assert all(any(w is v for v in model.trainable_variables) for w in weights.values())
