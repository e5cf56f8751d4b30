"""What is wrong gets the right status code and a message, and the server goes on; what is only odd gets an answer."""

import base64
import json
import re

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2, types_pb2
from tensorflow_serving.apis import get_model_status_pb2, predict_pb2

INVALID, NOT_FOUND = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND
MEGABYTE_SECONDS = 10
TEXTS = ("serving_default", "beam", "encode")


def proto(dtype, sizes, **values):
    shape = {"dim": [{"size": size} for size in sizes]}
    return tensor_pb2.TensorProto(dtype=dtype, tensor_shape=shape, **values)


STRING, FLOAT = types_pb2.DT_STRING, types_pb2.DT_FLOAT
BAD = {
    "a scalar": ("a scalar", {}, INVALID, "shape|dimension"),
    "rank 2": ([["rank", "two"]], {}, INVALID, "shape"),
    "numbers": (np.ones(1, np.float32), {}, INVALID, "string"),
    "another name": ({"text": ["to go"]}, {}, INVALID, "texts"),
    "nothing": ({}, {}, INVALID, "texts"),
    "too much": ({"texts": ["to go"], "lengths": np.ones(1, np.int32)}, {}, INVALID, "lengths"),
    "no type": ({"texts": proto(0, [1])}, {}, INVALID, ""),
    "a type that does not exist": ({"texts": proto(999, [1])}, {}, INVALID, ""),
    "a resource": ({"texts": proto(types_pb2.DT_RESOURCE, [1])}, {}, INVALID, ""),
    "a negative size": ({"texts": proto(STRING, [-1], string_val=[b"a"])}, {}, INVALID, ""),
    "an unknown shape": (
        {"texts": tensor_pb2.TensorProto(dtype=STRING, tensor_shape={"unknown_rank": True}, string_val=[b"a"])},
        {},
        INVALID,
        "",
    ),
    "unknown signature": (["to go"], {"signature": "translate"}, grpc.StatusCode.FAILED_PRECONDITION, "translate"),
    "unknown model": (["to go"], {"model": "nobody"}, NOT_FOUND, "nobody"),
    "no model": (["to go"], {"model": ""}, INVALID, "name"),
    "unknown version": (["to go"], {"version": 999_999_999}, NOT_FOUND, "999999999"),
    "unknown label": (["to go"], {"label": "canary"}, INVALID, "canary"),
    "unknown output": (["to go"], {"outputs": ["scores"]}, INVALID, "scores"),
    "an output twice": (["to go"], {"outputs": ["lengths", "lengths"]}, INVALID, "lengths"),
}


@pytest.fixture
def goes_on(server):
    """Checks after the test that the server still answers."""
    before = server.translate(["to go"])
    yield
    assert server.translate(["to go"]) == before
    assert server.translate_rest(["to go"]) == before


def refused(server, inputs, **options):
    with pytest.raises(grpc.RpcError) as error:
        server.predict(inputs, **options)
    return error.value.code(), error.value.details()


@pytest.mark.usefixtures("goes_on")
@pytest.mark.parametrize(("inputs", "options", "code", "message"), BAD.values(), ids=BAD)
def test_bad_requests(server, inputs, options, code, message):
    got, details = refused(server, inputs, **options)
    assert got is code, details
    assert details
    assert re.search(message, details)


@pytest.mark.usefixtures("goes_on")
@pytest.mark.parametrize("signature", TEXTS)
@pytest.mark.parametrize("texts", ["a scalar", [["rank", "two"]], [[]]], ids=["scalar", "rank 2", "empty rank 2"])
def test_other_ranks_in_every_signature(server, signature, texts):
    assert refused(server, texts, signature=signature)[0] is INVALID
    body = {"signature_name": signature, "inputs": texts}
    assert server.call(body)[0] == 400


@pytest.mark.usefixtures("goes_on")
def test_a_request_without_a_model(server):
    for call, request in (
        (server.prediction.Predict, predict_pb2.PredictRequest()),
        (server.models.GetModelStatus, get_model_status_pb2.GetModelStatusRequest()),
    ):
        with pytest.raises(grpc.RpcError) as error:
            call(request, 30)
        assert error.value.code() is INVALID
        assert "ModelSpec" in error.value.details()


