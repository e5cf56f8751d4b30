"""The options that choose a search."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from keras_s2s.cli.option_groups import OptionGroup

if TYPE_CHECKING:
    from keras_s2s.config import SearchConfig

_PANEL = "Search (left out: the model's own)"

SEARCH: OptionGroup = {
    "beam": Annotated[int | None, typer.Option(min=1, help="Beam search that keeps N.", rich_help_panel=_PANEL)],
    "length_penalty": Annotated[
        float | None, typer.Option(min=0, help="Beam: exponent of the length penalty.", rich_help_panel=_PANEL)
    ],
    "coverage_penalty": Annotated[
        float | None,
        typer.Option(min=0, help="Beam: weight of the coverage penalty (attention).", rich_help_panel=_PANEL),
    ],
    "no_repeat_ngram": Annotated[
        int | None,
        typer.Option(min=0, help="Write no N tokens twice in one answer; 0 allows it.", rich_help_panel=_PANEL),
    ],
    "copy_unknown": Annotated[
        bool | None,
        typer.Option(
            help="Copy the source token with most attention where the model would write an unknown one.",
            rich_help_panel=_PANEL,
            show_default=False,
        ),
    ],
    "max_length": Annotated[int | None, typer.Option(min=1, help="Longest output in tokens.", rich_help_panel=_PANEL)],
}
"""The searches that give a text the same answer each time, which an export can hold."""

SAMPLING: OptionGroup = {
    "sample": Annotated[bool, typer.Option("--sample", help="Draw at random.", rich_help_panel=_PANEL)],
    "temperature": Annotated[float | None, typer.Option(help="Sampling: divides the logits.", rich_help_panel=_PANEL)],
    "top_k": Annotated[
        int | None,
        typer.Option(min=0, help="Sampling: from the K likeliest tokens; 0 is all.", rich_help_panel=_PANEL),
    ],
    "top_p": Annotated[
        float | None,
        typer.Option(help="Sampling: from tokens of this joint probability.", rich_help_panel=_PANEL),
    ],
    "seed": Annotated[int | None, typer.Option(min=0, help="Sampling: seed.", rich_help_panel=_PANEL)],
}


def choose_search(
    default: "SearchConfig",
    *,
    beam: int | None = None,
    length_penalty: float | None = None,
    coverage_penalty: float | None = None,
    no_repeat_ngram: int | None = None,
    copy_unknown: bool | None = None,
    sample: bool = False,
    temperature: float | None = None,
    top_k: int | None = None,
    top_p: float | None = None,
    seed: int | None = None,
    max_length: int | None = None,
) -> "SearchConfig":
    """Return the model's own search with the options that were given.

    Raises:
        ValueError: Two options exclude each other, or a value lies outside its range.
    """
    from keras_s2s.config import SearchConfig, from_dict, to_dict

    if beam is not None and sample:
        raise ValueError("--beam and --sample exclude each other: choose one search")
    method = "sample" if sample else "beam" if beam is not None else default.method
    drawn: dict[str, Any] = {"temperature": temperature, "top_k": top_k, "top_p": top_p, "seed": seed}
    for name, value in drawn.items():
        if value is not None and method != "sample":
            raise ValueError(f"--{name.replace('_', '-')} needs --sample")
    ranked: dict[str, Any] = {"length_penalty": length_penalty, "coverage_penalty": coverage_penalty}
    for name, value in ranked.items():
        if value is not None and method != "beam":
            raise ValueError(f"--{name.replace('_', '-')} needs --beam")
    others: dict[str, Any] = {"beam_size": beam, "max_length": max_length}
    others |= {"no_repeat_ngram": no_repeat_ngram, "copy_unknown": copy_unknown}
    given = {**others, **ranked, **drawn}
    changes = {name: value for name, value in given.items() if value is not None}
    return from_dict(SearchConfig, to_dict(default) | {"method": method} | changes, origin="search")
