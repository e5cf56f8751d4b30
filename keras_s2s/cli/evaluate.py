"""`keras-s2s evaluate`: how good a model is on a set of pairs."""

from pathlib import Path
from typing import Annotated, Any

import typer

from keras_s2s.cli import json_file
from keras_s2s.cli.argument_names import OF_EVALUATE, named_as_typed
from keras_s2s.cli.console import out, progress_bar
from keras_s2s.cli.model_option import open_model
from keras_s2s.cli.option_groups import takes
from keras_s2s.cli.pair_files import Columns, DataFolder, Format, MaxBadShare, read_part
from keras_s2s.cli.search_options import SEARCH, choose_search
from keras_s2s.evaluation import report


@takes(options=SEARCH)
def evaluate(
    model: Annotated[Path, typer.Argument(help="A .keras file.")],
    data: Annotated[str, typer.Argument(help="A named data set (`keras-s2s data list`) or a file of pairs.")],
    split: Annotated[str, typer.Option(help="Of a named data set: train, valid or test.")] = "test",
    measure: Annotated[
        report.Measure | None,
        typer.Option(
            help="translation: BLEU, chrF, exact match; labels: accuracy (Q3), precision, recall, F1, confusions; "
            "error_rates: wrong tokens and wrong outputs, as of pronunciations. Left out: labels where the model "
            "writes a label for each token (match_length), else translation.",
        ),
    ] = None,
    json: Annotated[Path | None, typer.Option(help="Also write the figures here; - prints JSON, no table.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first N pairs.")] = None,
    group_references: Annotated[
        bool, typer.Option(help="Several targets of one source are several right answers.")
    ] = False,
    batch_size: Annotated[int, typer.Option(min=1, help="Sentences handed over at a time.")] = 256,
    folder: DataFolder = None,
    format: Format = None,
    columns: Columns = None,
    max_bad_share: MaxBadShare = 0.01,
    *,
    options: dict[str, Any],
) -> None:
    """Translate a data set and print how good the answers are: as translations, by labels or by wrong tokens."""
    json_file.require_folder(json)
    with named_as_typed(OF_EVALUATE):
        pairs = read_part(data, split, folder, format, columns, max_bad_share, limit)
    loaded = open_model(model)
    search = choose_search(loaded.search, **options)
    loaded.search = search
    with progress_bar("translating", len(pairs)) as bar:
        result = report.evaluate(
            loaded,
            pairs,
            measure=measure or report.usual_measure(search),
            batch_size=batch_size,
            model_file=model,
            search=report.describe_search(search),
            data=data if Path(data).exists() else f"{data} {split}",
            group_references=group_references,
            progress=lambda done: bar.advance(bar.task_ids[0], done),
        )
    if not json_file.on_stdout(json):
        out.print(result.table())
        out.print(result.signature, markup=False, highlight=False, soft_wrap=True)
    json_file.write(json, result.to_json())
