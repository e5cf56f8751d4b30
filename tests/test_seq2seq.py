"""The public class: translating, saving, loading, compiling, and what it says of bad input."""

import os
import subprocess
import sys
import zipfile
from dataclasses import replace

import keras
import numpy as np
import pytest

from keras_s2s.config import SearchConfig
from keras_s2s.data.phrasebook import load_phrasebook
from keras_s2s.data.splits import split_pairs
from keras_s2s.model.losses import SmoothedCrossentropy
from keras_s2s.seq2seq import Seq2Seq, load
from keras_s2s.training.callbacks import ValidationFigure
from keras_s2s.training.selection import FIGURES
from keras_s2s.translation import Hypothesis, Translator

SEARCHES = [SearchConfig(), SearchConfig(method="beam"), SearchConfig(method="sample", seed=3, temperature=2.0)]
ODD = ["", " ", "let's", "go go go", "日本語", "😀", "let's go", "eat to sleep now", "to", "now sleep"]


def test_it_learns_the_phrases(trained, phrases):
    assert isinstance(trained, Translator)
    assert trained.translate([pair.source for pair in phrases]) == [pair.target for pair in phrases]
    assert trained.translate(["let's go"], SearchConfig(method="beam")) == ["vamos"]


@pytest.mark.parametrize("search", SEARCHES, ids=lambda s: s.method)
def test_empty_texts_have_empty_translations(trained, search):
    assert trained.translate(["", "  ", "\u200b"], search) == ["", "", ""]
    [hypotheses] = trained.n_best([""], 3, search)
    # Three draws of nothing are three; a search finds the one empty output once.
    assert hypotheses == [Hypothesis("", (), 0.0)] * (3 if search.method == "sample" else 1)
    assert trained.translate([], search) == []


@pytest.mark.parametrize("search", SEARCHES[:2], ids=lambda s: s.method)
def test_a_batch_equals_its_sentences_one_by_one(make_model, search, architecture):
    model = make_model(**architecture, spread=2.5)
    texts = ODD + [f"{a} {b} {c}" for a in ("let's", "to") for b in ("go", "eat", "sleep") for c in ("now", "to")]
    together = model.n_best(texts, search=search)
    answers = {tuple(h.text for h in hypotheses) for hypotheses in together}
    assert len(answers) > 3  # the model does tell sources apart
    for text, hypotheses in zip(texts, together, strict=True):
        [alone] = model.n_best([text], search=search, batch_size=1)
        assert [h.tokens for h in alone] == [h.tokens for h in hypotheses]
        assert [h.log_prob for h in alone] == pytest.approx([h.log_prob for h in hypotheses], abs=1e-4)
    assert model.translate(texts, search, batch_size=3) == model.translate(texts, search, batch_size=100)


def test_the_output_never_passes_the_limit(make_model):
    model = make_model(spread=2.5)
    bias = model.get_layer("decoder_output").bias
    bias.assign(np.where(np.arange(bias.shape[0]) == 1, -100.0, bias.numpy()))  # never <EOS>
    for search in SEARCHES:
        assert all(len(h.tokens) == 8 for [h, *_] in model.n_best(ODD[3:], 1, search))
        short = replace(search, max_length=3)
        assert all(len(h.tokens) == 3 for [h, *_] in model.n_best(ODD[3:], 1, short))


def test_n_best_is_ranked_and_as_many_as_asked(trained):
    [hypotheses] = trained.n_best(["let's eat"], 3)
    assert hypotheses[0].text == "comamos"
    assert len(hypotheses) == len({h.tokens for h in hypotheses}) == 3
    assert hypotheses[0].log_prob > hypotheses[1].log_prob
    assert len(trained.n_best(["let's eat"], 6)[0]) == 6
    assert len(trained.n_best(["let's eat"])[0]) == 4


def test_samples_are_ranked_too(trained):
    search = SearchConfig(method="sample", temperature=5.0, beam_size=6)
    [hypotheses] = trained.n_best(["let's eat"], search=search)
    scores = [h.log_prob for h in hypotheses]
    assert len(scores) == 6
    assert scores == sorted(scores, reverse=True)


def test_log_prob_is_the_models(trained):
    """The score of a hypothesis equals the teacher-forced probability of its tokens and `<EOS>`."""
    [[hypothesis]] = trained.n_best(["to eat"], 1)
    [source], [ids] = trained.source_tokenizer.encode(["to eat"]), trained.target_tokenizer.encode([hypothesis.text])
    x = {"source": np.array([source], "int32"), "target": np.array([[1, *ids[:-1]]], "int32")}
    logits = trained.predict(x, verbose=0)[0].astype("float64")
    log_probs = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    assert hypothesis.log_prob == pytest.approx(log_probs[range(len(ids)), ids].sum(), abs=1e-4)


