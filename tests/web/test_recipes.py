"""A model of each recipe in `configs/` on the page, in one browser: it answers as LiteRT does in Python."""

import json

import pytest

from keras_s2s import LiteRTTranslator
from keras_s2s.data.tokenizer import EOS, UNKNOWN

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

# Native and WebAssembly kernels round int8 activations at other places, and a hardly trained model has many near ties.
LEAST_SHARE = {"float32": 1, "float16": 1, "int8": 0.9}


def test_the_page_answers_as_python(recipe, exported, shared_browser, start_server):
    files = sorted(exported(recipe).glob("*.tflite"))
    shared_browser.open(start_server(*files)[1])
    seen = []
    for file in files:
        shared_browser.choose(file.stem)
        seen.append(shared_browser.read()["facts"]["Weights"])
        vectors = json.loads(file.with_suffix(".vectors.json").read_text(encoding="utf-8"))["vectors"][::6]
        method = LiteRTTranslator(file).manifest["search"]["method"]
        different = []
        for vector in vectors:
            shown = shared_browser.type(vector["text"])
            if vector["source"] == [EOS]:
                assert (shown["translation"], shown["source"]) == ("", []), vector
                continue
            assert shown["source"] == vector["source"], vector
            plain = vector["greedy"] if method == "greedy" else vector["beam"][0]
            expected = [token for token in plain["tokens"] if token != EOS], plain["text"]
            if (shown["target"], shown["translation"]) != expected:
                different.append((vector, shown))
        assert len(different) <= (1 - LEAST_SHARE[seen[-1]]) * len(vectors), (len(different), different[:3])
    assert seen == ["float16", "float32", "int8"]
    assert shared_browser.complaints() == []


def test_the_longest_text(recipe, exported, shared_browser, start_server):
    file = exported(recipe) / f"{recipe.stem}_float32.tflite"
    translator = LiteRTTranslator(file)
    limit = translator.manifest["limits"]["max_source_length"]
    vectors = json.loads(file.with_suffix(".vectors.json").read_text(encoding="utf-8"))["vectors"]
    known = [vector for vector in vectors if not vector["overlong"] and UNKNOWN not in vector["source"]]
    text = max(known, key=lambda vector: len(vector["source"]))["text"] * limit
    with pytest.warns(UserWarning, match="its end was cut off"):
        (expected,) = translator.translate([text])
    shared_browser.open(start_server(file)[1])
    shown = shared_browser.type(text)
    assert "its end is not translated" in shown["notice"]
    assert (len(shown["source"]), shown["translation"]) == (limit, expected)
