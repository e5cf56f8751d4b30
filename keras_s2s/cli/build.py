"""`keras-s2s build`: from a file of pairs to a trained, evaluated, exported model, in one command."""

import filecmp
from collections.abc import Iterable
from dataclasses import replace
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer

from keras_s2s.cli.console import err, out, quiet_import
from keras_s2s.cli.export import export_all
from keras_s2s.cli.pair_files import Columns, Format, open_pairs
from keras_s2s.cli.train import Settings, parse_settings

if TYPE_CHECKING:
    from keras_s2s.config import RunConfig
    from keras_s2s.data.corpus import Corpus, Pair, Splits
    from keras_s2s.seq2seq import Seq2Seq

# Pairs that are looked at to choose the vocabularies' sizes.
SAMPLE = 20_000
SMALLEST = 6
EXAMPLES = 5
# Test sentences that the exports are compared on.
EXPORT_SAMPLES = 100
PARTS = ("train", "valid", "test")


def build(
    file: Annotated[Path, typer.Argument(help="A file of pairs (.tsv, .csv, .jsonl; .gz of each), or of sources.")],
    target: Annotated[Path | None, typer.Argument(help="The targets, if FILE holds the sources alone.")] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Folder of the result; left out: runs/<name of FILE>."),
    ] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="The same as --set training.epochs=N.")] = None,
    split_by_target: Annotated[
        bool, typer.Option(help="Keep every target in one split alone; switch off where targets are labels.")
    ] = True,
    resume: Annotated[bool, typer.Option(help="Go on from the last checkpoint in the folder.")] = True,
    settings: Settings = None,
    format: Format = None,
    columns: Columns = None,
) -> None:
    """Build a model from your own file of pairs.

    Reads and checks the file, splits off pairs to tune and to test on, trains, evaluates, and leaves
    everything in one folder: the splits, the configuration, the model, its figures and its exports.
    """
    corpus = open_pairs(file, target, format, columns)
    output = output or Path("runs") / file.name.split(".")[0]
    output.mkdir(parents=True, exist_ok=True)
    with err.status(f"reading and splitting {file}"):
        splits = corpus.split(by_target=split_by_target)
        _write_splits(splits, output)
        overrides = parse_settings(settings) | ({"training.epochs": epochs} if epochs else {})
        config = _configure(output, overrides)
    out.print(str(corpus.report), markup=False, highlight=False, soft_wrap=True)

    with quiet_import():
        from keras_s2s.training.trainer import train

    model = train(config, output, resume=resume)
    test = list(splits.test)
    _report(model, test, output, file.name)
    export_all(model, output, [pair.source for pair in test[:EXPORT_SAMPLES]])


def _write_splits(splits: "Splits", folder: Path) -> None:
    """Write the three parts as TSV, so that the run can be repeated from its folder alone."""
    for part in PARTS:
        path = folder / f"{part}.tsv"
        unfinished = path.with_suffix(".unfinished")
        with unfinished.open("w", encoding="utf-8", newline="\n") as stream:
            for pair in getattr(splits, part):
                stream.write("\t".join(column for column in pair if column is not None) + "\n")
        if path.exists() and filecmp.cmp(path, unfinished, shallow=False):
            unfinished.unlink()  # a run that goes on knows its files by their time
        else:
            unfinished.replace(path)


def _configure(folder: Path, overrides: dict[str, Any]) -> "RunConfig":
    """Choose the configuration; the trainer leaves it in the folder."""
    from keras_s2s.config import DataConfig, RunConfig, dump_config, load_config
    from keras_s2s.data.corpus import read_pairs

    train, valid, test = (str(folder / f"{part}.tsv") for part in PARTS)
    with TemporaryDirectory() as elsewhere:
        path = Path(elsewhere) / "build.toml"
        path.write_text(dump_config(RunConfig(data=DataConfig(train=train, valid=valid, test=test))), "utf-8")
        sizes = _vocabulary_sizes(read_pairs(train, deduplicate=False), load_config(path, overrides))
        return load_config(path, sizes | overrides)


def _vocabulary_sizes(train: "Corpus", config: "RunConfig") -> dict[str, int]:
    """Return smaller vocabularies than the configured ones where the text is too little for those.

    How many pieces a text has only shows when they are learned, so smaller and smaller sizes are tried.
    """
    from keras_s2s.data.tokenizer import Tokenizer

    sizes = {}
    for column, side in enumerate(("source_tokenizer", "target_tokenizer")):
        texts = [pair[column] or "" for pair in islice(train, SAMPLE)]
        wanted = size = getattr(config.model, side)
        while size.vocabulary_size >= SMALLEST:
            try:
                Tokenizer.train(texts, size)
            except ValueError:
                size = replace(size, vocabulary_size=size.vocabulary_size * 3 // 4)
                continue
            if size != wanted:
                sizes[f"model.{side}.vocabulary_size"] = size.vocabulary_size
            break
    return sizes


def _report(model: "Seq2Seq", test: "Iterable[Pair]", folder: Path, name: str) -> None:
    """Evaluate on the test split; print and keep the figures; show some translations."""
    from keras_s2s.evaluation.report import describe_search, evaluate

    test = list(test)
    result = evaluate(model, test, search=describe_search(model.search), data=f"{name} test")
    (folder / "evaluation.json").write_text(result.to_json() + "\n", encoding="utf-8")
    out.print(result.table())
    out.print(result.signature, markup=False, highlight=False, soft_wrap=True)
    sources = [pair.source for pair in test[:EXAMPLES]]
    for source, answer in zip(sources, model.translate(sources), strict=True):
        out.print(f"{source} → {answer}", markup=False, highlight=False, soft_wrap=True)
    out.print(f"\nThe model: {folder / 'model.keras'}; translate with:", highlight=False, soft_wrap=True)
    out.print(f"  keras-s2s translate --model {folder / 'model.keras'}", highlight=False, soft_wrap=True)
