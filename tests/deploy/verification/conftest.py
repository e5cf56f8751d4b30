"""A model whose searches meet ties."""

from typing import NamedTuple

import numpy as np
import pytest

from keras_s2s import Seq2Seq


class Twins(NamedTuple):
    """A model with two output tokens of the same weights: a tie wherever one of them is chosen, as in `text`."""

    model: Seq2Seq
    text: str
    other: int


@pytest.fixture(scope="session")
def twins(model):
    text = "the red cat sees the dog"
    (chosen, *_), other = model.target_tokenizer.encode(model.translate([text]))[0], 29
    twin = Seq2Seq.from_config(model.get_config())
    twin.set_weights(model.get_weights())
    for name, axis in (("decoder_embedding", 0), ("decoder_output", -1)):
        weights = twin.get_layer(name).get_weights()
        for array in weights:
            np.moveaxis(array, axis, 0)[other] = np.moveaxis(array, axis, 0)[chosen]
        twin.get_layer(name).set_weights(weights)
    return Twins(twin, text, other)
