"""`keras-s2s build`: from a file of pairs to a trained, evaluated, exported model, in one command."""

import filecmp
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer

from keras_s2s.cli.argument_names import OF_BUILD, named_as_typed
from keras_s2s.cli.console import err, out, quiet_import
from keras_s2s.cli.export import export_all
from keras_s2s.cli.pair_files import Columns, Format, parse_columns, print_left_out
from keras_s2s.cli.recipes import Recipe, settings_for_other_pairs
from keras_s2s.cli.train import Settings, StartFrom, parse_settings
from keras_s2s.whole_file import replacing

if TYPE_CHECKING:
    from keras_s2s.config import ModelConfig, RunConfig
    from keras_s2s.data.corpus import Pair, Splits
    from keras_s2s.seq2seq import Seq2Seq

# Pairs that are looked at to choose the vocabularies' sizes.
SAMPLE = 20_000
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
    recipe: Annotated[
        Recipe | None,
        typer.Option(
            help="Train by the settings of a recipe that comes with the library; left out: the defaults, the classic "
            "model. `keras-s2s config RECIPE` prints it.",
            show_default=False,
        ),
    ] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="The same as --set training.epochs=N.")] = None,
    start_from: StartFrom = None,
    split_by_target: Annotated[
        bool | None,
        typer.Option(
            "--split-by-target/--no-split-by-target",
            help="Keep every target in one split alone (the default); switch off where targets are labels.",
            show_default=False,
        ),
    ] = None,
    resume: Annotated[bool, typer.Option(help="Go on from the last checkpoint in the folder.")] = True,
    settings: Settings = None,
    format: Format = None,
    columns: Columns = None,
) -> None:
    """Build a model from your own file of pairs.

    Reads and checks the file, splits off pairs to tune and to test on, trains, evaluates, and leaves
    everything in one folder: the splits, the configuration, the model, its figures and its exports.
    """
    options = {
        "training.epochs": epochs,
        "training.start_from": start_from,
        "data.split_by_target": split_by_target,
        "data.columns": parse_columns(columns),
    }
    given = parse_settings(settings) | {key: value for key, value in options.items() if value is not None}
    output = output or Path("runs") / file.name.split(".")[0]
    with named_as_typed(OF_BUILD):
        config = _parse(given, file, recipe)
        splits, config = _read_and_split(file, target, format, config, given, output, resume)

    with quiet_import():
        from keras_s2s.training.trainer import train

    with named_as_typed(OF_BUILD):
        model = train(config, output, resume=resume)
    test = _fitting(model, splits.test)
    if test:
        _report(model, test, output, file.name)
    export_all(model, output, [pair.source for pair in test[:EXPORT_SAMPLES]])
    served, name = output / "saved_model", output.resolve().name
    out.print("serve it, and ask:", highlight=False)
    out.print(f"  keras-s2s serve {served} --name {name}", highlight=False, soft_wrap=True)
    out.print(f"  keras-s2s translate --server localhost:8500 --model-name {name}", highlight=False, soft_wrap=True)


def _parse(given: dict[str, Any], file: Path, recipe: Recipe | None) -> "RunConfig":
    """Return the configuration with the settings that were given, the file as its data.

    Raises:
        FileNotFoundError: The model to start from, or the recipe, is not there.
        ValueError: A setting is unknown, has no fitting value, or names other data, or the model to start from does
            not fit.
    """
    from keras_s2s.config import RunConfig, from_dict, override

    for key in ("data", "data.name", "data.train"):
        if key in given:
            raise ValueError(
                f"--set {key}: build divides {file}; to train on other data use `keras-s2s train`, and to set what is "
                "in [data] name each setting, as in --set data.valid_size=500"
            )
    if recipe and "training.start_from" in given:
        raise ValueError(
            f"--recipe {recipe} says what network to build, and --start-from brings one along, with its tokenisers: "
            "leave out one of them"
        )
    values = settings_for_other_pairs(recipe) if recipe else {}
    config = from_dict(RunConfig, override(values, {"data.train": str(file)} | given, origin="--set"), origin="--set")
    if config.training.start_from is not None:
        with quiet_import():
            from keras_s2s.training.start import take_over
        config, _ = take_over(config)
    if config.search.method == "sample":
        raise ValueError(
            "search.method: a sample cannot be exported, which build does; set beam or greedy. `keras-s2s translate "
            "--sample` draws from a model of either"
        )
    return config


def _read_and_split(
    file: Path,
    target: Path | None,
    format: str | None,
    config: "RunConfig",
    given: dict[str, Any],
    folder: Path,
    resume: bool,
) -> "tuple[Splits, RunConfig]":
    """Write the splits into the folder and print what was left out; return them and their configuration."""
    from keras_s2s.data.corpus import read_pairs
    from keras_s2s.training.data import divide

    data = config.data
    corpus = read_pairs(file, target, format=format, columns=data.columns, max_bad_share=data.max_bad_share)
    folder.mkdir(parents=True, exist_ok=True)
    with err.status(f"reading and splitting {file}"):
        # Left out, the sizes follow the file's own, which may be small.
        splits = divide(corpus, data, given.get("data.valid_size"), given.get("data.test_size"))
        parts: dict[str, Iterable[Pair]] = {f"{part}.tsv": getattr(splits, part) for part in PARTS}
        for number, path in enumerate(data.also, start=1):
            parts[f"also-{number}.tsv"] = read_pairs(path, columns=data.columns, max_bad_share=data.max_bad_share)
        _write_parts(parts, folder, resume)
        train, valid, test, *also = (str(folder / name) for name in parts)
        written = replace(data, train=train, valid=valid, test=test, also=tuple(also), columns=None)
        config = replace(config, data=written)
        if config.training.start_from is None:
            config = _fit_vocabularies(config, given)
    out.print(str(corpus.report), markup=False, highlight=False, soft_wrap=True)
    print_left_out((splits.valid, splits.test), splits.report)
    _tell_tokenizers(config.model)
    if config.training.start_from is None:
        _tell_choices(config.model)
    return splits, config


