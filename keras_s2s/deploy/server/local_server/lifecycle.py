"""The development server from its start to its end."""

import asyncio
import logging
import os
import signal
from collections.abc import Callable
from pathlib import Path

import tensorflow as tf

from keras_s2s.deploy.server.local_server.grpc_server import GrpcServer
from keras_s2s.deploy.server.local_server.rest_server import RestServer
from keras_s2s.deploy.server.local_server.service import Service
from keras_s2s.deploy.server.local_server.versions import Versions

log = logging.getLogger(__name__)

POLL_SECONDS = 1.0
GRACE_SECONDS = 25.0
"""The time that requests in flight have to finish after SIGTERM."""

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


def serve(folder: Path, name: str, host: str, port: int, rest_port: int, ready: Callable[[int, int], None]) -> None:
    """Serve the model in `folder` until SIGTERM or SIGINT.

    Args:
        folder: The model's folder, with a folder for each version.
        name: What clients call the model.
        host: Address to listen on.
        port: For gRPC; 0 is any that is free.
        rest_port: For REST; 0 is any that is free.
        ready: Called with both ports when the model is available.

    Raises:
        OSError: A port is taken, or the folder cannot be read.
        ValueError: The newest version is broken.
    """
    tf.config.set_visible_devices([], "GPU")
    asyncio.run(_serve(folder, name, host, port, rest_port, ready))


async def _serve(
    folder: Path, name: str, host: str, port: int, rest_port: int, ready: Callable[[int, int], None]
) -> None:
    stopping = asyncio.Event()
    for number in _SIGNALS:
        asyncio.get_running_loop().add_signal_handler(number, _stop_once, stopping)
    versions = Versions(name, folder)
    service = Service(versions)
    # The ports before the model, which takes seconds to load: who has mistaken the port reads so at once.
    grpc_server = GrpcServer(service, host, port)
    rest_server = RestServer(service, host, rest_port, GRACE_SECONDS)
    try:
        await asyncio.to_thread(versions.poll)
        if stopping.is_set():
            return
        if not versions.available():
            raise ValueError(_no_version(versions, folder))
        await grpc_server.start()
        await grpc_server.tell_health(True)
        await rest_server.start()
        ready(grpc_server.port, rest_server.port)
        await _watch(versions, grpc_server, stopping)
        log.info("stopping: requests in flight have %.0f s", GRACE_SECONDS)
    finally:
        await asyncio.gather(grpc_server.stop(GRACE_SECONDS), rest_server.stop())
        ended = service.close()
        if not ended:  # an op that no cancellation reaches: Python would wait for its thread
            log.error("a request did not end within %.0f s and is given up", GRACE_SECONDS)
            os._exit(1)
        versions.close()


async def _watch(versions: Versions, grpc_server: GrpcServer, stopping: asyncio.Event) -> None:
    """Look at the folder every second until the server is to stop."""
    problem = ""
    while True:
        try:
            async with asyncio.timeout(POLL_SECONDS):
                await stopping.wait()
                return
        except TimeoutError:
            pass
        try:
            await asyncio.to_thread(versions.poll)
            found = "" if versions.available() else "no version is left: requests are answered with NOT_FOUND"
        except OSError as error:  # as on a network drive; the server goes on with what it has
            found = f"cannot look for versions: {error}"
        if found and found != problem:
            log.warning(found)
        problem = found
        await grpc_server.tell_health(bool(versions.available()))


def _stop_once(stopping: asyncio.Event) -> None:
    """Stop in an orderly way; a second signal ends the process at once."""
    stopping.set()
    for number in _SIGNALS:
        asyncio.get_running_loop().remove_signal_handler(number)
        signal.signal(number, signal.SIG_DFL)


def _no_version(versions: Versions, folder: Path) -> str:
    broken = [f"version {version.number}: {version.error.message}" for version in versions.seen() if version.error]
    return f"{folder} has no version that can be served: {'; '.join(broken) or 'it is empty'}"
