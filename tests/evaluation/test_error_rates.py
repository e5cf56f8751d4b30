import json
import sys
from io import StringIO

import pytest
import rapidfuzz
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.table import Table

from keras_s2s.evaluation.error_rates import error_rates
from keras_s2s.extras import MissingExtraError

TOMATO = ("T AH M EY T OW", "T AH M AA T OW")


def test_rates_by_hand():
    # Nothing; one replaced; one left out; one too many.
    outputs = ["K AE T", "D AO G", "HH AW", "T R IY IY"]
    rates = error_rates(outputs, [("K AE T",), ("D AA G",), ("HH AW S",), ("T R IY",)])
    assert (rates.token_errors, rates.tokens) == (3, 12)
    assert (rates.wrong_sequences, rates.sequences) == (3, 4)
    assert (rates.token_error_rate, rates.sequence_error_rate) == (0.25, 0.75)


def test_a_word_is_right_if_it_equals_any_reference():
    for output in TOMATO:
        rates = error_rates([output], [TOMATO])
        assert (rates.wrong_sequences, rates.token_errors, rates.tokens) == (0, 0, 6)


def test_token_errors_are_those_against_the_nearest_reference_by_its_length():
    # "AE L" is one from the first, which has two phonemes, and six from "AE L AH B AE M AH".
    rates = error_rates(["AA L"], [("AE L AH B AE M AH", "AE L")])
    assert (rates.token_errors, rates.tokens, rates.token_error_rate) == (1, 2, 0.5)
    # Nearer counts, though the other has more phonemes in common with the output.
    rates = error_rates(["AE L AH B AE M"], [("AE L", "AE L AH B AE M AH")])
    assert (rates.token_errors, rates.tokens) == (1, 7)


def test_of_references_equally_near_the_shortest_counts_in_any_order():
    short, long = "A B", "A B C D"
    for references in ((short, long), (long, short)):
        rates = error_rates(["A B C"], [references])
        assert (rates.token_errors, rates.tokens) == (1, 2)


def test_rates_are_of_the_corpus_not_means_of_words():
    rates = error_rates(["X", "A B C D E F G H I"], [("A",), ("A B C D E F G H I",)])
    assert rates.token_error_rate == 1 / 10
    assert rates.sequence_error_rate == 1 / 2


def test_tokens_are_whole_words_and_spaces_do_not_count():
    assert error_rates(["AHH"], [("AH",)]).token_errors == 1
    assert error_rates(["  AH   N "], [("AH N",)]).wrong_sequences == 0


def test_outputs_without_an_end_can_exceed_one():
    assert error_rates(["A A A A A"], [("A",)]).token_error_rate == 4


def test_an_empty_output_misses_every_token():
    rates = error_rates([""], [("A B C", "A B")])
    assert (rates.token_errors, rates.tokens, rates.wrong_sequences) == (2, 2, 1)


SEQUENCES = st.lists(st.sampled_from("ABC"), max_size=6).map(" ".join)


@given(output=SEQUENCES, references=st.lists(SEQUENCES.filter(bool), min_size=1, max_size=3))
def test_what_holds_for_any_sequences(output, references):
    rates = error_rates([output], [tuple(references)])
    assert rates == error_rates([output], [tuple(reversed(references))])
    assert (rates.token_errors == 0) == (rates.wrong_sequences == 0) == (output in references)
    said, lengths = len(output.split()), [len(reference.split()) for reference in references]
    assert rates.tokens in lengths
    assert abs(said - rates.tokens) <= rates.token_errors <= max(said, rates.tokens)
    alone = [error_rates([output], [(reference,)]).token_errors for reference in references]
    assert rates.token_errors == min(alone)


def test_the_signature_says_what_was_counted():
    version = f"version:rapidfuzz {rapidfuzz.__version__}"
    assert error_rates(["A"], [("A",)]).signature == f"nrefs:1|ref:nearest|tok:space|{version}"
    assert error_rates(["A", "B"], [("A",), ("A", "B")]).signature.startswith("nrefs:var|")


def test_json_and_rows():
    rates = error_rates(["K AE T", "D AO G"], [("K AE T",), ("D AA G",)])
    values = json.loads(json.dumps(rates.to_dict()))
    assert values == {
        "sequences": 2,
        "wrong_sequences": 1,
        "tokens": 6,
        "token_errors": 1,
        "token_error_rate": 1 / 6,
        "sequence_error_rate": 0.5,
        "signature": rates.signature,
    }
    table = Table("figure", "value")
    for row in rates.rows():
        table.add_row(*row)
    console = Console(file=StringIO(), width=100)
    console.print(table)
    for part in ("16.67%", "1 of 6", "50.00%", "1 of 2"):
        assert part in console.file.getvalue()


@pytest.mark.parametrize(
    ("outputs", "references", "message"),
    [
        ([], [], "no outputs"),
        (["a"], [], "1 outputs but references for 0"),
        (["a"], [()], "has no reference"),
        (["a"], [("",)], "hold no token"),
    ],
)
def test_what_cannot_be_scored_is_refused(outputs, references, message):
    with pytest.raises(ValueError, match=message):
        error_rates(outputs, references)


def test_without_rapidfuzz_the_pip_command_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "rapidfuzz", None)
    with pytest.raises(MissingExtraError, match=r"RapidFuzz.*pip install 'keras-s2s\[train\]'"):
        error_rates(["a"], [("a",)])
