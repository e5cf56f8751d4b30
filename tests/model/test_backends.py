"""The same steps on TensorFlow and on JAX end with the same losses and the same translations."""

import json
import os
import subprocess
import sys

import pytest

STEPS = """
import json, sys
import keras, numpy as np
from keras_s2s.config import ModelConfig, SearchConfig, TokenizerConfig
from keras_s2s.data.corpus import Pair
from keras_s2s.seq2seq import Seq2Seq

pairs = [Pair(f"{a} {b}", f"{b} {a} {a}") for a in ("uno", "dos", "tres") for b in ("rojo", "azul")]
words = TokenizerConfig(kind="word", vocabulary_size=20)
model = Seq2Seq.from_pairs(pairs, ModelConfig(
    source_tokenizer=words, target_tokenizer=words, units=16, embedding=8, dropout=0.0, max_target_length=8))
rng = np.random.default_rng(0)
model.set_weights([rng.normal(0, 0.2, w.shape) for w in model.get_weights()])
model.compile(keras.optimizers.SGD(0.5))  # Adam would blow the rounding of tiny gradients up to whole steps
batches = model.batches(pairs, batch_tokens=40, buckets=1)
losses = model.fit(batches, epochs=40, verbose=0, shuffle=False).history["loss"]
texts = [pair.source for pair in pairs] + [""]
answers = {m: model.translate(texts, SearchConfig(method=m)) for m in ("greedy", "beam", "sample")}
print(json.dumps([keras.backend.backend(), losses, answers]))
"""


def run(backend):
    environment = os.environ | {"KERAS_BACKEND": backend}
    result = subprocess.run([sys.executable, "-c", STEPS], env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr[-3000:]
    name, losses, answers = json.loads(result.stdout.splitlines()[-1])
    assert name == backend
    return losses, answers


def test_tensorflow_and_jax_agree():
    pytest.importorskip("jax")
    (tf_losses, tf_answers), (jax_losses, jax_answers) = run("tensorflow"), run("jax")
    assert jax_losses == pytest.approx(tf_losses, rel=1e-3)
    assert tf_losses[-1] < 0.8 * tf_losses[0]
    assert jax_answers == tf_answers
    assert tf_answers["greedy"][-1] == ""
