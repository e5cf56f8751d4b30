"""Where a long text is cut: in one place, counted in code points, in every form of a tokeniser."""

import pytest
import tensorflow as tf

from keras_s2s.config import TokenizerConfig
from keras_s2s.data.graph_tokenizer import GraphTokenizer
from keras_s2s.data.source_limit import limited_ids, read_sources
from keras_s2s.data.tokenizer import CHARACTERS_A_TOKEN, EOS, UNKNOWN, Tokenizer

LIMIT = 4
MOST = CHARACTERS_A_TOKEN * LIMIT


@pytest.fixture(scope="module")
def tokenizer():
    return Tokenizer.train(["let's go", "to go"], TokenizerConfig(kind="word", vocabulary_size=20))


@pytest.mark.parametrize("filler", [" ", "é", "漢", "😀"], ids=["1 byte", "2 bytes", "3 bytes", "4 bytes"])
def test_both_forms_cut_at_the_same_character(tokenizer, filler):
    (go,) = tokenizer.encode(["go"])[0][:-1]
    whole, first, none = (filler * (MOST - n - 1) + " go" for n in (2, 1, 0))
    texts = [whole, whole + "go", first, none, filler * (MOST + 9)]
    rows = tokenizer.encode(texts, LIMIT)
    start = [] if filler == " " else [UNKNOWN]
    assert rows[:2] == [[*start, go, EOS]] * 2
    assert rows[2] == [UNKNOWN, EOS]  # "g", which joins the unknown characters before it
    assert rows[3:] == [[*start, EOS]] * 2
    ids, lengths = GraphTokenizer(tokenizer).encode(tf.constant(texts), LIMIT)
    assert [row[:n] for row, n in zip(ids.numpy().tolist(), lengths.numpy().tolist(), strict=True)] == rows


def test_without_a_limit_nothing_is_cut(tokenizer):
    assert len(tokenizer.encode(["go " * 5000])[0]) == 5001


def test_what_is_too_long(tokenizer):
    texts = ["go", "go go go", "go go go go", " " * (MOST - 2) + "go", " " * (MOST - 1) + "go"]
    found = read_sources(tokenizer, texts, LIMIT)
    assert [source.ids for source in found] == tokenizer.encode(texts, LIMIT)
    fits, full, tokens, edge, characters = (source.excess for source in found)
    assert fits is full is edge is None
    assert tokens == "the source has 5 tokens, max_source_length is 4: 'go go go go'"
    assert characters.startswith("the source has 257 characters, max_source_length = 4 reads 256: '   ")


def test_it_is_told_or_refused(tokenizer):
    text = " " * MOST + "go"
    with pytest.warns(UserWarning, match="258 characters.*its end was cut off") as caught:
        assert limited_ids(tokenizer, ["go", text], LIMIT, "truncate", stacklevel=2)[1] == [EOS]
    assert [warning.filename for warning in caught] == [__file__]
    with pytest.raises(ValueError, match=r"258 characters, .*; split the text, or train a model with a larger limit"):
        limited_ids(tokenizer, ["go", text], LIMIT, "error", stacklevel=2)
