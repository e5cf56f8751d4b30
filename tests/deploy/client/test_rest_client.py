"""What REST has for itself: addresses, foreign answers, and that no TensorFlow is imported."""

import json
import os
import subprocess
import sys

import pytest

from keras_s2s import RestClient, ServingError

HEAVY = ("tensorflow", "tensorflow_text", "tensorflow_serving", "keras", "grpc", "numpy", "pydantic", "jax")
BLOCK = """
import sys
class Block:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {blocked!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Block())
"""


def python(code):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TF_")}
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=False, env=environment, timeout=120
    )


def test_without_tensorflow(http_server):
    code = BLOCK.format(blocked=HEAVY) + (
        f"import json, keras_s2s\n"
        f"with keras_s2s.RestClient({http_server!r}, model='en_es') as client:\n"
        f"    answers = [client.translate(['a', 'ñ']), len(client.n_best(['a'])[0]), client.metadata().version]\n"
        f"    print(json.dumps(answers))\n"
        f"    print(client.status()[0].state)\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])\n"
    )
    result = python(code)
    assert result.returncode == 0, result.stderr
    answers, state, loaded = result.stdout.splitlines()
    assert json.loads(answers) == [["A", "Ñ"], 3, 7]
    assert (state, loaded) == ("AVAILABLE", "[]")


def test_the_command_without_tensorflow(http_server):
    blocked = [name for name in HEAVY if name != "pydantic"]  # typer needs it
    command = ["translate", "--server", http_server, "--rest", "--model-name", "en_es", "a", "ñ"]
    result = python(BLOCK.format(blocked=blocked) + f"from keras_s2s.cli.main import run; run({command!r})")
    assert (result.stdout, result.stderr) == ("A\nÑ\n", "")


@pytest.mark.parametrize(
    ("name", "extra"), [("RestClient", "client"), ("ServingClient", "serving"), ("AsyncServingClient", "serving")]
)
def test_a_missing_extra_names_the_pip_command(name, extra):
    code = BLOCK.format(blocked=("httpx", "grpc", "tensorflow_serving")) + (
        f"import keras_s2s\ntry:\n    keras_s2s.{name}\nexcept ImportError as error:\n    print(error)\n"
    )
    result = python(code)
    assert f"pip install 'keras-s2s[{extra}]'" in result.stdout, result.stderr


@pytest.mark.parametrize("url", ["http://{}", "{}", "http://{}/"])
def test_addresses(http_server, script, url):
    with RestClient(url.format(http_server), model="en_es") as client:
        assert client.translate(["a"]) == ["A"]


@pytest.mark.parametrize("url", ["ftp://host:1", "http://", "http://host:port", "::"])
def test_what_is_no_address(url):
    with pytest.raises(ValueError, match=r"no address of a server.*expected http://host:port"):
        RestClient(url)


class Foreign:
    """What some other server on that port may say."""

    ANSWERS = (
        (200, b"<html>welcome</html>", "UNIMPLEMENTED"),
        (200, b'{"result": 3}', "UNIMPLEMENTED"),
        (200, b"[1, 2]", "UNIMPLEMENTED"),
        (404, b"<html>nothing here</html>", "NOT_FOUND"),
        (418, b"\xff\xfe", "INTERNAL"),
        (301, b"", "INTERNAL"),
    )


@pytest.mark.parametrize(("status", "body", "code"), Foreign.ANSWERS)
def test_an_answer_of_another_server(servers, script, status, body, code):
    class Handler(servers.handler):
        def _play(self, question):
            self._send(status, body)

    server, address = servers.http(script, Handler)
    try:
        with RestClient(address) as client, pytest.raises(ServingError) as caught:
            client.translate(["a"])
    finally:
        server.shutdown()
        server.server_close()
    assert caught.value.code == code
    assert f"HTTP status {status} with an answer that is not TensorFlow Serving's" in caught.value.message


def test_a_connection_that_the_server_has_closed_meanwhile(servers, script):
    """A pooled connection may be gone at the next request: that is UNAVAILABLE, and tried again."""
    dropped = []

    class Handler(servers.handler):
        def _play(self, question):
            if not dropped:
                dropped.append(self.connection.close())
                self.close_connection = True
                return
            super()._play(question)

        def handle(self):
            try:
                super().handle()
            except (OSError, ValueError):
                self.close_connection = True

    server, address = servers.http(script, Handler)
    try:
        with RestClient(address, model="en_es") as client:
            assert client.translate(["a"]) == ["A"]
    finally:
        server.shutdown()
        server.server_close()
    assert dropped
