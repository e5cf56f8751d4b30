"""`keras-s2s verify`: whether the exports of a model answer as it does."""

import json as json_format
import random
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from keras_s2s.cli import json_file
from keras_s2s.cli.argument_names import OF_VERIFY, named_as_typed
from keras_s2s.cli.console import err, out, progress_bar, quiet_import
from keras_s2s.cli.model_option import open_model
from keras_s2s.cli.option_groups import takes
from keras_s2s.cli.pair_files import DataFolder, read_part
from keras_s2s.cli.search_options import SEARCH, choose_search

if TYPE_CHECKING:
    from keras_s2s.deploy.verification.verify import Comparison, Difference

# Differences that the terminal shows of each comparison; --json has them all.
SHOWN = 5


@takes(options=SEARCH)
def verify(
    model: Annotated[Path, typer.Argument(help="A .keras file.")],
    exports: Annotated[
        list[str] | None,
        typer.Argument(
            help="TFLite files, SavedModels, HOST:PORT or HOST:PORT/MODEL of servers; left out: those in the model's "
            "folder.",
            show_default=False,
        ),
    ] = None,
    texts: Annotated[Path | None, typer.Option("--texts", "-t", help="A file of source texts, one a line.")] = None,
    pairs: Annotated[
        str | None,
        typer.Option("--pairs", help="In place of --texts: a named data set or a file of pairs, for BLEU too."),
    ] = None,
    split: Annotated[str, typer.Option(help="Of a named data set: train, valid or test.")] = "valid",
    folder: DataFolder = None,
    count: Annotated[int, typer.Option(min=1, help="Texts to compare on, picked at random.")] = 500,
    json: Annotated[Path | None, typer.Option(help="Also write everything here; - prints JSON, no table.")] = None,
    *,
    options: dict[str, Any],
) -> None:
    """Compare the answers of exported models with those of the .keras file that they were made from.

    Each difference is shown with its gap, how much likelier the model holds its own answer, and its margin, how near
    the model's own search came to another one; below 0.0001 it is a tie, which rounding decides. The exit code is 1 if
    an export that is not quantised differs in more than ties. The search options say how a served model was
    exported; files know it themselves.
    """
    if texts and pairs:
        raise ValueError("--texts and --pairs exclude each other: give one of them")
    json_file.require_folder(json)
    sources, references = _read(texts, pairs, split, folder)
    loaded = open_model(model)
    search = choose_search(loaded.search, **options)
    with quiet_import():
        from keras_s2s.deploy.agreement import sample_texts
        from keras_s2s.deploy.verification.find_exports import find_exports, open_export
        from keras_s2s.deploy.verification.verify import Verification
    names = exports or find_exports(model)
    if not names:
        raise ValueError(f"no exports in {model.parent}: name them, or make one with `keras-s2s export`")
    if sources is None:
        sources = sample_texts(loaded, count=count)[:count]
        err.print("compared on random texts; --texts or --pairs compares on yours", style="dim", soft_wrap=True)
    chosen = sorted(random.Random(0).sample(range(len(sources)), min(count, len(sources))))
    verification = Verification(
        loaded, [sources[i] for i in chosen], None if references is None else [references[i] for i in chosen]
    )
    comparisons: list[Comparison] = []
    for name in names:
        with (
            open_export(name, loaded, search) as export,
            progress_bar(name, len(export.searches) * len(chosen)) as bar,
        ):
            comparisons += verification.compare(export, partial(bar.advance, bar.task_ids[0]))
    if not json_file.on_stdout(json):
        _show(comparisons)
    json_file.write(json, json_format.dumps([c.to_dict() for c in comparisons], indent=2, ensure_ascii=False))
    if faults := sum(comparison.faults for comparison in comparisons):
        raise ValueError(f"{faults} answers of exports that are not quantised differ, and are no ties")


def _read(
    texts: Path | None, pairs: str | None, split: str, folder: Path | None
) -> tuple[list[str] | None, list[str] | None]:
    """Return the user's texts and their references, where there are any.

    Raises:
        OSError: The file cannot be read.
        ValueError: It is not UTF-8.
    """
    if texts:
        try:
            return texts.read_text(encoding="utf-8-sig").removesuffix("\n").split("\n"), None
        except UnicodeDecodeError as error:
            raise ValueError(f"{texts}: not UTF-8 ({error.reason}); convert it first") from None
    if pairs:
        with named_as_typed(OF_VERIFY):
            read = read_part(pairs, split, folder)
        return [pair.source for pair in read], [pair.target for pair in read]
    return None, None


def _show(comparisons: "Sequence[Comparison]") -> None:
    table = Table(title="Beside the model")
    table.add_column("export", overflow="fold")
    for name in ("weights", "search", "same", "share", "differences", "BLEU"):
        table.add_column(name, no_wrap=name in {"same", "share"})
    for comparison in comparisons:
        table.add_row(
            comparison.export,
            comparison.weights,
            comparison.search,
            f"{comparison.same:,} of {comparison.texts:,}",
            f"{comparison.share:.1%}",
            _count(comparison.differences),
            "" if comparison.bleu is None else f"{comparison.bleu:.2f} (model: {comparison.expected_bleu:.2f})",
        )
    out.print(table)
    for comparison in comparisons:
        _explain(comparison)


def _count(differences: "Sequence[Difference]") -> str:
    ties = sum(difference.tie for difference in differences)
    return f"{len(differences)}, {ties} of them ties" if differences else "none"


def _explain(comparison: "Comparison") -> None:
    """Print the first differences, faults before ties."""
    for difference in sorted(comparison.differences, key=lambda d: d.tie)[:SHOWN]:
        verdict = "a tie" if difference.tie else "no tie"
        err.print(
            f"{comparison.export} {comparison.search}: {difference.text[:80]!r}\n"
            f"    model:  {difference.expected}\n    export: {difference.received}\n"
            f"    gap {difference.gap:.6f}, margin {difference.margin:.6f}: {verdict}",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
