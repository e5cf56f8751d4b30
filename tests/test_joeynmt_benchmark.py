"""What `benchmarks/joeynmt.py` does by itself: data, configuration, sizes and figures; JoeyNMT is not needed."""

import importlib.util
from dataclasses import replace
from pathlib import Path

import pytest

from keras_s2s.config import ModelConfig, TokenizerConfig, load_config
from keras_s2s.data.corpus import Pair
from keras_s2s.data.tokenizer import Tokenizer
from keras_s2s.seq2seq import Seq2Seq

ROOT = Path(__file__).parents[1]
WORDS = TokenizerConfig(kind="word", vocabulary_size=50)
# Two lines of a log that JoeyNMT 2.3.0 wrote, and one of another kind.
LOG = """
2026-11-23 14:42:34,639 - INFO - joeynmt.model - Total params: 2734336
2026-11-23 14:45:00,101 - INFO - joeynmt.training - Epoch   1, Step:       15, Batch Loss:     4.8, Tokens per Sec:  90
2026-11-23 14:45:10,102 - INFO - joeynmt.training - Epoch   1, total training loss: 76.40, num. of seqs: 400, \
num. of tokens: 9000, 60.5000[sec]
2026-11-23 14:46:10,103 - INFO - joeynmt.training - Epoch   2, total training loss: 66.40, num. of seqs: 400, \
num. of tokens: 9000, 59.5000[sec]
"""


@pytest.fixture(scope="module")
def joeynmt():
    """The script as a module."""
    spec = importlib.util.spec_from_file_location("benchmark_joeynmt", ROOT / "benchmarks" / "joeynmt.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def recipe():
    return load_config(ROOT / "configs" / "attention.toml")


@pytest.fixture(scope="module")
def tokenizer(phrases):
    return Tokenizer.train([pair.target for pair in phrases], WORDS)


def test_texts_come_back_from_the_words_that_joeynmt_reads(joeynmt, tokenizer, phrases, tmp_path):
    texts = [pair.target for pair in phrases]
    joeynmt.write_side(tmp_path / "rows", tokenizer.encode([*texts, ""]))
    lines = (tmp_path / "rows").read_text().splitlines()
    assert all(word.isdecimal() for line in lines for word in line.split())
    assert lines[-1] == "2"  # nothing is unknown to JoeyNMT, which takes no empty line
    (tmp_path / "outputs").write_text("\n".join([*lines[:-1], "<unk>"]) + "\n")
    assert joeynmt.read_outputs(tmp_path / "outputs", tokenizer) == [*texts, ""]


def test_parameters_are_counted_as_joeynmt_counts_them(joeynmt, recipe):
    assert joeynmt.peer_parameters(joeynmt.peer_model(recipe, 144), 200, 200) == 2_734_336


@pytest.mark.parametrize("changes", [{}, {"tie_embeddings": False, "layers": 3, "decoder_layers": 1}])
def test_the_peer_is_as_large_as_our_model(joeynmt, recipe, phrases, changes):
    model: ModelConfig = replace(recipe.model, source_tokenizer=WORDS, target_tokenizer=WORDS, **changes)
    ours = Seq2Seq.from_pairs(phrases, model)
    sizes = len(ours.source_tokenizer), len(ours.target_tokenizer)
    peer = joeynmt.as_large_as(ours.count_params(), replace(recipe, model=model), *sizes)
    assert joeynmt.peer_parameters(peer, *sizes) == pytest.approx(ours.count_params(), rel=0.02)


def test_the_peer_is_configured_as_our_recipe(joeynmt, recipe):
    config = joeynmt.peer_config(recipe, joeynmt.peer_model(recipe, 128), pairs=1001, rows=100, learning_rate=1e-3)
    training, testing = config["training"], config["testing"]
    assert training["validation_freq"] == training["logging_freq"] == 11
    assert training["learning_rate"] * training["decrease_factor"] == pytest.approx(1e-3)
    assert (training["epochs"], training["label_smoothing"]) == (12, 0.1)
    assert (testing["beam_size"], testing["beam_alpha"], testing["max_output_length"]) == (5, 1.0, 64)
    for side in ("encoder", "decoder"):
        part = config["model"][side]
        assert (part["rnn_type"], part["num_layers"], part["dropout"]) == ("lstm", 2, 0.2)
        assert part["embeddings"] == {"embedding_dim": 256, "dropout": 0.2}


def test_a_folder_keeps_to_one_configuration_and_knows_what_is_done(joeynmt, recipe, tokenizer, tmp_path):
    config = joeynmt.peer_config(recipe, joeynmt.peer_model(recipe, 128), pairs=1001, rows=100, learning_rate=1e-3)
    peer = joeynmt.Peer(Path("python"), tmp_path, config, tokenizer)
    for step in (22, 11, 110):
        (peer.run / f"{step}.hyps").touch()
    (peer.run / "train.log").write_text(LOG)
    again = joeynmt.Peer(Path("python"), tmp_path, config, tokenizer)
    assert again.steps() == [11, 22, 110]
    assert again.figures() == (2_734_336, 18_000, 120.0)
    with pytest.raises(SystemExit, match="another configuration"):
        joeynmt.Peer(Path("python"), tmp_path, config | {"random_seed": 7}, tokenizer)


def test_the_report_says_by_how_much_ours_is_ahead(joeynmt, capsys):
    pairs = [Pair("a", "the cat sat on the mat"), Pair("b", "the dog lay on the rug")]
    right, wrong = [pair.target for pair in pairs], ["the cat sat on a mat", "the dog lay on the floor"]
    ours = joeynmt.Contestant("keras_s2s", 4_000_000, 12, 12_000, 4.0, {"valid": right})
    theirs = joeynmt.Contestant("JoeyNMT", 4_100_000, 12, 12_000, 120.0, {"valid": wrong})
    ahead = joeynmt.report([ours, theirs], {"valid": pairs})
    printed = capsys.readouterr().out.splitlines()
    assert [line.split() for line in printed[1:5]] == [
        ["parameters", "4,000,000", "4,100,000"],
        ["epochs", "12", "12"],
        ["target", "tokens/s", "3,000", "100"],
        ["minutes", "of", "training", "0.1", "2.0"],
    ]
    assert printed[5].split()[:3] == ["valid", "BLEU", "100.00"]
    assert ahead == pytest.approx(100 - float(printed[5].split()[3]), abs=0.01)
    assert sum("version:" in line for line in printed) == 2
