"""The development server's parts, and its life as a process; the protocol is tested in tests/contract."""

import http.client
import json
import math
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2, types_pb2
from tensorflow_serving.apis import model_pb2, predict_pb2, prediction_service_pb2_grpc

from keras_s2s.deploy.server.local_server.errors import HTTP_STATUS, StatusError
from keras_s2s.deploy.server.local_server.json_inputs import parse, read_inputs
from keras_s2s.deploy.server.local_server.json_outputs import dump, write_outputs
from keras_s2s.deploy.server.local_server.predict import Deadline, find_signature, predict, run_signature
from keras_s2s.deploy.server.local_server.session import ModelSession
from keras_s2s.deploy.server.local_server.tensors import MOST_BYTES, from_proto, to_proto
from keras_s2s.deploy.server.local_server.versions import State, Versions
from keras_s2s.deploy.server.version_folders import version_folders
from keras_s2s.deploy.server.warmup import PLACE

pytestmark = pytest.mark.filterwarnings("ignore:the source has")

WAIT = 240


@pytest.fixture
def folder(saved_model, tmp_path):
    """A model's folder of its own, with version 1."""
    shutil.copytree(saved_model, tmp_path / "tiny" / "1")
    return tmp_path / "tiny"


def copy_version(folder, number):
    """Put a copy of version 1 in place at once."""
    shutil.copytree(folder / "1", folder / "unfinished")
    return (folder / "unfinished").rename(folder / str(number))


def refusal(call, *arguments):
    with pytest.raises(StatusError) as error:
        call(*arguments)
    return error.value.code.name, error.value.message


# Tensors


@pytest.mark.parametrize(
    "array",
    [
        np.array([b"a", b"", b"\x00\xff"], object),
        np.array(b"a\x00", object),
        np.zeros((0, 3), np.float32),
        np.array([[1.5, -math.inf], [math.nan, 0.1]], np.float32),
        np.array([1, -2], np.int32),
        np.array([2**40], np.int64),
        np.array([True, False]),
        np.array([0.25], np.float16),
    ],
    ids=lambda array: f"{array.dtype}{list(array.shape)}",
)
def test_tensors_go_there_and_back(array):
    proto = to_proto(array)
    assert np.array_equal(tf.make_ndarray(proto), array, equal_nan=array.dtype.kind == "f")
    back = from_proto("x", proto, tf.as_dtype(array.dtype))
    assert back.dtype == array.dtype
    assert np.array_equal(back, array, equal_nan=array.dtype.kind == "f")


def test_content_and_short_forms():
    packed = tf.make_tensor_proto(np.array([[1, 2], [3, 4]], np.int32))
    assert packed.tensor_content
    assert from_proto("x", packed, tf.int32).tolist() == [[1, 2], [3, 4]]
    short = tensor_pb2.TensorProto(dtype=types_pb2.DT_INT32, int_val=[1, 2])
    short.tensor_shape.dim.add(size=4)
    assert from_proto("x", short, tf.int32).tolist() == [1, 2, 2, 2]


@pytest.mark.parametrize(
    ("sizes", "dtype", "values", "message"),
    [
        ([3], types_pb2.DT_FLOAT, {}, "expects string but DT_FLOAT"),
        ([3], 999, {}, "expects string but 999"),
        ([-1], types_pb2.DT_STRING, {}, "negative"),
        ([MOST_BYTES], types_pb2.DT_STRING, {}, "more than 1048576 elements"),
        ([0, 2**62], types_pb2.DT_STRING, {}, "more than 1048576 elements"),
        ([1] * 300, types_pb2.DT_STRING, {}, "too many dimensions"),
        ([2**62] * 300_000, types_pb2.DT_STRING, {}, "too many dimensions"),
        ([2], types_pb2.DT_STRING, {"tensor_content": b"?"}, "tensor parsing error: texts"),
    ],
    ids=range(8),
)
def test_bad_tensors(sizes, dtype, values, message):
    proto = tensor_pb2.TensorProto(dtype=dtype, **values)
    for size in sizes:
        proto.tensor_shape.dim.add(size=size)
    code, text = refusal(from_proto, "texts", proto, tf.string)
    assert code == "INVALID_ARGUMENT"
    assert message in text


