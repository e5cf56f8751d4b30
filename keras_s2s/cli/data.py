"""`keras-s2s data`: the named data sets, and a look at a file of one's own."""

from itertools import islice
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from keras_s2s.cli.argument_names import OF_CHECK, named_as_typed
from keras_s2s.cli.console import err, out
from keras_s2s.cli.pair_files import Columns, DataFolder, Format, MaxBadShare, open_pairs, print_left_out

app = typer.Typer(help="Named data sets, and a check of your own file.", no_args_is_help=True, add_completion=False)

EXAMPLES = 5


@app.command("list")
def list_datasets() -> None:
    """List the data sets that `train`, `evaluate` and `load_dataset` know by name."""
    from keras_s2s.data.datasets import DATASETS

    table = Table("name", "licence", "what it holds")
    for info in DATASETS.values():
        table.add_row(info.name, info.licence, info.description)
    out.print(table)


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="As `keras-s2s data list` shows it.")],
    folder: DataFolder = None,
) -> None:
    """Show a data set's licence, sizes and first pairs; downloads it where it is not at hand."""
    from keras_s2s.data.datasets import dataset_info, load_dataset

    info = dataset_info(name)
    facts = {
        "name": info.name,
        "what": info.description,
        "licence": info.licence,
        "attribution": info.attribution or "none needed",
        "origin": info.url or "part of keras_s2s",
    }
    with err.status(f"reading {name}"):
        splits = load_dataset(name, folder)
        parts = {"train": splits.train, "valid": splits.valid, "test": splits.test}
        facts |= {part: f"{sum(1 for _ in pairs):,} pairs" for part, pairs in parts.items()}
    print_left_out(parts.values(), splits.report)
    for key, value in facts.items():
        out.print(f"{key:<13}{value}", markup=False, highlight=False, soft_wrap=True)
    table = Table("source", "target", title="first pairs of test")
    for pair in islice(splits.test, EXAMPLES):
        table.add_row(pair[0], pair[1])
    out.print(table)


@app.command()
def check(
    file: Annotated[Path, typer.Argument(help="A file of pairs (.tsv, .csv, .jsonl; .gz of each), or of sources.")],
    target: Annotated[Path | None, typer.Argument(help="The targets, if FILE holds the sources alone.")] = None,
    format: Format = None,
    columns: Columns = None,
    max_bad_share: MaxBadShare = 0.01,
) -> None:
    """Read a file of pairs to its end and print what was kept, what was dropped and why, and how long the texts are."""
    with named_as_typed(OF_CHECK):
        corpus = open_pairs(file, target, format, columns, max_bad_share)
        longest_source = longest_target = 0
        try:
            with err.status(f"reading {file}"):
                for source, answer, _ in corpus:
                    longest_source = max(longest_source, len(source))
                    longest_target = max(longest_target, len(answer))
        finally:
            out.print(str(corpus.report), markup=False, highlight=False, soft_wrap=True)
        out.print(f"  longest source {longest_source:,} characters, longest target {longest_target:,}", highlight=False)
