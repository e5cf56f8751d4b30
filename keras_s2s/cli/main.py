"""The command `keras-s2s`: its sub-commands, and how errors reach the user."""

import logging
import os
import sys
import warnings
from collections.abc import Sequence
from contextlib import suppress
from typing import Annotated, NoReturn

import typer

from keras_s2s import __version__
from keras_s2s.cli.console import QUIET, err, show_warning
from keras_s2s.cli.sub_commands import SubCommandGroup
from keras_s2s.extras import explain

app = typer.Typer(
    cls=SubCommandGroup,
    help="Pairs of sequences in, a deployed LSTM encoder-decoder out.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

EXPECTED = (ValueError, OSError, ImportError)
WRONG_USAGE, INTERRUPTED = 2, 130


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"keras-s2s {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit."),
    ] = False,
    debug: Annotated[
        bool,
        typer.Option("--debug", help="Show tracebacks and TensorFlow's log. Accepted anywhere in the line."),
    ] = False,
) -> None:
    """Hold the options that stand before a command; `run` obeys `--debug`."""


def run(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit: 0 done, 1 one line of error, 2 wrong usage, 130 interrupted."""
    arguments, debug = _without_debug(sys.argv[1:] if arguments is None else arguments)
    _prepare(debug)
    try:
        code = app(args=arguments, prog_name="keras-s2s", standalone_mode=False)
    except (KeyboardInterrupt, typer.Abort):
        code = INTERRUPTED
    except Exception as error:
        _fail_for_usage(error)
        if debug:
            raise
        _fail(_one_line(error))
    if code == INTERRUPTED:  # what typer makes of Ctrl-C
        _fail("interrupted", INTERRUPTED)
    sys.exit(code or 0)


def _without_debug(arguments: Sequence[str]) -> tuple[list[str], bool]:
    """Take `--debug` out, wherever it stands before a `--`."""
    arguments = list(arguments)
    end = arguments.index("--") if "--" in arguments else len(arguments)
    options = [argument for argument in arguments[:end] if argument != "--debug"]
    return options + arguments[end:], len(options) < end


def _prepare(debug: bool) -> None:
    """Make the streams UTF-8 and keep the libraries quiet."""
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        with suppress(AttributeError, ValueError):  # a test's stream, or a closed one
            stream.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
    if debug:
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", QUIET)
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    warnings.showwarning = show_warning


def _fail_for_usage(error: Exception) -> None:
    """Exit with one line if the command line itself is wrong.

    Such errors are known by what they offer: typer brings its own copy of click's, or uses click's, by version.
    """
    if not hasattr(error, "format_message"):
        return
    code = getattr(error, "exit_code", WRONG_USAGE)
    message = " ".join(error.format_message().split())
    if not message:  # a command without its sub-command, which has shown its help
        sys.exit(code)
    command = getattr(getattr(error, "ctx", None), "command_path", "keras-s2s")
    _fail(f"{message.rstrip('.')} (see {command} --help)", code)


def _one_line(error: Exception) -> str:
    """Say what went wrong in one line, without a class name where the message speaks for itself."""
    if isinstance(error, ImportError):
        error = explain(error) or error
    if isinstance(error, OSError) and error.strerror:
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{error.strerror}"
    first, *rest = str(error).strip().splitlines() or [""]
    if not isinstance(error, EXPECTED):
        return f"unexpected {type(error).__name__}: {first} (--debug shows where)"
    return f"{first or type(error).__name__}{' (--debug shows more)' if rest else ''}"


def _fail(message: str, code: int = 1) -> NoReturn:
    err.print(f"error: {message}", style="red", markup=False, highlight=False, soft_wrap=True)
    sys.exit(code)


if __name__ == "__main__":
    run()