@pytest.mark.usefixtures("goes_on")
@pytest.mark.parametrize("signature", TEXTS)
def test_ten_thousand_texts(server, signature, max_batch):
    code, details = refused(server, ["to go"] * 10_000, signature=signature)
    assert (code, str(max_batch) in details) == (INVALID, True), details
    status, answer = server.call({"signature_name": signature, "instances": ["to go"] * 10_000})
    assert (status, str(max_batch) in answer["error"]) == (400, True), answer
    assert (
        len(
            server.arrays(["to go"] * max_batch, signature=signature)[
                "lengths" if signature == "encode" else "log_probs"
            ]
        )
        == max_batch
    )
    assert refused(server, ["to go"] * (max_batch + 1), signature=signature)[0] is INVALID


@pytest.mark.usefixtures("goes_on")
def test_bad_steps(server):
    step = {"token": np.ones(2, np.int32), **server.arrays(["to go", "to eat"], signature="encode")}
    if "memory" not in step:
        del step["lengths"]
    assert server.arrays(step, signature="decode_step")["log_probs"].shape[0] == 2
    for wrong in (
        {"token": np.ones(1, np.int32)},
        {"token": np.array(1, np.int32)},
        {"token": np.ones((2, 1), np.int32)},
        {"token": np.full(2, 10**6, np.int32)},
        {"token": np.full(2, -1, np.int32)},
        {"token": np.ones(2, np.int64)},
        {"hidden_1": step["hidden_1"][:, :-1]},
        {"hidden_1": step["hidden_1"][:1]},
        {"hidden_1": step["hidden_1"].ravel()},
        {"cell_1": np.array([[b"1", b"1"]] * 2, object)},
    ):
        code, details = refused(server, {**step, **wrong}, signature="decode_step")
        assert code is INVALID, (wrong, details)


@pytest.mark.usefixtures("goes_on")
@pytest.mark.parametrize("signature", TEXTS)
def test_an_empty_batch(server, signature):
    assert all(len(array) == 0 for array in server.arrays([], signature=signature).values())
    status, answer = server.call({"signature_name": signature, "inputs": []})
    assert status == 200
    assert all(column == [] for column in answer["outputs"].values())


@pytest.mark.usefixtures("goes_on")
@pytest.mark.parametrize("signature", TEXTS)
def test_odd_texts(server, signature):
    odd = [
        b"",
        b"   ",
        b"\xff\xfe\x80",
        b"to \xc3 go",
        b"\x00",
        b"\xed\xa0\x80",
        "\u2028".encode(),
    ]
    over_grpc = server.arrays(odd, signature=signature)
    assert all(len(array) == len(odd) for array in over_grpc.values())
    encoded = [{"b64": base64.b64encode(text).decode()} for text in odd]
    status, answer = server.call({"signature_name": signature, "inputs": encoded})
    assert status == 200
    for name, array in over_grpc.items():
        if array.dtype == object:
            assert np.array(answer["outputs"][name]).shape == array.shape
            assert [text.encode() for text in np.array(answer["outputs"][name]).ravel()] == array.ravel().tolist()


# What the model's tokeniser finds hardest is a run of characters that it does not know, or bytes that are none.
MEGABYTES = {
    "words": b"let's go " * 111_112,
    "letters": b"x" * 1_000_000,
    "unknown characters": "漢".encode() * 333_334,
    "no characters": b"\x80" * 1_000_000,
    "spaces": b" " * 1_000_000,
}


@pytest.mark.usefixtures("goes_on")
@pytest.mark.parametrize("signature", TEXTS)
@pytest.mark.parametrize("text", MEGABYTES.values(), ids=MEGABYTES)
def test_a_megabyte(server, signature, text):
    response = server.prediction.Predict(server.request([text, b"to go"], signature=signature), MEGABYTE_SECONDS)
    assert all(output.tensor_shape.dim[0].size == 2 for output in response.outputs.values())


