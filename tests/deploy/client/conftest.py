"""A server that does as a script says, on real sockets: over gRPC and over HTTP, as TensorFlow Serving answers."""

import asyncio
import json
import re
import threading
from concurrent import futures
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from urllib.parse import unquote

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.framework import types_pb2
from tensorflow.core.protobuf import meta_graph_pb2
from tensorflow_serving.apis import get_model_metadata_pb2, get_model_status_pb2, predict_pb2
from tensorflow_serving.apis import model_service_pb2_grpc as model_service
from tensorflow_serving.apis import prediction_service_pb2_grpc as prediction_service

from keras_s2s import AsyncServingClient, RestClient, ServingClient

HTTP_STATUS = {
    "INVALID_ARGUMENT": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "ABORTED": 409,
    "RESOURCE_EXHAUSTED": 429,
    "CANCELLED": 499,
    "INTERNAL": 500,
    "UNIMPLEMENTED": 501,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
}

SIGNATURES = {
    "serving_default": ({"texts": ("DT_STRING", [-1])}, {"translations": ("DT_STRING", [-1])}),
    "beam": (
        {"texts": ("DT_STRING", [-1])},
        {"translations": ("DT_STRING", [-1, 3]), "log_probs": ("DT_FLOAT", [-1, 3])},
    ),
    "__saved_model_init_op": ({}, {"__saved_model_init_op": ("DT_INVALID", [])}),
}


@dataclass
class Script:
    """What the server is to do, and what it was asked.

    Attributes:
        failures: (code, message) of the next requests; when they are used up, requests succeed.
        delay: Seconds before each answer.
        requests: What came: (what, model, version or label, signature, texts).
        outputs: Replaces the outputs of a prediction.
        over: Set when the test is over, so that no answer is waited for any more.
    """

    failures: list = field(default_factory=list)
    delay: float = 0.0
    requests: list = field(default_factory=list)
    outputs: dict | None = None
    over: threading.Event = field(default_factory=threading.Event)

    def note(self, *request):
        self.requests.append(request)
        self.over.wait(self.delay)
        return self.failures.pop(0) if self.failures else None

    def answer(self, signature, texts):
        if self.outputs is not None:
            return self.outputs
        if signature == "serving_default":
            return {"translations": [text.upper() for text in texts], "lengths": [len(t) for t in texts]}
        return {
            "translations": [[text.upper(), text.title(), ""] for text in texts],
            "log_probs": [[-0.5, -1.5, -1e9 if text == "short" else -2.5] for text in texts],
            "pieces": [["▁A b", "▁B", ""] for _ in texts],
        }


class Grpc(prediction_service.PredictionServiceServicer, model_service.ModelServiceServicer):
    """The script over gRPC."""

    def __init__(self, script):
        self.script = script

    def _play(self, context, what, spec, signature=None, texts=None):
        version = spec.version.value if spec.HasField("version") else spec.version_label or None
        if failure := self.script.note(what, spec.name, version, signature, texts):
            context.abort(getattr(grpc.StatusCode, failure[0]), failure[1])

    def Predict(self, request, context):
        (tensor,) = request.inputs.values()
        assert tensor.dtype == types_pb2.DT_STRING
        assert list(request.inputs) == ["texts"]
        assert [d.size for d in tensor.tensor_shape.dim] == [len(tensor.string_val)]
        texts = [text.decode() for text in tensor.string_val]
        signature = request.model_spec.signature_name
        self._play(context, "predict", request.model_spec, signature, texts)
        outputs = {name: as_tensor(rows) for name, rows in self.script.answer(signature, texts).items()}
        return predict_pb2.PredictResponse(outputs=outputs)

    def GetModelMetadata(self, request, context):
        assert list(request.metadata_field) == ["signature_def"]
        self._play(context, "metadata", request.model_spec)
        signatures = get_model_metadata_pb2.SignatureDefMap()
        for name, sides in SIGNATURES.items():
            definition = signatures.signature_def[name]
            for infos, tensors in zip((definition.inputs, definition.outputs), sides, strict=True):
                for tensor, (data_type, sizes) in tensors.items():
                    info = meta_graph_pb2.TensorInfo(name=tensor, dtype=types_pb2.DataType.Value(data_type))
                    for size in sizes:
                        info.tensor_shape.dim.add(size=size)
                    infos[tensor].CopyFrom(info)
        response = get_model_metadata_pb2.GetModelMetadataResponse()
        response.model_spec.version.value = 7
        response.metadata["signature_def"].Pack(signatures)
        return response

    def GetModelStatus(self, request, context):
        self._play(context, "status", request.model_spec)
        response = get_model_status_pb2.GetModelStatusResponse()
        response.model_version_status.add(version=7, state="AVAILABLE")
        ended = response.model_version_status.add(version=6, state="END")
        ended.status.error_message = "no such file"
        return response


