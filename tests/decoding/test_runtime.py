"""Searches over many texts: what is drawn for a text goes by its place among all; one graph for each vocabulary."""

from dataclasses import replace

import pytest

from keras_s2s.config import ModelConfig, SearchConfig, TokenizerConfig
from keras_s2s.data.corpus import Pair
from keras_s2s.decoding import runtime
from keras_s2s.evaluation.report import describe_search, evaluate
from keras_s2s.seq2seq import Seq2Seq

SEARCH = SearchConfig(method="sample", seed=5)


@pytest.fixture(scope="module")
def model(make_model):
    return make_model()


def test_parts_of_a_list_draw_as_the_whole_list(model):
    texts = ["let's go"] * 12
    whole = model.translate(texts, SEARCH)
    assert len(set(whole)) > 1
    parts = [
        answer for begin in range(0, 12, 5) for answer in model.translate(texts[begin : begin + 5], SEARCH, place=begin)
    ]
    assert parts == whole

    pairs = [Pair(text, answer) for text, answer in zip(texts, whole, strict=True)]
    model.search = SEARCH
    assert evaluate(model, pairs, batch_size=5).exact_match == 1

    def draws(texts, **options):
        return [{draw.text for draw in found} for found in model.n_best(texts, 3, SEARCH, **options)]

    assert draws(texts)[6:] == draws(texts[6:], place=6) != draws(texts[6:])


def test_one_answer_takes_one_draw(model, monkeypatch):
    drawn = []
    noise = runtime._noise
    monkeypatch.setattr(runtime, "_noise", lambda *given: drawn.append(noise(*given)) or drawn[-1])
    answers = model.translate(["let's go", "to eat"], replace(SEARCH, beam_size=6))
    assert drawn[-1].shape[:2] == (2, 1)
    assert answers == model.translate(["let's go", "to eat"], replace(SEARCH, beam_size=1))
    model.n_best(["let's go"], search=replace(SEARCH, beam_size=6))
    assert drawn[-1].shape[:2] == (1, 6)


@pytest.mark.parametrize(
    "search",
    [
        SearchConfig(),
        SearchConfig(method="beam"),
        SearchConfig(method="sample"),
        SearchConfig(match_length=True),
        SearchConfig(no_repeat_ngram=2),
        SearchConfig(copy_unknown=True),
    ],
    ids=describe_search,
)
def test_models_of_one_configuration_and_other_vocabularies(search):
    """As of any two files that `build` made with tokenisers of characters or words."""
    words = TokenizerConfig(kind="word", vocabulary_size=50)
    config = ModelConfig(source_tokenizer=words, target_tokenizer=words, units=8, embedding=4, attention="dot")
    for text in ("one two", "one two three four", "one two three four five six"):
        model = Seq2Seq.from_pairs([Pair(text, text)], config)
        assert len(model.translate(["one two"], search)) == 1


@pytest.mark.parametrize("batch_size", [0, -1])
def test_batches_of_no_text(model, batch_size):
    with pytest.raises(ValueError, match=f"batch_size is {batch_size}: expected at least 1"):
        model.translate(["let's go"], batch_size=batch_size)
