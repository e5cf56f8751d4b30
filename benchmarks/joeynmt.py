"""Translations of our model with attention beside those of JoeyNMT's: same data, tokens, epochs, as many parameters.

    python benchmarks/joeynmt.py --data FOLDER --output runs/joeynmt --devtest
    python benchmarks/joeynmt.py --data FOLDER --output runs/trial --limit 400 --epochs 2

JoeyNMT (Kreutzer, Bastings & Riezler 2019, https://aclanthology.org/D19-3019) is installed, once, into an environment
of its own; this package does not depend on it. Our run comes first (or `--ours` names one that is finished), then
JoeyNMT is trained on the very ids that our run was trained on, written as words: its vocabularies are of level `word`,
and what it writes is turned into text by our tokeniser, so that sacreBLEU scores both alike. Either training can be
killed at any moment and goes on when the same command is given again; it loses the epoch that it was in.

What both have: bidirectional encoder and decoder of as many LSTM layers, additive attention, tied target embedding,
dropout, label smoothing, Adam with a clipped gradient, as many pairs a step and so as many steps, and beam search with
one size and length penalty. The encoder of JoeyNMT is as wide as it takes for the parameters to be as many as ours.
Likewise both keep the epoch with the best BLEU of greedy validation outputs, or the mean of the last epochs where that
is better on validation. Where JoeyNMT's own recipes for recurrent models differ from ours they are followed:

- input feeding, `bridge`, dropout of the attention vector, Xavier initialisation, loss divided by tokens;
- batches of sentences: 76 on Tatoeba, as many as a step of ours has on average, where those recipes have 64 and 80. Its
  batches of tokens hold pairs in random order and count their padding, so that 1,000 tokens are 45 pairs there;
- Adam at 1e-3, as in its `iwslt_deen_bahdanau`. There the rate is multiplied by 0.5 where validation stalls, but that
  schedule (`plateau`) fails on this PyTorch; here it is multiplied by 0.8 after each epoch (`exponential`), which makes
  it a twelfth in 12 epochs. `--learning-rate` tries others, each in an output of its own: choose by validation BLEU.

`--devtest` scores the test split too, once the choices are made; without it, nothing of that split is translated. The
exit code is then 1 where our BLEU is not ahead by 1.5. Times are of training alone, on all cores, without validation;
run nothing beside it. `--limit` is a trial: the first pairs and few pieces, and no devtest.
"""

import argparse
import csv
import json
import os
import re
import subprocess
import sys
import venv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pooch

from keras_s2s.config import DataConfig, RunConfig, dump_config, load_config
from keras_s2s.data.batches import Batches
from keras_s2s.data.corpus import Pair, Splits
from keras_s2s.data.id_cache import IdCache
from keras_s2s.data.tokenizer import UNKNOWN, Tokenizer
from keras_s2s.evaluation.metrics import bleu, chrf
from keras_s2s.seq2seq import load
from keras_s2s.training.data import open_splits

JOEYNMT = "joeynmt==2.3.0"
# Without JoeyNMT's own list, which asks for linters and for a protobuf that TensorBoard has left behind.
PINS = (
    "importlib-metadata==10.2.0",
    "matplotlib==3.11.2",
    "numpy==2.2.6",
    "packaging==26.3",
    "protobuf==7.36.2",
    "pyyaml==6.0.3",
    "sacrebleu==2.6.0",
    "sentencepiece==0.2.3",
    "setuptools==80.9.0",
    "subword-nmt==0.3.8",
    "tensorboard==2.21.0",
    "torch==2.13.0",
    "tqdm==4.70.1",
)
LEAST_GAIN = 1.5
TRIAL_VALID, TRIAL_PIECES = 50, 200
LANGUAGES = (("src", "source"), ("trg", "target"))
EPOCH = re.compile(r"Epoch +\d+, total training loss: .* num\. of tokens: (\d+), ([\d.]+)\[sec\]")
PARAMETERS = re.compile(r"Total params: (\d+)")

