"""Sampling over many texts: what is drawn for a text goes by its place among all, however they are cut up."""

from dataclasses import replace

import pytest

from keras_s2s.config import SearchConfig
from keras_s2s.decoding import runtime

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
