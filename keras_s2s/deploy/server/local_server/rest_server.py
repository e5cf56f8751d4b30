"""The REST side: `:predict`, model status and metadata, with TensorFlow Serving's paths and status codes."""

import logging
import re
import socket
from typing import Any
from urllib.parse import unquote

import grpc
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from google.protobuf.json_format import MessageToDict
from tensorflow_serving.apis import get_model_metadata_pb2, get_model_status_pb2, model_pb2

from keras_s2s.deploy.server.local_server.errors import HTTP_STATUS, StatusError, invalid
from keras_s2s.deploy.server.local_server.json_outputs import dump
from keras_s2s.deploy.server.local_server.service import Service
from keras_s2s.deploy.server.local_server.tensors import MOST_BYTES
from keras_s2s.deploy.server.version_folders import LARGEST

log = logging.getLogger(__name__)

SECONDS = 30.0
"""The time that a request may take; as `--rest_api_timeout_in_ms` of the server."""

_API = "/v1/"
_WHICH = r"(?:/versions/(?P<version>\d+)|/labels/(?P<label>[^/:]+))?"
_CALL = re.compile(rf"(?i:/v1/models/(?P<model>[^/:]+){_WHICH}:(?P<verb>classify|regress|predict))")
_LOOK = re.compile(rf"(?i:/v1/models(?:/(?P<model>[^/:]+))?{_WHICH}(?P<metadata>/metadata)?)")


class RestServer:
    """The server; it holds its port from the beginning and answers after `start`."""

    def __init__(self, service: Service, host: str, port: int, grace: float) -> None:
        """Take the port; 0 is any that is free. `grace` is the seconds that `stop` leaves requests in flight.

        Raises:
            OSError: It is taken, or not ours to take.
        """
        self._service = service
        try:
            self._socket = socket.create_server((host, port))
        except OSError as error:
            raise OSError(f"cannot listen on {host}:{port}: {error.strerror}; name another with --rest-port") from error
        self.port: int = self._socket.getsockname()[1]
        application = web.Application(client_max_size=MOST_BYTES)
        application.router.add_route("*", "/{path:.*}", self._handle)
        log.addFilter(_tell_what_is_no_http)
        self._runner = web.AppRunner(application, access_log=None, logger=log, shutdown_timeout=grace)

    async def start(self) -> None:
        """Begin to answer."""
        await self._runner.setup()
        await web.SockSite(self._runner, self._socket).start()

    async def stop(self) -> None:
        """Refuse new requests and wait for those in flight."""
        await self._runner.cleanup()
        self._socket.close()

    async def _handle(self, request: web.Request) -> web.Response:
        try:
            status, body = 200, await self._answer(request)
        except StatusError as error:
            message = error.message.encode("utf-8", "replace").decode()  # it may quote half a surrogate pair
            status, body = HTTP_STATUS[error.code], dump({"error": message})
        except web.HTTPRequestEntityTooLarge:
            status, body = 413, dump({"error": f"the request has more than {MOST_BYTES} bytes"})
        return web.Response(status=status, body=body, content_type="application/json")

    async def _answer(self, request: web.Request) -> bytes:
        method, path = request.method, request.rel_url.raw_path
        if not path.lower().startswith(_API):
            raise StatusError(grpc.StatusCode.NOT_FOUND, f"nothing is at {path}; try {_API}models/MODEL")
        match = {"POST": _CALL, "GET": _LOOK}.get(method, _LOOK).fullmatch(path)
        if match is None or method not in {"POST", "GET"}:
            raise invalid(f"Malformed request: {method} {path}")
        spec = _model_spec(match)
        if method == "POST":
            if match["verb"].lower() != "predict":
                raise invalid(f"this model has no signature for {match['verb']}: only predict is served")
            return await self._service.predict_json(spec, await _body(request), SECONDS)
        if not spec.name:
            raise invalid("Missing model name in request.")
        return self._metadata(spec) if match["metadata"] else self._status(spec)

    def _status(self, spec: Any) -> bytes:
        response = self._service.status(get_model_status_pb2.GetModelStatusRequest(model_spec=spec))
        return dump(MessageToDict(response, always_print_fields_with_no_presence=True))

    def _metadata(self, spec: Any) -> bytes:
        request = get_model_metadata_pb2.GetModelMetadataRequest(model_spec=spec, metadata_field=["signature_def"])
        response = self._service.metadata(request)
        signatures = get_model_metadata_pb2.SignatureDefMap()
        response.metadata["signature_def"].Unpack(signatures)
        options = {"always_print_fields_with_no_presence": True, "preserving_proto_field_name": True}
        return dump(
            {
                "model_spec": MessageToDict(response.model_spec, **options),
                "metadata": {"signature_def": MessageToDict(signatures, **options)},
            }
        )


def _tell_what_is_no_http(record: logging.LogRecord) -> bool:
    """Put a line in the place of aiohttp's traceback where a request is not HTTP, as when gRPC comes to this port."""
    if record.exc_info and isinstance(record.exc_info[1], HttpProcessingError):
        record.msg, record.args = "a request to the REST port was not HTTP; gRPC has a port of its own", ()
        record.exc_info = None
    return True


async def _body(request: web.Request) -> bytes:
    # What says that it is too large is not read to the limit first.
    if (request.content_length or 0) > MOST_BYTES:
        raise web.HTTPRequestEntityTooLarge(MOST_BYTES, request.content_length or 0)
    return await request.read()


def _model_spec(match: re.Match[str]) -> Any:
    spec = model_pb2.ModelSpec(name=unquote(match["model"] or ""))
    if match["version"]:
        number = int(match["version"][:20])
        if number > LARGEST:
            raise invalid(f"Failed to convert version: {match['version']} to numeric.")
        spec.version.value = number
    if match["label"]:
        spec.version_label = unquote(match["label"])
    return spec
