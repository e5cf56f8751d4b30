"""The demo's model, what it has learned, and the same answers on the device as in Keras; the size of a large one."""

from importlib.resources import as_file, files

import pytest

from keras_s2s import ModelConfig, SearchConfig, Seq2Seq, TokenizerConfig, export_tflite, load_dataset, train
from keras_s2s.config import load_config
from keras_s2s.deploy.agreement import sample_texts
from keras_s2s.deploy.device.vectors import AWKWARD
from keras_s2s.deploy.verification.exports import DeviceExport
from keras_s2s.deploy.verification.verify import Verification

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1800),
    pytest.mark.xdist_group("parity"),  # they share a model that trains for minutes
    pytest.mark.filterwarnings("ignore:the source has"),
]

# The least share of sentences that are answered alike, greedy and beam.
LEAST = {"float16": 0.995, "int8": 0.92}
MOST_BLEU_LOST = 0.3
SENTENCES = 2000
LEAST_EXACT = 0.95


@pytest.fixture(scope="module")
def splits():
    return load_dataset("phrasebook-en-es")


@pytest.fixture(scope="module")
def phrasebook(splits):
    """The phrasebook's sentences that no training has seen."""
    return [*splits.test, *splits.valid]


@pytest.fixture(scope="module")
def learned(tmp_path_factory):
    """The demo's model, by its own recipe: minutes."""
    changes = {"training.tensorboard": False, "training.samples": 0}
    with as_file(files("keras_s2s.cli") / "demo.toml") as path:
        return train(load_config(path, changes), tmp_path_factory.mktemp("learned"))


@pytest.fixture(scope="module")
def sentences(learned, phrasebook):
    return Verification(learned, [pair.source for pair in phrasebook], [pair.target for pair in phrasebook])


def test_the_demos_recipe_learns_its_task(learned, splits):
    """What `make demo` promises."""
    test = list(splits.test)
    answers = learned.translate([pair.source for pair in test])
    right = sum(answer == pair.target for answer, pair in zip(answers, test, strict=True))
    assert right >= LEAST_EXACT * len(test), f"{right} of {len(test)}"
    assert learned.translate(["Let's go!", "let's go"]) == ["¡Vamos!", "vamos"]


def exported(model, folder, quantize):
    return DeviceExport(export_tflite(model, folder / "model.tflite", quantize=quantize), model)


def test_float32_is_identical_but_for_ties(learned, sentences, tmp_path):
    export = exported(learned, tmp_path, None)
    others = Verification(learned, [*AWKWARD, *sample_texts(learned, count=500)])
    comparisons = {SENTENCES: list(sentences.compare(export)), 500: list(others.compare(export))}
    for least, compared in comparisons.items():
        for comparison in compared:
            assert comparison.texts >= least
            assert comparison.faults == 0, comparison.differences
            assert comparison.share > 0.995


@pytest.mark.parametrize("quantize", ["float16", "int8"])
def test_quantised_files_answer_nearly_always_alike(learned, sentences, tmp_path, quantize):
    comparisons = list(sentences.compare(exported(learned, tmp_path, quantize)))
    assert [comparison.search for comparison in comparisons] == ["greedy", "beam"]
    for comparison in comparisons:
        assert comparison.texts >= SENTENCES
        assert comparison.expected_bleu > 80  # the model has learned
        assert comparison.share >= LEAST[quantize]
        assert comparison.bleu > comparison.expected_bleu - MOST_BLEU_LOST


def test_a_large_model_is_a_small_file(tmp_path):
    """2 x 256 units and 8,000 pieces on each side."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    words = [f"{a}{b}{c}" for a in letters for b in letters for c in letters][:7997]
    pairs = [(" ".join(words[i : i + 8]),) * 2 for i in range(0, len(words), 8)]
    pieces = TokenizerConfig(kind="word", vocabulary_size=8000)
    config = ModelConfig(source_tokenizer=pieces, target_tokenizer=pieces, units=256, layers=2)
    model = Seq2Seq.from_pairs(pairs, config, search=SearchConfig(max_length=12))
    assert len(model.source_tokenizer) == len(model.target_tokenizer) == 8000
    path = export_tflite(model, tmp_path / "large.tflite", quantize="int8")
    assert path.stat().st_size <= 9_500_000