# JoeyNMT's command deletes an unfinished run or refuses it; its functions go on.
RUN = """
import json, sys
from pathlib import Path
import torch
from joeynmt import prediction, training
from joeynmt.helpers_for_ddp import get_logger

task, config, *arguments = sys.argv[1:]
config = json.loads(Path(config).read_text())
folder = Path(config["model_dir"])
get_logger("", log_file=folder / f"{task}.log")
if task == "train":
    if done := sorted(int(path.stem) for path in folder.glob("*.hyps")):  # written after the checkpoint
        state = torch.load(folder / f"{done[-1]}.ckpt")
        state["stats_state"]["epochs"] = len(done) + 1  # else the epoch at whose end it was saved begins again
        torch.save(state, folder / "resumed.pt")
        config["training"]["load_model"] = str(folder / "resumed.pt")
    training.train(0, 1, config, skip_test=True)
else:
    data, output, *steps = arguments
    states = [torch.load(folder / f"{step}.ckpt")["model_state"] for step in steps]
    mean = {name: sum(state[name] for state in states) / len(states) for name in states[0]}
    torch.save({"model_state": mean}, folder / "mean.pt")
    config["testing"]["load_model"] = str(folder / "mean.pt")
    config["data"] |= {"train": None, "dev": None, "test": data}
    prediction.test(config, output_path=output)
"""


@dataclass
class Contestant:
    """A trained model: what it is, what it took, what it writes of each part."""

    name: str
    parameters: int
    epochs: int
    tokens: int
    seconds: float
    outputs: dict[str, list[str]]


def make_environment(folder: Path) -> Path:
    """Install JoeyNMT, unless it is there; return its Python.

    Which build of PyTorch, for a CPU or a GPU, is pip's choice; it is used on the CPU, as ours is.
    """
    python, installed = folder / "bin" / "python", folder / "installed.txt"
    wanted = "\n".join((JOEYNMT, *PINS))
    if not installed.exists() or installed.read_text() != wanted:
        venv.create(folder, clear=True, with_pip=True)
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, *PINS], check=True)
        subprocess.run([*pip, "--no-deps", JOEYNMT], check=True)
        installed.write_text(wanted)
    return python


def trial_data(splits: Splits, limit: int, folder: Path) -> DataConfig:
    """Write the first pairs of train and valid; valid also stands for test."""
    for name, pairs, number in (("train", splits.train, limit), ("valid", splits.valid, TRIAL_VALID)):
        lines = (f"{pair.source}\t{pair.target}\n" for pair in islice(pairs, number))
        (folder / f"{name}.tsv").write_text("".join(lines), encoding="utf-8")
    train, valid = (str((folder / f"{name}.tsv").resolve()) for name in ("train", "valid"))
    return DataConfig(train=train, valid=valid, test=valid)


def train_ours(arguments: argparse.Namespace) -> Path:
    """Train from the recipe, or go on where an earlier call was stopped; return the run's folder."""
    changes = {"training.epochs": arguments.epochs} if arguments.epochs else {}
    if arguments.limit:
        changes |= {f"model.{side}_tokenizer.vocabulary_size": TRIAL_PIECES for side in ("source", "target")}
    config = load_config(arguments.config, changes)
    if arguments.limit:
        data = trial_data(open_splits(config.data, arguments.data), arguments.limit, arguments.output)
        config = replace(config, data=data)
    output: Path = arguments.output
    recipe, run = output / "ours.toml", output / "ours"
    recipe.write_text(dump_config(config), encoding="utf-8")
    data_option = ["--data", arguments.data] if arguments.data else []
    command = [sys.executable, "-m", "keras_s2s.cli.main", "train", str(recipe), "--output", str(run)]
    subprocess.run([*command, *data_option], check=True)
    return run


def write_side(path: Path, rows: Iterable[Sequence[int]]) -> None:
    """Write ids as words, a row without `<EOS>` each line; JoeyNMT refuses an empty one."""
    lines = (" ".join(map(str, row[:-1])) or str(UNKNOWN) for row in rows)
    path.write_text("".join(f"{line}\n" for line in lines))


def read_outputs(path: Path, target: Tokenizer) -> list[str]:
    """Turn ids as words into texts; JoeyNMT writes `<unk>` where nothing was written."""
    lines = path.read_text().splitlines()
    return target.decode([int(word) for word in line.split() if word.isdecimal()] for line in lines)


