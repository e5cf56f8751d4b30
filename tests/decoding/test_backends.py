"""The options of a search, scores and alignments are the same on TensorFlow and on JAX."""

import json
import os
import subprocess
import sys

import pytest

CODE = """
import json
import keras, numpy as np
from keras_s2s.config import ModelConfig, SearchConfig, TokenizerConfig
from keras_s2s.data.corpus import Pair
from keras_s2s.seq2seq import Seq2Seq

pairs = [Pair(f"{a} {b}", f"{b} {a} {a}") for a in ("uno", "dos", "tres") for b in ("rojo", "azul")]
words = TokenizerConfig(kind="word", vocabulary_size=20)
model = Seq2Seq.from_pairs(pairs, ModelConfig(
    source_tokenizer=words, target_tokenizer=words, units=16, embedding=8, max_target_length=8, attention="general"))
rng = np.random.default_rng(0)
model.set_weights([rng.normal(0, 0.8, w.shape) for w in model.get_weights()])
texts = [pair.source for pair in pairs] + [""]
searches = [SearchConfig(method=method, no_repeat_ngram=2) for method in ("greedy", "beam", "sample")]
searches.append(SearchConfig(method="beam", coverage_penalty=1.0))
searches.append(SearchConfig(method="beam", copy_unknown=True))
answers = [model.translate(texts, search) for search in searches]
answers.append(model.translate(texts, searches[1], prefixes=["tres", "", "uno dos", "", "", "", ""]))
scores = model.score(texts, answers[0])
attention = [alignment.attention.tolist() for alignment in model.align(texts[:3], answers[0][:3])]
print(json.dumps([keras.backend.backend(), answers, scores, attention]))
"""


def run(backend):
    environment = os.environ | {"KERAS_BACKEND": backend}
    result = subprocess.run([sys.executable, "-c", CODE], env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr[-3000:]
    name, *found = json.loads(result.stdout.splitlines()[-1])
    assert name == backend
    return found


def test_tensorflow_and_jax_agree():
    pytest.importorskip("jax")
    (answers, scores, attention), (jax_answers, jax_scores, jax_attention) = run("tensorflow"), run("jax")
    assert jax_answers == answers
    assert len({tuple(row) for row in answers}) == len(answers)  # each option changes something
    assert answers[-1][0].startswith("tres")
    assert answers[-1][2].startswith("uno dos")
    assert jax_scores == pytest.approx(scores, abs=1e-4)
    for one, other in zip(attention, jax_attention, strict=True):
        assert len(one) > 1
        for row, its in zip(one, other, strict=True):
            assert its == pytest.approx(row, abs=1e-5)
