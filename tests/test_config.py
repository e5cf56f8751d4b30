"""Configurations read and write TOML, and say what is wrong with a bad one."""

import pytest

from keras_s2s.config import RunConfig, SearchConfig, TrainingConfig, dump_config, from_dict, load_config


def test_toml_round_trip(tmp_path):
    config = RunConfig(search=SearchConfig(method="beam", beam_size=7), training=TrainingConfig(epochs=3, seed=5))
    path = tmp_path / "run.toml"
    path.write_text(dump_config(config))
    assert load_config(path) == config


def test_missing_keys_keep_their_defaults_and_integers_pass_for_floats(tmp_path):
    path = tmp_path / "run.toml"
    path.write_text("[training]\nlearning_rate = 1\n")
    config = load_config(path)
    assert config.training.learning_rate == 1.0
    assert config.model == RunConfig().model


def test_overrides_replace_the_file(tmp_path):
    path = tmp_path / "run.toml"
    path.write_text("[training]\nepochs = 9\n")
    config = load_config(path, {"training.epochs": 2, "model.source_tokenizer.kind": "char"})
    assert config.training.epochs == 2
    assert config.model.source_tokenizer.kind == "char"
    with pytest.raises(ValueError, match="epochs is a value, not a table"):
        load_config(path, {"training.epochs.x": 2})


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"model": {"unit": 3}}, "unknown key 'model.unit', did you mean 'units'"),
        ({"modle": {}}, "unknown key 'modle', did you mean 'model'"),
        ({"model": {"xyzzy": 1}}, "unknown key 'model.xyzzy'; valid: source_tokenizer"),
        ({"training": {"epochs": "3"}}, "training.epochs: .*integer, got '3'"),
        ({"training": {"epochs": 0}}, "training.epochs: .*greater than 0, got 0"),
        ({"search": {"method": "beem"}}, "'greedy', 'beam' or 'sample', got 'beem'"),
        ({"model": 3}, "model: .*object, got 3"),
        ({"data": {"name": "a", "train": "b"}}, "exclude each other"),
        ({"model": {"attention_window": 3}}, "set attention to 'dot', 'general' or 'additive' too"),
        (
            {"model": {"attention": "dot", "attention_window": 3, "reverse_source": True}},
            "attention_window follows the source from its beginning",
        ),
        ({"model": {"bidirectional": True, "units": 7}}, "must be even; got units = 7"),
        ({"model": {"tie_embeddings": True, "units": 8, "embedding": 4}}, "of one width; got 4 and 8"),
        ({"data": {"valid": "b"}}, "need train beside them"),
        ({"training": {"select_by": "accuracy"}}, "set search.match_length = true, or select by 'bleu'"),
    ],
)
def test_bad_values(values, message):
    with pytest.raises(ValueError, match=message):
        from_dict(RunConfig, values)


def test_every_fault_is_named_at_once():
    with pytest.raises(ValueError, match="epochs") as caught:
        from_dict(RunConfig, {"training": {"epochs": 0, "sead": 1}, "model": {"layers": -1}})
    assert all(word in str(caught.value) for word in ("epochs", "'seed'", "layers"))


def test_bad_files(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such configuration"):
        load_config(tmp_path / "absent.toml")
    (tmp_path / "bad.toml").write_text("[training\n")
    with pytest.raises(ValueError, match="not a TOML file"):
        load_config(tmp_path / "bad.toml")
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match="not a TOML file"):
        load_config(tmp_path / "bytes.toml")


def test_shipped_configurations_are_valid(pytestconfig):
    root = pytestconfig.rootpath
    shipped = [*(root / "configs").iterdir(), root / "keras_s2s" / "cli" / "demo.toml"]
    assert len(shipped) > 4
    for path in shipped:
        load_config(path)