def write_training_data(run: Path, folder: Path, tokenizers: tuple[Tokenizer, Tokenizer], valid: list[Pair]) -> None:
    """Write what our run was trained on, the validation split and both vocabularies."""
    cache = IdCache(run / "ids" / "train")
    for side, ids, offsets in (
        ("source", cache.source, cache.source_offsets),
        ("target", cache.target, cache.target_offsets),
    ):
        write_side(folder / f"train.{side}", [row.tolist() for row in np.split(ids, offsets[1:-1])])
    write_part(folder, "valid", valid, tokenizers, load_config(run / "config.toml").model.max_source_length)
    for side, tokenizer in zip(("source", "target"), tokenizers, strict=True):
        (folder / f"{side}.vocabulary").write_text("".join(f"{i}\n" for i in range(UNKNOWN, len(tokenizer))))


def write_part(folder: Path, name: str, pairs: list[Pair], tokenizers: tuple[Tokenizer, Tokenizer], limit: int) -> None:
    """Write pairs that are to be translated, cut as our model cuts them."""
    source, target = tokenizers
    write_side(folder / f"{name}.source", source.encode([pair.source for pair in pairs], limit))
    write_side(folder / f"{name}.target", target.encode([pair.target for pair in pairs]))


def peer_model(config: RunConfig, encoder_units: int) -> dict[str, Any]:
    """Return the `model` part of JoeyNMT's configuration: our model as near as it has it."""
    model = config.model
    common = {"type": "recurrent", "rnn_type": "lstm", "dropout": model.dropout}
    common["embeddings"] = {"embedding_dim": model.embedding, "dropout": model.dropout}
    return {
        "initializer": "xavier_uniform",
        "embed_initializer": "xavier_uniform",
        "tied_softmax": model.tie_embeddings,
        "encoder": common | {"hidden_size": encoder_units, "num_layers": model.layers, "bidirectional": True},
        "decoder": common
        | {
            "hidden_size": model.output_width,
            "num_layers": model.decoder_depth,
            "hidden_dropout": model.dropout,
            "attention": "bahdanau",
            "input_feeding": True,
            "init_hidden": "bridge",
        },
    }


