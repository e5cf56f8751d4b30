"""Lines of a text file as a stream: bounded memory, plain or gzip, clear words on what is no text."""

from __future__ import annotations

import gzip
import unicodedata
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from keras_s2s.data.read_report import DropReason

BLOCK = 1 << 20  # bytes read at a time
SAMPLE = 1 << 16  # bytes looked at before the first pass
BOM = b"\xef\xbb\xbf"
GZIP = b"\x1f\x8b"
OTHER_MAGIC = {
    b"PK\x03\x04": "a zip archive: unzip it first",
    b"BZh": "bzip2: decompress it first, or use gzip",
    b"\xfd7zXZ": "xz: decompress it first, or use gzip",
    b"\x28\xb5\x2f\xfd": "Zstandard: decompress it first, or use gzip",
    b"%PDF": "a PDF",
    b"SQLite format 3": "an SQLite database",
    b"PAR1": "Parquet: export it as TSV or JSON lines",
    b"\xff\xfe": "UTF-16: convert it with  iconv -f UTF-16 -t UTF-8",
    b"\xfe\xff": "UTF-16: convert it with  iconv -f UTF-16 -t UTF-8",
}
# Bytes that no text holds, but for white space and escape.
CONTROLS = bytes(set(range(32)) - set(b"\t\n\v\f\r\x1b"))


@dataclass(frozen=True, slots=True)
class Problem:
    """A row that cannot be read: why, and what was seen in its place."""

    reason: DropReason
    detail: str = ""


def clean(text: str) -> str:
    r"""Unicode NFC, no NUL, line breaks and tabs as spaces, no white space at the ends.

    Examples:
        >>> clean(" Cafe\u0301\r\n")
        'Café'
    """
    text = text.replace("\0", "").replace("\r\n", " ").replace("\r", " ").replace("\n", " ").replace("\t", " ")
    return unicodedata.normalize("NFC", text).strip()


def check_text_file(path: Path) -> bytes:
    """Makes sure that `path` is a readable, non-empty file of UTF-8 text, and returns its first bytes.

    Raises:
        FileNotFoundError: There is nothing at `path`.
        ValueError: It is a folder, empty, binary, of another encoding, or a broken gzip file.
    """
    if not path.exists():
        raise FileNotFoundError(f"No file {path}. Give the path of a file of pairs (working folder: {Path.cwd()}).")
    if not path.is_file():
        raise ValueError(f"{path} is not a file: expected one file of pairs, not a folder or device.")
    with path.open("rb") as raw:
        start = raw.read(SAMPLE)
    if start.startswith(GZIP):
        start = next(_blocks(path, SAMPLE), b"")
    if not start.strip():
        raise ValueError(f"{path} is empty: expected one pair a line.")
    for magic, kind in OTHER_MAGIC.items():
        if start.startswith(magic):
            raise ValueError(f"{path} is not UTF-8 text but {kind}.")
    _refuse_binary(path, start)
    if b"\r" in start and b"\n" not in start:
        raise ValueError(f"{path} ends its lines with CR alone: convert it with  tr '\\r' '\\n' < {path.name}")
    return start


def line_blocks(path: Path, limit: int) -> Iterator[list[str | Problem]]:
    r"""Yields the lines of a file, block by block, each in Unicode NFC without NUL, CR or BOM.

    Only "\n" ends a line, so U+2028 and U+0085 stay inside their text. A line that is not UTF-8, or that is
    longer than `limit` bytes, comes as a `Problem` in its place; the over-long line is never held in memory.

    Args:
        path: The file.
        limit: Longest line in bytes; at least `BLOCK`, so that where the blocks fall decides nothing.

    Raises:
        ValueError: The gzip file is broken or truncated.
    """
    limit, size, parts = max(limit, BLOCK), 0, [b""]
    for block in _without_bom(_blocks(path, BLOCK)):
        cut = block.rfind(b"\n")
        head, tail = (block[:cut], block[cut + 1 :]) if cut >= 0 else (b"", block)
        if cut >= 0:
            yield _finish(parts, size, head, limit)
            parts, size = [], 0
        size += len(tail)
        # Past the limit only the length still counts: the line's text is let go.
        parts = [*parts, tail] if size <= limit else []
    if size:
        yield _finish(parts, size, b"", limit)


def _without_bom(blocks: Iterator[bytes]) -> Iterator[bytes]:
    yield next(blocks, b"").removeprefix(BOM)
    yield from blocks


def _finish(parts: list[bytes], size: int, head: bytes, limit: int) -> list[str | Problem]:
    """The lines of `parts` + `head`, where only the first may be over-long."""
    end = head.find(b"\n")
    first = size + (end if end >= 0 else len(head))
    if first <= limit:
        return _decode(b"".join([*parts, head]))
    problem = Problem(DropReason.TOO_LONG, f"a line of {first:,} bytes; at most {limit:,}")
    return [problem, *(_decode(head[end + 1 :]) if end >= 0 else [])]


def _decode(data: bytes) -> list[str | Problem]:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:  # seldom: look for the lines to blame one by one
        return [_decode_line(line) for line in data.split(b"\n")]
    return cast("list[str | Problem]", _normalize(text).split("\n"))


def _decode_line(line: bytes) -> str | Problem:
    try:
        return _normalize(line.decode("utf-8"))
    except UnicodeDecodeError as error:
        return Problem(DropReason.INVALID_UTF8, f"byte 0x{line[error.start]:02x} at column {error.start + 1}")


def _normalize(text: str) -> str:
    # Once a block, not once a line: neither tab nor line break ever composes with a neighbour.
    if "\r" in text:
        text = text.replace("\r\n", "\n").removesuffix("\r").replace("\r", " ")
    if "\0" in text:
        text = text.replace("\0", "")
    return unicodedata.normalize("NFC", text)


def _blocks(path: Path, size: int) -> Iterator[bytes]:
    with path.open("rb") as raw:
        zipped = raw.read(2) == GZIP
        raw.seek(0)
        stream = cast(BinaryIO, gzip.GzipFile(fileobj=raw)) if zipped else raw
        try:
            while block := stream.read(size):
                yield block
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise ValueError(
                f"{path} is a broken or truncated gzip file ({error}): download or compress it again; "
                f"`gzip -t {path.name}` tests it."
            ) from error


def _refuse_binary(path: Path, start: bytes) -> None:
    if len(start) >= 64 and start.count(0) > len(start) // 4:
        raise ValueError(f"{path} is full of NUL bytes: UTF-16 or a binary file. Expected text in UTF-8.")
    try:
        start.decode("utf-8")
    except UnicodeDecodeError as error:
        cut_character = error.end == len(start) and len(start) - error.start < 4
        controls = len(start) - len(start.translate(None, CONTROLS))
        if not cut_character and controls > len(start) // 20:
            raise ValueError(f"{path} is a binary file. Expected text in UTF-8, one pair a line.") from error
