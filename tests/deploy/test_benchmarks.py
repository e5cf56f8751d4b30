"""The benchmarks run to their end and judge what they say they judge; the command's first answer comes at once."""

import importlib.util
import subprocess
import sys
import time
from concurrent import futures
from pathlib import Path

import grpc
import pytest
from tensorflow_serving.apis import get_model_status_pb2
from tensorflow_serving.apis import model_service_pb2_grpc as model_service
from tensorflow_serving.apis import prediction_service_pb2_grpc as prediction_service

FOLDER = Path(__file__).parents[2] / "benchmarks"
FIRST_ANSWER_SECONDS = 0.5


def run(name, *arguments):
    command = [sys.executable, str(FOLDER / name), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, encoding="utf-8", check=False)


def load(name):
    spec = importlib.util.spec_from_file_location(f"benchmark_{name}", FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_serving(saved_model):
    result = run("serving.py", saved_model.parent, "--requests", 400, "--clients", 8)
    assert result.returncode == 0, result.stdout + result.stderr
    assert " 1 texts a request:    400 answers, 0 errors, 0 wrong · " in result.stdout
    assert "32 texts a request:     40 answers, 0 errors, 0 wrong · " in result.stdout
    assert "texts a second, 32 a request against one: " in result.stdout


class Refusing(prediction_service.PredictionServiceServicer, model_service.ModelServiceServicer):
    """A server that has the model and answers nothing."""

    def GetModelStatus(self, request, context):
        response = get_model_status_pb2.GetModelStatusResponse()
        response.model_version_status.add(version=1, state="AVAILABLE")
        return response

    def Predict(self, request, context):
        context.abort(grpc.StatusCode.INTERNAL, "no answer")


@pytest.fixture
def refusing():
    """Its HOST:PORT."""
    server = grpc.server(futures.ThreadPoolExecutor(4))
    prediction_service.add_PredictionServiceServicer_to_server(Refusing(), server)
    model_service.add_ModelServiceServicer_to_server(Refusing(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"127.0.0.1:{port}"
    server.stop(None)


def test_serving_where_every_request_fails(saved_model, refusing, monkeypatch, capsys):
    arguments = ["serving.py", saved_model.parent, "--grpc", refusing, "--requests", 80, "--clients", 2]
    monkeypatch.setattr(sys, "argv", list(map(str, arguments)))
    assert load("serving").main() == 1
    printed = capsys.readouterr()
    assert " 1 texts a request:      0 answers, 84 errors, 0 wrong\n" in printed.out
    assert "32 texts a request:      0 answers, 12 errors, 0 wrong\n" in printed.out
    assert "INTERNAL no answer" in printed.err


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_device():
    result = run("device.py", "--units", 32, "--pieces", 400, "--rounds", 1, "--runs", 5)
    assert result.returncode == 0, result.stdout + result.stderr
    for contestant in ("LiteRT float32", "LiteRT float16", "LiteRT int8", "SavedModel float32", "ONNX Runtime int8"):
        (line,) = (line for line in result.stdout.splitlines() if line.startswith(contestant))
        assert line.count(" ms") == 2
    assert "first answer of keras-s2s translate, LiteRT int8: " in result.stdout


def test_the_size_that_the_device_benchmark_judges(capsys):
    device = load("device")
    assert not device.too_large(9.31, 9.5)
    assert capsys.readouterr().err == ""
    assert device.too_large(9.6, 9.5)
    assert capsys.readouterr().err == "the int8 file has 9.60 MB, expected at most 9.5 MB\n"


@pytest.mark.slow
def test_the_first_answer(tflite):
    """From the start of a fresh process to its end; the best of five, since a moment on a busy machine says nothing."""
    command = [sys.executable, "-m", "keras_s2s.cli.main", "translate", "--model", str(tflite), "the red cat"]
    seconds = []
    for _ in range(5):
        began = time.perf_counter()
        result = subprocess.run(command, capture_output=True, encoding="utf-8", check=True)
        seconds.append(time.perf_counter() - began)
        assert result.stdout.strip()
    assert min(seconds) < FIRST_ANSWER_SECONDS, seconds