# JSON


def infos(**types):
    return {name: tf.TensorSpec(None, dtype) for name, dtype in types.items()}


def read(body, **types):
    document = parse(body if isinstance(body, bytes) else json.dumps(body).encode())
    return read_inputs(document, infos(**types))


def test_json_rows_and_columns():
    arrays, form = read({"instances": [{"a": 1, "b": [0.5, 1]}, {"a": 2, "b": [2, 3]}]}, a=tf.int32, b=tf.float32)
    assert form == "row"
    assert arrays["a"].dtype == np.int32
    assert arrays["a"].tolist() == [1, 2]
    assert arrays["b"].dtype == np.float32
    assert arrays["b"].tolist() == [[0.5, 1], [2, 3]]
    arrays, form = read({"inputs": {"a": 1, "b": [[]]}}, a=tf.int64, b=tf.bool)
    assert form == "column"
    assert (arrays["a"].shape, arrays["b"].shape) == ((), (1, 0))


@pytest.mark.parametrize(
    ("value", "dtype", "expected"),
    [
        ("é", tf.string, "é".encode()),
        ({"b64": "/w=="}, tf.string, b"\xff"),
        ({"b64": "/w"}, tf.string, b"\xff"),
        (True, tf.bool, True),
        (1, tf.float32, 1.0),
        (math.inf, tf.float32, math.inf),
        (10**400, tf.float32, math.inf),
        (-(10**400), tf.float64, -math.inf),
        (1e300, tf.float32, math.inf),
        (-(2**31), tf.int32, -(2**31)),
    ],
)
def test_json_values(value, dtype, expected):
    arrays, _ = read({"inputs": [value]}, x=dtype)
    assert arrays["x"].tolist() == [expected]


@pytest.mark.parametrize(
    ("value", "dtype"),
    [
        (1, tf.string),
        (None, tf.string),
        ({"b64": "/w==", "x": 1}, tf.string),
        ({"b64": "\n"}, tf.string),
        ("1", tf.float32),
        (True, tf.float32),
        (True, tf.int32),
        (1.0, tf.int32),
        (2**31, tf.int32),
        (1, tf.bool),
        (1, tf.resource),
    ],
)
def test_json_values_of_another_type(value, dtype):
    assert refusal(lambda: read({"inputs": [value]}, x=dtype))[0] == "INVALID_ARGUMENT"


def test_bytes_that_are_no_utf8_pass():
    arrays, _ = read(b'\xef\xbb\xbf {"inputs": ["\xff"]} rest', x=tf.string)
    assert arrays["x"].tolist() == [b"\xff"]
    assert dump("\udcff") == b'"\xff"'


def test_json_answers():
    outputs = {"a": np.array([0.1, math.nan], np.float32), "b_bytes": np.array([[b"\xff"], [b""]], object)}
    text = write_outputs(outputs, "row").decode()
    assert text == '{"predictions": [{"a": 0.1, "b_bytes": [{"b64": "/w=="}]}, {"a": NaN, "b_bytes": [{"b64": ""}]}]}'
    assert json.loads(write_outputs({"a": np.array([1, 2])}, "row")) == {"predictions": [1, 2]}
    assert json.loads(write_outputs({"a": np.array([1, 2])}, "column")) == {"outputs": [1, 2]}
    text = write_outputs({"a": np.array(1), "é": np.array(["ü".encode()], object)}, "column").decode()
    assert text == '{"outputs": {"a": 1, "é": ["ü"]}}'
    for uneven in ({"a": np.array(1)}, {"a": np.array([1]), "b": np.array([1, 2])}):
        assert refusal(write_outputs, uneven, "row")[0] == "INVALID_ARGUMENT"


# A version


def test_a_session_answers_as_the_model(saved_model, sentences, greedy):
    session = ModelSession(saved_model)
    request = predict_pb2.PredictRequest(model_spec={"name": "tiny"})
    request.inputs["texts"].CopyFrom(tf.make_tensor_proto(sentences))
    response = predict(session, 1, request, Deadline(60))
    assert [text.decode() for text in response.outputs["translations"].string_val] == greedy
    assert find_signature(session, "__saved_model_init_op") is None
    session.close()


