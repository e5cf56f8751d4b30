"""The version folders of a model: which one is served, and what became of the others.

As TensorFlow Serving does by default: the highest number is served; it is loaded and warmed up before the one that it
replaces goes; that one stays where the new one is broken.
"""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import grpc

from keras_s2s.deploy.server.local_server.errors import StatusError, invalid
from keras_s2s.deploy.server.local_server.session import ModelSession
from keras_s2s.deploy.server.local_server.warm_start import replay_warmup
from keras_s2s.deploy.server.version_folders import Files, fingerprint, version_folders

log = logging.getLogger(__name__)


class State(Enum):
    """Where a version stands; the numbers are those of `ModelVersionStatus.State`."""

    LOADING = 20
    AVAILABLE = 30
    UNLOADING = 40
    END = 50


@dataclass
class Version:
    """A version that the server has seen.

    Attributes:
        number: Its number.
        state: Where it stands.
        error: Why it could not be loaded.
        files: What its folder held when it was loaded: a broken version is tried again when that changes.
        session: Its graph, while it is loaded.
        leases: Requests that run on it.
    """

    number: int
    state: State = State.LOADING
    error: StatusError | None = None
    files: Files | None = None
    session: ModelSession | None = None
    leases: int = 0


class Versions:
    """The versions of one model. `poll` looks at the folder; `lease` gives a version to a request."""

    def __init__(self, name: str, folder: Path) -> None:
        """Load nothing yet."""
        self.name = name
        self._folder = folder
        self._lock = threading.Lock()
        self._versions: dict[int, Version] = {}

    @contextmanager
    def lease(self, spec: Any) -> Iterator[tuple[ModelSession, int]]:
        """Give a request the graph and the number of a version, which stays loaded until the request is done.

        Args:
            spec: The ModelSpec that the request names.

        Raises:
            StatusError: There is no such model, version or label.
        """
        if not spec.name:
            raise invalid("ModelSpec has no name specified.")
        choice = spec.WhichOneof("version_choice")
        if choice == "version_label":
            raise invalid(f"Unrecognized servable version label: {spec.version_label}")
        number = spec.version.value if choice else None
        with self._lock:
            version = self._available(number) if spec.name == self.name else None
            if version is None or version.session is None:
                wanted = f"Latest({spec.name})" if number is None else f"Specific({spec.name}, {number})"
                raise StatusError(grpc.StatusCode.NOT_FOUND, f"Servable not found for request: {wanted}")
            version.leases += 1
        try:
            yield version.session, version.number
        finally:
            with self._lock:
                version.leases -= 1
            self._close_if_idle(version)

    def seen(self) -> list[Version]:
        """Return what there is and was, the highest number first."""
        with self._lock:
            return sorted(self._versions.values(), key=lambda version: -version.number)

    def available(self) -> list[int]:
        """Return the numbers that are served."""
        return [version.number for version in self.seen() if version.state is State.AVAILABLE]

    def poll(self) -> None:
        """Look at the folder: load its highest version, then let the others go. A broken one changes nothing.

        Raises:
            OSError: The folder cannot be read.
        """
        folders = version_folders(self._folder)
        if not folders:
            self._unload_others(None)
            return
        number = max(folders)
        known = self._versions.get(number)
        if known is None or (known.state is State.END and known.files != fingerprint(folders[number])):
            self._load(number, folders[number])
        if self._versions[number].state is State.AVAILABLE:
            self._unload_others(number)

    def close(self) -> None:
        """Close every version, with what still runs on it."""
        for version in self.seen():
            if version.session is not None:
                version.session.close()

    def _load(self, number: int, path: Path) -> None:
        version = Version(number, files=fingerprint(path))
        with self._lock:
            self._versions[number] = version
        log.info("loading version %d of %s", number, self.name)
        session = None
        try:
            session = ModelSession(path)
            replay_warmup(path, self.name, number, session)
        except Exception as error:  # whatever is in the folder: it must not end the server
            if session is not None:
                session.close()
            cause = error if isinstance(error, StatusError) else _unexpected(error)
            with self._lock:
                version.error, version.state = cause, State.END
            log.error("version %d of %s is broken: %s", number, self.name, cause.message)
            return
        with self._lock:
            version.session, version.state = session, State.AVAILABLE
        log.info("version %d of %s is available", number, self.name)

    def _available(self, number: int | None) -> Version | None:
        candidates = [version for version in self._versions.values() if version.state is State.AVAILABLE]
        if number is not None:
            candidates = [version for version in candidates if version.number == number]
        return max(candidates, key=lambda version: version.number, default=None)

    def _unload_others(self, number: int | None) -> None:
        for version in self.seen():
            if version.number != number and version.state is State.AVAILABLE:
                with self._lock:
                    version.state = State.UNLOADING
                    # Should it become the highest again, it is to be loaded whatever its files are.
                    version.files = None
                self._close_if_idle(version)

    def _close_if_idle(self, version: Version) -> None:
        with self._lock:
            if version.state is not State.UNLOADING or version.leases or version.session is None:
                return
            session, version.session, version.state = version.session, None, State.END
        session.close()
        log.info("version %d of %s is unloaded", version.number, self.name)


def _unexpected(error: Exception) -> StatusError:
    return StatusError(grpc.StatusCode.UNKNOWN, f"{type(error).__name__}: {error}")
