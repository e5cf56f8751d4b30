import ast
import os
import resource
import subprocess
import sys
import tomllib
import warnings
from pathlib import Path

import pytest

from keras_s2s import __version__
from keras_s2s.cli import console, main
from keras_s2s.extras import MissingExtraError

COMMAND = [sys.executable, "-m", "keras_s2s.cli.main"]


@pytest.fixture(autouse=True)
def restore_environment(monkeypatch):
    monkeypatch.setattr(os, "environ", os.environ.copy())
    monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)


def raising(monkeypatch, error):
    """Make `keras-s2s config` raise."""

    def fail():
        raise error

    app = main.typer.Typer(pretty_exceptions_enable=False)
    app.command("config")(fail)
    app.callback()(main._options)
    monkeypatch.setattr(main, "app", app)


def test_version(invoke):
    assert invoke("--version").stdout == f"keras-s2s {__version__}\n"


def test_help_names_every_command(invoke):
    text = invoke("--help").stdout
    for command in ("demo", "build", "data", "config", "train", "translate", "evaluate"):
        assert command in text
        assert invoke(command, "-h").stdout


def test_every_command_has_help(invoke):
    from typer.main import get_command

    def commands(command, *path):
        yield path
        for name, inner in getattr(command, "commands", {}).items():
            yield from commands(inner, *path, name)

    paths = list(commands(get_command(main.app)))
    assert ("export", "tflite") in paths
    for path in paths:
        assert "Usage:" in invoke(*path, "--help").stdout


def imported_by(*arguments, among):
    """Return which of these modules a command imports in a process of its own."""
    code = (
        "import sys; from keras_s2s.cli.main import run\n"
        f"try: run({[*arguments]!r})\n"
        "except SystemExit: pass\n"
        f"print([name for name in {[*among]!r} if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return ast.literal_eval(result.stdout.splitlines()[-1])


def test_help_is_fast_and_loads_nothing_heavy():
    assert imported_by("--help", among=("tensorflow", "keras", "jax", "numpy", "pydantic")) == []
    times = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([*COMMAND, "--help"], capture_output=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        times.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert min(times) < 0.8  # of a processor: 0.25 on an idle one, 0.4 on a busy one


def test_a_command_waits_for_no_others_imports():
    modules = [f"keras_s2s.cli.{name}" for name in ("translate", "build", "evaluate", "verify")]
    assert imported_by("translate", "--help", among=modules) == modules[:1]


def test_the_installed_command_is_this_one():
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["project"]["scripts"] == {"keras-s2s": f"{main.__name__}:{main.run.__name__}"}


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("a.tsv: wrong"), "a.tsv: wrong"),
        (ValueError("first\nsecond"), "first (--debug shows more)"),
        (ValueError(), "ValueError"),
        (FileNotFoundError("a.toml: no such configuration file"), "a.toml: no such configuration file"),
        (OSError(28, "No space left on device", "x.keras"), "x.keras: No space left on device"),
        (OSError(28, "No space left on device"), "No space left on device"),
        (MissingExtraError("this needs Keras: pip install x"), "this needs Keras: pip install x"),
        (
            ModuleNotFoundError("No module named 'sacrebleu'", name="sacrebleu"),
            "this needs sacreBLEU, which is not installed: pip install 'keras-s2s[train]'",
        ),
        (ModuleNotFoundError("No module named 'foo'", name="foo"), "No module named 'foo'"),
        (RuntimeError("boom [red]\nmore"), "unexpected RuntimeError: boom [red] (--debug shows where)"),
    ],
)
def test_an_error_is_one_line(monkeypatch, fail, error, line):
    raising(monkeypatch, error)
    assert fail("config") == (line, 1)


def test_debug_anywhere_shows_the_traceback(monkeypatch):
    raising(monkeypatch, ValueError("boom"))
    for arguments in (["--debug", "config"], ["config", "--debug"]):
        with pytest.raises(ValueError, match="boom"):
            main.run(arguments)


def test_debug_after_two_dashes_is_text():
    assert main._without_debug(["translate", "--", "--debug"]) == (["translate", "--", "--debug"], False)
    assert main._without_debug(["--debug", "translate", "--", "x"]) == (["translate", "--", "x"], True)


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, main.typer.Abort])
def test_an_interrupt_is_one_line_and_130(monkeypatch, fail, interrupt):
    raising(monkeypatch, interrupt())
    assert fail("config") == ("interrupted", 130)


@pytest.mark.parametrize(
    ("arguments", "start", "end"),
    [
        (["translate", "--beam", "none"], "Invalid value for '--beam': ", "(see keras-s2s translate --help)"),
        (["data", "check"], "Missing argument 'file'", "(see keras-s2s data check --help)"),
        (["translate", "--nope"], "No such option: --nope", "(see keras-s2s translate --help)"),
        (["nope"], "No such command 'nope'", "(see keras-s2s --help)"),
        (["--debug", "nope"], "No such command 'nope'", "(see keras-s2s --help)"),
    ],
)
def test_wrong_usage_is_one_line_and_exits_with_2(fail, arguments, start, end):
    line, code = fail(*arguments)
    assert code == 2
    assert line.casefold().startswith(start.casefold())  # typer's own words; some versions write FILE
    assert line.endswith(end)


@pytest.mark.parametrize("arguments", [[], ["data"]])
def test_a_command_without_its_sub_command_shows_its_help(capsys, arguments):
    with pytest.raises(SystemExit) as stop:
        main.run(arguments)
    assert stop.value.code == 2
    printed = capsys.readouterr()
    assert "Usage:" in printed.out
    assert printed.err == ""


def test_a_good_run_exits_with_0(capsys):
    with pytest.raises(SystemExit) as stop:
        main.run(["data", "list"])
    assert stop.value.code == 0
    assert os.environ["GRPC_VERBOSITY"] == "ERROR"
    assert "phrasebook-en-es" in capsys.readouterr().out


def test_warnings_are_one_line(monkeypatch, capsys):
    def warn(**_):
        warnings.warn("the end was cut off\nsecond line", stacklevel=1)

    monkeypatch.setattr(main, "app", warn)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        with pytest.raises(SystemExit):
            main.run([])
    assert capsys.readouterr().err == "warning: the end was cut off\n"


def test_the_same_warning_is_shown_a_few_times_only(capsys):
    for number in range(20):
        console.show_warning(f"number {number}", UserWarning, "here.py", 7)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "warning: number 0"
    assert lines[-1] == f"warning: number {len(lines) - 1} (more like it are not shown)"
    assert len(lines) == console.MOST_WARNINGS


def test_in_a_fresh_process_an_error_is_one_line(tmp_path):
    result = subprocess.run(
        [*COMMAND, "train", str(tmp_path / "none.toml")], capture_output=True, text=True, check=False
    )
    assert result.returncode == 1
    assert result.stderr.strip() == f"error: {tmp_path / 'none.toml'}: no such configuration file"
