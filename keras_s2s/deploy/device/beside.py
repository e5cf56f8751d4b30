"""The files beside a `.tflite` file, of the same stem: what an app without a zip reader needs, and the test vectors.

`en_es.tflite` stands with `en_es.manifest.json`, `en_es.source.model`, `en_es.target.model` and `en_es.vectors.json`.
The first three are what the `.tflite` file holds inside.
"""

from pathlib import Path

from keras_s2s.deploy.device.manifest import MANIFEST, SOURCE_MODEL, TARGET_MODEL

VECTORS = "vectors.json"
BESIDE = (MANIFEST, SOURCE_MODEL, TARGET_MODEL, VECTORS)


def beside(path: Path, name: str) -> Path:
    """Return where a file of a model's set stands: `en_es.tflite` and `manifest.json` give `en_es.manifest.json`."""
    return path.with_suffix(f".{name}")


def move_set(unfinished: Path, path: Path) -> None:
    """Put a whole set in the place of another one.

    No file system replaces several files at once, so the order is what makes a crash harmless: the old files beside the
    model go first, their manifest before the others; then the model, which has all that it needs inside, replaces the
    old one in one step; the new files follow, the manifest last. Whatever stands there at any moment is of one set, and
    a manifest says that the set is whole.

    Args:
        unfinished: The new `.tflite` file, with its files beside it, on the file system of `path`.
        path: Where it goes.
    """
    for name in BESIDE:
        beside(path, name).unlink(missing_ok=True)
    unfinished.replace(path)
    for name in reversed(BESIDE):
        beside(unfinished, name).replace(beside(path, name))