def test_a_wrong_name_of_an_input(saved_model):
    session = ModelSession(saved_model)
    for names, message in (
        (["text"], "input tensor alias not found in signature: text. Inputs expected to be in the set {texts}."),
        ([], "input size does not match signature: 0!=1 .* Missing but required: {texts}"),
        (["text", "texts"], "input size does not match signature: 2!=1 .* Sent extra: {text}"),
    ):
        request = predict_pb2.PredictRequest(model_spec={"name": "tiny"})
        for name in names:
            request.inputs[name].CopyFrom(tf.make_tensor_proto(["the cat"]))
        code, told = refusal(predict, session, 1, request, Deadline(60))
        assert code == "INVALID_ARGUMENT"
        assert re.match(message, told), told
    session.close()


def test_a_deadline_stops_a_run(saved_model):
    session = ModelSession(saved_model)
    signature = find_signature(session, "beam")
    texts = {"texts": np.array([b"the big cat sees the dog " * 9] * 64, object)}
    run_signature(session, signature, texts, [], Deadline(None))
    assert refusal(run_signature, session, signature, texts, [], Deadline(0.001))[0] == "DEADLINE_EXCEEDED"
    assert refusal(run_signature, session, signature, texts, [], Deadline(-1))[0] == "DEADLINE_EXCEEDED"
    session.close()


