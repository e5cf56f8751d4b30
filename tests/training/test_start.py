"""Fine-tuning: what a run takes from the model that it starts from, and what it says where the two do not fit."""

import io
import json
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from keras_s2s.config import ModelConfig, RunConfig, SearchConfig, load_config
from keras_s2s.data.corpus import Pair, Splits, read_pairs
from keras_s2s.seq2seq import Seq2Seq, load
from keras_s2s.training.start import take_over, warn_of_unknown
from keras_s2s.training.trainer import train


@pytest.fixture
def first(config, tmp_path):
    """A model's file."""
    model = Seq2Seq.from_pairs(read_pairs(config.data.train), config.model, search=config.search)
    model.save(tmp_path / "first.keras")
    return tmp_path / "first.keras"


def going_on(config, first, epochs=1):
    """The configuration of a run that starts from `first` and says no more than it must."""
    training = replace(config.training, start_from=str(first), epochs=epochs, learning_rate=1e-6)
    return RunConfig(data=config.data, training=training)


def run(config, folder):
    return train(config, folder, console=Console(file=io.StringIO()))


def test_weights_tokenisers_model_and_search_are_taken_over(config, first, tmp_path):
    before, after = load(first), run(going_on(config, first), tmp_path / "run")
    assert after.config == before.config == config.model
    assert after.search == before.search == config.search
    assert after.source_tokenizer == before.source_tokenizer
    assert after.target_tokenizer == before.target_tokenizer
    assert (tmp_path / "run" / "target.model").read_bytes() == before.target_tokenizer.model
    for old, new in zip(before.get_weights(), after.get_weights(), strict=True):
        assert new == pytest.approx(old, abs=1e-4)
    assert any(not np.array_equal(*pair) for pair in zip(before.get_weights(), after.get_weights(), strict=True))
    written = load_config(tmp_path / "run" / "config.toml")
    assert written == replace(going_on(config, first), model=config.model, search=config.search)


def test_a_run_goes_on_from_its_own_checkpoint(config, first, tmp_path):
    after = run(going_on(config, first), tmp_path / "run")
    path = tmp_path / "run" / "config.toml"
    path.write_text(path.read_text().replace("epochs = 1", "epochs = 2"))
    Seq2Seq.from_config(after.get_config()).save(first)  # fresh weights, which are not to be taken
    again = run(going_on(config, first, epochs=2), tmp_path / "run")
    progress = tmp_path / "run" / "checkpoints" / "epoch-0002" / "progress.json"
    assert json.loads(progress.read_text())["epoch"] == 2
    for old, new in zip(after.get_weights(), again.get_weights(), strict=True):
        assert new == pytest.approx(old, abs=1e-4)


def test_what_is_said_of_the_search_holds(config, first):
    greedy = replace(going_on(config, first), search=SearchConfig(method="greedy"))
    assert take_over(greedy)[0].search == SearchConfig(method="greedy")
    assert take_over(config) == (config, None)


def test_another_model_is_refused(config, first, tmp_path):
    other = replace(going_on(config, first), model=ModelConfig(units=32))
    with pytest.raises(ValueError, match=r"has another embedding, layers, .*, target_tokenizer, units than was set"):
        run(other, tmp_path / "run")
    assert not (tmp_path / "run").exists()
    with pytest.raises(FileNotFoundError, match=r"absent\.keras"):
        run(going_on(config, tmp_path / "absent.keras"), tmp_path / "run")


def test_text_of_another_kind_is_warned_of(config, first):
    model = load(first)
    known, foreign = Pair("1 2 3", "tres dos uno"), Pair("1 2 3", "tres два один")
    with pytest.warns(UserWarning, match=r"33% of the target tokens are unknown to the model") as told:
        warn_of_unknown(Splits([foreign], [], []), model)
    warn_of_unknown(Splits([known] * 50 + [foreign], [], []), model)  # few are no matter
    assert len(told) == 1
