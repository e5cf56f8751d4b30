"""`keras-s2s demo`: the whole journey in minutes, on the data set that comes with the library."""

from importlib.resources import as_file, files
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from keras_s2s.cli.console import err, out, progress_bar, quiet_import
from keras_s2s.cli.train import Settings, parse_settings

if TYPE_CHECKING:
    from keras_s2s.data.corpus import Pair
    from keras_s2s.seq2seq import Seq2Seq

# One sentence in so many of the test split is shown.
SHOWN = 8
GREETINGS = ("Let's go!", "let's go")


def demo(
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of the result.")] = Path("demo_output"),
    resume: Annotated[bool, typer.Option(help="Go on from the last checkpoint in the folder, if it has one.")] = True,
    settings: Settings = None,
) -> None:
    """Train a two-layer LSTM encoder-decoder from English to Spanish; translate sentences it never saw."""
    from keras_s2s.config import load_config
    from keras_s2s.data.datasets import load_dataset

    with as_file(files("keras_s2s.cli") / "demo.toml") as path:
        config = load_config(path, parse_settings(settings))
    name = config.data.name or "phrasebook-en-es"
    test = list(load_dataset(name).test)

    with quiet_import():
        from keras_s2s.training.trainer import train

    err.print(f"Training on {name}; {len(test):,} sentences that it never sees are kept for the test.", soft_wrap=True)
    model = train(config, output, resume=resume)
    saved = output / "model.keras"
    _show(model, test, name)
    out.print(f"\nThe model: {saved}; try: keras-s2s translate --model {saved}", highlight=False, soft_wrap=True)


def _show(model: "Seq2Seq", test: "list[Pair]", name: str) -> None:
    """Print translations of unseen sentences, the figures of the whole test split, and the two greetings."""
    from keras_s2s.evaluation.report import describe_search, evaluate

    shown = list(islice(test, 0, None, max(1, len(test) // SHOWN)))[:SHOWN]
    table = Table("never seen in training", "translation", "", title="The phrasebook's test split")
    for pair, answer in zip(shown, model.translate([pair.source for pair in shown]), strict=True):
        table.add_row(pair.source, answer, "✓" if answer == pair.target else f"expected: {pair.target}")
    out.print(table)
    with progress_bar("translating the test split", len(test)) as bar:
        result = evaluate(
            model,
            test,
            search=describe_search(model.search),
            data=f"{name} test",
            progress=lambda done: bar.advance(bar.task_ids[0], done),
        )
    out.print(result.table())
    out.print(f"exact match on {result.sentences:,} unseen sentences: {result.exact_match:.1%}", highlight=False)
    for source, answer in zip(GREETINGS, model.translate(GREETINGS), strict=True):
        out.print(f'"{source}" → "{answer}"', markup=False, highlight=False)
