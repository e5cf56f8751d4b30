"""Texts, one a line, from a file or a pipe."""

import sys
from collections.abc import Iterator
from pathlib import Path


def text_lines(path: Path | None) -> Iterator[str]:
    """Yield the lines of a file or, for None and `-`, of standard input, as UTF-8; only a line feed ends a line.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: A line is not UTF-8; the message names it.
    """
    from_pipe = path is None or str(path) == "-"
    name = "standard input" if from_pipe else str(path)
    with sys.stdin.buffer if from_pipe or path is None else path.open("rb") as stream:
        for number, line in enumerate(stream, start=1):
            try:
                yield line.rstrip(b"\r\n").decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                raise ValueError(f"{name}:{number}: not UTF-8 ({error.reason}); convert it first") from None