def ruin(path, how):
    graph = path / "saved_model.pb"
    if how == "no graph":
        graph.unlink()
    elif how == "no protobuf":
        graph.write_bytes(b"no graph")
    elif how == "half a graph":
        graph.write_bytes(graph.read_bytes()[: graph.stat().st_size // 2])
    elif how == "no variables":
        shutil.rmtree(path / "variables")
    elif how == "half the variables":
        data = next((path / "variables").glob("*.data*"))
        data.write_bytes(data.read_bytes()[: data.stat().st_size // 2])
    elif how == "warm-up that is none":
        (path / PLACE).write_bytes(b"no record" * 9)
    elif how == "warm-up of another model":
        with tf.io.TFRecordWriter(str(path / PLACE)) as writer:
            writer.write(b"\x32\x04\x0a\x02\x0a\x00")
    return path


@pytest.mark.parametrize(
    "how",
    [
        "no graph",
        "no protobuf",
        "half a graph",
        "no variables",
        "half the variables",
        "warm-up that is none",
        "warm-up of another model",
    ],
)
def test_a_broken_version_is_told_and_the_old_one_stays(folder, how):
    versions = Versions("tiny", folder)
    versions.poll()
    assert versions.available() == [1]
    ruin(copy_version(folder, 2), how)
    for _ in range(2):
        versions.poll()
        two, one = versions.seen()
        assert (two.number, two.state, one.state) == (2, State.END, State.AVAILABLE)
        assert two.error.message
    versions.close()


def test_a_broken_version_is_tried_again_when_it_changes(folder):
    versions = Versions("tiny", folder)
    versions.poll()
    good = (folder / "1" / "saved_model.pb").read_bytes()
    ruin(copy_version(folder, 2), "no protobuf")
    versions.poll()
    assert versions.available() == [1]
    (folder / "2" / "saved_model.pb").write_bytes(good)
    versions.poll()
    assert versions.available() == [2]
    versions.close()


def test_versions_come_and_go(folder):
    versions = Versions("tiny", folder)
    versions.poll()
    spec = model_pb2.ModelSpec(name="tiny")
    with versions.lease(spec) as (session, number):
        assert number == 1
        copy_version(folder, 2)
        versions.poll()
        assert {version.number: version.state for version in versions.seen()} == {
            1: State.UNLOADING,
            2: State.AVAILABLE,
        }
        # The request that runs on the old one ends on it.
        texts = {"texts": np.array([b"the big cat"], object)}
        assert run_signature(session, find_signature(session, ""), texts, [], Deadline(None))
        with versions.lease(spec) as (_, newer):
            assert newer == 2
    assert versions.seen()[1].state is State.END
    spec.version.value = 1
    with pytest.raises(StatusError, match=r"Specific\(tiny, 1\)"), versions.lease(spec):
        pass
    shutil.rmtree(folder / "2")
    versions.poll()
    assert versions.available() == [1]
    shutil.rmtree(folder / "1")
    versions.poll()
    assert versions.available() == []
    versions.close()


def test_numbers_alone_are_versions(tmp_path):
    for name in ("1", "007", "notes", ".unfinished-3", "-4", "٣", "9" * 30):
        (tmp_path / name).mkdir()
    (tmp_path / "12").touch()
    assert {number: path.name for number, path in version_folders(tmp_path).items()} == {1: "1", 7: "007"}


def test_each_status_has_its_http_status():
    assert set(HTTP_STATUS) == set(grpc.StatusCode)


# The command


def command(*arguments, **options):
    line = [sys.executable, "-m", "keras_s2s.cli.main", "serve", *map(str, arguments)]
    return subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8", **options)


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("nowhere", "nowhere: no such folder"),
        ("", "has no version, a folder with a number"),
        ("tiny/1", r"1 is a version: name the model's folder, .*tiny"),
        ("tiny/1/saved_model.pb", r"saved_model.pb is a file: name the folder that `keras-s2s export saved-model`"),
    ],
)
def test_folders_without_versions(folder, tmp_path, place, message):
    process = command(tmp_path / place)
    _, error = process.communicate(timeout=WAIT)
    assert process.returncode == 1
    assert re.search(message, error)
    assert error.count("\n") == 1


def test_names_that_no_url_can_hold(folder):
    process = command(folder, "--name", "a/b")
    assert "'a/b' cannot be a model's name" in process.communicate(timeout=WAIT)[1]


@pytest.mark.parametrize("max_batch", [64, 2])
def test_the_model_server_is_run_where_it_is_installed(folder, tmp_path, max_batch):
    card = folder / "1" / "assets.extra" / "model_card.json"
    document = json.loads(card.read_text())
    assert document["export"]["max_batch"] == 64
    document["export"]["max_batch"] = max_batch
    card.write_text(json.dumps(document))
    binary = tmp_path / "bin" / "tensorflow_model_server"
    binary.parent.mkdir()
    binary.write_text('#!/bin/sh\ntrap "exit 7" TERM\nprintf "%s\\n" "$@" end\nwhile :; do sleep 0.1; done\n')
    binary.chmod(0o755)
    environment = {**os.environ, "PATH": f"{binary.parent}:{os.environ['PATH']}"}
    process = command(folder, "--port", 9000, "--rest-port", 9001, "--name", "en_es", env=environment)
    flags = {}
    while (line := process.stdout.readline().strip()) != "end":
        assert line, process.communicate()[1]
        name, _, value = line.removeprefix("--").partition("=")
        flags[name] = value
    process.send_signal(signal.SIGTERM)
    _, error = process.communicate(timeout=WAIT)
    assert process.returncode == 7  # signals and the exit code are the server's own
    assert "on all addresses" in error
    assert "enable: true" in Path(flags.pop("monitoring_config_file")).read_text()
    if max_batch == 64:
        assert flags.pop("enable_batching") == "true"
        assert "max_execution_batch_size { value: 64 }" in Path(flags.pop("batching_parameters_file")).read_text()
        assert "batches" not in error
    else:  # batches would be larger than the export takes
        assert "requests are not joined into batches: this export takes 2 texts at once" in error
    assert flags == {
        "port": "9000",
        "rest_api_port": "9001",
        "model_name": "en_es",
        "model_base_path": str(folder),
        "file_system_poll_wait_seconds": "1",
        "enable_grpc_healthcheck_service": "true",
        "grpc_max_threads": "256",
    }
    for wrong, message in ((("--host", "::1"), "listens on all addresses"), (("--port", 0), "needs two ports")):
        assert message in command(folder, *wrong, env=environment).communicate(timeout=WAIT)[1]


class Running:
    """A development server as a process."""

    def __init__(self, folder, *options):
        self.process = command(folder, "--development", "--port", 0, "--rest-port", 0, *options)
        line = self.process.stdout.readline()
        assert line, self.process.stderr.read()
        self.target, self.url = re.fullmatch(r"tiny is served: gRPC on (\S+), REST on (\S+)\n", line).groups()
        self.channel = grpc.insecure_channel(self.target)
        self.prediction = prediction_service_pb2_grpc.PredictionServiceStub(self.channel)

    def request(self, texts, signature=""):
        request = predict_pb2.PredictRequest(model_spec={"name": "tiny", "signature_name": signature})
        request.inputs["texts"].CopyFrom(tf.make_tensor_proto(texts))
        return request


@pytest.fixture
def running(folder):
    server = Running(folder)
    yield server
    server.channel.close()
    server.process.kill()
    server.process.communicate()


def test_requests_in_flight_finish(running, sentences, greedy):
    """On SIGTERM: whatever the server has begun to answer is answered, and nothing else is accepted."""
    texts = ["the big cat sees the dog " * 9] * 64
    pending = [running.prediction.Predict.future(running.request(texts, "beam"), WAIT) for _ in range(150)]
    while not pending[0].done():
        time.sleep(0.01)
    time.sleep(0.2)  # all have arrived by now, and few are answered
    assert sum(future.done() for future in pending) < len(pending) // 2
    running.process.send_signal(signal.SIGTERM)
    answers = [future.result().outputs["translations"] for future in pending]
    assert all(answer == answers[0] for answer in answers)
    _, log = running.process.communicate(timeout=WAIT)
    assert running.process.returncode == 0, log
    assert "for development" in log
    assert "TensorFlow Serving" in log
    assert "Traceback" not in log


def test_a_taken_port_is_named(running, folder):
    port = running.target.rpartition(":")[2]
    rest_port = running.url.split(":")[2].split("/")[0]
    for option, taken, other in (("--port", port, "--rest-port"), ("--rest-port", rest_port, "--port")):
        process = command(folder, "--development", option, taken, other, 0)
        _, error = process.communicate(timeout=WAIT)
        assert process.returncode == 1
        expected = rf"^error: cannot listen on \S+:{taken}: Address already in use.*; name another with {option}\n"
        assert re.search(expected, error, re.MULTILINE), error
        assert "add_port" not in error  # gRPC's own line
    # A message above gRPC's default of 4 MB.
    answer = running.prediction.Predict(running.request(["x" * 5_000_000]), WAIT)
    assert len(answer.outputs["translations"].string_val) == 1


def test_grpc_at_the_port_of_rest_is_told_in_a_line(running):
    with grpc.insecure_channel(running.url.split("/")[2]) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        with pytest.raises(grpc.RpcError):
            stub.Predict(running.request(["the cat"]), WAIT)
    running.process.send_signal(signal.SIGTERM)
    _, log = running.process.communicate(timeout=WAIT)
    assert "a request to the REST port was not HTTP; gRPC has a port of its own" in log
    assert "Traceback" not in log


def test_a_server_without_a_sound_version_does_not_start(folder):
    ruin(folder / "1", "no variables")
    process = command(folder, "--development", "--port", 0, "--rest-port", 0)
    _, error = process.communicate(timeout=WAIT)
    assert process.returncode == 1
    assert "has no version that can be served: version 1: " in error
    assert "Traceback" not in error


def test_too_large_messages(running):
    host, _, path = running.url.removeprefix("http://").partition("/")
    connection = http.client.HTTPConnection(host, timeout=WAIT)
    connection.putrequest("POST", f"/{path}:predict")
    connection.putheader("Content-Length", str(1 << 30))
    connection.endheaders()
    connection.send(b" " * (1 << 20))
    assert connection.getresponse().status == 413
    connection.close()
    with pytest.raises(grpc.RpcError) as error:
        running.prediction.Predict(running.request(["x" * (65 << 20)]), WAIT)
    assert error.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert running.prediction.Predict(running.request(["the cat"]), WAIT)


def test_a_second_signal_ends_at_once(running):
    texts = ["the big cat sees the dog " * 9] * 64
    pending = [running.prediction.Predict.future(running.request(texts, "beam"), WAIT) for _ in range(400)]
    while not pending[0].done():
        time.sleep(0.01)
    running.process.send_signal(signal.SIGINT)
    # Only then: two signals that wait are one.
    assert any("stopping: requests in flight" in line for line in running.process.stderr)
    running.process.send_signal(signal.SIGINT)
    assert running.process.wait(10) == -signal.SIGINT
    threading.Thread(target=running.channel.close).start()
