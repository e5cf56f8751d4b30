"""The options that say how a file of pairs is read, and the search for pairs by name or file."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from keras_s2s.data.corpus import Corpus, Pair

Format = Annotated[str | None, typer.Option("--format", help="tsv, csv or jsonl, where the file's name does not tell.")]
Columns = Annotated[
    str | None,
    typer.Option(
        help="Columns of source, target and perhaps mask: numbers from 0, or names, with commas. "
        "0,1 ignores a third column."
    ),
]
DataFolder = Annotated[
    Path | None,
    typer.Option(
        "--data",
        help="Folder that holds a folder of each named data set; left out: $KERAS_S2S_DATA, or a download.",
    ),
]


def open_pairs(
    path: Path,
    target: Path | None = None,
    format: str | None = None,
    columns: str | None = None,
    max_bad_share: float = 0.01,
) -> "Corpus":
    """Open a file of pairs, or two parallel ones, with the options as they were typed.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is empty, binary or of an unknown format, or the columns make no sense.
    """
    from keras_s2s.data.corpus import read_pairs

    return read_pairs(path, target, format=format, columns=_parse_columns(columns), max_bad_share=max_bad_share)


def find_pairs(
    name: str, split: str, folder: Path | None, format: str | None = None, columns: str | None = None
) -> "Iterable[Pair]":
    """Return one split of the data set called `name`, or all of the file called so.

    Raises:
        FileNotFoundError: It is neither.
        ValueError: The data set has no such split, or the file is unreadable.
    """
    from keras_s2s.data.datasets import dataset_names, load_dataset

    if name in dataset_names():
        if split not in ("train", "valid", "test"):
            raise ValueError(f"--split {split!r}: expected train, valid or test")
        pairs: Iterable[Pair] = getattr(load_dataset(name, folder), split)
        return pairs
    if not Path(name).exists():
        raise FileNotFoundError(f"{name}: neither a file nor a data set ({', '.join(dataset_names())})")
    return open_pairs(Path(name), format=format, columns=columns)


def _parse_columns(columns: str | None) -> list[int] | list[str] | None:
    if columns is None:
        return None
    parts = [part.strip() for part in columns.split(",")]
    return [int(part) for part in parts] if all(part.isdecimal() for part in parts) else parts
