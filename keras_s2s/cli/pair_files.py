"""The options that say how a file of pairs is read, and the search for pairs by name or file."""

from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from keras_s2s.cli.console import err

if TYPE_CHECKING:
    from keras_s2s.data.corpus import Corpus, Pair
    from keras_s2s.data.splits import SplitReport

Format = Annotated[str | None, typer.Option("--format", help="tsv, csv or jsonl, where the file's name does not tell.")]
Columns = Annotated[
    str | None,
    typer.Option(
        help="Columns of source, target and perhaps mask: numbers from 0, or names, with commas. "
        "0,1 ignores a third column."
    ),
]
MaxBadShare = Annotated[float, typer.Option(min=0, max=1, help="Fail above this share of bad rows.")]
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
    deduplicate: bool = True,
) -> "Corpus":
    """Open a file of pairs, or two parallel ones, with the options as they were typed.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is empty, binary or of an unknown format, or the columns make no sense.
    """
    from keras_s2s.data.corpus import read_pairs

    return read_pairs(
        path,
        target,
        format=format,
        columns=parse_columns(columns),
        max_bad_share=max_bad_share,
        deduplicate=deduplicate,
    )


def read_part(
    name: str,
    split: str,
    folder: Path | None,
    format: str | None = None,
    columns: str | None = None,
    max_bad_share: float = 0.01,
    limit: int | None = None,
) -> "list[Pair]":
    """Return one split of the data set called `name`, or all of the file called so, to measure a model on.

    Each row counts, repeated or not; what was dropped is printed. Of more than `limit` pairs the first are returned,
    but all are read: whether too many rows are bad does not depend on the limit.

    Raises:
        FileNotFoundError: It is neither.
        ValueError: The data set has no such split, the file is unreadable, or too many of its rows are bad.
    """
    from keras_s2s.data.datasets import dataset_names, load_dataset

    pairs: Iterable[Pair]
    division = None

    if name in dataset_names():
        if split not in ("train", "valid", "test"):
            raise ValueError(f"--split {split!r}: expected train, valid or test")
        splits = load_dataset(name, folder)
        pairs, division = getattr(splits, split), splits.report
    elif Path(name).exists():
        pairs = open_pairs(Path(name), None, format, columns, max_bad_share, deduplicate=False)
    else:
        raise FileNotFoundError(f"{name}: neither a file nor a data set ({', '.join(dataset_names())})")
    remaining = iter(pairs)
    read = list(islice(remaining, limit))
    for _ in remaining:
        pass
    print_left_out([pairs], division)
    return read


def print_left_out(parts: "Iterable[Iterable[Pair]]", division: "SplitReport | None" = None) -> None:
    """Print what reading and dividing left out, if anything, on standard error."""
    from keras_s2s.data.left_out import left_out

    for report in left_out(parts, division):
        err.print(report, markup=False, highlight=False, soft_wrap=True)


def parse_columns(columns: str | None) -> list[int] | list[str] | None:
    """Turn "0,1" into `[0, 1]` and "en,es" into `["en", "es"]`."""
    if columns is None:
        return None
    parts = [part.strip() for part in columns.split(",")]
    return [int(part) for part in parts] if all(part.isdecimal() for part in parts) else parts
