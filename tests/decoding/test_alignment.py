"""Alignments are the attention of the training graph."""

import keras
import numpy as np
import pytest

from keras_s2s.decoding.alignment import align
from keras_s2s.decoding.inference import inference_weights

PAIRS = [([3, 5, 4, 1], [4, 3, 6, 5, 1]), ([6, 1], [1]), ([7, 3, 3, 8, 4, 1], [5, 1])]


@pytest.mark.parametrize(
    "options",
    [{"attention": "dot"}, {"attention": "general", "bidirectional": True}, {"attention": "additive", "layers": 3}],
    ids=lambda options: options["attention"],
)
def test_it_is_what_the_network_attends_to(make_model, options):
    model = make_model(spread=5.0, **options)
    layer = model.get_layer("attention")
    inner = keras.Model(model.inputs, layer.input)
    for (source, target), attention in zip(PAIRS, align(inference_weights(model), PAIRS, model.config), strict=True):
        inputs = {"source": np.array([source]), "target": np.array([[1, *target[:-1]]])}
        _, expected = layer(inner(inputs), return_attention_scores=True)
        assert attention.shape == (len(target), len(source))
        assert attention == pytest.approx(np.asarray(expected)[0], abs=1e-5)
        assert attention.sum(axis=1) == pytest.approx(1, abs=1e-5)


def test_a_model_without_attention_is_an_error(make_model):
    model = make_model()
    with pytest.raises(ValueError, match="this model has none: train one with attention = 'dot'"):
        list(align(inference_weights(model), PAIRS, model.config))
