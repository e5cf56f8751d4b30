"""What travels inside a `.tflite` file behind the model: a zip of the tokenisers and a manifest.

The associated-files convention: a TFLite file may end in a zip archive, which interpreters ignore. This module imports
no TensorFlow; the on-device translator reads with it.
"""

import hashlib
import json
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

FORMAT = "keras_s2s/tflite/1"
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


def write_with_files(path: Path, flatbuffer: bytes, files: Associated) -> None:
    """Write a model and, behind it, its files; the manifest also gets the format and the model's size and hash."""
    manifest = {
        "format": FORMAT,
        **files.manifest,
        "model_bytes": len(flatbuffer),
        "model_sha256": hashlib.sha256(flatbuffer).hexdigest(),
    }
    path.write_bytes(flatbuffer)
    contents = {
        MANIFEST: json.dumps(manifest, ensure_ascii=False, indent=2).encode(),
        SOURCE_MODEL: files.source_model,
        TARGET_MODEL: files.target_model,
    }
    with zipfile.ZipFile(path, "a") as archive:
        for name, content in contents.items():
            # Of one date, so that equal models are equal files.
            archive.writestr(zipfile.ZipInfo(name, _OLDEST), content, zipfile.ZIP_DEFLATED)


def read_files(path: Path) -> Associated:
    """Read and check the files behind a model, and the model's hash.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is no TFLite file, a damaged one, or one that this package did not write.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such model file")
    content = path.read_bytes()
    if content[4:8] != _TFLITE_MARK:
        raise ValueError(f"{path}: not a TFLite file ({len(content):,} bytes without the mark TFL3)")
    foreign = f"{path}: a TFLite file without a manifest of keras_s2s: cut short, or not made by export_tflite"
    try:
        with zipfile.ZipFile(path) as archive:
            texts = {name: archive.read(name) for name in (MANIFEST, SOURCE_MODEL, TARGET_MODEL)}
        manifest = json.loads(texts[MANIFEST])
        form = manifest["format"]
    except (zipfile.BadZipFile, KeyError, TypeError, ValueError) as error:
        raise ValueError(foreign) from error
    if form != FORMAT:
        raise ValueError(
            f"{path}: has the format {form!r}, expected {FORMAT!r}: export it with this version of keras_s2s"
        )
    if hashlib.sha256(content[: manifest["model_bytes"]]).hexdigest() != manifest["model_sha256"]:
        raise ValueError(f"{path}: damaged: the model's bytes are not the exported ones; copy or export it again")
    return Associated(manifest, texts[SOURCE_MODEL], texts[TARGET_MODEL])
