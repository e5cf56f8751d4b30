"""The gRPC side: PredictionService, ModelService and the health service."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from tensorflow_serving.apis import get_model_metadata_pb2, get_model_status_pb2

from keras_s2s.deploy.server.local_server.errors import StatusError
from keras_s2s.deploy.server.local_server.service import Service, decode
from keras_s2s.deploy.server.local_server.tensors import MOST_BYTES

# TensorFlow Serving's, and gRPC's for the whole server.
HEALTH_SERVICES = ("", "ModelService", "PredictionService")

LAME_DUCK_SECONDS = 1.0
"""The time in which a server that is to stop still takes what has reached it, and tells that it is about to stop."""

_LONGEST_MESSAGE = 1024
_OPTIONS = [
    ("grpc.max_receive_message_length", MOST_BYTES),
    ("grpc.max_send_message_length", -1),
    # Two servers on one port would share its requests, unnoticed.
    ("grpc.so_reuseport", 0),
]


class GrpcServer:
    """The server; it holds its port from the beginning and answers after `start`."""

    def __init__(self, service: Service, host: str, port: int) -> None:
        """Take the port; 0 is any that is free.

        Raises:
            OSError: It is taken, or not ours to take.
        """
        self._server = grpc.aio.server(options=_OPTIONS)
        self._health = health.aio.HealthServicer()
        for name, methods in _handlers(service).items():
            self._server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(name, methods)])
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        try:
            socket.create_server((host, port)).close()  # tried first: gRPC would print a line of its own
            self.port: int = self._server.add_insecure_port(f"{host}:{port}")
        except (OSError, RuntimeError) as error:
            reason = getattr(error, "strerror", None) or "is the port taken?"
            raise OSError(f"cannot listen on {host}:{port}: {reason}; name another with --port") from error

    async def start(self) -> None:
        """Begin to answer."""
        await self._server.start()

    async def tell_health(self, serving: bool) -> None:
        """Say whether there is a version that answers."""
        statuses = health_pb2.HealthCheckResponse
        for name in HEALTH_SERVICES:
            await self._health.set(name, statuses.SERVING if serving else statuses.NOT_SERVING)

    async def stop(self, seconds: float) -> None:
        """Refuse new requests and wait for those in flight, at most `seconds`."""
        await self._health.enter_graceful_shutdown()
        # gRPC cancels what has arrived while the event loop had no time to begin with it.
        await asyncio.sleep(LAME_DUCK_SECONDS)
        await self._server.stop(seconds)


def _handlers(service: Service) -> dict[str, dict[str, Any]]:
    """Return the methods by their service. They take and return bytes, which the service's threads read and write."""

    async def predict(message: bytes, context: Any) -> bytes:
        return await service.predict(message, context.time_remaining())

    async def metadata(message: bytes, _: Any) -> bytes:
        return service.metadata(decode(get_model_metadata_pb2.GetModelMetadataRequest, message)).SerializeToString()

    async def status(message: bytes, _: Any) -> bytes:
        return service.status(decode(get_model_status_pb2.GetModelStatusRequest, message)).SerializeToString()

    return {
        "tensorflow.serving.PredictionService": {"Predict": _method(predict), "GetModelMetadata": _method(metadata)},
        "tensorflow.serving.ModelService": {"GetModelStatus": _method(status)},
    }


def _method(answer: Callable[[bytes, Any], Awaitable[bytes]]) -> Any:
    async def call(message: bytes, context: Any) -> bytes:
        try:
            return await answer(message, context)
        except StatusError as error:
            text = error.message
            if len(text) > _LONGEST_MESSAGE:
                text = text[:_LONGEST_MESSAGE] + "...TRUNCATED"
            return await context.abort(error.code, text)

    return grpc.unary_unary_rpc_method_handler(call)
