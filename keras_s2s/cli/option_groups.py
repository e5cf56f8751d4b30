"""Options that several commands take, declared once."""

import functools
import inspect
from collections.abc import Callable
from itertools import chain
from typing import Any, get_args

OptionGroup = dict[str, Any]
"""Names of options, with what Typer is told of each: `Annotated[type, typer.Option(...)]`."""


def takes(**groups: OptionGroup) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command groups of options; it gets each group as a dictionary of values, under the group's name.

    An option that is left out is `None`, and a flag, of type `bool`, is `False`.

    Examples:
        >>> import typer
        >>> from typing import Annotated
        >>> colours = {"fill": Annotated[str | None, typer.Option()], "hatched": Annotated[bool, typer.Option()]}
        >>> @takes(paint=colours)
        ... def draw(shape: str, *, paint: dict) -> None:
        ...     print(shape, paint)
        >>> draw(shape="circle", fill="red")
        circle {'fill': 'red', 'hatched': False}
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        own = inspect.signature(command)
        kept = [parameter for name, parameter in own.parameters.items() if name not in groups]
        added = {title: [_parameter(*option) for option in group.items()] for title, group in groups.items()}

        @functools.wraps(command)
        def run(**values: Any) -> None:
            given = {title: {p.name: values.pop(p.name, p.default) for p in group} for title, group in added.items()}
            command(**values, **given)

        run.__signature__ = own.replace(parameters=[*kept, *chain(*added.values())])  # type: ignore[attr-defined]
        return run

    return decorate


def _parameter(name: str, option: Any) -> inspect.Parameter:
    default = False if get_args(option)[0] is bool else None
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=option)