def test_samples_depend_on_the_seed_alone(trained):
    hot = SearchConfig(method="sample", temperature=5.0, seed=1)
    texts = ["let's go"] * 20
    assert trained.translate(texts, hot) == trained.translate(texts, hot, batch_size=3)
    assert trained.translate(texts, hot) != trained.translate(texts, replace(hot, seed=2))
    assert len(set(trained.translate(texts, hot))) > 1


def test_long_sources_are_cut_with_a_warning_or_refused(make_model):
    text = "let's go to sleep now to eat let's go now"
    with pytest.warns(UserWarning, match="the source has 11 tokens, max_source_length is 10"):
        cut = make_model(spread=2.5).translate([text])
    assert cut == make_model(spread=2.5).translate([text.removesuffix(" now")])
    with pytest.raises(ValueError, match="11 tokens, max_source_length is 10"):
        make_model(overlong="error").translate([text])


def test_a_single_text_is_no_list(trained):
    with pytest.raises(ValueError, match="expected a list of texts, got the text"):
        trained.translate("let's go")


def test_save_and_load(trained, tmp_path, phrases):
    path = tmp_path / "model.keras"
    trained.search = SearchConfig(method="beam", beam_size=3)
    trained.save(path)
    again = load(path)
    trained.search = SearchConfig()
    assert [p.name for p in tmp_path.iterdir()] == ["model.keras"]
    assert again.search == SearchConfig(method="beam", beam_size=3)
    assert again.config == trained.config
    assert again.source_tokenizer == trained.source_tokenizer
    texts = ODD + [pair.source for pair in phrases]
    for search in SEARCHES:
        assert again.translate(texts, search) == trained.translate(texts, search)
    assert int(again.optimizer.iterations) == int(trained.optimizer.iterations) > 0
    before = again.evaluate(again.batches(phrases), return_dict=True, verbose=0)
    assert before == pytest.approx(trained.evaluate(trained.batches(phrases), return_dict=True, verbose=0))
    again.fit(again.batches(phrases), verbose=0)


@pytest.mark.parametrize(
    "loading",
    [
        "import keras_s2s as s2s; model = s2s.load(path)",
        "import keras; from keras_s2s import Seq2Seq; model = keras.saving.load_model(path, safe_mode=True)",
    ],
)
def test_load_in_a_fresh_process(trained, tmp_path, loading):
    path = tmp_path / "model.keras"
    trained.save(path)
    code = f"path = {str(path)!r}; {loading}; print(model.translate([\"let's go\", 'to eat']))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ)
    assert result.stdout.splitlines()[-1] == "['vamos', 'comer']"


@pytest.mark.parametrize("damage", ["truncated", "text", "empty", "no weights", "bad config"])
def test_damaged_files(trained, tmp_path, damage):
    path = tmp_path / "model.keras"
    trained.save(path)
    if damage == "truncated":
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    elif damage in ("text", "empty"):
        path.write_bytes(b"hello" if damage == "text" else b"")
    else:
        lost = "model.weights.h5" if damage == "no weights" else "config.json"
        with zipfile.ZipFile(path) as archive:
            parts = {name: archive.read(name) for name in archive.namelist()}
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in parts.items():
                archive.writestr(name, b"{}" if name == lost else content)
    with pytest.raises(ValueError, match=r"model\.keras: not a readable \.keras file"):
        load(path)


def test_frozen_layers_translate_as_before(trained, make_model):
    model = make_model(units=32, embedding=16, dropout=0.0)
    model.set_weights(trained.get_weights())
    sources = [source for source, _ in PAIRS]
    expected = model.translate(sources)
    model.get_layer("encoder_embedding").trainable = False
    assert model.translate(sources) == expected
    model.trainable = False
    assert model.translate(sources) == expected


def test_a_model_that_has_diverged_says_so(make_model):
    model = make_model()
    model.set_weights([array * np.nan for array in model.get_weights()])
    for search in (SearchConfig(method="greedy"), SearchConfig(method="beam")):
        with pytest.raises(ValueError, match=r"not numbers \(NaN\): its training has diverged"):
            model.translate(["to go"], search)


