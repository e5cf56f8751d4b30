"""A running server for the contract tests: `keras-s2s serve` on a small model, or the one that the environment names.

| variable | what |
|---|---|
| `TF_SERVING_GRPC`, `TF_SERVING_REST` | `HOST:PORT` of a server that runs already; both, or neither |
| `TF_SERVING_MODEL` | its model's name; `en_es` if not set |
| `TF_SERVING_MODEL_BASE_PATH` | its model's folder, if the tests may read it and put versions into it |

The tests speak the protocol with the stubs of tensorflow-serving-api and plain HTTP: no client of ours is in between.
"""

import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from keras_s2s import ModelConfig, Seq2Seq, TokenizerConfig, load_dataset
from keras_s2s.deploy.server import saved_model

START_SECONDS = 240
ANSWER_SECONDS = 60
MAX_BATCH = 64
AVAILABLE = get_model_status_pb2.ModelVersionStatus.AVAILABLE


@dataclass
class Server:
    """A server and the ways to ask it."""

    grpc: str
    rest: str
    model: str
    folder: Path | None = None
    process: subprocess.Popen | None = None
    channel: grpc.Channel = field(init=False)

    def __post_init__(self):
        unlimited = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
        self.channel = grpc.insecure_channel(self.grpc, unlimited)
        self.prediction = prediction_service_pb2_grpc.PredictionServiceStub(self.channel)
        self.models = model_service_pb2_grpc.ModelServiceStub(self.channel)

    def spec(self, *, model=None, version=None, label=None, signature=""):
        spec = model_pb2.ModelSpec(name=self.model if model is None else model, signature_name=signature)
        if version is not None:
            spec.version.value = version
        if label is not None:
            spec.version_label = label
        return spec

    def request(self, inputs, *, outputs=(), **spec):
        """A PredictRequest; `inputs` are texts, or arrays and TensorProtos by name."""
        request = predict_pb2.PredictRequest(model_spec=self.spec(**spec), output_filter=outputs)
        for name, value in (inputs if isinstance(inputs, dict) else {"texts": inputs}).items():
            request.inputs[name].CopyFrom(value if isinstance(value, tensor_pb2.TensorProto) else tensor(value))
        return request

    def predict(self, inputs, **options):
        return self.prediction.Predict(self.request(inputs, **options), ANSWER_SECONDS)

    def arrays(self, inputs, **options):
        outputs = self.predict(inputs, **options).outputs
        return {name: tf.make_ndarray(proto) for name, proto in outputs.items()}

    def translate(self, texts, **options):
        return decoded(self.arrays(texts, **options)["translations"])

    def status(self, **spec):
        """State of each version, by number."""
        request = get_model_status_pb2.GetModelStatusRequest(model_spec=self.spec(**spec))
        response = self.models.GetModelStatus(request, ANSWER_SECONDS)
        return {status.version: status for status in response.model_version_status}

    def metadata(self, fields=("signature_def",), **spec):
        request = get_model_metadata_pb2.GetModelMetadataRequest(model_spec=self.spec(**spec), metadata_field=fields)
        return self.prediction.GetModelMetadata(request, ANSWER_SECONDS)

    def http(self, method, path, body=None):
        """Status code and text of an answer; `body` is bytes, or what JSON can write."""
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        connection = http.client.HTTPConnection(self.rest, timeout=ANSWER_SECONDS)
        try:
            connection.request(method, path, body)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def call(self, body, *, path=""):
        """JSON of a `:predict`; `path` names a version or label."""
        status, text = self.http("POST", f"/v1/models/{self.model}{path}:predict", body)
        return status, json.loads(text)

    def translate_rest(self, texts, form="row"):
        if form == "row":
            status, answer = self.call({"instances": texts})
            assert status == 200, answer
            return [row["translations"] for row in answer["predictions"]]
        status, answer = self.call({"inputs": texts})
        assert status == 200, answer
        return answer["outputs"]["translations"]

    def available(self):
        return sorted(number for number, status in self.status().items() if status.state == AVAILABLE)

    def wait_for(self, versions):
        """Wait until these versions are available, and no other."""
        wait(lambda: self.available() == versions, lambda: f"{versions} to be available, not {self.available()}")

    def add(self, source, number):
        """Put a version in place at once, as an export does."""
        unfinished = self.folder / f".unfinished-{number}"
        shutil.copytree(source, unfinished)
        return unfinished.rename(self.folder / str(number))


def tensor(value):
    if isinstance(value, np.ndarray) and value.dtype.kind not in "OSU":
        return tf.make_tensor_proto(value)
    return tf.make_tensor_proto(np.array(value, object), tf.string)


def decoded(array):
    return [text.decode() for text in array.ravel()]


def wait(until, what, seconds=START_SECONDS):
    end = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < end, f"waited {seconds} s for {what()}"
        time.sleep(0.05)


