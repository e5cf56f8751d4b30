"""Text with source tokens copied into it: what is copied, where spaces go, and the same in a graph."""

import pytest
import tensorflow as tf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from keras_s2s.config import TokenizerConfig
from keras_s2s.data.graph_tokenizer import GraphTokenizer
from keras_s2s.data.tokenizer import CHARACTERS_A_TOKEN, EOS, SPACE, UNKNOWN, Tokenizer

KINDS = ("word", "unigram", "char")
LIMIT = 10
UNKNOWN_MARK = "\u2047"
TEXTS = ["call the dog now", "the cat and the dog", "now call a friend"] * 9 + ["zephyr quartz"]
WORDS = ("call", "the", "dog", "Zoë", "日本", "語", "R2-D2", "ﬁn", "😀", "e\u0301", UNKNOWN_MARK, "▁", "\u00a0", "q")


@pytest.fixture(scope="module")
def tokenizers():
    """By kind; each has words or characters that it does not know."""
    sizes = {"word": {"vocabulary_size": 10}, "unigram": {"vocabulary_size": 20, "character_coverage": 0.98}}
    sizes["char"] = {"vocabulary_size": 100, "character_coverage": 0.98}
    return {kind: Tokenizer.train(TEXTS, TokenizerConfig(kind=kind, **sizes[kind])) for kind in KINDS}


@pytest.fixture(scope="module")
def graphs(tokenizers):
    return {kind: GraphTokenizer(tokenizer) for kind, tokenizer in tokenizers.items()}


texts = st.lists(st.tuples(st.sampled_from(("", " ")), st.sampled_from(WORDS)), max_size=14).map(
    lambda parts: "".join(space + word for space, word in parts)
)


def copy_all(tokenizer, surfaces):
    return [*range(len(tokenizer), len(tokenizer) + len(surfaces)), EOS]


def test_no_character_becomes_what_an_unknown_token_is_written_as(tokenizers):
    """So that a text can be split at it: it stands in no piece."""
    characters = [chr(i) for i in range(1, 0x110000) if not 0xD800 <= i < 0xE000]
    for tokenizer in tokenizers.values():
        assert tokenizer.decode([[UNKNOWN]]) == [UNKNOWN_MARK]
    whole = tokenizers["unigram"]._processor.Normalize("".join(characters))
    assert len(whole) > 900_000
    assert UNKNOWN_MARK not in whole


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_the_kind_word_that_writes_words(tokenizers, kind):
    assert tokenizers[kind].writes_words == (kind == "word")


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(texts, min_size=1, max_size=4), st.sampled_from(KINDS), st.sampled_from(KINDS), st.randoms())
def test_python_and_graph_agree_and_positions_are_those_of_ids(tokenizers, graphs, sources, read, write, random):
    source, target = tokenizers[read], tokenizers[write]
    surfaces = source.surfaces(sources, LIMIT)
    ids = source.encode(sources, LIMIT)
    assert [len(row) for row in surfaces] == [len(row) - 1 for row in ids]
    in_graph = graphs[read].surfaces(tf.constant(sources), LIMIT)
    assert in_graph.shape[1] == max(map(len, ids))
    decoded = [[surface.decode() for surface in row] for row in in_graph.numpy().tolist()]
    assert [row[: len(wanted)] for row, wanted in zip(decoded, surfaces, strict=True)] == surfaces
    size = len(target)
    rows = [[*random.choices(range(3, size + len(row)), k=6), EOS] for row in surfaces]
    expected = target.decode(rows, surfaces)
    graph = graphs[write]
    assert [text.decode() for text in graph.decode_copies(tf.constant(rows), in_graph).numpy()] == expected
    pieces = [joined.decode() for joined in graph.pieces_with_copies(tf.constant(rows), in_graph).numpy()]
    for row, joined, surface, text in zip(rows, pieces, surfaces, expected, strict=True):
        assert tuple(joined.split(" ")) == target.pieces(row, surface)
        whole = "".join(target.pieces(row, surface)).replace(SPACE, " ")
        assert UNKNOWN_MARK not in text
        if write != "char":  # a spelling keeps the space that it begins with
            assert whole.strip() == text.strip()


def test_a_row_without_copies_is_the_plain_one(tokenizers, graphs):
    for kind, tokenizer in tokenizers.items():
        rows = [[3, 4, 5, EOS], [4, 3, EOS, 5]]
        plain = tokenizer.decode(rows)
        assert tokenizer.decode(rows, [["x"], []]) == plain
        assert tokenizer.decode([], []) == []
        surfaces = tf.constant([["x"], [""]])
        assert [t.decode() for t in graphs[kind].decode_copies(tf.constant(rows), surfaces).numpy()] == plain
        assert tokenizer.decode([[EOS]], [[]]) == [""]


@pytest.mark.parametrize(
    "text", ["call Zoë now", "Zoë call", "call Zoë", "Zoë", "Zoë Müller call the R2-D2", "日本語 the 日本", "  Zoë  "]
)
def test_words_stand_between_spaces_wherever_they_are_copied(tokenizers, text):
    tokenizer = tokenizers["word"]
    [surfaces] = tokenizer.surfaces([text], LIMIT)
    assert tokenizer.decode([copy_all(tokenizer, surfaces)], [surfaces]) == [" ".join(text.split())]
    assert not any(piece.startswith(SPACE) for piece in surfaces)


def test_words_in_a_row_are_one_token_and_copied_together(tokenizers):
    tokenizer = tokenizers["word"]
    assert tokenizer.surfaces(["call Ana María now"], LIMIT) == [["call", f"Ana{SPACE}María", "now"]]
    ids = [len(tokenizer) + 1, 3, len(tokenizer) + 1, EOS, 4]
    known = tokenizer.decode([[3]])[0]
    assert tokenizer.decode([ids], [["call", f"Ana{SPACE}María", "now"]]) == [f"Ana María {known} Ana María"]
    assert tokenizer.pieces(ids, ["call", f"Ana{SPACE}María"])[::2] == (f"{SPACE}Ana{SPACE}María",) * 2
    assert tokenizer.without_copies(ids) == [UNKNOWN, 3, UNKNOWN, EOS, 4]


def test_spellings_copy_characters_without_spaces(tokenizers):
    tokenizer = tokenizers["char"]
    [surfaces] = tokenizer.surfaces(["call 日本 now"], 20)
    assert surfaces[5] == "日本"
    assert tokenizer.decode([copy_all(tokenizer, surfaces)], [surfaces]) == ["call 日本 now"]
    assert tokenizers["word"].decode([[len(tokenizers["word"]) + 5, 3]], [surfaces])[0].startswith("日本 ")


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_limit_as_for_ids(tokenizers, graphs, kind):
    long = ["call dog " * LIMIT, "Zoë" * CHARACTERS_A_TOKEN * LIMIT, " " * (CHARACTERS_A_TOKEN * LIMIT - 1) + "dog"]
    surfaces = tokenizers[kind].surfaces(long, LIMIT)
    assert [len(row) for row in surfaces] == [len(row) - 1 for row in tokenizers[kind].encode(long, LIMIT)]
    assert len(surfaces[0]) == LIMIT - 1
    assert "".join(surfaces[2]).strip(SPACE) == "d"
    in_graph = graphs[kind].surfaces(tf.constant(long), LIMIT).numpy().tolist()
    assert [[s.decode() for s in row if s] for row in in_graph] == surfaces
