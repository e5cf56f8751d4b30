"""From what a user calls an export to the export."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

from keras_s2s.config import SearchConfig
from keras_s2s.deploy.server.version_folders import version_folders
from keras_s2s.deploy.verification.exports import DeviceExport, Export
from keras_s2s.deploy.verification.served_exports import SavedModelExport, ServedExport

if TYPE_CHECKING:
    from keras_s2s.seq2seq import Seq2Seq

_ADDRESS = re.compile(r"(?P<target>[^/\s]+:\d+)(/(?P<model>[^/\s]+))?")


def open_export(name: str, model: "Seq2Seq", search: SearchConfig) -> Export:
    """Open an export by what the user calls it.

    Args:
        name: A `.tflite` file; a SavedModel's version folder, or the folder of its versions, which stands for the
            newest; `host:port` or `host:port/model` of a server that speaks gRPC.
        model: The Keras model that it was made from.
        search: The search that a served model was exported with; the other exports say so themselves.

    Raises:
        FileNotFoundError: There is nothing of this name.
        ServingError: The server does not have the model, or does not answer.
        ValueError: It is no export, or one of another model.
    """
    path = Path(name)
    if path.is_dir():
        return SavedModelExport(_newest_version(path), model, search)
    if path.suffix == ".tflite" or path.exists():
        return DeviceExport(path, model)
    if address := _ADDRESS.fullmatch(name):
        from keras_s2s.deploy.client.serving_client import ServingClient

        client = ServingClient(address["target"], model=address["model"] or "model")
        return ServedExport(client, model, search)
    raise FileNotFoundError(f"{name}: no such file or folder, and no HOST:PORT of a server")


def find_exports(model: Path) -> list[str]:
    """Return the exports in the folder of a `.keras` file: `.tflite` files, and the newest version of SavedModels."""
    files = sorted(str(path) for path in model.parent.glob("*.tflite"))
    served = {path.parents[1] for path in model.parent.glob("*/*/saved_model.pb")}
    return files + sorted(map(str, served))


def _newest_version(folder: Path) -> Path:
    if (folder / "saved_model.pb").is_file():
        return folder
    versions = version_folders(folder)
    if not versions:
        raise FileNotFoundError(f"{folder}: neither a SavedModel nor a folder of its versions")
    return versions[max(versions)]
