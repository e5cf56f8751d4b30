"""`keras-s2s config`: a configuration file to start from, every setting explained."""

import inspect
import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from textwrap import wrap
from typing import Annotated, Any

import typer

from keras_s2s.cli.recipes import Recipe, read_recipe

WIDTH = 110


def config(
    recipe: Annotated[
        Recipe | None,
        typer.Argument(help="A recipe that comes with the library; left out: every setting, with its default."),
    ] = None,
) -> None:
    """Print a configuration file, its settings explained: `keras-s2s config > my.toml`."""
    if recipe:
        typer.echo(read_recipe(recipe), nl=False)
        return
    from keras_s2s.config import RunConfig

    typer.echo("# A training run: keras-s2s train my.toml. What is left out keeps the value shown here.")
    for line in _table(RunConfig(), ""):
        typer.echo(line)


def _table(settings: Any, name: str) -> Iterator[str]:
    """Yield one table of the file: first the values, then the tables within."""
    import tomli_w

    meanings = _meanings(type(settings))
    values = {field.name: getattr(settings, field.name) for field in fields(settings)}
    plain = {key: value for key, value in values.items() if not is_dataclass(value)}
    if name:
        yield f"\n[{name}]"
    for key, value in plain.items():
        yield from wrap(meanings.get(key, ""), WIDTH, initial_indent="# ", subsequent_indent="# ")
        yield f"# {key} = (no default)" if value is None else tomli_w.dumps({key: value}).rstrip()
    for key, value in values.items():
        if is_dataclass(value):
            yield from _table(value, f"{name}.{key}".lstrip("."))


def _meanings(cls: type) -> dict[str, str]:
    """Return what the `Attributes` section of a class's docstring says of each attribute."""
    _, _, section = inspect.cleandoc(cls.__doc__ or "").partition("Attributes:\n")
    entries = re.split(r"^ {4}(?=\w+: )", section, flags=re.MULTILINE)
    pairs = (entry.partition(": ") for entry in entries if ": " in entry)
    return {name.strip(): " ".join(text.split()).replace("`", "") for name, _, text in pairs}
