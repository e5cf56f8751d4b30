"""What gRPC and REST have in common: the model's answers, and the threads that work them out."""

import asyncio
import logging
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Thread
from typing import Any, TypeVar

import grpc
from google.protobuf.message import DecodeError
from tensorflow_serving.apis import get_model_metadata_pb2, get_model_status_pb2, predict_pb2

from keras_s2s.deploy.server.local_server.errors import StatusError, invalid
from keras_s2s.deploy.server.local_server.json_inputs import SIGNATURE, parse, read_inputs
from keras_s2s.deploy.server.local_server.json_outputs import write_outputs
from keras_s2s.deploy.server.local_server.predict import Deadline, find_signature, predict, run_signature
from keras_s2s.deploy.server.local_server.versions import Versions

log = logging.getLogger(__name__)

Result = TypeVar("Result")

# More than these wait for a thread only if something is wrong: they are told to come again.
MOST_WAITING = 1024
_SIGNATURE_DEF = "signature_def"


class Service:
    """The answers of one model. The methods that run the model wait for a thread; the others answer at once."""

    def __init__(self, versions: Versions) -> None:
        """Make a thread for each core: more would only make requests slow each other down."""
        self._versions = versions
        self._threads = ThreadPoolExecutor(len(os.sched_getaffinity(0)), "predict")
        self._waiting = 0

    async def predict(self, message: bytes, seconds: float | None) -> bytes:
        """Answer the bytes of a PredictRequest within `seconds` with those of a PredictResponse.

        Raises:
            StatusError: The request is at fault, took too long, or there are too many.
        """
        return await self._in_thread(self._predict, message, Deadline(seconds))

    async def predict_json(self, spec: Any, body: bytes, seconds: float) -> bytes:
        """Answer the JSON of a `:predict` within `seconds` with JSON.

        Raises:
            StatusError: As of `predict`.
        """
        return await self._in_thread(self._predict_json, spec, body, Deadline(seconds))

    def metadata(self, request: Any) -> Any:
        """Answer a GetModelMetadataRequest.

        Raises:
            StatusError: It asks for other fields than `signature_def`, or for a model that is not here.
        """
        _require_spec(request)
        if not request.metadata_field:
            raise invalid("GetModelMetadataRequest must specify at least one metadata_field")
        for field in request.metadata_field:
            if field != _SIGNATURE_DEF:
                raise invalid(f"Metadata field {field} is not supported")
        response = get_model_metadata_pb2.GetModelMetadataResponse()
        signatures = get_model_metadata_pb2.SignatureDefMap()
        with self._versions.lease(request.model_spec) as (session, number):
            for name, signature in session.signatures.items():
                signatures.signature_def[name].CopyFrom(signature)
        response.model_spec.name = self._versions.name
        response.model_spec.version.value = number
        response.metadata[_SIGNATURE_DEF].Pack(signatures)
        return response

    def status(self, request: Any) -> Any:
        """Answer a GetModelStatusRequest.

        Raises:
            StatusError: It asks for a model or a version that never was here.
        """
        _require_spec(request)
        spec = request.model_spec
        seen = self._versions.seen() if spec.name == self._versions.name else []
        if spec.HasField("version"):
            seen = [version for version in seen if version.number == spec.version.value]
        if not seen:
            which = f"version {spec.version.value}" if spec.HasField("version") else "any versions"
            raise StatusError(grpc.StatusCode.NOT_FOUND, f"Could not find {which} of model {spec.name}")
        response = get_model_status_pb2.GetModelStatusResponse()
        for version in seen:
            entry = response.model_version_status.add(version=version.number, state=version.state.value)
            entry.status.error_code = version.error.code.value[0] if version.error else 0
            entry.status.error_message = version.error.message if version.error else ""
        return response

    def close(self) -> bool:
        """Drop what waits and let the threads end; return whether they did, within a second."""
        ending = Thread(target=self._threads.shutdown, kwargs={"cancel_futures": True}, daemon=True)
        ending.start()
        ending.join(1)
        return not ending.is_alive()

    async def _in_thread(self, function: Callable[..., Result], *arguments: Any) -> Result:
        if self._waiting >= MOST_WAITING:
            raise StatusError(grpc.StatusCode.RESOURCE_EXHAUSTED, f"{MOST_WAITING} requests wait: try again later")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, _guarded, function, *arguments)
        finally:
            self._waiting -= 1

    def _predict(self, message: bytes, deadline: Deadline) -> bytes:
        deadline.remaining()  # it may have waited too long
        request = decode(predict_pb2.PredictRequest, message)
        _require_spec(request)
        with self._versions.lease(request.model_spec) as (session, number):
            return predict(session, number, request, deadline).SerializeToString()

    def _predict_json(self, spec: Any, body: bytes, deadline: Deadline) -> bytes:
        deadline.remaining()
        document = parse(body)
        name = document.get(SIGNATURE, "")
        with self._versions.lease(spec) as (session, _):
            signature = find_signature(session, name)
            if signature is None:
                raise invalid(f'Serving signature name: "{name}" not found in signature def')
            inputs, form = read_inputs(document, signature.inputs)
            outputs = run_signature(session, signature, inputs, [], deadline)
        return write_outputs(outputs, form)


def decode(kind: Any, message: bytes) -> Any:
    """Return a message from its bytes.

    Raises:
        StatusError: They are none; the code is that of gRPC in C++.
    """
    try:
        return kind.FromString(message)
    except DecodeError as error:
        raise StatusError(grpc.StatusCode.INTERNAL, str(error)) from error


def _require_spec(request: Any) -> None:
    if not request.HasField("model_spec"):
        raise invalid("Missing ModelSpec")


def _guarded(function: Callable[..., Result], *arguments: Any) -> Result:
    """Call a function; what it should never raise becomes an INTERNAL with a log entry."""
    try:
        return function(*arguments)
    except StatusError:
        raise
    except RecursionError as error:
        raise invalid("the request is nested too deeply") from error
    except Exception as error:
        log.exception("a request failed")
        raise StatusError(grpc.StatusCode.INTERNAL, f"{type(error).__name__}: {error}") from error
