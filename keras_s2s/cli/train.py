"""`keras-s2s train`: a training run from a configuration file."""

import tomllib
from pathlib import Path
from typing import Annotated, Any

import typer

from keras_s2s.cli.argument_names import AS_KEYS, named_as_typed
from keras_s2s.cli.console import quiet_import
from keras_s2s.cli.pair_files import DataFolder

Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Replace a setting: --set training.epochs=3. Repeatable."),
]

StartFrom = Annotated[
    str | None,
    typer.Option(
        "--start-from",
        metavar="FILE",
        help="Fine-tune the model of a .keras file; the same as --set training.start_from=FILE.",
        show_default=False,
    ),
]


def train(
    config: Annotated[Path, typer.Argument(help="A TOML file; `keras-s2s config` prints one to start from.")],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Folder of the run; left out: runs/<name of CONFIG>."),
    ] = None,
    folder: DataFolder = None,
    resume: Annotated[bool, typer.Option(help="Go on from the last checkpoint in the folder, if it has one.")] = True,
    start_from: StartFrom = None,
    settings: Settings = None,
) -> None:
    """Train a model from a configuration file; checkpoints, logs and the best model are left in a folder."""
    from keras_s2s.config import load_config

    given = {} if start_from is None else {"training.start_from": start_from}
    run_config = load_config(config, parse_settings(settings) | given)
    output = output or Path("runs") / config.stem

    with quiet_import():
        from keras_s2s.training.trainer import train as run_training

    with named_as_typed(AS_KEYS):
        run_training(run_config, output, resume=resume, data_folder=folder)


def parse_settings(settings: list[str] | None) -> dict[str, Any]:
    """Turn `["training.epochs=3"]` into `{"training.epochs": 3}`; what is no TOML value is text.

    Raises:
        ValueError: An entry has no `=`.
    """
    return dict(map(_parse_setting, settings or ()))


def _parse_setting(setting: str) -> tuple[str, Any]:
    key, equals, text = setting.partition("=")
    if not key or not equals:
        raise ValueError(f"--set {setting}: expected KEY=VALUE, as in --set training.epochs=3")
    try:
        return key.strip(), tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return key.strip(), text.strip()
