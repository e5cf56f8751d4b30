"""The sub-commands by name: each is imported when it is asked for, so that none waits for another's libraries."""

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

NAMES = (
    "demo",
    "build",
    "data",
    "config",
    "train",
    "translate",
    "evaluate",
    "export",
    "serve",
    "verify",
    "web",
)
"""In the order of the help. The module of that name holds a function of that name, or `app` with sub-commands."""


class SubCommands(Mapping[str, Any]):
    """The commands by name, made one at a time."""

    def __getitem__(self, name: str) -> Any:
        if name not in NAMES:
            raise KeyError(name)
        module = import_module(f"keras_s2s.cli.{name}")
        app = getattr(module, "app", None)
        if app is None:
            app = typer.Typer(add_completion=False)
            app.command(name)(getattr(module, name))
        command = get_command(app)
        command.name = name
        return command

    def __iter__(self) -> Iterator[str]:
        return iter(NAMES)

    def __len__(self) -> int:
        return len(NAMES)


class SubCommandGroup(TyperGroup):
    """A group whose commands are `SubCommands`; as Click's documentation has it of lazy sub-commands."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = SubCommands()  # type: ignore[assignment]
