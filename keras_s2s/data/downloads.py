"""Files from the web: fetched once into a cache folder, checked against a SHA-256 at every use."""

import importlib.util
import os
import shutil
import tempfile
import zipfile
from pathlib import Path

from keras_s2s.extras import explained

CACHE_VARIABLE = "KERAS_S2S_CACHE"


def download(url: str, name: str, *, sha256: str = "", size: int = 0) -> Path:
    """Returns the cached copy of a file, downloading it if it is not there or no longer what it was.

    Where the publisher's SHA-256 is not known, the first download is trusted if its size is right. Its
    SHA-256 is written beside it (`<name>.sha256`), and from then on the file must have it.

    Args:
        url: Where the file is published.
        name: Its name in the cache folder, `$KERAS_S2S_CACHE` or the system's folder for caches.
        sha256: The published checksum; "" if there is none.
        size: The published size in bytes, looked at where there is no checksum; 0 if it is not known either.

    Raises:
        ConnectionError: The file cannot be downloaded.
        MissingExtraError: pooch is not installed.
        ValueError: What came is not the published file. Nothing of it is left in the cache.
    """
    with explained():
        import pooch

    file = Path(os.environ.get(CACHE_VARIABLE) or pooch.os_cache("keras_s2s")) / name
    record = file.with_name(f"{name}.sha256")
    known = sha256 or (record.read_text().strip() if record.is_file() else "")
    try:
        pooch.retrieve(
            url,
            known_hash=f"sha256:{known}" if known else None,
            path=file.parent,
            fname=name,
            progressbar=importlib.util.find_spec("tqdm") is not None,
        )
    except OSError as error:
        raise ConnectionError(f"Cannot download {url} into {file.parent}: {error}") from error
    except ValueError as error:
        mend = "Try again" if sha256 else f"Try again or, if its publisher has changed it, delete {record}"
        raise ValueError(f"{url} is not the file that was expected. {mend}. {error}") from error
    if not known:
        _trust(file, record, size, pooch.file_hash(str(file)))
    return file


def extract(archive: Path, member: str) -> Path:
    """Unpacks one member of a zip archive beside it, unless it is there already.

    Raises:
        ValueError: The archive is broken or lacks the member.
    """
    file = archive.with_name(f"{archive.stem}-{Path(member).name}")
    try:
        with zipfile.ZipFile(archive) as opened:
            if file.is_file() and file.stat().st_size == opened.getinfo(member).file_size:
                return file
            # Written under another name first: an interrupted copy never passes for the whole.
            with (
                opened.open(member) as packed,
                tempfile.NamedTemporaryFile(dir=file.parent, delete=False) as copy,
            ):
                try:
                    shutil.copyfileobj(packed, copy)
                    copy.close()
                    Path(copy.name).replace(file)
                finally:
                    Path(copy.name).unlink(missing_ok=True)
    except (zipfile.BadZipFile, KeyError) as error:
        raise ValueError(f"{archive} is no zip archive with {member!r} ({error}): delete it and try again.") from error
    return file


def _trust(file: Path, record: Path, size: int, sha256: str) -> None:
    found = file.stat().st_size
    if size and found != size:
        file.unlink()
        raise ValueError(
            f"The download of {file.name} has {found:,} bytes; expected {size:,}. It was deleted: try again."
        )
    record.write_text(sha256 + "\n")
