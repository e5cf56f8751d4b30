import pytest
from sacrebleu import corpus_bleu, corpus_chrf

from keras_s2s.evaluation.metrics import bleu, chrf, exact_match

OUTPUTS = ["The cat sat on the mat.", "It is raining today!", "yes", ""]
RIGHT = [
    ("The cat sat on a mat.",),
    ("It is raining today!", "It rains today!"),
    ("Yes.", "yes"),
    ("nothing",),
]
# sacreBLEU wants as many references for each sentence in its own functions, or None.
STREAMS = [[r[0] for r in RIGHT], [None, "It rains today!", "yes", None]]


def test_bleu_is_sacrebleus():
    expected = corpus_bleu(OUTPUTS, STREAMS)
    result = bleu(OUTPUTS, RIGHT)
    assert result.score == expected.score
    assert result.length_ratio == expected.sys_len / expected.ref_len
    assert "tok:13a|smooth:exp" in result.signature
    assert "nrefs:var" in result.signature


def test_bleu_with_one_reference():
    references = [r[0] for r in RIGHT]
    result = bleu(OUTPUTS, [(r,) for r in references])
    assert result.score == corpus_bleu(OUTPUTS, [references]).score
    assert result.signature.startswith("nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:")


def test_chrf_is_sacrebleus():
    result = chrf(OUTPUTS, RIGHT)
    assert result.score == corpus_chrf(OUTPUTS, STREAMS).score
    assert "nc:6|nw:0" in result.signature


def test_perfect_outputs_reach_the_top():
    texts = ["one two three four five", "¿Qué tal estás, amigo mío?"]
    references = [(t,) for t in texts]
    assert bleu(texts, references).score == pytest.approx(100)
    assert bleu(texts, references).length_ratio == 1
    assert chrf(texts, references).score == pytest.approx(100)
    assert exact_match(texts, references) == 1


def test_exact_match_by_hand():
    assert exact_match(OUTPUTS, RIGHT) == 2 / 4
    assert exact_match(["A "], [("A",)]) == 0
    assert exact_match(["a"], [("A",)]) == 0


@pytest.mark.parametrize("metric", [bleu, chrf, exact_match])
@pytest.mark.parametrize(
    ("outputs", "references", "message"),
    [
        ([], [], "no outputs"),
        (["a"], [], "1 outputs but references for 0"),
        (["a"], [()], "has no reference"),
    ],
)
def test_what_cannot_be_scored_is_refused(metric, outputs, references, message):
    with pytest.raises(ValueError, match=message):
        metric(outputs, references)
