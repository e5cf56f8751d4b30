"""`keras-s2s translate --server`."""

import pytest
from typer.testing import CliRunner

from keras_s2s.cli.main import app, run


@pytest.fixture(params=["grpc", "rest"])
def server(request):
    """The options that name the scripted server, over gRPC or over REST."""
    if request.param == "rest":
        return ["--server", request.getfixturevalue("http_server"), "--rest", "--model-name", "en_es"]
    return ["--server", request.getfixturevalue("grpc_server"), "--model-name", "en_es"]


def translate(*arguments, **options):
    arguments = ["translate", *map(str, arguments)]
    result = CliRunner().invoke(app, arguments, catch_exceptions=False, **options)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_arguments(server, script, monkeypatch):
    monkeypatch.setenv("KERAS_S2S_MODEL", "no_such.keras")  # a server was named: that counts
    assert translate(*server, "hello", "¿qué?") == "HELLO\n¿QUÉ?\n"
    assert script.requests == [("predict", "en_es", None, "serving_default", ["hello", "¿qué?"])]


def test_lines_are_sent_in_batches(server, script):
    assert translate(*server, "--batch-size", 2, input="a\nb\n\nd\ne\n") == "A\nB\n\nD\nE\n"
    assert [request[-1] for request in script.requests] == [["a", "b"], ["", "d"], ["e"]]


def test_n_best(server):
    assert translate(*server, "--n-best", 2, "ab", "c") == "-0.5000\tAB\n-1.5000\tAb\n\n-0.5000\tC\n-1.5000\tC\n\n"


@pytest.mark.parametrize(("option", "chosen"), [(("--version", 3), 3), (("--label", "canary"), "canary")])
def test_a_version_or_a_label(server, script, option, chosen):
    translate(*server, *option, "--timeout", 5, "a")
    assert script.requests[0][:3] == ("predict", "en_es", chosen)


def fail(capsys, *arguments):
    with pytest.raises(SystemExit) as stop:
        run(["translate", *map(str, arguments)])
    assert stop.value.code == 1
    line = capsys.readouterr().err.strip()
    assert "\n" not in line
    return line


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("--server", "localhost:1", "--beam", 2),
            "--beam: the search of a served model is chosen when it is exported",
        ),
        (("--server", "localhost:1", "--sample"), "--sample: the search of a served model"),
        (("--rest",), "--rest: needs --server HOST:PORT"),
        (("--model-name", "x"), "--model-name: needs --server HOST:PORT"),
        (("--model", "x.tflite", "--label", "stable"), "--label: needs --server HOST:PORT"),
        (("--server", "localhost:1", "--version", 1, "--label", "x"), "exclude each other"),
        (("--server", "localhost:1", "--tls-key", "x"), "give both, or neither"),
        (("--server", "localhost:1", "--tls-roots", "no/such.pem"), "no/such.pem: No such file or directory"),
        (("--server", "localhost:1", "--timeout", 0), "timeout is the number of seconds"),
        (("--server", "ftp://localhost", "--rest"), "no address of a server"),
    ],
)
def test_options_that_make_no_sense(capsys, arguments, message):
    assert message in fail(capsys, *arguments, "hello")


@pytest.mark.parametrize("rest", [(), ("--rest",)])
def test_a_server_that_is_not_there(capsys, rest):
    line = fail(capsys, "--server", "localhost:1", *rest, "--timeout", 1, "hello")
    assert line.startswith("error: ")
    assert "localhost:1, model 'model': " in line
    assert "UNAVAILABLE" in line or "DEADLINE_EXCEEDED" in line


def test_a_model_that_is_not_there(capsys, server, script):
    script.failures = [("NOT_FOUND", "Servable not found for request: Latest(en_es)")]
    assert "NOT_FOUND: Servable not found for request: Latest(en_es); check" in fail(capsys, *server, "hello")
