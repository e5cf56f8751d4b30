"""One tiny trained model and its exports, made once for all tests of this folder."""

import random
from typing import NamedTuple

import keras
import numpy as np
import pytest

from keras_s2s import ModelConfig, Pair, Seq2Seq, TokenizerConfig, export_saved_model, export_tflite

# Rows of a trained and an untrained kind: what the model has seen, and what it cannot know.
AWKWARD = ["", "   ", "😀", "Привет мир", "漢字", "ﬁancé\x07", "one\ttwo\nthree", "x" * 500, "the the the " * 30]
NOUNS, ADJECTIVES = ("cat", "dog", "bird", "fish", "cow", "ant"), ("red", "big", "old", "new", "odd", "shy")


@pytest.fixture(scope="session")
def sentences():
    return [f"the {a} {n} sees the {m}" for a in ADJECTIVES for n in NOUNS[:2] for m in NOUNS[:4]] + AWKWARD


@pytest.fixture(scope="session")
def model():
    pairs = [
        Pair(f"the {a} {n} sees the {m}", f"el {n}o {a}o mira al {m}o")
        for a in ADJECTIVES
        for n in NOUNS
        for m in NOUNS
    ]
    random.Random(0).shuffle(pairs)
    tokenizer = TokenizerConfig(vocabulary_size=30)
    config = ModelConfig(
        source_tokenizer=tokenizer,
        target_tokenizer=tokenizer,
        units=16,
        embedding=16,
        dropout=0.0,
        max_source_length=32,
        max_target_length=24,
        reverse_source=True,
    )
    keras.utils.set_random_seed(0)
    model = Seq2Seq.from_pairs(pairs, config)
    model.compile(keras.optimizers.Adam(0.02), jit_compile=False)
    model.fit(model.batches(pairs, batch_tokens=600, buckets=2), epochs=6, verbose=0)
    return model


@pytest.fixture(scope="session")
def greedy(model, sentences):
    return model.translate(sentences)


@pytest.fixture(scope="session")
def n_best(model, sentences):
    return model.n_best(sentences, 3)


@pytest.fixture(scope="session")
def saved_model(model, tmp_path_factory):
    return export_saved_model(model, tmp_path_factory.mktemp("served") / "tiny", n_best=3, max_batch=64)


@pytest.fixture(scope="session")
def tflite(model, tmp_path_factory):
    return export_tflite(model, tmp_path_factory.mktemp("device") / "tiny.tflite")


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
