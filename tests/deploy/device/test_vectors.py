import json

import numpy as np
import pytest

from keras_s2s import LiteRTTranslator
from keras_s2s.deploy.device.beside import beside
from keras_s2s.deploy.device.device_model import DeviceModel
from keras_s2s.deploy.device.manifest import read_files
from keras_s2s.deploy.device.vectors import AWKWARD, COUNT, vector_texts, write_vectors

pytestmark = pytest.mark.filterwarnings("ignore:the source has")


@pytest.fixture(scope="module")
def document(tflite):
    return json.loads(beside(tflite, "vectors.json").read_text(encoding="ascii"))


def test_what_is_in_them(document, tflite):
    assert document["format"] == "keras_s2s/vectors/1"
    assert document["model_sha256"] == read_files(tflite).manifest["model_sha256"]
    texts = [vector["text"] for vector in document["vectors"]]
    assert len(texts) == len(set(texts)) == COUNT
    assert set(AWKWARD) <= set(texts)
    assert 3 <= sum(vector["overlong"] for vector in document["vectors"]) < 20
    assert sum(vector["greedy"]["text"] == "" for vector in document["vectors"]) < 40


def test_they_are_the_translators_answers(document, tflite):
    vectors, translator = document["vectors"], LiteRTTranslator(tflite)
    texts = [vector["text"] for vector in vectors]
    assert [vector["greedy"]["text"] for vector in vectors] == translator.translate(texts, "greedy")
    for vector, hypotheses in zip(vectors, translator.n_best(texts), strict=True):
        assert [answer["text"] for answer in vector["beam"]] == [h.text for h in hypotheses]
        expected = [h.log_prob for h in hypotheses]
        np.testing.assert_allclose([answer["log_prob"] for answer in vector["beam"]], expected, atol=1e-4)


def test_the_ids_between_are_the_keras_models(document, model):
    for vector in document["vectors"]:
        assert [vector["source"]] == model.source_tokenizer.encode([vector["text"]], 32)
        for answer in (vector["greedy"], *vector["beam"]):
            assert model.target_tokenizer.decode([answer["tokens"]]) == [answer["text"]]
            assert len(answer["tokens"]) <= 24
            assert 1 not in answer["tokens"][:-1]


def test_a_model_that_refuses_long_texts(tflite, tmp_path):
    model = DeviceModel(tflite)
    model.manifest["limits"]["overlong"] = "error"
    write_vectors(tmp_path / "v.json", model, ["the cat", "the cat " * 50])
    short, long = json.loads((tmp_path / "v.json").read_bytes())["vectors"]
    assert short["source"][-1] == 1
    assert long == {"text": "the cat " * 50, "overlong": True, "source": None, "greedy": None, "beam": None}


def test_the_users_texts_come_before_random_ones(model):
    own = [f"the red cat sees the {noun}" for noun in ("cat", "dog", "bird")]
    texts = vector_texts(model, own)
    assert texts[: len(AWKWARD)] == list(AWKWARD)
    assert texts[len(AWKWARD) :][:3] == own
