"""The choice of a reader: by the suffix of a file, or as asked."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path

from keras_s2s.data.line_readers import JsonLinesReader, ParallelReader
from keras_s2s.data.pair_reader import Columns, PairReader
from keras_s2s.data.table_readers import CsvReader, TsvReader
from keras_s2s.data.text_lines import check_text_file

FORMATS = ("tsv", "csv", "jsonl", "parallel")
SUFFIXES = {".tsv": "tsv", ".csv": "csv", ".jsonl": "jsonl", ".json": "jsonl", ".ndjson": "jsonl"}


def open_reader(
    path: str | PathLike[str],
    target_path: str | PathLike[str] | None = None,
    *,
    format: str | None = None,
    columns: Sequence[int] | Sequence[str] | None = None,
    max_characters: int = 10_000,
) -> PairReader:
    """Chooses the reader of a file by its suffix or by `format` and looks at the file's beginning.

    The arguments are those of `corpus.read_pairs`.

    Raises:
        FileNotFoundError: A file is missing.
        ValueError: The format cannot be told, the columns do not suit it, or the file is not text.
    """
    source_file = Path(path)
    chosen = _format(source_file, target_path, format)
    picked = _check_columns(columns, chosen)
    start = check_text_file(source_file)
    limit = 16 * max_characters  # two sides and a mask at four bytes a character, and room for other columns
    if target_path is not None:
        check_text_file(Path(target_path))
        return ParallelReader(source_file, Path(target_path), limit)
    if chosen == "tsv":
        return TsvReader(source_file, picked, limit)
    if chosen == "csv":
        return CsvReader(source_file, picked, limit)
    if start.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"["):
        raise ValueError(
            f"{source_file} is one JSON array. Expected JSON lines: one object a line. "
            f"`jq -c '.[]' {source_file.name} > pairs.jsonl` converts it."
        )
    return JsonLinesReader(source_file, picked, limit)


def _format(path: Path, target_path: object, format: str | None) -> str:
    if format is not None and format not in FORMATS:
        raise ValueError(f"Unknown format {format!r}. Expected one of {', '.join(FORMATS)}.")
    if target_path is not None:
        if format in (None, "parallel"):
            return "parallel"
        raise ValueError(f"target_path= is for two parallel text files; {format} holds both sides in one file.")
    if format == "parallel":
        raise ValueError('format="parallel" needs target_path=, the file of the targets.')
    suffixes = [suffix.lower() for suffix in path.suffixes if suffix.lower() not in (".gz", ".gzip")]
    chosen = format or (SUFFIXES.get(suffixes[-1]) if suffixes else None)
    if chosen is None:
        raise ValueError(
            f"The name of {path} does not tell its format. Give format= (tsv, csv or jsonl), or target_path= "
            "with the file of the targets if this one holds the sources only."
        )
    return chosen


def _check_columns(columns: Sequence[int] | Sequence[str] | None, format: str) -> Columns | None:
    if columns is None:
        return None
    names = tuple(column for column in columns if isinstance(column, str))
    numbers = tuple(column for column in columns if type(column) is int and column >= 0)
    if format != "parallel" and not isinstance(columns, str) and len(columns) in (2, 3):
        if len(names) == len(columns):
            return names
        if len(numbers) == len(columns) and format != "jsonl":
            return numbers
    raise ValueError(
        f"columns={columns!r} with format {format!r}: expected source, target and perhaps mask, as numbers "
        "from 0 or header names (tsv, csv) or as keys (jsonl), as in (0, 1); parallel files have no columns."
    )