def test_wrong_numbers_of_hypotheses_and_pairs_that_can_be_read_once(trained):
    for n in (0, -1):
        with pytest.raises(ValueError, match=f"at least 1; got {n}"):
            trained.n_best(["to go"], n)
    with pytest.raises(ValueError, match=r"read twice, got an iterator: pass list\(pairs\)"):
        Seq2Seq.from_pairs(iter(PAIRS))


def test_other_bad_files(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such model file"):
        load(tmp_path / "absent.keras")
    (tmp_path / "README.md").write_text("# Title", encoding="utf-8")
    with pytest.raises(ValueError, match=r"README.md: expected a .keras file, as `Seq2Seq.save` writes it$"):
        load(tmp_path / "README.md")
    other = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    other.save(tmp_path / "other.keras")
    with pytest.raises(ValueError, match=r"holds a Sequential, expected a keras_s2s\.Seq2Seq"):
        load(tmp_path / "other.keras")


def test_saving_refuses_other_names_and_keeps_the_old_file_on_failure(trained, tmp_path, monkeypatch):
    with pytest.raises(ValueError, match=r"ends in \.keras, got"):
        trained.save(tmp_path / "model.h5")
    path = tmp_path / "model.keras"
    trained.save(path)
    with pytest.raises(ValueError, match="overwrite is False"):
        trained.save(path, overwrite=False)
    good = path.read_bytes()

    def full_disk(*arguments, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("keras.src.saving.saving_lib._save_state", full_disk)
    with pytest.raises(OSError, match="No space left"):
        trained.save(path)
    assert path.read_bytes() == good
    assert [p.name for p in tmp_path.iterdir()] == ["model.keras"]


def test_fit_takes_any_keras_callback_and_argument(make_model, phrases, tmp_path):
    model = make_model()
    loss = SmoothedCrossentropy(0.0)
    model.compile(keras.optimizers.SGD(0.1), loss, weighted_metrics=["sparse_categorical_accuracy"], jit_compile=False)
    path = tmp_path / "best.keras"
    callbacks = [
        keras.callbacks.ModelCheckpoint(path, save_best_only=True),
        keras.callbacks.EarlyStopping(patience=1),
        keras.callbacks.CSVLogger(tmp_path / "log.csv"),
        keras.callbacks.ReduceLROnPlateau(),
    ]
    batches = model.batches(phrases, batch_tokens=16, buckets=2)
    history = model.fit(batches, validation_data=batches, epochs=3, callbacks=callbacks, verbose=0).history
    assert {"loss", "val_loss", "val_sparse_categorical_accuracy"} <= set(history)
    assert type(load(path).optimizer) is keras.optimizers.SGD
    model.fit(batches.as_tf_dataset(), steps_per_epoch=3, verbose=0)


def test_xla_and_plain_training_agree(make_model, phrases):
    def losses(jit_compile):
        model = make_model(dropout=0.0)
        model.compile(jit_compile=jit_compile)
        assert model.jit_compile is jit_compile
        return model.fit(model.batches(phrases, batch_tokens=16, buckets=3), epochs=3, verbose=0).history["loss"]

    assert losses(True) == pytest.approx(losses(False), rel=1e-4)


@pytest.mark.parametrize(
    ("options", "epochs", "compiled"),
    [({}, 2, False), ({}, 3, True), ({"jit_compile": False}, 3, False), ({"run_eagerly": True}, 3, False)],
    ids=["few steps", "many steps", "switched off", "eager"],
)
def test_xla_is_turned_on_where_it_pays(make_model, phrases, monkeypatch, options, epochs, compiled):
    model = make_model()
    model.compile(**options)
    batches = model.batches(phrases, batch_tokens=16, buckets=1)
    monkeypatch.setattr("keras_s2s.data.batches.STEPS_WORTH_COMPILING", 3 * len(batches))
    fitted = []
    monkeypatch.setattr(keras.Model, "fit", lambda self, *_, **options: fitted.append((self.jit_compile, options)))
    model.fit(batches, epochs=epochs, verbose=0)
    assert fitted == [(compiled, {"epochs": epochs, "verbose": 0})]


def test_xla_is_turned_on_between_two_fits(make_model, phrases, monkeypatch):
    model = make_model(dropout=0.0)
    model.compile()
    batches = model.batches(phrases, batch_tokens=64, buckets=1)
    first = model.fit(batches, verbose=0).history
    assert not model.jit_compile
    monkeypatch.setattr("keras_s2s.data.batches.STEPS_WORTH_COMPILING", 1)
    second = model.fit(batches, verbose=0).history
    assert model.jit_compile
    assert second["loss"][0] < first["loss"][0]


def test_the_everyday_greetings_are_in_the_phrasebook():
    train = {(pair.source, pair.target) for pair in load_phrasebook().train}
    assert {("Let's go!", "¡Vamos!"), ("let's go", "vamos")} <= train


@pytest.mark.parametrize("search", SEARCHES, ids=lambda s: s.method)
@pytest.mark.parametrize("options", [{}, {"attention": "general", "attention_window": 1}], ids=["classic", "window"])
def test_outputs_as_long_as_their_sources(make_model, search, options):
    model = make_model(**options, spread=2.5)
    texts = ["let's go", "to", "", "to eat to sleep now", "sleep sleep sleep"]
    found = model.n_best(texts, search=replace(search, match_length=True))
    lengths = [len(ids) - 1 for ids in model.source_tokenizer.encode(texts)]
    assert [{len(h.tokens) for h in hypotheses} for hypotheses in found] == [{n} for n in lengths]


PAIRS = [("let's go", "vamos"), ("to eat now", "comer ahora ir"), ("", ""), ("sleep", ""), ("go to", "xyz ir")]


def teacher_forced(model, source, target):
    """Return the log-probability of a target, the training graph fed with it; `xyz` is unknown and counts too."""
    [source], [ids] = model.source_tokenizer.encode([source]), model.target_tokenizer.encode([target])
    logits = model.predict({"source": np.array([source]), "target": np.array([[1, *ids[:-1]]])}, verbose=0)[0]
    log_probs = logits.astype("float64") - np.log(np.exp(logits.astype("float64")).sum(-1, keepdims=True))
    return log_probs[range(len(ids)), ids].sum()


@pytest.mark.parametrize("options", [{}, {"attention": "general", "bidirectional": True, "tie_embeddings": True}])
def test_a_score_is_that_of_teacher_forcing(make_model, options):
    model = make_model(**options, spread=2.5)
    sources, targets = zip(*PAIRS, strict=True)
    found = model.score(sources, targets)
    expected = [teacher_forced(model, *pair) if pair[0] else 0.0 for pair in PAIRS]
    assert found == pytest.approx(expected, abs=1e-4)
    assert found == pytest.approx([model.score([s], [t])[0] for s, t in PAIRS], abs=1e-4)


def test_a_score_is_the_hypothesis_own(trained):
    hypotheses = trained.n_best(["let's eat"], 4)[0] + trained.n_best([""], 1)[0]
    found = trained.score(["let's eat"] * 4 + [""], [h.text for h in hypotheses])
    assert found == pytest.approx([h.log_prob for h in hypotheses], abs=1e-4)
    assert trained.score([], []) == []
    assert trained.score(["", " "], ["ir", ""]) == [-np.inf, 0.0]


def test_an_answer_that_fills_the_limit_is_scored_as_it_was_found(make_model):
    model = make_model(spread=2.5)
    found = [(text, h) for text, hypotheses in zip(ODD, model.n_best(ODD), strict=True) for h in hypotheses]
    full = [(text, h) for text, h in found if len(h.tokens) == model.config.max_target_length]
    assert full
    scores = model.score([text for text, _ in full], [h.text for _, h in full])
    assert scores == pytest.approx([h.log_prob for _, h in full], abs=1e-4)


@pytest.mark.parametrize("method", ["score", "align"])
def test_pairs_that_are_none(make_model, method):
    pairs_of = getattr(make_model(attention="dot"), method)
    with pytest.raises(ValueError, match="a target for each source, got 2 sources and 1 targets"):
        pairs_of(["to go", "to eat"], ["ir"])
    with pytest.raises(ValueError, match="the target has 9 tokens, max_target_length is 8: 'ir ir"):
        pairs_of(["to go"], ["ir " * 9])
    with pytest.raises(ValueError, match="expected a list of texts, got the text 'ir'"):
        pairs_of(["to go"], "ir")
    with pytest.warns(UserWarning, match="the source has 13 tokens") as caught:
        pairs_of(["to go " * 6], ["ir"])
    assert caught[0].filename == __file__


def test_an_alignment_names_its_tokens(make_model):
    model = make_model(attention="additive", spread=5.0)
    one, other = model.align(["let's go", ""], ["vamos ahora", "ir"])
    assert one.source == (*model.source_tokenizer.pieces(model.source_tokenizer.encode(["let's go"])[0]), "<EOS>")
    assert one.target == ("▁vamos", "▁ahora", "<EOS>")
    assert one.attention.shape == (len(one.target), len(one.source))
    assert one.attention.sum(axis=1) == pytest.approx(1, abs=1e-5)
    assert (other.source, other.attention.tolist()) == (("<EOS>",), [[1.0], [1.0]])
    [full] = model.align(["to go"], ["ir " * 8])
    assert full.target == ("▁ir",) * 8
    assert full.attention.shape == (8, 3)
    with pytest.raises(ValueError, match="this model has none"):
        make_model().align(["let's go"], ["vamos"])


@pytest.mark.parametrize("search", SEARCHES, ids=lambda s: s.method)
def test_answers_begin_as_told(make_model, search):
    model = make_model(spread=2.5)
    texts, prefixes = ["let's go", "to eat", "", "sleep"], ["comer ir", "", "ir", "ahora"]
    answers = model.translate(texts, search, prefixes=prefixes)
    assert all(answer.startswith(prefix) for answer, prefix in zip(answers, prefixes, strict=True) if prefix != "ir")
    assert answers[1:3] == [model.translate(texts, search)[1], ""]
    assert answers == model.translate(texts, search, prefixes=prefixes, batch_size=1)
    best = model.n_best(texts, search=search, prefixes=prefixes)
    assert all(h.tokens[:2] == ("▁comer", "▁ir") for h in best[0])
    assert model.translate(texts, search, prefixes=[""] * 4) == model.translate(texts, search)


@pytest.mark.parametrize(
    ("prefixes", "options", "message"),
    [
        (["ir", "ir"], {}, "a prefix for each text, got 1 texts and 2 prefixes"),
        (["ir " * 8], {}, "the prefix has 8 tokens, the output at most 7: 'ir ir"),
        (["ir " * 3], {"max_length": 3}, "3 tokens, the output at most 2"),
        (["ir " * 3], {"match_length": True}, "3 tokens, the output at most 2"),
        (["ir ☃"], {}, "a character that the target tokeniser does not know: 'ir ☃'"),
        ("ir", {}, "expected a list of texts, got the text 'ir'"),
    ],
)
def test_beginnings_that_are_none(make_model, prefixes, options, message):
    with pytest.raises(ValueError, match=message):
        make_model().translate(["to go"], SearchConfig(**options), prefixes=prefixes)


def test_a_search_that_the_model_has_nothing_for_is_refused_before_training(make_model, phrases):
    model = make_model()
    tokenizers = model.source_tokenizer, model.target_tokenizer
    search = SearchConfig(method="beam", coverage_penalty=0.2)
    with pytest.raises(ValueError, match="this model has none: set coverage_penalty = 0"):
        type(model)(model.config, *tokenizers, search=search)
    attends = replace(model.config, attention="dot")
    assert type(model)(attends, *tokenizers, search=search).search == search


def test_plain_tuples_are_pairs_too(make_model, phrases):
    plain = [tuple(pair)[:2] for pair in phrases]
    model = make_model()
    model.compile(jit_compile=False)
    history = model.fit(
        model.batches(plain, buckets=1), callbacks=[ValidationFigure(FIGURES["bleu"], plain)], verbose=0
    )
    assert "val_bleu" in history.history
    splits = split_pairs(plain, valid=1, test=1, by_target=False)
    assert sorted([*splits.train, *splits.valid, *splits.test]) == sorted(phrases)


OWN_LOSS = """
import sys
import keras
from keras_s2s import Seq2Seq, load

def own(labels, logits):
    return keras.losses.sparse_categorical_crossentropy(labels, logits, from_logits=True)

if sys.argv[2] == "save":
    model = load(sys.argv[1])
    model.compile(loss=own, jit_compile=False)
    model.save(sys.argv[1])
else:
    print(load(sys.argv[1], compile=False).translate(["let's go"]))
    print(load(sys.argv[1], custom_objects={"own": own}).loss.__name__)
    load(sys.argv[1])
"""


def test_a_loss_of_ones_own(trained, tmp_path):
    path = tmp_path / "model.keras"
    trained.save(path)
    save, read = (
        subprocess.run([sys.executable, "-c", OWN_LOSS, path, do], capture_output=True, text=True, check=False)
        for do in ("save", "read")
    )
    assert save.returncode == 0, save.stderr
    assert read.stdout.splitlines() == ["['vamos']", "own"]
    assert "was compiled with something of your own" in read.stderr
    assert "custom_objects" in read.stderr.splitlines()[-1]
