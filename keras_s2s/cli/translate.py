"""`keras-s2s translate`: from arguments, a file, a pipe, or a conversation."""

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from keras_s2s.cli.console import err, out
from keras_s2s.cli.drawing import draw as draw_labels
from keras_s2s.cli.model_option import Model, default_model, on_device, open_model, open_on_device
from keras_s2s.cli.option_groups import takes
from keras_s2s.cli.search_options import SAMPLING, SEARCH, choose_search
from keras_s2s.cli.server_option import SERVER, Server, open_server
from keras_s2s.cli.text_lines import text_lines
from keras_s2s.translation import Hypothesis, Translator

if TYPE_CHECKING:
    from keras_s2s.seq2seq import Seq2Seq

Answer = Callable[[Sequence[str]], Iterator[str]]
Print = Callable[[str, str], None]
"""Prints the answer to a text: `(text, answer)`."""


@takes(options=SEARCH | SAMPLING, server_options=SERVER)
def translate(
    texts: Annotated[list[str] | None, typer.Argument(help="Texts, each in quotes.", show_default=False)] = None,
    model: Model = None,
    input: Annotated[
        Path | None, typer.Option("--input", "-i", help="A file of texts, one a line; - is standard input.")
    ] = None,
    n_best: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Print up to N answers a text: log-probability, tab, answer; a blank line ends each text.",
        ),
    ] = None,
    draw: Annotated[
        bool | None,
        typer.Option(
            "--draw/--no-draw",
            help="Draw labels under their sequence, as a protein's structure; left out: on a terminal, if the model "
            "writes a label for each token.",
            show_default=False,
        ),
    ] = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Texts translated together.")] = 64,
    server: Server = None,
    *,
    options: dict[str, Any],
    server_options: dict[str, Any],
) -> None:
    """Translate texts; one line of output for each line of input.

    Texts come from the arguments, from --input, or from a pipe. On a terminal with none of them, a
    conversation begins: type a text, read its translation, end with Ctrl-D. The model is a file, or
    one that a server runs: --server localhost:8500 --model-name en_es; without either a model for English and
    Spanish answers, where one is at hand. A model that labels each token, as
    one of protein structure does, has its answers drawn on a terminal; --draw does so anywhere.
    """
    if texts and input:
        raise ValueError("texts and --input exclude each other: give one of them")
    if input and str(input) != "-" and not input.is_file():
        raise FileNotFoundError(f"{input}: no such file")
    if draw and n_best is not None:
        raise ValueError("--draw and --n-best exclude each other: a drawing is of the best answer")
    labels: bool | None = None  # whether the model writes a label for each token; a server does not tell
    if server is not None:
        _refuse(options, "the search of a served model is chosen when it is exported")
        answer = _by_export(open_server(server, batch_size, **server_options), n_best)
    elif on_device(model := model or default_model()):
        _refuse(server_options, "needs --server HOST:PORT")
        _refuse(options, f"the search of {model.name} was chosen when it was exported; a .keras file takes it")
        translator = open_on_device(model)
        answer = _by_export(translator, n_best)
        labels = translator.manifest["search"].get("match_length", False)
    else:
        _refuse(server_options, "needs --server HOST:PORT")
        loaded = open_model(model)
        answer = _by_keras(loaded, n_best, options)
        labels = loaded.search.match_length
    if draw and labels is False:
        raise ValueError("--draw: this model's search does not write a label for each token (match_length)")
    drawn = draw or (draw is None and labels and n_best is None and sys.stdout.isatty())
    show = _print_drawn if drawn else _print_line
    if not texts and not input and sys.stdin.isatty():
        _converse(answer, show)
    else:
        _emit(answer, texts or text_lines(input), batch_size, show)


def _by_keras(loaded: "Seq2Seq", n_best: int | None, options: dict[str, Any]) -> Answer:
    search = choose_search(loaded.search, **options)

    answered = 0  # what sampling draws for a text goes by its place among all, not in its batch

    def answer(batch: Sequence[str]) -> Iterator[str]:
        nonlocal answered
        place, answered = answered, answered + len(batch)
        if n_best is None:
            return iter(loaded.translate(batch, search, batch_size=len(batch), place=place))
        # A greedy search has one answer: a beam of N has more.
        chosen = replace(search, method="beam") if search.method == "greedy" else search
        return map(_format_n_best, loaded.n_best(batch, n_best, chosen, batch_size=len(batch), place=place))

    return answer


def _by_export(translator: Translator, n_best: int | None) -> Answer:
    def answer(batch: Sequence[str]) -> Iterator[str]:
        if n_best is None:
            return iter(translator.translate(batch))
        return map(_format_n_best, translator.n_best(batch, n_best))

    return answer


def _refuse(options: dict[str, Any], reason: str) -> None:
    for name, value in options.items():
        if value is not None and value is not False:
            raise ValueError(f"--{name.replace('_', '-')}: {reason}")


def _emit(answer: Answer, texts: Iterable[str], batch_size: int, show: Print) -> None:
    """Print the answers batch by batch, so that a pipe flows and a large file takes little memory."""
    remaining = iter(texts)
    while batch := list(islice(remaining, batch_size)):
        for text, line in zip(batch, answer(batch), strict=True):
            show(text, line)


def _print_line(_: str, line: str) -> None:
    typer.echo(line)


def _print_drawn(text: str, line: str) -> None:
    """Print a drawing and a blank line; the answer alone where it cannot be drawn."""
    drawing = draw_labels(text, line)
    if drawing is None:
        typer.echo(line)
    else:
        out.print(drawing, soft_wrap=True)
    typer.echo()


def _converse(answer: Answer, show: Print) -> None:
    """Answer line by line until Ctrl-D."""
    import readline  # noqa: F401  gives input() its arrow keys and history

    err.print("Type a text and press Enter; Ctrl-D ends.", style="dim")
    while True:
        try:
            text = input("> ")
        except EOFError:
            typer.echo()
            return
        if text.strip():
            _emit(answer, [text], 1, show)


def _format_n_best(hypotheses: list[Hypothesis]) -> str:
    return "".join(f"{h.log_prob:.4f}\t{h.text}\n" for h in hypotheses)
