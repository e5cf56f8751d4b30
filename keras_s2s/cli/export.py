"""`keras-s2s export`: a trained model for TensorFlow Serving, or for phones, boards and browsers."""

from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from keras_s2s.cli.console import err, out, quiet_import
from keras_s2s.cli.model_option import open_model
from keras_s2s.cli.option_groups import takes
from keras_s2s.cli.search_options import SEARCH, choose_search
from keras_s2s.cli.text_lines import text_lines

if TYPE_CHECKING:
    from keras_s2s.seq2seq import Seq2Seq

app = typer.Typer(
    help="Export a model: for TensorFlow Serving, or for a device.", no_args_is_help=True, add_completion=False
)

MEGABYTE = 1_000_000

# As many as int8 is fitted to.
MOST_SAMPLES = 500

Samples = Annotated[
    Path | None,
    typer.Option(
        help=f"A file of texts like those to come, one a line: the export is compared on the first {MOST_SAMPLES}, and "
        "int8 is fitted to them. Left out: random ones.",
        show_default=False,
    ),
]
KerasFile = Annotated[Path, typer.Argument(help="A .keras file.")]


@app.command("saved-model")
@takes(options=SEARCH)
def saved_model(
    model: KerasFile,
    folder: Annotated[Path, typer.Argument(help="The model's folder; the version becomes a folder in it.")],
    version: Annotated[int | None, typer.Option(min=0, help="Left out: one more than the highest there is.")] = None,
    n_best: Annotated[int, typer.Option(min=1, help="Answers that the signature `beam` gives.")] = 4,
    max_batch: Annotated[int, typer.Option(min=1, help="Most texts in one request.")] = 1024,
    samples: Samples = None,
    *,
    options: dict[str, Any],
) -> None:
    """Write a SavedModel for TensorFlow Serving: strings in, strings out.

    It is verified in a fresh process and then renamed into place as FOLDER/VERSION. A model card is
    written beside it: what it says of data, evaluation and recipe is read from the folder of the
    model's training run, if MODEL is still in it (evaluation.json: keras-s2s evaluate --json).
    """
    texts = _read_samples(samples)
    loaded = open_model(model)
    search = choose_search(loaded.search, **options)
    with err.status(f"writing and verifying {folder}"):
        with quiet_import():
            from keras_s2s.deploy.run_facts import run_facts
            from keras_s2s.deploy.server.saved_model import export_saved_model
        written = export_saved_model(
            loaded,
            folder,
            version=version,
            search=search,
            n_best=n_best,
            max_batch=max_batch,
            samples=texts,
            facts=run_facts(loaded, model),
        )
    _tell(written, "a fresh process gives the model's answers", texts)


@app.command()
@takes(options=SEARCH)
def tflite(
    model: KerasFile,
    file: Annotated[Path, typer.Argument(help="The .tflite file; one that exists is replaced.")],
    quantize: Annotated[
        Literal["float16", "int8"] | None,
        typer.Option(
            help="Smaller weights: float16 nearly halves the file, int8 leaves a quarter to two fifths; both can "
            "change answers."
        ),
    ] = None,
    samples: Samples = None,
    *,
    options: dict[str, Any],
) -> None:
    """Write one file for phones, boards and browsers (LiteRT), the tokenisers inside.

    `keras-s2s translate --model FILE` runs it without TensorFlow.
    """
    texts = _read_samples(samples)
    loaded = open_model(model)
    search = choose_search(loaded.search, **options)
    with err.status(f"writing and verifying {file}"):
        with quiet_import():
            from keras_s2s.deploy.device.tflite import export_tflite
            from keras_s2s.deploy.run_facts import run_facts
        evaluation = run_facts(loaded, model).get("evaluation")
        written = export_tflite(loaded, file, quantize=quantize, search=search, samples=texts, evaluation=evaluation)
    _tell(written, _agreement(written), texts)


def export_all(model: "Seq2Seq", folder: Path, samples: Sequence[str]) -> None:
    """Write both exports into a folder: `saved_model/<version>/` and `model.tflite`."""
    with err.status(f"exporting to {folder}"):
        with quiet_import():
            from keras_s2s.deploy.device.tflite import export_tflite
            from keras_s2s.deploy.run_facts import run_facts
            from keras_s2s.deploy.server.saved_model import export_saved_model
        facts = run_facts(model, folder / "model.keras")
        served = export_saved_model(model, folder / "saved_model", samples=samples, facts=facts)
        evaluation = facts.get("evaluation")
        on_device = export_tflite(model, folder / "model.tflite", samples=samples, evaluation=evaluation)
    _tell(served, "for TensorFlow Serving; a fresh process gives the model's answers", samples)
    _tell(on_device, f"for devices; {_agreement(on_device)}", samples)


def _read_samples(path: Path | None) -> list[str] | None:
    return None if path is None else list(islice(text_lines(path), MOST_SAMPLES))


def _agreement(file: Path) -> str:
    from keras_s2s.deploy.device.manifest import read_files

    shares = read_files(file).manifest["agreement"]
    return f"of {shares['texts']} texts, as the model: greedy {shares['greedy']:.1%}, beam {shares['beam']:.1%}"


def _tell(written: Path, verdict: str, samples: Sequence[str] | None) -> None:
    files = [written] if written.is_file() else [path for path in written.rglob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in files) / MEGABYTE
    out.print(f"{written} ({size:.1f} MB): {verdict}", markup=False, highlight=False, soft_wrap=True)
    if not samples:
        err.print("compared on random texts; --samples FILE compares on yours", style="dim", soft_wrap=True)
