import keras
import numpy as np
import pytest
from keras import ops

from keras_s2s import plots
from keras_s2s.config import SearchConfig
from keras_s2s.decoding.inference import inference_weights
from keras_s2s.decoding.trace import trace
from keras_s2s.evaluation.report import Evaluation, LengthBucket
from keras_s2s.plots.style import THEMES
from keras_s2s.training.selection import FIGURES

SOURCE, TARGET = "let's sleep now", "durmamos ahora"
LOG = {
    "loss": [4.0, 3.0, 2.5],
    "val_loss": [4.1, 3.3, 3.0],
    "val_perplexity": [60.0, 27.0, 20.0],
}
PICTURES = (
    "attention_map",
    "network",
    "memory_activity",
    "context_vectors",
    "beam_tree",
    "training_curves",
    "quality_by_length",
)


def evaluation(*bleu):
    buckets = [LengthBucket(5 * i + 1, 5 * i + 5, 100 - i, score) for i, score in enumerate(bleu)]
    return Evaluation(100, 0, "", 0, "", 0, 1, tuple(buckets), 1, "")


def draw(name, plain, attentive, theme="light", *, source=SOURCE, target=TARGET, last=12.0):
    """Draw a picture by its name, of models whose weights are the same everywhere."""
    match name:
        case "attention_map":
            return plots.attention_map(attentive, source, target, theme=theme)
        case "network":
            return plots.network(plain, source, target, theme=theme)
        case "memory_activity":
            return plots.memory_activity(plain, source, target, layer=2, theme=theme)
        case "context_vectors":
            texts = [source, "let's go", "to go", "to eat", "to sleep"]
            return plots.context_vectors(plain, texts, groups=["let's"] * 2 + ["to"] * 3, theme=theme)
        case "beam_tree":
            return plots.beam_tree(plain, source, SearchConfig(method="beam", beam_size=3), theme=theme)
        case "training_curves":
            return plots.training_curves(LOG | {"val_bleu": [1, 9, last]}, theme=theme)
        case _:
            both = {"greedy": evaluation(30, 20, 11), "beam": evaluation(31, 22, last)}
            return plots.quality_by_length(both, theme=theme)


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("name", PICTURES)
def test_pictures(plain, attentive, looks_like, name, theme):
    assert looks_like(draw(name, plain, attentive, theme), f"{name}_{theme}", keep=True)


@pytest.mark.parametrize("name", PICTURES)
def test_a_real_change_is_seen(plain, attentive, looks_like, name):
    other = draw(name, plain, attentive, source="let's eat now", target="comamos ahora", last=5.0)
    assert not looks_like(other, f"{name}_light")


def test_every_model_can_be_drawn(make_model, architecture):
    model = make_model(**architecture)
    for figure in (plots.network(model, SOURCE, TARGET), plots.memory_activity(model, SOURCE, TARGET)):
        assert figure._repr_png_().startswith(b"\x89PNG")


def test_a_trace_ends_where_the_model_does(make_model, architecture):
    model = make_model(spread=2.0, **architecture)
    (source,), (target,) = model.source_tokenizer.encode([SOURCE]), model.target_tokenizer.encode([TARGET])
    found = trace(inference_weights(model), source, target, model.config)
    top = model.get_layer(f"decoder_lstm_{model.config.decoder_depth}").output
    outputs = keras.Model(model.inputs, top)({"source": np.array([source]), "target": np.array([[1, *target[:-1]]])})
    assert found.decoder[-1].hidden == pytest.approx(ops.convert_to_numpy(outputs)[0], abs=1e-5)
    for side in (*found.encoder, *found.decoder):
        assert ((side.input >= 0) & (side.input <= 1) & (side.forget >= 0) & (side.output <= 1)).all()
        assert side.cell.shape == side.hidden.shape


def test_the_tree_of_a_beam_search(plain):
    search = SearchConfig(method="beam", beam_size=3)
    figure = plots.beam_tree(plain, SOURCE, search)
    texts = [text.get_text() for text in figure.axes[0].texts]
    best = plain.n_best([SOURCE], search=search)[0]
    assert f"{best[0].log_prob:.2f}" in texts
    assert "<EOS>" in texts
    bold = [text.get_text() for text in figure.axes[0].texts if text.get_weight() == "bold"]
    assert [piece for piece in bold if piece not in ("(ended)", "<EOS>")] == [p.strip("▁") for p in best[0].tokens]


def test_context_vectors_tell_texts_apart(plain):
    texts = ["let's go", "to go", "let's eat", "to eat"]
    figure = plots.context_vectors(plain, texts, groups=["let's", "to", "let's", "to"])
    (axes,) = figure.axes
    assert [text.get_text() for text in axes.texts] == texts
    points = np.concatenate([np.asarray(c.get_offsets()) for c in axes.collections])
    assert len({tuple(point) for point in points.round(4)}) == 4
    assert points.mean(axis=0) == pytest.approx([0, 0], abs=1e-6)


def test_texts_of_no_letters_have_a_place_too(plain):
    texts = ["", " ", "\u200b", "let's go"]
    assert [text.get_text() for text in plots.context_vectors(plain, texts).axes[0].texts] == texts


def test_curves_from_a_run(tmp_path):
    (tmp_path / "log.csv").write_text("epoch,loss,val_loss\n1,4.0,4.1\n2,3.0,\n")
    figure = plots.training_curves(tmp_path)
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["Loss"]
    assert [list(line.get_ydata()) for line in figure.axes[0].lines] == [[4.0, 3.0], [4.1]]


@pytest.mark.parametrize("figure", FIGURES.values(), ids=lambda figure: figure.column)
def test_the_figure_that_selects_the_epoch_is_drawn(figure):
    drawn = plots.training_curves({"loss": [2, 1], figure.column: [0.1, 0.4]})
    assert [axes.get_title(loc="left").lower() for axes in drawn.axes] == ["loss", figure.name.lower()]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda m, a: plots.network(m, SOURCE, TARGET, theme="pink"),
            "expected the theme 'light' or 'dark', got 'pink'",
        ),
        (lambda m, a: plots.network(m, "go " * 12, TARGET), "at most 12 tokens a side, got 13"),
        (lambda m, a: plots.attention_map(m, SOURCE, TARGET), "this model has none"),
        (lambda m, a: plots.memory_activity(m, SOURCE, layer=3), "a layer from 1 to 2, got 3"),
        (lambda m, a: plots.memory_activity(m, ""), "has no tokens"),
        (lambda m, a: plots.beam_tree(m, SOURCE, SearchConfig()), "expected a beam search, got the method 'greedy'"),
        (lambda m, a: plots.beam_tree(m, "", SearchConfig(method="beam")), "nothing is searched"),
        (lambda m, a: plots.context_vectors(m, ["a", "b"]), "three or more texts, got 2"),
        (lambda m, a: plots.context_vectors(m, ["a", "b", "c"], groups=["x"]), "a group for each of 3 texts, got 1"),
        (lambda m, a: plots.context_vectors(m, list("abcd"), groups=list("abcd")), "at most three groups, got 4"),
        (lambda m, a: plots.training_curves({"lr": [1]}), r"expected figures such as loss .*, got \['lr'\]"),
        (lambda m, a: plots.quality_by_length({}), "one to three evaluations, got 0"),
        (lambda m, a: plots.quality_by_length({"a": evaluation(1), "b": evaluation(1, 2)}), "of different sentences"),
    ],
)
def test_wrong_calls(plain, attentive, call, message):
    with pytest.raises(ValueError, match=message):
        call(plain, attentive)


def test_a_log_that_is_missing(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such log"):
        plots.training_curves(tmp_path)