def _write_parts(parts: "Mapping[str, Iterable[Pair]]", folder: Path, resume: bool = False) -> None:
    """Write pairs as TSV, by file name, so that the run can be repeated from its folder alone.

    Raises:
        ValueError: A run of other pairs is in the folder, and was to go on, or other files have these names; all files
            stay as they are.
    """
    with TemporaryDirectory(dir=folder, prefix=".splits-") as elsewhere:
        written = [Path(elsewhere) / name for name in parts]
        for path in written:
            _write_pairs(path, parts[path.name])
        others = [path.name for path in written if (folder / path.name).is_file() and not _same(path, folder)]
        if others and not (folder / "data.json").exists():
            raise ValueError(
                f"{folder} has files of the names that the parts of your pairs would get, and no run that they are "
                f"of: {', '.join(others)}; choose another folder with --output, or move them"
            )
        if others and resume and (folder / "checkpoints").exists():
            raise ValueError(
                f"{folder} holds a run on other pairs ({', '.join(others)}): choose another folder with --output, "
                "or start anew with --no-resume, which deletes that run"
            )
        for path in written:
            path.replace(folder / path.name)


def _write_pairs(path: Path, pairs: "Iterable[Pair]") -> None:
    with path.open("w", encoding="utf-8", newline="\n") as stream:
        for pair in pairs:
            stream.write("\t".join(column for column in pair if column is not None) + "\n")


def _same(path: Path, folder: Path) -> bool:
    return filecmp.cmp(path, folder / path.name, shallow=False)


def _fit_vocabularies(config: "RunConfig", given: dict[str, Any]) -> "RunConfig":
    """Make the vocabularies smaller where the text is too little for them, and nobody asked for their size.

    How many pieces a text has only shows when they are learned.
    """
    from keras_s2s.data.corpus import read_pairs
    from keras_s2s.data.tokenizer import Tokenizer, TooFewPiecesError

    train = read_pairs(str(config.data.train), deduplicate=False)
    for column, side in enumerate(("source_tokenizer", "target_tokenizer")):
        if f"model.{side}.vocabulary_size" in given:
            continue
        texts = [pair[column] or "" for pair in islice(train, SAMPLE)]
        fitting = getattr(config.model, side)
        try:
            Tokenizer.train(texts, fitting)
        except TooFewPiecesError as error:
            fitting = replace(fitting, vocabulary_size=error.most)
            config = replace(config, model=replace(config.model, **{side: fitting}))
    return config


def _tell_tokenizers(config: "ModelConfig") -> None:
    source, target = (f"{t.kind}, {t.vocabulary_size:,}" for t in (config.source_tokenizer, config.target_tokenizer))
    out.print(f"tokenisers: source {source}; target {target}", highlight=False, soft_wrap=True)


def _tell_choices(config: "ModelConfig") -> None:
    """Print what might suit the pairs better."""
    hints = []
    if config.source_tokenizer.kind == "unigram":
        hints.append(
            "for spellings, dates or proteins, where each character counts: --set model.source_tokenizer.kind=char"
        )
    if config.attention == "none":
        hints.append("for sentences, a model that looks back at the source, and is better by far: --recipe attention")
    for hint in hints:
        err.print(hint, style="dim", highlight=False, soft_wrap=True)


def _fitting(model: "Seq2Seq", test: "Iterable[Pair]") -> "list[Pair]":
    """Return the test pairs, where labels are compared without those that have none to compare, and say how many."""
    from keras_s2s.training.selection import fits

    pairs = list(test)
    if not model.search.match_length:
        return pairs
    tokenizers = model.source_tokenizer, model.target_tokenizer
    fitting = [pair for pair in pairs if fits(pair, *tokenizers, model.config, labels=True)]
    if left_out := len(pairs) - len(fitting):
        err.print(
            f"{left_out:,} of {len(pairs):,} test pairs are longer than the model's limits, or have sides of different "
            "lengths, and take no part in the evaluation",
            highlight=False,
            soft_wrap=True,
        )
    return fitting


def _report(model: "Seq2Seq", test: "Sequence[Pair]", folder: Path, name: str) -> None:
    """Evaluate on the test split; print and keep the figures; show some translations."""
    from keras_s2s.evaluation.report import describe_search, evaluate, usual_measure

    result = evaluate(
        model,
        test,
        measure=usual_measure(model.search),
        model_file=folder / "model.keras",
        search=describe_search(model.search),
        data=f"{name} test",
    )
    with replacing(folder / "evaluation.json") as unfinished:
        unfinished.write_text(result.to_json() + "\n", encoding="utf-8")
    out.print(result.table())
    out.print(result.signature, markup=False, highlight=False, soft_wrap=True)
    sources = [pair.source for pair in test[:EXAMPLES]]
    for source, answer in zip(sources, model.translate(sources), strict=True):
        out.print(f"{source} → {answer}", markup=False, highlight=False, soft_wrap=True)
    out.print(f"\nThe model: {folder / 'model.keras'}; translate with:", highlight=False, soft_wrap=True)
    out.print(f"  keras-s2s translate --model {folder / 'model.keras'}", highlight=False, soft_wrap=True)