def as_tensor(rows):
    array = np.array(rows)
    return tf.make_tensor_proto(array, {"f": tf.float32, "i": tf.int32, "U": tf.string}[array.dtype.kind])


class Http(BaseHTTPRequestHandler):
    """The script over HTTP. `server.script` is set where the server is made."""

    protocol_version = "HTTP/1.1"
    PATH = re.compile(r"/v1/models/([^/:]+)(?:/versions/(\d+)|/labels/([^/:]+))?(/metadata|:predict)?")

    def do_GET(self):
        self._play(None)

    def do_POST(self):
        assert self.headers["Content-Type"] == "application/json"
        self._play(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

    def _play(self, question):
        name, version, label, kind = self.PATH.fullmatch(self.path).groups()
        what = kind[1:] if kind else "status"
        assert (question is not None) == (what == "predict")
        signature, texts = (question["signature_name"], question["inputs"]["texts"]) if question else (None, None)
        chosen = int(version) if version else label and unquote(label)
        failure = self.server.script.note(what, unquote(name), chosen, signature, texts)
        if failure:
            self._send(HTTP_STATUS[failure[0]], {"error": failure[1]})
        elif what == "predict":
            self._send(200, {"outputs": self.server.script.answer(signature, texts)})
        elif what == "metadata":
            self._send(200, METADATA_JSON)
        else:
            self._send(200, STATUS_JSON)

    def _send(self, status, answer):
        body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def _infos(tensors):
    return {
        tensor: {
            "dtype": data_type,
            "tensor_shape": {"dim": [{"size": str(size), "name": ""} for size in sizes], "unknown_rank": False},
            "name": f"{tensor}:0",
        }
        for tensor, (data_type, sizes) in tensors.items()
    }


METADATA_JSON = {
    "model_spec": {"name": "en_es", "signature_name": "", "version": "7"},
    "metadata": {
        "signature_def": {
            "signature_def": {
                name: {"inputs": _infos(inputs), "outputs": _infos(outputs), "method_name": ""}
                for name, (inputs, outputs) in SIGNATURES.items()
            }
        }
    },
}
STATUS_JSON = {
    "model_version_status": [
        {"version": "7", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}},
        {"version": "6", "state": "END", "status": {"error_code": "NOT_FOUND", "error_message": "no such file"}},
    ]
}


def serve_grpc(script, address="localhost:0", credentials=None):
    """Start a server; return it and its address."""
    server = grpc.server(futures.ThreadPoolExecutor(8), options=[("grpc.so_reuseport", 0)])
    servicer = Grpc(script)
    prediction_service.add_PredictionServiceServicer_to_server(servicer, server)
    model_service.add_ModelServiceServicer_to_server(servicer, server)
    port = server.add_secure_port(address, credentials) if credentials else server.add_insecure_port(address)
    server.start()
    return server, f"localhost:{port}"


def serve_http(script, handler=Http, context=None):
    """Start a server; return it and its address."""
    server = ThreadingHTTPServer(("localhost", 0), handler)
    server.script = script
    server.daemon_threads = True
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    return server, f"localhost:{server.server_port}"


class Blocking:
    """An `AsyncServingClient` with methods that wait, so that one test does for all clients."""

    def __init__(self, *arguments, **options):
        self._runner = asyncio.Runner()
        self._client = self._runner.run(self._make(arguments, options))

    async def _make(self, arguments, options):
        return AsyncServingClient(*arguments, **options)

    def __getattr__(self, name):
        method = getattr(self._client, name)
        return (lambda *args: self._runner.run(method(*args))) if asyncio.iscoroutinefunction(method) else method

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._runner.run(self._client.close())
        self._runner.close()


CLIENTS = {"grpc": ServingClient, "asyncio": Blocking, "rest": RestClient}


@pytest.fixture(params=CLIENTS)
def kind(request):
    return request.param


@pytest.fixture
def script():
    script = Script()
    yield script
    script.over.set()


@pytest.fixture
def grpc_server(script):
    server, address = serve_grpc(script)
    yield address
    server.stop(None)


@pytest.fixture
def http_server(script):
    server, address = serve_http(script)
    yield address
    server.shutdown()
    server.server_close()


@pytest.fixture
def connect(kind, request):
    """Make a client of the kind under test for the scripted server, or for `target`."""
    made = []

    def connect(target=None, **options):
        target = target or request.getfixturevalue("http_server" if kind == "rest" else "grpc_server")
        made.append(CLIENTS[kind](target, **({"model": "en_es"} | options)).__enter__())
        return made[-1]

    yield connect
    for client in made:
        client.__exit__(None, None, None)


@pytest.fixture
def servers():
    """The functions and classes above, for tests that start servers of their own."""
    return SimpleNamespace(grpc=serve_grpc, http=serve_http, handler=Http, clients=CLIENTS)