@pytest.fixture(scope="session")
def export(tmp_path_factory):
    """Export a model; the tests themselves compare what is served with it."""

    def export(model, **options):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(saved_model, "_verify", lambda *_: None)
            folder = tmp_path_factory.mktemp("exported") / "en_es"
            return saved_model.export_saved_model(model, folder, **{"n_best": 3, "max_batch": MAX_BATCH, **options})

    return export


@pytest.fixture(scope="session")
def run_server(tmp_path_factory):
    """Start `keras-s2s serve` on a folder; it is stopped at the end of the tests and must have lived until then."""
    running = []

    def run_server(folder, *options, model="en_es"):
        with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as two:
            ports = [free.getsockname()[1] for free in (one, two)]
        log = tmp_path_factory.mktemp("server") / "log"
        addresses = ["--port", ports[0], "--rest-port", ports[1]]
        line = ["serve", folder, "--development", "--name", model, *addresses, *options]
        with log.open("w") as file:
            command = [sys.executable, "-m", "keras_s2s.cli.main", *map(str, line)]
            process = subprocess.Popen(command, stdout=file, stderr=file)
        server = Server(f"127.0.0.1:{ports[0]}", f"127.0.0.1:{ports[1]}", model, folder, process)
        running.append((server, log))

        def up():
            assert process.poll() is None, log.read_text()
            try:
                return bool(server.available()) and server.http("GET", f"/v1/models/{model}")[0] == 200
            except (grpc.RpcError, OSError):
                return False

        wait(up, log.read_text)
        return server

    yield run_server
    for server, log in running:
        server.channel.close()
        if server.process.poll() is None:
            server.process.send_signal(signal.SIGTERM)
            server.process.wait(60)
        assert server.process.returncode in {0, -signal.SIGTERM}, log.read_text()


@pytest.fixture(scope="session")
def external():
    """The server that the environment names."""
    target, rest = (os.environ.get(f"TF_SERVING_{kind}") for kind in ("GRPC", "REST"))
    if not target and not rest:
        return None
    assert target, "TF_SERVING_REST is set: set TF_SERVING_GRPC too"
    assert rest, "TF_SERVING_GRPC is set: set TF_SERVING_REST too"
    folder = os.environ.get("TF_SERVING_MODEL_BASE_PATH")
    rest = rest.removeprefix("http://").rstrip("/")
    return Server(target, rest, os.environ.get("TF_SERVING_MODEL", "en_es"), Path(folder) if folder else None)


@pytest.fixture(scope="session")
def exported(trained, export):
    """A version with the small model of all tests."""
    return export(trained)


@pytest.fixture(scope="session")
def server(external, request, run_server):
    """A server with a small model."""
    return external or run_server(request.getfixturevalue("exported").parent)


@pytest.fixture(scope="session")
def phrasebook():
    return load_dataset("phrasebook-en-es")


@pytest.fixture(scope="session")
def phrasebook_model(phrasebook):
    """A model that has seen the phrasebook twice: its answers are sentences, and many are right."""
    keras.utils.set_random_seed(0)
    tokenizers = {
        side: TokenizerConfig(vocabulary_size=size)
        for side, size in (("source_tokenizer", 700), ("target_tokenizer", 1300))
    }
    sizes = {"units": 96, "embedding": 96, "max_source_length": 24, "max_target_length": 24, "dropout": 0.0}
    model = Seq2Seq.from_pairs(phrasebook.train, ModelConfig(**tokenizers, **sizes))
    model.compile(keras.optimizers.Adam(4e-3))
    model.fit(model.batches(phrasebook.train, batch_tokens=640, buckets=4), epochs=2, verbose=0)
    return model


@pytest.fixture(scope="session")
def phrasebook_server(external, request, run_server, export):
    """A server with a model that translates."""
    if external:
        return external
    version = export(request.getfixturevalue("phrasebook_model"), max_batch=1024)
    return run_server(version.parent)


def served_version(server):
    """The folder of the version that is served."""
    return server.folder / str(max(server.available()))


@pytest.fixture(scope="session")
def reload_served(external):
    """A function that runs the served SavedModel in this process; None where its folder is not known."""

    def reload_served(server):
        if server.folder is None:
            return None
        translate = tf.saved_model.load(str(served_version(server))).signatures["serving_default"]
        return lambda texts: decoded(translate(texts=tf.constant(texts, tf.string))["translations"].numpy())

    return reload_served


@pytest.fixture(scope="session")
def max_batch(server):
    """The most texts that a request may hold, as the server itself says."""
    with pytest.raises(grpc.RpcError) as refused:
        server.predict(["a"] * 100_000)
    return int(re.search(r"(?:more than|maximum input batch size) (\d+)", refused.value.details())[1])
