"""`keras-s2s serve`: an exported model behind gRPC and REST."""

import json
import logging
import os
import shutil
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from keras_s2s.cli.console import err, quiet_import

BINARY = "tensorflow_model_server"
LOOPBACK = "127.0.0.1"
# The files of the same names in serving/ of the repository.
CONFIGURATION = Path(__file__).parents[1] / "deploy" / "server" / "local_server"
MONITORING, BATCHING = CONFIGURATION / "monitoring.config", CONFIGURATION / "batching.config"
MOST_JOINED = 64
"""Texts that the server runs together at the most: `max_execution_batch_size` of the batching configuration."""
CARD = Path("assets.extra") / "model_card.json"


def serve(
    folder: Annotated[Path, typer.Argument(help="The model's folder, with a folder for each version in it.")],
    port: Annotated[int, typer.Option(min=0, max=65535, help="For gRPC; 0 is any that is free.")] = 8500,
    rest_port: Annotated[int, typer.Option(min=0, max=65535, help="For REST; 0 is any that is free.")] = 8501,
    name: Annotated[str | None, typer.Option(help="What clients call the model; left out: the folder's name.")] = None,
    host: Annotated[
        str | None, typer.Option(help=f"Address that the development server listens on; left out: {LOOPBACK}.")
    ] = None,
    development: Annotated[
        bool, typer.Option("--development", help=f"Run the development server even where {BINARY} is installed.")
    ] = False,
) -> None:
    """Serve an exported model, and each newer version that is put beside it.

    Runs tensorflow_model_server where it is on the PATH. Else a small server of our own does the same on this
    machine, for development: production wants TensorFlow Serving.
    """
    name = name if name is not None else folder.resolve().name
    _check(folder, name)
    binary = None if development else shutil.which(BINARY)
    if binary:
        _run_model_server(binary, folder, name, host, port, rest_port)
    _run_development_server(folder, name, host or LOOPBACK, port, rest_port)


def _check(folder: Path, name: str) -> None:
    """Look at the arguments before the seconds that TensorFlow takes to load.

    Raises:
        ValueError: The folder holds no version, or clients could not write the name in a URL.
        OSError: It cannot be read.
    """
    from keras_s2s.deploy.server.version_folders import version_folders

    if not name or set(name) & set("/:"):
        raise ValueError(f"{name!r} cannot be a model's name, which stands in URLs: choose another with --name")
    if folder.is_file():
        raise ValueError(f"{folder} is a file: name the folder that `keras-s2s export saved-model` wrote")
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: no such folder")
    if (folder / "saved_model.pb").is_file():
        raise ValueError(f"{folder} is a version: name the model's folder, {folder.resolve().parent}")
    if not version_folders(folder):
        raise ValueError(
            f"{folder} has no version, a folder with a number as its name: `keras-s2s export saved-model` writes one"
        )


def _run_model_server(binary: str, folder: Path, name: str, host: str | None, port: int, rest_port: int) -> NoReturn:
    """Become TensorFlow's model server: signals and the exit code are its own."""
    if host is not None:
        raise ValueError(f"--host: {BINARY} listens on all addresses; --development runs the server that can choose")
    if 0 in {port, rest_port} or port == rest_port:
        raise ValueError(f"{BINARY} needs two ports: got --port {port} and --rest-port {rest_port}")
    flags = {
        "port": port,
        "rest_api_port": rest_port,
        "model_name": name,
        "model_base_path": folder.resolve(),
        "monitoring_config_file": MONITORING,
        "file_system_poll_wait_seconds": 1,
        "enable_grpc_healthcheck_service": "true",
        # 4 for each core by default, and it refuses what comes beyond.
        "grpc_max_threads": 256,
    }
    most = _max_batch(folder)
    if most is None or most >= MOST_JOINED:
        flags |= {"enable_batching": "true", "batching_parameters_file": BATCHING}
    else:
        err.print(
            f"requests are not joined into batches: this export takes {most} texts at once, and batches have up to "
            f"{MOST_JOINED}; export with a larger --max-batch",
            style="yellow",
            soft_wrap=True,
        )
    err.print(f"{binary} serves {name} on all addresses: gRPC on port {port}, REST on port {rest_port}", soft_wrap=True)
    os.execv(binary, [binary, *(f"--{flag}={value}" for flag, value in flags.items())])


def _max_batch(folder: Path) -> int | None:
    """Return how many texts the newest version takes at once, or None where it does not say."""
    from keras_s2s.deploy.server.version_folders import version_folders

    versions = version_folders(folder)
    try:
        card = json.loads((versions[max(versions)] / CARD).read_text(encoding="utf-8"))
        return int(card["export"]["max_batch"])
    except (OSError, ValueError, LookupError, TypeError):  # made without a card, or by someone else
        return None


def _run_development_server(folder: Path, name: str, host: str, port: int, rest_port: int) -> None:
    def ready(grpc_port: int, http_port: int) -> None:
        url = f"http://{host}:{http_port}/v1/models/{name}"
        typer.echo(f"{name} is served: gRPC on {host}:{grpc_port}, REST on {url}")
        typer.echo(f"""try: curl -d '{{"instances": ["Good morning."]}}' {url}:predict""", err=True)

    err.print(
        f"This is a small server for development: in production use TensorFlow Serving ({BINARY}), "
        "which loads the same folder.",
        style="yellow",
        soft_wrap=True,
    )
    logging.basicConfig(format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    logging.getLogger("keras_s2s").setLevel(logging.INFO)
    with quiet_import():
        from keras_s2s.deploy.server.local_server.lifecycle import serve as run
    run(folder, name, host, port, rest_port, ready)
