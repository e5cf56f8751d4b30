"""What `--json` writes: everything a command has found out, as JSON."""

from pathlib import Path

import typer

from keras_s2s.whole_file import replacing


def on_stdout(path: Path | None) -> bool:
    """Return whether JSON is asked for on standard output, `-`, in place of the table."""
    return path is not None and str(path) == "-"


def require_folder(path: Path | None) -> None:
    """Check, before the minutes of work, that there is a place to write to.

    Raises:
        FileNotFoundError: The file's folder does not exist.
    """
    if path is not None and not path.parent.is_dir():
        raise FileNotFoundError(f"--json {path}: there is no folder {path.parent}; make it first")


def write(path: Path | None, document: str) -> None:
    """Write a JSON document to a file, or print it where `-` is asked for.

    Raises:
        OSError: The file cannot be written.
    """
    if on_stdout(path):
        typer.echo(document)
    elif path is not None:
        with replacing(path) as unfinished:
            unfinished.write_text(document + "\n", encoding="utf-8")
