"""The server of the page: what it finds, what it says, and what it does not give away."""

import http.client
import json
import shutil
import socket
import threading
import time
import urllib.error
import urllib.request
from contextlib import contextmanager

import pytest
from typer.testing import CliRunner

from keras_s2s.cli import web as command
from keras_s2s.cli.main import app
from keras_s2s.deploy import web_server as module
from keras_s2s.deploy.device.manifest import Associated, write_with_files
from keras_s2s.deploy.web_server import WebServer, find_models, find_page


@pytest.fixture
def write_model():
    """A function that writes a file which is whole, as far as a server looks."""

    def write_model(path, text="one"):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_with_files(path, b"\0\0\0\0TFL3" + text.encode(), Associated({}, b"source", b"target"))
        return path

    return write_model


@pytest.fixture
def page(tmp_path):
    folder = tmp_path / "page"
    (folder / "assets").mkdir(parents=True)
    (folder / "litert").mkdir()
    for name, content in {
        "index.html": "<h1>page</h1>",
        "assets/index-1.js": "1",
        "icon.svg": "<svg/>",
        "litert/a.wasm": "\0asm",
    }.items():
        (folder / name).write_text(content)
    return folder


@pytest.fixture
def folder(tmp_path, write_model):
    write_model(tmp_path / "models" / "en_es.tflite")
    write_model(tmp_path / "models" / "deep" / "er" / "spelling.tflite")
    return tmp_path / "models"


@contextmanager
def serving(page, models, port=0):
    with WebServer(page, models, port) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def get(server, path, method="GET"):
    request = urllib.request.Request(server.url.rstrip("/") + path, method=method)
    with urllib.request.urlopen(request, timeout=10) as response:
        return response.headers, response.read()


def test_models_are_found_by_file_and_by_folder(tmp_path, folder, write_model):
    write_model(folder / ".unfinished" / "en_es.tflite")
    assert list(find_models([folder])) == ["spelling", "en_es"]
    assert find_models([folder / "en_es.tflite"]) == {"en_es": folder / "en_es.tflite"}
    assert len(find_models([folder, folder / "en_es.tflite", folder / "deep"])) == 2
    write_model(tmp_path / "models" / "other" / "en_es.tflite")
    assert list(find_models([folder])) == ["spelling", "en_es", "other/en_es"]


def test_places_without_models(tmp_path, folder):
    with pytest.raises(FileNotFoundError, match="nowhere: no such file or folder"):
        find_models([folder, tmp_path / "nowhere"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match=r"empty: no \.tflite file in it; make one with `keras-s2s export"):
        find_models([tmp_path / "empty"])


@pytest.mark.parametrize("content", [b"", b"something else", b"\0\0\0\0TFL3"])
def test_a_broken_model_is_named(folder, content):
    path = folder / "broken.tflite"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"broken\.tflite: (not a TFLite file|a TFLite file without a manifest)"):
        find_models([path])
    # One of many in a folder does not keep the others from being served.
    with pytest.warns(UserWarning, match=r"broken\.tflite: .*; it is left out"):
        assert list(find_models([folder])) == ["spelling", "en_es"]
    (folder / "alone").mkdir()
    path.rename(folder / "alone" / "broken.tflite")
    with (
        pytest.warns(UserWarning, match="it is left out"),
        pytest.raises(FileNotFoundError, match=r"alone: no \.tflite file that can be used in it"),
    ):
        find_models([folder / "alone"])


def test_the_page_and_its_types(page, folder):
    with serving(page, find_models([folder])) as server:
        headers, content = get(server, "/")
        assert content == b"<h1>page</h1>"
        assert headers["Content-Type"].startswith("text/html")
        assert headers["Cache-Control"] == "no-cache"
        policy = headers["Content-Security-Policy"]
        assert "default-src 'self'" in policy
        assert "http" not in policy
        assert get(server, "/litert/a.wasm")[0]["Content-Type"] == "application/wasm"
        assert get(server, "/assets/index-1.js")[0]["Content-Type"].startswith("text/javascript")
        assert "immutable" in get(server, "/assets/index-1.js?x=1")[0]["Cache-Control"]
        assert get(server, "/icon.svg", "HEAD")[1] == b""
        assert get(server, "/icon.svg", "HEAD")[0]["Content-Length"] == "6"


def test_models_and_their_versions(page, folder, write_model):
    with serving(page, find_models([folder])) as server:
        first = json.loads(get(server, "/models.json")[1])
        assert [entry["name"] for entry in first] == ["spelling", "en_es"]
        for entry, path in zip(first, find_models([folder]).values(), strict=True):
            assert get(server, "/" + entry["url"])[1] == path.read_bytes()
            assert entry["bytes"] == path.stat().st_size
        write_model(folder / "en_es.tflite", "exported again")
        second = json.loads(get(server, "/models.json")[1])
        assert second[0] == first[0]
        assert second[1]["url"] != first[1]["url"]
        assert get(server, "/models.json", "HEAD")[1] == b""


