"""What `benchmarks/options.py` puts in the place of parts of the trainer and of the search."""

import importlib.util
import itertools
from pathlib import Path

import keras
import numpy as np
import pytest

from keras_s2s.config import ModelConfig, SearchConfig, TokenizerConfig
from keras_s2s.data.id_cache import IdCache
from keras_s2s.data.phrasebook import load_phrasebook
from keras_s2s.data.tokenizer import EOS, PAD, Tokenizer
from keras_s2s.seq2seq import Seq2Seq
from keras_s2s.training import trainer


@pytest.fixture(scope="module")
def options():
    """The script as a module."""
    path = Path(__file__).parents[1] / "benchmarks" / "options.py"
    spec = importlib.util.spec_from_file_location("benchmark_options", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_an_ensemble_of_one_model_is_the_model(options, make_model, phrases):
    model, other = (make_model(seed=seed, spread=2.0, attention="general") for seed in (1, 2))
    sources = [pair.source for pair in phrases]
    for search in (SearchConfig(), SearchConfig(method="beam")):
        model.search = search
        alone = model.translate(sources)
        assert options.ensemble([model, model])(sources) == alone
        assert options.ensemble([model, other])(sources) != alone
        assert model.translate(sources) == alone


def test_the_mean_is_of_probabilities(options, make_model):
    """Of two models that are each sure of another word, the surer one is obeyed."""
    models = [make_model(seed=seed, layers=1) for seed in (1, 2)]
    for model, (word, logit) in zip(models, (("vamos", 3.0), ("ir", 5.0)), strict=True):
        bias = np.zeros(len(model.target_tokenizer))
        bias[model.target_tokenizer.encode([word])[0][0]] = logit
        model.get_layer("decoder_output").set_weights([np.zeros((12, len(bias))), bias])
    assert [answer.split()[0] for answer in options.ensemble(models)(["let's go"])] == ["ir"]


def test_models_of_other_pieces_are_refused(options, make_model, phrases):
    model = make_model()
    other = Seq2Seq.from_pairs([(source, target[:4]) for source, target, _ in phrases], model.config)
    with pytest.raises(SystemExit, match="write in different pieces"):
        options.ensemble([model, other])


def test_the_decoder_reads_tokens_of_its_own(options, make_model, phrases, monkeypatch):
    seen = []
    monkeypatch.setattr(options, "SHARE", 1.0)
    monkeypatch.setattr(options, "RAMP", 1e-9)
    monkeypatch.setattr(keras.Model, "train_step", lambda self, data: seen.append(data) or {})
    model = make_model()
    model.compile()
    batches = model.batches(phrases, buckets=1)
    inputs, labels, weights = batches[0]
    data = ({name: keras.ops.convert_to_tensor(ids) for name, ids in inputs.items()}, labels, weights)
    with options.scheduled_sampling():
        model.optimizer.iterations.assign(1)
        model.train_step(data)
    (mixed, same_labels, _), right = seen[0], inputs["target"]
    mixed = np.array(mixed["target"])
    assert same_labels is labels
    assert (mixed[:, 0] == EOS).all()
    assert (mixed[right == PAD] == PAD).all()
    assert (mixed != right).any()
    assert not hasattr(type(model), "train_step") or "train_step" not in vars(type(model))


@pytest.mark.parametrize("sides", [("source", "target"), ("source",)])
def test_pairs_come_in_other_pieces(options, tmp_path, sides):
    phrases = [pair for pair in load_phrasebook().valid if pair.source.isascii()][:40]
    pieces = TokenizerConfig(vocabulary_size=100)
    source, target = (Tokenizer.train([pair[i] for pair in phrases], pieces) for i in (0, 1))
    config = ModelConfig()
    with options.subword_sampling(sides):
        cache = IdCache.build(phrases, source, target, config, tmp_path / "train")
        valid = IdCache.build(phrases, source, target, config, tmp_path / "valid")
        batches = trainer.Batches(cache, batch_tokens=64, buckets=1)
    assert (len(cache), len(valid)) == (options.COPIES * len(phrases), len(phrases))
    assert len(batches) == batches.steps_per_pass // options.COPIES
    for side, tokenizer, column in (("source", source, 0), ("target", target, 1)):
        ids, ends = getattr(cache, side), getattr(cache, f"{side}_offsets")
        rows = [ids[a:b].tolist() for a, b in itertools.pairwise(ends)]
        assert tokenizer.decode(rows) == [pair[column] for pair in phrases] * options.COPIES
        plain = tokenizer.encode([pair[column] for pair in phrases]) * options.COPIES
        assert (rows != plain) == (side in sides)


def test_a_normalised_network_decodes_as_it_was_trained(options, make_model, phrases):
    sources = [pair.source for pair in phrases]
    plain = make_model(spread=2.0, attention="general", bidirectional=True)
    with options.layer_normalization():
        model = make_model(spread=2.0, attention="general", bidirectional=True)
        assert model.count_params() > plain.count_params()
        rows = [hypotheses[0] for hypotheses in model.n_best(sources, search=SearchConfig())]
    logits = model.predict(teacher_forced(model, sources, [row.text for row in rows]), verbose=0)
    assert len({row.text for row in rows}) > 1
    for row, steps in zip(rows, logits, strict=True):
        ids = model.target_tokenizer.encode([row.text])[0][: model.config.max_target_length]
        log_probs = np.array(keras.ops.log_softmax(steps))[np.arange(len(ids)), ids]
        assert log_probs.sum() == pytest.approx(row.log_prob, abs=1e-4)


def teacher_forced(model, sources, answers):
    """The network's inputs for these pairs, a row each, in their order."""
    source = model.source_tokenizer.encode(sources, model.config.max_source_length)
    target = [[EOS, *row[:-1]] for row in model.target_tokenizer.encode(answers)]
    rows = {"source": source, "target": target}
    return {name: keras.utils.pad_sequences(ids, padding="post", value=PAD) for name, ids in rows.items()}


def test_recurrent_dropout_is_of_training_alone(options, make_model, phrases):
    plain = make_model()
    with options.recurrent_dropout():
        model = make_model(dropout=0.0)
    model.set_weights(plain.get_weights())
    inputs = teacher_forced(model, *zip(*((source, target) for source, target, _ in phrases), strict=True))
    first, second = (np.array(model(inputs, training=True)) for _ in range(2))
    assert np.abs(first - second).max() > 1e-3
    assert np.array(model(inputs)) == pytest.approx(np.array(plain(inputs)), abs=1e-6)
