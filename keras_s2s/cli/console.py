"""Where the commands print: results on standard output, everything else on standard error."""

import gc
import os
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.console import Console

if TYPE_CHECKING:
    from rich.progress import Progress

out = Console()
err = Console(stderr=True)

# TF_CPP_MIN_LOG_LEVEL where nobody has asked for more: fatal errors alone.
QUIET = "3"

# Warnings shown from one place in the code: a long file may give the same one thousands of times.
MOST_WARNINGS = 5
_warned: Counter[tuple[str, int]] = Counter()


def show_warning(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, *_: Any, **__: Any
) -> None:
    """Print a Python warning as one line, and say when no more from the same place will follow.

    Takes the place of `warnings.showwarning`.
    """
    _warned[filename, lineno] += 1
    count = _warned[filename, lineno]
    first, *_rest = str(message).splitlines() or [""]
    if count == MOST_WARNINGS:
        first += " (more like it are not shown)"
    if count <= MOST_WARNINGS:
        err.print(f"warning: {first}", style="yellow", markup=False, highlight=False, soft_wrap=True)


@contextmanager
def progress_bar(title: str, total: int) -> Iterator["Progress"]:
    """Show a bar on standard error while the block runs; call `.advance(0, n)` on it. Silent where piped."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as bar:
        bar.add_task(title, total=total)
        yield bar


@contextmanager
def quiet_import() -> Iterator[None]:
    """Put it around imports of Keras and TensorFlow: nothing of what native code says on loading gets on the screen.

    Nor does the garbage collector look through what stays anyway, which would take a fifth of the time.
    """
    gc.disable()
    try:
        with _quiet_loading():
            yield
    finally:
        gc.enable()


@contextmanager
def _quiet_loading() -> Iterator[None]:
    """Keep what native code says off the screen.

    TensorFlow writes some lines to file descriptor 2 before it has read TF_CPP_MIN_LOG_LEVEL. What Python
    prints still shows. Nothing is hidden where the user has set that variable, or asked for --debug.
    """
    if os.environ.get("TF_CPP_MIN_LOG_LEVEL") != QUIET:
        yield
        return
    python_stream, terminal = sys.stderr, os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    # Not closed at the end: a logger that is set up meanwhile, as TensorFlow's is, goes on writing to it.
    sys.stderr = os.fdopen(os.dup(terminal), "w", encoding="utf-8")
    try:
        yield
    finally:
        sys.stderr.flush()
        sys.stderr = python_stream
        os.dup2(terminal, 2)
        os.close(terminal)
        os.close(nowhere)