@pytest.mark.filterwarnings("ignore:.*en_es.tflite")
def test_models_that_go_while_it_runs(page, folder):
    with serving(page, find_models([folder])) as server:
        (folder / "en_es.tflite").unlink()
        assert [entry["name"] for entry in json.loads(get(server, "/models.json")[1])] == ["spelling"]
        with pytest.raises(urllib.error.HTTPError, match="404"):
            get(server, "/models/en_es.tflite")


@pytest.mark.filterwarnings("ignore:.*en_es.tflite. damaged")
def test_a_model_that_breaks_while_it_runs(page, folder):
    """In its archive, where each byte has an error of its own."""
    with serving(page, find_models([folder])) as server:
        path = folder / "en_es.tflite"
        content = path.read_bytes()
        # An entry's compression, its flags, and where it is.
        for offset in (content.index(b"PK\x01\x02") + 10, content.index(b"PK\x01\x02") + 8, content.rindex(b"PK") + 12):
            path.write_bytes(content[:offset] + b"\xff" + content[offset + 1 :])
            assert [entry["name"] for entry in json.loads(get(server, "/models.json")[1])] == ["spelling"]


def test_a_name_with_odd_characters(page, tmp_path, write_model):
    path = write_model(tmp_path / "odd" / "más 100% #1?.tflite")
    with serving(page, find_models([path])) as server:
        (entry,) = json.loads(get(server, "/models.json")[1])
        assert get(server, "/" + entry["url"])[1] == path.read_bytes()


@pytest.mark.parametrize(
    "path",
    [
        "/../secret",
        "/assets/../../secret",
        "/%2e%2e/secret",
        "/..%2fsecret",
        "/models/../../secret",
        "//secret",
        "/models/",
        "/assets",
        "/nothing",
        "secret",
    ],
)
def test_nothing_else_is_served(page, folder, path):
    (page.parent / "secret").write_text("secret")
    with serving(page, find_models([folder])) as server:
        connection = http.client.HTTPConnection(module.HOST, server.server_port, timeout=10)
        connection.request("GET", path)
        response = connection.getresponse()
        assert response.status in (400, 404)
        assert b"secret" not in response.read().replace(path.encode(), b"")
        connection.close()


def test_it_listens_on_this_machine_alone(page, folder):
    with serving(page, find_models([folder])) as server:
        assert server.server_address[0] == "127.0.0.1"
        with (
            pytest.raises(OSError, match=rf"port {server.server_port} .*choose another with --port"),
            WebServer(page, {}, server.server_port),
        ):
            pass


def test_the_page_is_not_built(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "files", lambda _: tmp_path)
    with pytest.raises(FileNotFoundError, match="run `make web`"):
        find_page()


def test_the_page_is_found_in_the_package(tmp_path, monkeypatch, page):
    monkeypatch.setattr(module, "files", lambda _: tmp_path)
    shutil.move(page, tmp_path / "web_page")
    assert find_page() == tmp_path / "web_page"


@pytest.fixture
def opened(monkeypatch, page):
    """What the browser was told to open; the server ends at once, as by Ctrl-C."""
    calls = []

    def stop(self):
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "find_page", lambda: page)
    monkeypatch.setattr(WebServer, "serve_forever", stop)
    monkeypatch.setattr(command.webbrowser, "open", calls.append)
    return calls


def test_the_command(opened, folder):
    result = CliRunner().invoke(app, ["web", str(folder), "--port", "0"], catch_exceptions=False)
    assert result.exit_code == 0
    url = result.stdout.split()[0]
    assert result.stdout == f"{url} has spelling, en_es\n"
    assert opened == [url]


def test_the_command_opens_nothing(opened, folder):
    CliRunner().invoke(app, ["web", str(folder), "--port", "0", "--no-open"], catch_exceptions=False)
    assert opened == []


def test_the_command_without_models(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no \.tflite file in it"):
        CliRunner().invoke(app, ["web", str(tmp_path)], catch_exceptions=False)


def test_a_page_that_is_closed_makes_no_noise(page, tmp_path, write_model, capfd):
    write_model(tmp_path / "big.tflite", "x" * 20_000_000)
    with serving(page, find_models([tmp_path / "big.tflite"])) as server:
        with socket.create_connection(("127.0.0.1", server.server_port)) as browser:
            browser.sendall(b"GET /models/big.tflite HTTP/1.1\r\nHost: x\r\n\r\n")
            browser.recv(100)
        assert get(server, "/")[1] == b"<h1>page</h1>"
        time.sleep(0.2)
    assert "Traceback" not in capfd.readouterr().err
