"""What lies in a model's folder."""

from pathlib import Path

Files = frozenset[tuple[Path, int, int]]

LARGEST = 2**63 - 1
"""The largest number that a version can have."""


def version_folders(folder: Path) -> dict[int, Path]:
    """Return the version folders by their numbers; what is not named by a number is something else.

    Raises:
        OSError: The folder cannot be read.
    """
    children = (child for child in folder.iterdir() if child.name.isascii() and child.name.isdecimal())
    return {int(child.name): child for child in children if child.is_dir() and int(child.name) <= LARGEST}


def fingerprint(folder: Path) -> Files:
    """Return a value that changes when a file in the folder is added, replaced or written to."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return frozenset((path, path.stat().st_size, path.stat().st_mtime_ns) for path in files)