def peer_parameters(model: dict[str, Any], source: int, target: int) -> int:
    """Count the parameters of JoeyNMT's model for tokenisers of ours of these sizes."""

    def lstm(inputs: int, units: int) -> int:
        return 4 * units * (inputs + units + 2)  # PyTorch's LSTM has two biases

    encoder, decoder = model["encoder"], model["decoder"]
    width, units, embedding = 2 * encoder["hidden_size"], decoder["hidden_size"], encoder["embeddings"]["embedding_dim"]
    return sum(
        (
            (source + target + 4) * embedding,  # on each side four ids are reserved, two of ours are not used
            0 if model["tied_softmax"] else (target + 2) * units,
            2 * lstm(embedding, width // 2) + 2 * (encoder["num_layers"] - 1) * lstm(width, width // 2),
            lstm(embedding + units, units) + (decoder["num_layers"] - 1) * lstm(units, units),
            (width + units + 1) * units,  # additive attention
            (units + width + 1) * units,  # attention vector
            (width + 1) * units,  # bridge
        )
    )


def as_large_as(parameters: int, config: RunConfig, source: int, target: int) -> dict[str, Any]:
    """Return JoeyNMT's model whose parameters are nearest to as many."""
    models = [peer_model(config, units) for units in range(8, 2048, 4)]
    return min(models, key=lambda model: abs(peer_parameters(model, source, target) - parameters))


def peer_config(
    config: RunConfig, model: dict[str, Any], pairs: int, rows: int, learning_rate: float
) -> dict[str, Any]:
    """Return JoeyNMT's configuration, with folders relative to where it runs.

    Args:
        config: Our run's.
        model: JoeyNMT's model.
        pairs: Training pairs.
        rows: Pairs in a step.
        learning_rate: Adam's in the first epoch.
    """
    steps, decay = -(-pairs // rows), 0.8
    sides = {name: {"lang": side, "level": "word", "voc_file": f"data/{side}.vocabulary"} for name, side in LANGUAGES}
    return {
        "name": "as ours",
        "model_dir": "joeynmt",
        "use_cuda": False,
        "random_seed": config.training.seed,
        "data": {"train": "data/train", "dev": "data/valid", "dataset_type": "plain", **sides},
        "testing": {
            "beam_size": config.search.beam_size,
            "beam_alpha": config.search.length_penalty,
            "batch_size": 100,
            "batch_type": "sentence",
            "max_output_length": config.model.max_target_length,
            "eval_metrics": ["bleu"],
        },
        "training": {
            "optimizer": "adam",
            "learning_rate": learning_rate / decay,  # it is lowered before the first epoch too
            "learning_rate_min": 0.0,  # at which training would end
            "scheduling": "exponential",
            "decrease_factor": decay,
            "clip_grad_norm": config.training.clip_norm,
            "normalization": "tokens",
            "label_smoothing": config.training.label_smoothing,
            "batch_size": rows,
            "batch_type": "sentence",
            "epochs": config.training.epochs,
            "validation_freq": steps,  # at each epoch's end
            "logging_freq": steps,
            "early_stopping_metric": "bleu",
            "keep_best_ckpts": -1,  # all
            "print_valid_sents": [],  # nor plots of their attention
        },
        "model": model,
    }


class Peer:
    """JoeyNMT's run in a folder, beside its data."""

    def __init__(self, python: Path, folder: Path, config: dict[str, Any], target: Tokenizer) -> None:
        """Make the folder, or check that the run in it is this one."""
        self.python, self.folder, self.target = python, folder, target
        self.run = folder / config["model_dir"]
        self.epochs = config["training"]["epochs"]
        saved, text = self.run / "config.json", json.dumps(config, indent=2)
        if saved.exists() and saved.read_text() != text:
            raise SystemExit(
                f"{self.run} holds a run with another configuration: choose another --output, or delete it"
            )
        self.run.mkdir(exist_ok=True)
        saved.write_text(text)

    def _call(self, task: str, *arguments: object) -> None:
        # -P: else this very file, where it lies in the working folder, is what `import joeynmt` finds.
        command = [str(self.python.absolute()), "-P", "-c", RUN, task, "joeynmt/config.json", *map(str, arguments)]
        subprocess.run(command, check=True, cwd=self.folder)

    def steps(self) -> list[int]:
        """Return after which steps there is a checkpoint at an epoch's end."""
        return sorted(int(path.stem) for path in self.run.glob("*.hyps"))

    def train(self) -> None:
        """Train, or go on with it."""
        if len(self.steps()) < self.epochs:
            self._call("train")

    def translate(self, part: str, steps: Sequence[int]) -> list[str]:
        """Translate a part by beam search, by the mean of the weights after these steps."""
        self._call("translate", f"data/{part}", f"joeynmt/{part}", *steps)
        return read_outputs(self.run / f"{part}.test", self.target)

    def choose(self, valid: list[Pair], last: int) -> tuple[list[int], list[str]]:
        """Return the steps whose mean is kept, by validation BLEU, and what that writes of validation."""
        steps = self.steps()
        best = max(steps, key=lambda step: scores(read_outputs(self.run / f"{step}.hyps", self.target), valid)[0].score)
        choices = [[best]] + ([steps[-last:]] if last > 1 else [])
        written = [(choice, self.translate("valid", choice)) for choice in choices]
        return max(written, key=lambda choice: scores(choice[1], valid)[0].score)

    def figures(self) -> tuple[int, int, float]:
        """Return parameters, and target tokens and seconds of training, as its log has them."""
        log = (self.run / "train.log").read_text()
        found = EPOCH.findall(log)
        return int(PARAMETERS.findall(log)[-1]), sum(int(t) for t, _ in found), sum(float(s) for _, s in found)


def our_seconds(run: Path, tokens: int) -> float:
    """Return the seconds of training of a run with as many target tokens an epoch, compilation included."""
    with (run / "log.csv").open(newline="") as file:
        return sum(tokens / float(row["tokens_per_second"]) for row in csv.DictReader(file))


def scores(outputs: list[str], pairs: list[Pair]) -> tuple[Any, Any]:
    """Return BLEU and chrF."""
    references = [(pair.target,) for pair in pairs]
    return bleu(outputs, references), chrf(outputs, references)


def report(contestants: Sequence[Contestant], parts: dict[str, list[Pair]]) -> float:
    """Print all figures; return by how much BLEU the first is ahead on the last part."""
    lines: list[tuple[str, list[str]]] = [
        ("", [c.name for c in contestants]),
        ("parameters", [f"{c.parameters:,}" for c in contestants]),
        ("epochs", [f"{c.epochs}" for c in contestants]),
        ("target tokens/s", [f"{c.tokens / c.seconds:,.0f}" for c in contestants]),
        ("minutes of training", [f"{c.seconds / 60:.1f}" for c in contestants]),
    ]
    ahead, signatures = 0.0, ""
    for part, pairs in parts.items():
        figures = [scores(contestant.outputs[part], pairs) for contestant in contestants]
        for name, values in zip(("BLEU", "chrF2"), zip(*figures, strict=True), strict=True):
            lines.append((f"{part} {name}", [f"{value.score:.2f}" for value in values]))
        (ours, _), (theirs, _) = figures
        ahead = ours.score - theirs.score
        lines.append((f"{part} BLEU, ahead by", [f"{ahead:.2f}", ""]))
        signatures = "\n".join(
            f"{name} {value.signature}" for name, value in zip(("BLEU", "chrF2"), figures[0], strict=True)
        )
    for name, cells in lines:
        print(f"{name:22}" + "".join(f"{cell:>16}" for cell in cells).rstrip())
    print(signatures)
    return ahead


def main() -> int:
    """Train both, print, judge."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = Path(__file__).parents[1] / "configs" / "attention.toml"
    parser.add_argument("--config", type=Path, default=default, help="our recipe, one with attention")
    parser.add_argument("--data", help="folder of data sets")
    parser.add_argument("--output", type=Path, required=True, help="folder of both runs")
    parser.add_argument("--ours", type=Path, help="a finished run of ours, in place of --config and --epochs")
    parser.add_argument("--epochs", type=int, help="left out: the recipe's")
    parser.add_argument("--learning-rate", type=float, default=1e-3, help="JoeyNMT's, in the first epoch")
    parser.add_argument("--limit", type=int, help="a trial on the first N pairs; at least 400")
    parser.add_argument("--devtest", action="store_true", help="score the test split too: once, at the very end")
    parser.add_argument("--environment", type=Path, default=Path(pooch.os_cache("keras_s2s")) / "joeynmt")
    arguments = parser.parse_args()
    if (arguments.ours and (arguments.epochs or arguments.limit)) or (arguments.limit and arguments.devtest):
        parser.error("--ours goes with neither --epochs nor --limit, and --limit not with --devtest")

    python = make_environment(arguments.environment)
    folder = arguments.output
    (folder / "data").mkdir(parents=True, exist_ok=True)
    run = arguments.ours or train_ours(arguments)
    config, model = load_config(run / "config.toml"), load(run / "model.keras")
    splits = open_splits(config.data, arguments.data)
    parts = {"valid": list(splits.valid)}
    tokenizers = (model.source_tokenizer, model.target_tokenizer)
    write_training_data(run, folder / "data", tokenizers, parts["valid"])
    batches = Batches(
        IdCache(run / "ids" / "train"), batch_tokens=config.training.batch_tokens, buckets=config.training.buckets
    )

    rows = round(len(batches.cache) / batches.steps_per_pass)
    twin = as_large_as(model.count_params(), config, *map(len, tokenizers))
    settings = peer_config(config, twin, len(batches.cache), rows, arguments.learning_rate)
    settings["name"] = sha256(b"".join(tokenizer.model for tokenizer in tokenizers)).hexdigest()  # what its ids mean
    peer = Peer(python, folder, settings, model.target_tokenizer)
    peer.train()
    steps, written = peer.choose(parts["valid"], config.training.average_checkpoints)
    parameters, tokens, seconds = peer.figures()
    epochs = config.training.epochs
    theirs = Contestant("JoeyNMT", parameters, epochs, tokens, seconds, {"valid": written})
    if arguments.devtest:
        parts["devtest"] = list(splits.test)
        write_part(folder / "data", "devtest", parts["devtest"], tokenizers, config.model.max_source_length)
        theirs.outputs["devtest"] = peer.translate("devtest", steps)
    outputs = {part: model.translate([pair.source for pair in pairs]) for part, pairs in parts.items()}
    seconds = our_seconds(run, batches.tokens)
    ours = Contestant("keras_s2s", model.count_params(), epochs, epochs * batches.tokens, seconds, outputs)
    ahead = report((ours, theirs), parts)
    return int(arguments.devtest and ahead < LEAST_GAIN)


if __name__ == "__main__":
    sys.exit(main())
