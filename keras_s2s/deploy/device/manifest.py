"""What travels inside a `.tflite` file behind the model: a zip of the tokenisers and a manifest.

The associated-files convention: a TFLite file may end in a zip archive, which interpreters ignore. This module imports
no TensorFlow; the on-device translator reads with it.
"""

import json
import mmap
import zipfile
import zlib
from pathlib import Path
from typing import Any, NamedTuple

FORMAT = "keras_s2s/tflite/2"
MANIFEST, SOURCE_MODEL, TARGET_MODEL = "manifest.json", "source.model", "target.model"
"""The archive's three files; the models are SentencePiece's."""

_TFLITE_MARK = b"TFL3"
_OLDEST = (1980, 1, 1, 0, 0, 0)


class Associated(NamedTuple):
    """The files behind the model.

    Attributes:
        manifest: Limits, searches, special ids, tensors.
        source_model: The source side's SentencePiece model.
        target_model: The target side's.
    """

    manifest: dict[str, Any]
    source_model: bytes
    target_model: bytes

    def contents(self) -> dict[str, bytes]:
        """Return each file's name and bytes, as they stand in the archive and beside it."""
        manifest = json.dumps(self.manifest, ensure_ascii=False, indent=2).encode() + b"\n"
        return {MANIFEST: manifest, SOURCE_MODEL: self.source_model, TARGET_MODEL: self.target_model}


def write_with_files(path: Path, flatbuffer: bytes, files: Associated) -> None:
    """Write a model and, behind it, its files; the manifest also gets the format, and the model's size and hashes."""
    import hashlib  # megabytes that reading a file does without

    manifest = {
        "format": FORMAT,
        **files.manifest,
        "model_bytes": len(flatbuffer),
        "model_crc32": zlib.crc32(flatbuffer),
        "model_sha256": hashlib.sha256(flatbuffer).hexdigest(),
    }
    path.write_bytes(flatbuffer)
    with zipfile.ZipFile(path, "a") as archive:
        for name, content in files._replace(manifest=manifest).contents().items():
            # Of one date, so that equal models are equal files.
            archive.writestr(zipfile.ZipInfo(name, _OLDEST), content, zipfile.ZIP_DEFLATED)


def read_files(path: Path) -> Associated:
    """Read and check the files behind a model, and the model's checksum.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is no TFLite file, a damaged one, or one that this package did not write.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such model file")
    _require_tflite(path)
    files = _read_archive(path)
    form = files.manifest.get("format")
    if form != FORMAT:
        raise ValueError(
            f"{path}: has the format {form!r}, expected {FORMAT!r}: export it with this version of keras_s2s"
        )
    if _crc32(path, files.manifest.get("model_bytes", 0)) != files.manifest.get("model_crc32"):
        raise ValueError(f"{path}: damaged: the model's bytes are not the exported ones; copy or export it again")
    return files


def _require_tflite(path: Path) -> None:
    with path.open("rb") as stream:
        begin = stream.read(8)
    if begin[4:] != _TFLITE_MARK:
        size = path.stat().st_size
        raise ValueError(f"{path}: not a TFLite file ({size:,} bytes without the mark {_TFLITE_MARK.decode()})")


def _read_archive(path: Path) -> Associated:
    foreign = f"{path}: a TFLite file without a manifest of keras_s2s: damaged, cut short, or not made by export_tflite"
    contents = _unzip(path, foreign)
    if MANIFEST not in contents:
        raise ValueError(foreign)
    for name in (SOURCE_MODEL, TARGET_MODEL):
        if name not in contents:
            raise ValueError(f"{path}: {name}, a SentencePiece model, is missing in it: export it again")
    try:
        parsed = json.loads(contents[MANIFEST])
    except ValueError as error:
        raise ValueError(foreign) from error
    if not isinstance(parsed, dict):
        raise ValueError(foreign)
    return Associated(parsed, contents[SOURCE_MODEL], contents[TARGET_MODEL])


def _unzip(path: Path, foreign: str) -> dict[str, bytes]:
    """Return those of the three files that a file's archive has.

    Raises:
        ValueError: There is no archive, which is said as `foreign` has it, or it is damaged.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            return {name: archive.read(name) for name in (MANIFEST, SOURCE_MODEL, TARGET_MODEL) if name in names}
    except Exception as error:  # zipfile has no one error for what damage does: zlib, struct and others raise theirs
        if isinstance(error, zipfile.BadZipFile) and not zipfile.is_zipfile(path):
            raise ValueError(foreign) from error
        cause = f"{type(error).__name__}: {error}"
        raise ValueError(f"{path}: damaged: its archive cannot be read ({cause}); copy or export it again") from error


def _crc32(path: Path, size: int) -> int:
    """Return the checksum of a file's first bytes, without a copy of them in memory."""
    with (
        path.open("rb") as stream,
        mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content,
        memoryview(content) as whole,
        whole[:size] as model,
    ):
        return zlib.crc32(model)
