"""Serves the browser's page and models for it, on this machine alone. It imports no TensorFlow.

Only what stands in a table of files is served, so that no path of a request ever reaches the file system.
"""

import functools
import json
import os
import shutil
import sys
import warnings
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from keras_s2s.deploy.device.manifest import read_files
from keras_s2s.whole_file import sha256_of

HOST = "127.0.0.1"
SUFFIX = ".tflite"
MODEL_LIST = "/models.json"

_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".wasm": "application/wasm",
}
# The page asks nobody but this server, and runs no script but its own: the browser holds it to that.
_POLICY = (
    "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; object-src 'none'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def find_page() -> Path:
    """Return the folder of the built page; it is part of the installed package.

    Raises:
        FileNotFoundError: The page was not built.
    """
    page = Path(str(files("keras_s2s"))) / "web_page"
    if not (page / "index.html").is_file():
        raise FileNotFoundError(
            "the web page is not built: run `make web` in a checkout of keras-s2s (it needs Node.js 20.19 or newer)"
        )
    return page


def find_models(places: Iterable[Path]) -> dict[str, Path]:
    """Return the exported models in folders, by name.

    Args:
        places: `.tflite` files, and folders of such files, however deep. A file in a folder that is damaged, or not
            made by `export_tflite`, is left out with a warning.

    Raises:
        FileNotFoundError: A place does not exist, or is a folder without a `.tflite` file that can be read.
        ValueError: A file that is named itself is not one that `export_tflite` wrote.
    """
    paths: list[Path] = []
    for place in places:
        if not place.exists():
            raise FileNotFoundError(f"{place}: no such file or folder")
        paths += _models_in(place) if place.is_dir() else [place]
    unique = list(dict.fromkeys(path.resolve() for path in paths))
    for path in unique:
        _describe(path)
    return dict(zip(_names(unique), unique, strict=True))


def _models_in(folder: Path) -> list[Path]:
    found, seen = [], sorted(_visible(folder))
    for path in seen:
        try:
            _describe(path.resolve())
        except (OSError, ValueError) as error:
            warnings.warn(f"{error}; it is left out", stacklevel=3)
        else:
            found.append(path)
    if not found:
        usable = " that can be used" if seen else ""
        raise FileNotFoundError(
            f"{folder}: no {SUFFIX} file{usable} in it; make one with `keras-s2s export tflite MODEL.keras "
            f"{folder / 'model.tflite'}`"
        )
    return found


def _names(paths: Sequence[Path]) -> list[str]:
    """Return a name for each file: its own, or as much of its path as tells files of one name apart."""
    common = Path(os.path.commonpath([path.parent for path in paths]))
    stems = [path.stem for path in paths]
    longer = [path.relative_to(common).with_suffix("").as_posix() for path in paths]
    return [stem if stems.count(stem) == 1 else whole for stem, whole in zip(stems, longer, strict=True)]


def _visible(folder: Path) -> Iterable[Path]:
    """Yield the models in a folder, but for hidden ones: an export under way stands in a hidden folder."""
    for path in folder.rglob(f"*{SUFFIX}"):
        if not any(part.startswith(".") for part in path.relative_to(folder).parts):
            yield path


def _describe(path: Path) -> dict[str, Any]:
    """Return a model's size, and a version that changes with its contents.

    Raises:
        OSError: It cannot be read.
        ValueError: It is not what `export_tflite` wrote.
    """
    stat = path.stat()
    return _described(path, stat.st_mtime_ns, stat.st_size)


@functools.lru_cache(maxsize=256)
def _described(path: Path, _modified: int, size: int) -> dict[str, Any]:
    read_files(path)
    return {"bytes": size, "version": sha256_of(path)[:16]}


class WebServer(ThreadingHTTPServer):
    """A server of the page at `/`, the list of models at `/models.json` and the models under `/models/`."""

    daemon_threads = True

    def __init__(self, page: Path, models: Mapping[str, Path], port: int) -> None:
        """Take the port; `serve_forever` answers.

        Args:
            page: The built page's folder.
            models: Files by name.
            port: 0 takes any that is free.

        Raises:
            OSError: The port is in use.
        """
        self.files = {f"/{path.relative_to(page).as_posix()}": path for path in page.rglob("*") if path.is_file()}
        self.files["/"] = self.files["/index.html"]
        self.models = dict(models)
        self.files |= {f"/models/{name}{SUFFIX}": path for name, path in models.items()}
        try:
            super().__init__((HOST, port), _Handler)
        except OSError as error:
            raise OSError(
                f"port {port} of {HOST} cannot be used ({error.strerror}): choose another with --port"
            ) from error

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing where the browser has gone away: a page that is closed ends its downloads so."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    @property
    def url(self) -> str:
        """Where the page is."""
        return f"http://{HOST}:{self.server_port}/"

    def model_list(self) -> list[dict[str, Any]]:
        """Return name, address and size of each model as it is now; without those that have gone or broken."""
        entries = []
        for name, path in self.models.items():
            try:
                described = _describe(path)
            except (OSError, ValueError) as error:
                warnings.warn(str(error), stacklevel=2)
                continue
            url = f"models/{quote(name)}{SUFFIX}?v={described['version']}"
            entries.append({"name": name, "url": url, "bytes": described["bytes"]})
        return entries


class _Handler(BaseHTTPRequestHandler):
    server: WebServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def _answer(self) -> None:
        path = unquote(urlsplit(self.path).path)
        if path == MODEL_LIST:
            self._send(".json", json.dumps(self.server.model_list()).encode())
        elif path in self.server.files:
            self._send_file(path, self.server.files[path])
        else:
            self.send_error(HTTPStatus.NOT_FOUND)

    def _send_file(self, path: str, file: Path) -> None:
        try:
            stream = file.open("rb")
        except OSError:
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        with stream:
            # The size of what is open: an export may take its place by now.
            self._send_head(file.suffix, os.fstat(stream.fileno()).st_size, forever=path.startswith("/assets/"))
            if self.command == "GET":
                shutil.copyfileobj(stream, self.wfile)

    def _send(self, suffix: str, content: bytes) -> None:
        self._send_head(suffix, len(content))
        if self.command == "GET":
            self.wfile.write(content)

    def _send_head(self, suffix: str, length: int, *, forever: bool = False) -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", _TYPES.get(suffix, "application/octet-stream"))
        self.send_header("Content-Length", str(length))
        # The names of assets change with their contents.
        self.send_header("Cache-Control", "max-age=31536000, immutable" if forever else "no-cache")
        self.end_headers()

    def end_headers(self) -> None:
        """Add what every answer says, errors too."""
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        super().end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: the one user sees the page."""
