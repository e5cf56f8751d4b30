"""Tokenisers: reserved ids, limits, the in-graph form, and errors."""

import pytest
import tensorflow as tf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from keras_s2s.config import TokenizerConfig
from keras_s2s.data.graph_tokenizer import GraphTokenizer
from keras_s2s.data.phrasebook import load_phrasebook
from keras_s2s.data.tokenizer import EOS, PAD, UNKNOWN, Tokenizer

AWKWARD = [
    "",
    " ",
    "¡Vamos!",
    "  dos   espacios  ",
    "tab\tand\u00a0no-break\u3000ideographic",
    "línea\nnueva\r\n",
    "e\u0301 = é, ﬁ ½ …",
    "😀 hola 👩‍👩‍👧 mundo",
    "日本語 кошка עברית",
    "<s> </s> <unk> <pad>",
    "▁bajo▁",
    "\u2047 \u2047",
    "nul\0byte",
    "\u200b\ufeff",
    "x" * 3000,
]


@pytest.fixture(scope="module")
def spanish():
    return [pair.target for pair in list(load_phrasebook().train)[:3000]]


@pytest.fixture(scope="module", params=["unigram", "char", "word"])
def tokenizer(request, spanish):
    return Tokenizer.train(spanish, TokenizerConfig(kind=request.param, vocabulary_size=300))


def test_reserved_ids(tokenizer, spanish):
    rows = tokenizer.encode(spanish[:50])
    assert all(row[-1] == EOS and EOS not in row[:-1] and PAD not in row for row in rows)
    assert tokenizer.encode([""]) == [[EOS]]
    assert UNKNOWN in tokenizer.encode(["日本"])[0]


def test_seen_text_survives(spanish):
    tokenizer = Tokenizer.train(spanish, TokenizerConfig(vocabulary_size=300))
    assert tokenizer.decode(tokenizer.encode(spanish[:200])) == spanish[:200]


def test_numbers_are_split_where_that_is_asked_for(spanish):
    numbers = [f"{text} 2024 1999" for text in spanish]
    whole, split = (
        Tokenizer.train(numbers, TokenizerConfig(vocabulary_size=300, split_digits=s)) for s in (False, True)
    )
    assert "2024" in "".join(whole.pieces(whole.encode(["en 2024"])[0])).split("\u2581")
    pieces = split.pieces(split.encode(["en 2024, 129"])[0])
    assert [piece for piece in pieces if any(map(str.isdigit, piece))] == [*"2024129"]


def test_the_limit_keeps_eos(tokenizer, spanish):
    [whole], [cut] = tokenizer.encode(spanish[:1]), tokenizer.encode(spanish[:1], limit=3)
    assert cut == [*whole[:2], EOS]


def test_decoding_stops_at_eos(tokenizer, spanish):
    [row] = tokenizer.encode(spanish[:1])
    assert tokenizer.decode([[*row, *row]]) == tokenizer.decode([row])
    assert tokenizer.pieces([*row, *row]) == tokenizer.pieces(row)


def assert_graph_agrees(tokenizer, graph, texts, limit=40):
    ids, lengths = graph.encode(tf.constant(texts), limit)
    expected = tokenizer.encode(texts, limit)
    assert [row[:n].tolist() for row, n in zip(ids.numpy(), lengths.numpy(), strict=True)] == expected
    assert all((row[n:] == PAD).all() for row, n in zip(ids.numpy(), lengths.numpy(), strict=True))
    assert [text.decode() for text in graph.decode(ids).numpy()] == tokenizer.decode(expected)
    pieces = [text.decode() for text in graph.pieces(ids).numpy()]
    assert [tuple(joined.split(" ")) if joined else () for joined in pieces] == [*map(tokenizer.pieces, expected)]


def test_graph_form_is_equal_on_awkward_text(tokenizer):
    assert_graph_agrees(tokenizer, GraphTokenizer(tokenizer), AWKWARD)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(st.text(max_size=60), min_size=1, max_size=8))
def test_graph_form_is_equal_on_any_text(tokenizer, texts):
    assert_graph_agrees(tokenizer, GraphTokenizer(tokenizer), texts)


def test_lowercase_folds_in_both_forms(spanish):
    tokenizer = Tokenizer.train(spanish, TokenizerConfig(vocabulary_size=300, lowercase=True))
    assert tokenizer.encode(["¡VAMOS!"]) == tokenizer.encode(["¡vamos!"])
    assert_graph_agrees(tokenizer, GraphTokenizer(tokenizer), ["¡VAMOS!", "Él", "ẞ"])


def test_training_is_deterministic(spanish):
    config = TokenizerConfig(vocabulary_size=300)
    assert Tokenizer.train(spanish, config) == Tokenizer.train(iter(spanish), config)


@pytest.mark.parametrize("kind", ["unigram", "char", "word"])
def test_rare_characters_are_unknown_where_less_than_all_is_to_be_covered(spanish, kind):
    texts = [*spanish, "ñandú 日 ñandú"]
    whole, most = (
        Tokenizer.train(texts, TokenizerConfig(kind=kind, vocabulary_size=2000, character_coverage=coverage))
        if kind != "unigram"
        else Tokenizer.train(texts, TokenizerConfig(vocabulary_size=300, character_coverage=coverage))
        for coverage in (1.0, 0.999)
    )
    assert UNKNOWN not in whole.encode(["日"])[0]
    assert UNKNOWN in most.encode(["日"])[0]
    assert UNKNOWN not in most.encode(["agua"])[0]
    assert_graph_agrees(most, GraphTokenizer(most), ["agua 日 agua", *AWKWARD])


def test_spellings_get_no_space():
    tokenizer = Tokenizer.train(["MKVL", "LLAG"], TokenizerConfig(kind="char"))
    assert len(tokenizer.encode(["MKVLA"])[0]) == len("MKVLA") + 1
    assert tokenizer.decode(tokenizer.encode(["MKVLA"])) == ["MKVLA"]


@pytest.mark.parametrize(
    ("texts", "size", "message"),
    [
        ([], 100, "no text to learn"),
        (["", " "], 100, "no text to learn"),
        (["hola mundo"], 4000, r"vocabulary_size=4000 is more than .* at most \d+"),
        (["abcdefghijklmnopqrstuvwxyz"], 8, r"vocabulary_size=8 is too small for the \d+ characters"),
    ],
)
def test_training_errors(texts, size, message):
    with pytest.raises(ValueError, match=message):
        Tokenizer.train(texts, TokenizerConfig(vocabulary_size=size))


def test_foreign_models_are_refused(tmp_path):
    with pytest.raises(ValueError, match="not a SentencePiece model"):
        Tokenizer(b"hello")
    import sentencepiece

    prefix = tmp_path / "foreign"
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["a b c d"]), model_prefix=str(prefix), vocab_size=8, minloglevel=2
    )
    with pytest.raises(ValueError, match="expected \\(0, 1, 2\\)"):
        Tokenizer.from_file(f"{prefix}.model")