BAD_JSON = {
    "nothing": b"",
    "no JSON": b"let's go",
    "cut short": b'{"instances": ["let',
    "a list": b'["to go"]',
    "neither form": {"texts": ["to go"]},
    "both forms": {"instances": ["to go"], "inputs": ["to go"]},
    "no rows": {"instances": []},
    "rows that are no list": {"instances": "to go"},
    "rows of numbers": {"instances": [1]},
    "rows of null": {"instances": [None]},
    "rows of two kinds": {"instances": ["to go", {"texts": "to go"}]},
    "rows of two shapes": {"instances": ["to go", ["to go"]]},
    "rows of another name": {"instances": [{"text": "to go"}]},
    "rows of rank 2": {"instances": [["to"], ["go"]]},
    "a scalar": {"inputs": "to go"},
    "a column of another name": {"inputs": {"text": ["to go"]}},
    "a ragged column": {"inputs": [["to", "go"], ["to"]]},
    "no base64": {"instances": [{"b64": "!"}]},
    "too deep": b'{"instances": ' + b"[" * 50_000,
    "deep and closed": b'{"instances": ' + b"[" * 500 + b"]" * 500 + b"}",
    "half a surrogate pair": rb'{"instances": ["\ud800"]}',
    "unknown signature": {"instances": ["to go"], "signature_name": "translate"},
    "half a surrogate pair for a signature": rb'{"instances": ["to go"], "signature_name": "\ud800"}',
    "signature of another type": {"instances": ["to go"], "signature_name": 1},
    "text for a number": {"signature_name": "decode_step", "inputs": {"token": ["1"]}},
}


@pytest.mark.usefixtures("goes_on")
@pytest.mark.parametrize("body", BAD_JSON.values(), ids=BAD_JSON)
def test_bad_json(server, body):
    status, answer = server.call(body)
    assert status == 400, answer
    assert set(answer) == {"error"}
    assert answer["error"]


def test_text_after_the_json_is_ignored(server):
    assert server.call(b'{"instances": ["to go"]} and more')[0] == 200


def test_json_of_invalid_utf8(server):
    status, answer = server.call(b'{"instances": ["to \xff go"]}')
    assert (status, len(answer["predictions"])) == (200, 1)


@pytest.mark.usefixtures("goes_on")
@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("POST", "/v1/models/nobody:predict", 404),
        ("POST", "/v1/models/{model}/versions/999999999:predict", 404),
        ("POST", "/v1/models/{model}/labels/canary:predict", 400),
        ("POST", "/v1/models/{model}/versions/99999999999999999999:predict", 400),
        ("POST", "/v1/models/{model}/versions/one:predict", 400),
        ("POST", "/v1/models/{model}:translate", 400),
        ("POST", "/v1/models/{model}:classify", 400),
        ("POST", "/v1/models/{model}", 400),
        ("GET", "/v1/models/{model}:predict", 400),
        ("GET", "/v1/models", 400),
        ("PUT", "/v1/models/{model}:predict", 400),
        ("GET", "/v1/nothing", 400),
    ],
)
def test_bad_paths(server, method, path, code):
    body = {"instances": ["to go"]} if method != "GET" else None
    status, text = server.http(method, path.format(model=server.model), body)
    assert status == code, text
    assert json.loads(text)["error"]


def test_paths_outside_the_api(server):
    assert server.http("GET", "/")[0] == 404


@pytest.mark.usefixtures("goes_on")
def test_bytes_that_are_no_request(server):
    call = server.channel.unary_unary("/tensorflow.serving.PredictionService/Predict")
    with pytest.raises(grpc.RpcError):
        call(b"\xff" * 100, timeout=30)
    unknown = server.channel.unary_unary("/tensorflow.serving.PredictionService/Translate")
    with pytest.raises(grpc.RpcError) as error:
        unknown(b"", timeout=30)
    assert error.value.code() is grpc.StatusCode.UNIMPLEMENTED


@pytest.mark.usefixtures("goes_on")
def test_one_value_for_a_whole_shape(server):
    """TensorProto's short form: the last value stands for the rest."""
    short = {"texts": proto(STRING, [3], string_val=[b"to go", b"to eat"])}
    assert server.translate(short) == server.translate(["to go", "to eat", "to eat"])


@pytest.mark.usefixtures("goes_on")
def test_a_shape_larger_than_the_memory(server, external):
    """A few bytes that ask for a terabyte. Only of our own server: what it does to another is its matter."""
    if external:
        pytest.skip("the server is not ours")
    for sizes in ([10**12], [10**6, 10**6], [2**62, 2**62], [1] * 300, [0, 2**62]):
        assert refused(server, {"texts": proto(STRING, sizes, string_val=[b"a"])})[0] is INVALID
    state = {name: proto(FLOAT, [10**9], float_val=[1.0]) for name in ("hidden_1", "cell_1", "hidden_2", "cell_2")}
    assert refused(server, {"token": tf.make_tensor_proto([1]), **state}, signature="decode_step")[0] is INVALID
