"""Labels place by place, against hand computations."""

import json
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from keras_s2s.evaluation.labels import WIDEST_MATRIX, score_labels

# Right HHHEECC and given HHEEECH: H is given H, H, E; E is given E, E; C is given C, H.
RIGHT, GIVEN = "HHHEECC", "HHEEECH"


def printed(labels):
    console = Console(file=StringIO(), width=300)
    console.print(labels.table())
    return console.file.getvalue()


def test_figures_by_hand():
    found = score_labels([GIVEN], [RIGHT])
    assert (found.positions, found.masked) == (7, 0)
    assert found.accuracy == 5 / 7
    assert [figures.label for figures in found.by_label] == ["C", "E", "H"]
    assert found.confusion == ((1, 0, 1), (0, 2, 0), (0, 1, 2))
    coil, strand, helix = found.by_label
    assert (coil.count, coil.given) == (2, 1)
    assert (coil.precision, coil.recall, coil.f1) == (1, 1 / 2, pytest.approx(2 / 3))
    assert (strand.count, strand.given) == (2, 3)
    assert (strand.precision, strand.recall, strand.f1) == (2 / 3, 1, pytest.approx(4 / 5))
    assert (helix.count, helix.given) == (3, 3)
    assert (helix.precision, helix.recall, helix.f1) == (2 / 3, 2 / 3, 2 / 3)


def test_masked_places_count_nowhere():
    found = score_labels([GIVEN, "HC"], [RIGHT, "EC"], ["1101110", "01"])
    kept = score_labels(["HHEEC", "C"], ["HHEEC", "C"])
    assert (found.positions, found.masked) == (6, 3)
    assert found.accuracy == 1
    assert (found.by_label, found.confusion) == (kept.by_label, kept.confusion)
    assert score_labels(["HH"], ["HE"], [None]).accuracy == 1 / 2


def test_places_count_alike_whatever_the_length_of_their_output():
    assert score_labels(["H", "EEE"], ["C", "EEE"]).accuracy == 3 / 4


def test_a_label_that_was_never_given_and_one_that_is_never_right():
    by_label = {figures.label: figures for figures in score_labels(["HHX"], ["HCC"]).by_label}
    assert (by_label["C"].precision, by_label["C"].recall, by_label["C"].f1) == (0, 0, 0)
    assert (by_label["X"].count, by_label["X"].given, by_label["X"].recall) == (0, 1, 0)


def test_words_are_labels_where_references_have_white_space():
    found = score_labels(["DET NOUN", "VERB"], ["DET VERB", "VERB"], ["11", "1"])
    assert found.accuracy == 2 / 3
    assert [figures.label for figures in found.by_label] == ["DET", "NOUN", "VERB"]


@given(st.lists(st.tuples(*[st.sampled_from("HEC")] * 2, st.sampled_from("01")), min_size=1), st.integers(0, 20))
def test_sums_agree(places, cut):
    right, answered, mask = ("".join(column) for column in zip(*places, strict=True))
    scored = [(r, a) for r, a, m in places if m == "1"]
    texts = [[text[:cut], text[cut:]] for text in (answered, right, mask)]
    if not scored:
        with pytest.raises(ValueError, match="no place to score"):
            score_labels(*texts)
        return
    found = score_labels(*texts)
    assert found.positions == len(scored) == len(places) - found.masked
    assert found.accuracy == sum(r == a for r, a in scored) / len(scored)
    assert [sum(row) for row in found.confusion] == [figures.count for figures in found.by_label]
    for figures in found.by_label:
        hits = sum(r == a == figures.label for r, a in scored)
        assert figures.recall * figures.count == pytest.approx(hits)
        assert figures.precision * figures.given == pytest.approx(hits)
        sum_of_shares = figures.precision + figures.recall
        harmonic = 2 * figures.precision * figures.recall / sum_of_shares if sum_of_shares else 0
        assert figures.f1 == pytest.approx(harmonic)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((["HH", "HHE"], ["HH", "HE"]), "output 2 has 3 labels and its reference 2.*match_length = true"),
        ((["H"], ["H", "E"]), "1 outputs, 2 references and 2 masks"),
        ((["H"], ["H"], []), "1 outputs, 1 references and 0 masks"),
        ((["HE"], ["HE"], ["1"]), "mask 1 has 1 marks for 2 labels"),
        ((["HE"], ["HE"], ["00"]), "no place to score"),
        (([], []), "no place to score"),
    ],
)
def test_what_cannot_be_scored_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        score_labels(*arguments)


def test_json_and_table():
    found = score_labels([GIVEN], [RIGHT])
    values = json.loads(json.dumps(found.to_dict()))
    assert values["by_label"][1] == {
        "label": "E",
        "count": 2,
        "given": 3,
        "precision": 2 / 3,
        "recall": 1,
        "f1": pytest.approx(4 / 5),
    }
    assert values["confusion"][2] == [0, 1, 2]
    text = printed(found)
    for part in ("given C", "given E", "given H", "66.7%", "80.0%"):
        assert part in text


def test_a_matrix_too_wide_for_a_terminal_is_left_out():
    many = "".join(chr(ord("a") + i) for i in range(WIDEST_MATRIX + 1))
    assert "given" not in printed(score_labels([many], [many]))
    assert "given" in printed(score_labels([many[1:]], [many[1:]]))


def test_only_three_labels_are_called_q3():
    assert score_labels(["HEC"], ["HEC"]).title == "accuracy (Q3)"
    assert score_labels(["HE"], ["HE"]).title == "accuracy"
