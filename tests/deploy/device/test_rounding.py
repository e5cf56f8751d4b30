import numpy as np
import pytest

from keras_s2s import SearchConfig, export_tflite
from keras_s2s.data.tokenizer import EOS
from keras_s2s.decoding.inference import encode, inference_weights, step
from keras_s2s.decoding.runtime import pad_rows, search_all
from keras_s2s.deploy.agreement import sample_texts
from keras_s2s.deploy.device import tflite as module
from keras_s2s.deploy.device.calibration import input_moments
from keras_s2s.deploy.device.manifest import read_files
from keras_s2s.deploy.device.rounding import LEVELS, compensated, round_weights


@pytest.fixture
def product():
    """A weight, and inputs that go together as hidden states do."""
    random = np.random.default_rng(0)
    weight = random.normal(size=(48, 90)).astype("float32")
    inputs = random.normal(size=(2000, 8)) @ random.normal(size=(8, 48)) + 0.3 * random.normal(size=(2000, 48))
    return weight, inputs


def plainly(weight, axis=0):
    """Round as the converter does."""
    step = np.abs(weight).max(axis=axis, keepdims=True) / LEVELS
    return np.round(weight / step) * step


def error(inputs, weight, rounded):
    return np.sqrt(np.mean((inputs @ (rounded - weight)) ** 2))


def test_errors_make_good_for_each_other(product):
    weight, inputs = product
    rounded = compensated(weight, inputs.T @ inputs / len(inputs), np.abs(weight).max(axis=0))
    assert error(inputs, weight, rounded) < 0.6 * error(inputs, weight, plainly(weight))


@pytest.mark.parametrize("axis", [0, None], ids=["a grid for each output", "one grid"])
def test_the_converters_rounding_changes_nothing_more(product, axis):
    weight, inputs = product
    largest = np.abs(weight).max(axis=axis)
    rounded = compensated(weight, inputs.T @ inputs / len(inputs), largest)
    np.testing.assert_allclose(np.abs(rounded).max(axis=axis), largest, rtol=1e-6)
    steps = rounded / (largest / LEVELS)
    np.testing.assert_allclose(steps, np.round(steps), atol=1e-3)
    np.testing.assert_allclose(plainly(rounded, axis), rounded, atol=1e-6)


def test_dead_weights_and_inputs(product):
    weight, inputs = product
    weight[:, 3] = 0
    inputs[:, 5] = 0
    moment = inputs.T @ inputs / len(inputs)
    for case in (moment, np.zeros_like(moment)):
        rounded = compensated(weight, case, np.abs(weight).max(axis=0))
        assert np.isfinite(rounded).all()
        assert not rounded[:, 3].any()
        assert np.abs(rounded - weight).max() < 0.2 * np.abs(weight).max()


def test_embeddings_are_rounded_for_those_who_read_them():
    random = np.random.default_rng(0)
    embedding = (random.normal(size=(200, 32)) * random.uniform(0.1, 3, 32)).astype("float32")
    kernel = (random.normal(size=(32, 6)) @ random.normal(size=(6, 64))).astype("float32")
    weights = {"decoder_embedding/embeddings": embedding, "decoder_lstm_1/kernel": kernel}
    weights |= {name.replace("decoder", "encoder"): array for name, array in weights.items()}
    rounded = round_weights(weights, {}, tied=False)
    exact = embedding @ kernel
    for side in ("encoder", "decoder"):
        got = rounded[f"{side}_embedding/embeddings"] @ rounded[f"{side}_lstm_1/kernel"]
        assert np.abs(got - exact).std() < 0.5 * np.abs(plainly(embedding, None) @ kernel - exact).std()
    tied = round_weights(weights, {}, tied=True)
    np.testing.assert_array_equal(tied["decoder_embedding/embeddings"], embedding)
    np.testing.assert_array_equal(tied["encoder_embedding/embeddings"], rounded["encoder_embedding/embeddings"])


def test_moments_are_those_of_the_inference_graph(model):
    texts = ["the red cat sees the dog", "", "the ant"]
    moments = input_moments(model, texts)
    weights = inference_weights(model)
    seen = {"decoder_output/kernel": [], "decoder_lstm_1/kernel": [], "decoder_lstm_2/recurrent_kernel": []}
    embeddings = np.asarray(weights["decoder_embedding/embeddings"])
    rows = [row for row in model.source_tokenizer.encode(texts) if len(row) > 1]
    for i, hypotheses in search_all(weights, rows, model.config, SearchConfig(), 1):
        state, memory = encode(weights, *pad_rows([rows[i]]), model.config)
        output, _ = hypotheses[0]
        for token in [EOS, *output[:-1]]:
            seen["decoder_lstm_1/kernel"].append(embeddings[token])
            seen["decoder_lstm_2/recurrent_kernel"].append(np.asarray(state["hidden_2"])[0])
            _, state, _ = step(weights, np.array([token]), state, memory, model.config)
            seen["decoder_output/kernel"].append(np.asarray(state["hidden_2"])[0])
    for name, inputs in seen.items():
        expected = np.transpose(inputs) @ np.array(inputs) / len(inputs)
        np.testing.assert_allclose(moments[name], expected, atol=1e-5)
    products = [name for name in weights if name.endswith("kernel")]
    assert set(moments) == set(products)
    for name in products:
        assert moments[name].shape == (weights[name].shape[0],) * 2


def test_moments_of_a_model_with_everything(make_model):
    model = make_model(
        attention="additive", bidirectional=True, residual=True, decoder_layers=1, tie_embeddings=True, spread=2.0
    )
    moments = input_moments(model, sample_texts(model, count=10))
    weights = {name: variable.numpy() for name, variable in inference_weights(model).items()}
    assert {"attention_keys/kernel", "attention_output/kernel", "bridge_hidden_1/kernel"} < set(moments)
    assert set(moments) <= set(weights)
    rounded = round_weights(weights, moments, tied=True)
    assert set(rounded) == set(weights)
    assert all(np.isfinite(array).all() for array in rounded.values())


def test_the_file_holds_the_rounded_weights(make_model, tmp_path, monkeypatch):
    from ai_edge_litert import schema_py_generated as schema

    model = make_model(units=48, embedding=48, spread=2.0)
    kept = {}
    monkeypatch.setattr(module, "round_weights", lambda *a, **o: kept.update(round_weights(*a, **o)) or dict(kept))
    path = export_tflite(model, tmp_path / "x.tflite", quantize="int8")
    flatbuffer = path.read_bytes()[: read_files(path).manifest["model_bytes"]]
    file = schema.ModelT.InitFromObj(schema.Model.GetRootAs(flatbuffer, 0))
    stored = []
    for tensor in (tensor for graph in file.subgraphs for tensor in graph.tensors):
        data = file.buffers[tensor.buffer].data
        if tensor.type == schema.TensorType.INT8 and data is not None:
            steps = np.frombuffer(bytes(data), np.int8).reshape(tensor.shape)
            stored.append(steps * np.reshape(tensor.quantization.scale, (-1, 1)))
    large = {name: array for name, array in kept.items() if name.endswith("kernel") and array.size > 1024}
    assert len(large) > 6
    for name, array in large.items():
        same = [s for s in stored if s.shape == array.T.shape and np.allclose(s, array.T, atol=1e-6)]
        assert same, name
