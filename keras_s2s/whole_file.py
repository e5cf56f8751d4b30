"""Files that are whole or not there at all."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a path beside `path` to write to, and move what the block has written there into its place.

    If the block fails, or the process dies, the file that was at `path` before stays as it was.

    Raises:
        OSError: The folder cannot be written to, or the block has written nothing.
    """
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.stem}-") as folder:
        unfinished = Path(folder) / path.name
        yield unfinished
        unfinished.replace(path)
