"""Which figure of decoded validation outputs picks the best epoch."""

import csv
import io
import logging
from dataclasses import replace

import pytest
from rich.console import Console

from keras_s2s.config import DataConfig, ModelConfig, RunConfig, SearchConfig, TokenizerConfig, TrainingConfig
from keras_s2s.data.corpus import Pair
from keras_s2s.data.tokenizer import Tokenizer
from keras_s2s.evaluation.report import evaluate
from keras_s2s.training.callbacks import ValidationFigure
from keras_s2s.training.checkpoint import Checkpoints
from keras_s2s.training.selection import FIGURES, validation_pairs
from keras_s2s.training.trainer import train

CHAR = TokenizerConfig(kind="char", vocabulary_size=20)
# A state for each residue: helix for A and K, strand for V and I. The first residue is masked: its state is wrong in
# two of three chains, and counts nowhere.
VALID = [Pair("MAAVV", "EHHEE", "01111"), Pair("MVAKI", "EEHHE", "01111"), Pair("MKK", "CHH", "011")]


@pytest.fixture
def config(tmp_path):
    """A run of seconds that labels chains."""
    chains = [f"M{a}{b}{c}{d}" for a in "AKVI" for b in "AKVI" for c in "AKVI" for d in "AV"]
    states = {"M": "C", "A": "H", "K": "H", "V": "E", "I": "E"}
    rows = {
        "train": [Pair(c, "".join(map(states.get, c)), "01111") for c in chains if c not in {p.source for p in VALID}],
        "valid": [*VALID, Pair("MA" * 20, "CH" * 20)],
    }
    for part, pairs in rows.items():
        text = "".join("\t".join(column for column in pair if column is not None) + "\n" for pair in pairs)
        (tmp_path / f"{part}.tsv").write_text(text)
    files = {"train": "train", "valid": "valid", "test": "valid"}
    return RunConfig(
        data=DataConfig(**{part: str(tmp_path / f"{name}.tsv") for part, name in files.items()}),
        model=ModelConfig(
            source_tokenizer=CHAR,
            target_tokenizer=CHAR,
            units=16,
            embedding=8,
            layers=1,
            dropout=0.0,
            bidirectional=True,
            attention="general",
            attention_window=0,
            max_source_length=10,
            max_target_length=10,
        ),
        training=TrainingConfig(
            epochs=3,
            batch_tokens=100,
            buckets=1,
            learning_rate=0.03,
            warmup_steps=2,
            label_smoothing=0.0,
            jit_compile=False,
            tensorboard=False,
            select_by="accuracy",
            average_checkpoints=2,
        ),
        search=SearchConfig(match_length=True),
    )


def with_selection(config, select_by):
    return replace(config, training=replace(config.training, select_by=select_by))


def test_the_best_epoch_is_the_one_with_most_labels_right(config, tmp_path):
    console = Console(file=io.StringIO(), width=200)
    model = train(config, tmp_path / "run", console=console)
    rows = list(csv.DictReader((tmp_path / "run" / "log.csv").open()))
    accuracies = [float(row["val_decoded_accuracy"]) for row in rows]
    assert "val_bleu" not in rows[0]
    assert "val_accuracy" in rows[0]  # Keras's own, with the right labels before each
    best = max(range(3), key=lambda i: (accuracies[i], i)) + 1
    assert Checkpoints(tmp_path / "run" / "checkpoints", keep=2).progress(3).best_epoch == best
    # The kept model is the best epoch, or the mean of the last two where that is better still.
    kept = evaluate(model, VALID, measure="labels").labels
    assert kept.accuracy >= max(accuracies)
    assert kept.accuracy > 0.8
    printed = console.file.getvalue()
    assert printed.count("decoded accuracy") == 4
    assert ", by validation decoded accuracy: " in printed
    assert "kept epoch" in printed or "kept the mean" in printed


@pytest.mark.parametrize("name", FIGURES)
def test_each_figure_has_a_column_of_its_own(name):
    class Model:
        search = SearchConfig(method="beam", match_length=True, max_length=7)

        def translate(self, texts, search):
            assert search == SearchConfig(match_length=True, max_length=7)
            return ["HHHEE", "EEHHE", "CHC"]

    callback = ValidationFigure(FIGURES[name], VALID)
    callback.set_model(Model())
    logs = {"val_accuracy": 0.1}
    callback.on_epoch_end(0, logs)
    expected = {"val_bleu": None, "val_exact_match": 1 / 3, "val_decoded_accuracy": 9 / 10}
    (column,) = set(logs) - {"val_accuracy"}
    assert logs["val_accuracy"] == 0.1
    assert column == FIGURES[name].column
    if expected[column] is not None:
        assert logs[column] == expected[column]


def test_each_target_of_a_source_is_an_exact_match():
    pairs = [Pair("tomato", "T EY"), Pair("tomato", "T AA"), Pair("cat", "K AE"), Pair("car", "K AA")]
    assert FIGURES["exact_match"].score(["T AA", "T AA", "K AE", "K"], pairs) == 3 / 4


def test_figures_do_not_share_columns():
    assert len({figure.column for figure in FIGURES.values()} | {"val_accuracy"}) == len(FIGURES) + 1


def test_pairs_that_cannot_be_decoded_take_no_part(config, caplog):
    source, target = Tokenizer.train(["MAKVI"], CHAR), Tokenizer.train(["HEC"], CHAR)
    pairs = [Pair("MA" * 20, "CH" * 20), *VALID, Pair("MA", "HEC")]
    with caplog.at_level(logging.WARNING):
        assert validation_pairs(pairs, source, target, config) == VALID
    assert "2 validation pairs" in caplog.text
    assert validation_pairs(pairs, source, target, with_selection(config, "bleu")) == [*VALID, pairs[-1]]
    few = replace(config, training=replace(config.training, bleu_sentences=2))
    assert validation_pairs(pairs, source, target, few) == VALID[:2]
    with pytest.raises(ValueError, match="no validation pair to select by accuracy: of 1, all are longer than"):
        validation_pairs(pairs[:1], source, target, config)
