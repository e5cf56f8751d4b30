"""The training graph: its layers, its states, its independence of padding."""

import gc
import weakref

import keras
import numpy as np
import pytest

from keras_s2s.model.encoder import reverse_tokens


def inputs(seed=0, rows=3, source=6, target=5):
    rng = np.random.default_rng(seed)
    x = {"source": rng.integers(3, 8, (rows, source)), "target": rng.integers(3, 8, (rows, target))}
    x["source"][:, -1] = 1
    return {name: ids.astype("int32") for name, ids in x.items()}


def logits(model, x):
    """The network's outputs, step by step: to trace a graph of it takes longer."""
    return np.asarray(model(x))


def test_two_stacks_with_weights_of_their_own(make_model):
    model = make_model(layers=3)
    lstms = [layer for layer in model.layers if isinstance(layer, keras.layers.LSTM)]
    assert {layer.name for layer in lstms} == {f"{side}_lstm_{i}" for side in ("encoder", "decoder") for i in (1, 2, 3)}
    assert all(layer.return_state for layer in lstms if layer.name.startswith("encoder"))
    assert len({id(v) for layer in lstms for v in layer.trainable_variables}) == 6 * 3
    assert {"encoder_embedding", "decoder_embedding", "decoder_output"} <= {layer.name for layer in model.layers}
    assert not any(layer.name.startswith(("lstm", "dense", "embedding", "dropout")) for layer in model.layers)


def test_what_is_copied_lives_until_all_is_copied(make_model, monkeypatch):
    """Keras knows it by its address as it loads a model: `load` failed where a layer was made in a dead one's place."""
    copied = []

    class Watched(keras.layers.Bidirectional):
        def __init__(self, layer, **options):
            copied.append(weakref.ref(layer))
            gc.collect()
            assert all(reference() is not None for reference in copied)
            super().__init__(layer, **options)

    monkeypatch.setattr(keras.layers, "Bidirectional", Watched)
    make_model(layers=3, bidirectional=True)
    assert len(copied) == 3


def test_no_layer_is_left_unnamed(make_model, architecture):
    names = {layer.name for layer in make_model(**architecture).layers} - {"source", "target"}
    assert all(name.startswith(("encoder_", "decoder_", "bridge_", "attention")) for name in names), names


def test_every_weight_is_trained(make_model, architecture, phrases):
    model = make_model(**architecture, spread=2.0)
    before = [v.numpy() for v in model.trainable_variables]
    model.compile(keras.optimizers.SGD(1.0), run_eagerly=True)
    model.fit(model.batches(phrases, batch_tokens=64, buckets=1), epochs=3, verbose=0)
    unmoved = [v.path for v, old in zip(model.trainable_variables, before, strict=True) if (v.numpy() == old).all()]
    assert not unmoved


def test_the_context_vectors_start_the_decoder(make_model):
    model = make_model()
    x = inputs()
    again = x | {"source": np.where(x["source"] == 1, 1, 10 - x["source"]).astype("int32")}
    first, second = logits(model, x), logits(model, again)
    assert np.abs(first - second)[:, 0].max() > 1e-3


def test_padding_changes_nothing(make_model, architecture):
    model = make_model(**architecture)
    x = inputs()
    padded = {name: np.pad(ids, [(0, 0), (0, 4)]) for name, ids in x.items()}
    expected = logits(model, x)
    assert logits(model, padded)[:, :5] == pytest.approx(expected, abs=1e-6)


def test_later_target_tokens_change_no_earlier_logits(make_model, architecture):
    model = make_model(**architecture)
    x = inputs()
    changed = x["target"].copy()
    changed[:, 3:] = 4
    before, after = logits(model, x), logits(model, x | {"target": changed})
    assert after[:, :3] == pytest.approx(before[:, :3], abs=1e-6)


def test_reversal_leaves_eos_and_padding_in_place():
    source = np.array([[5, 6, 7, 1, 0, 0], [5, 1, 0, 0, 0, 0], [1, 0, 0, 0, 0, 0], [3, 4, 5, 6, 7, 1]], "int32")
    expected = [[7, 6, 5, 1, 0, 0], [5, 1, 0, 0, 0, 0], [1, 0, 0, 0, 0, 0], [7, 6, 5, 4, 3, 1]]
    assert np.asarray(reverse_tokens(source)).tolist() == expected


def test_get_config_round_trip(make_model, architecture):
    model = make_model(**architecture)
    again = type(model).from_config(model.get_config())
    assert again.get_config() == model.get_config()
    assert [layer.get_config() for layer in again.layers] == [layer.get_config() for layer in model.layers]
    again.set_weights(model.get_weights())
    assert (logits(again, inputs()) == logits(model, inputs())).all()
