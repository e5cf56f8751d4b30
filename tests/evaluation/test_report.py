import json
import math
from io import StringIO

import pytest
from rich.console import Console
from sacrebleu import corpus_bleu, corpus_chrf

import keras_s2s
from keras_s2s.config import SearchConfig
from keras_s2s.data.corpus import Pair
from keras_s2s.evaluation.labels import score_labels
from keras_s2s.evaluation.report import describe_search, evaluate

PAIRS = [
    Pair("one two", "uno dos"),
    Pair("one two three four five", "uno dos tres cuatro cinco"),
    Pair("a b c d e f", "A B C D E F"),
    Pair("w " * 21, "palabras " * 21),
]


class Table:
    """A translator that knows its answers by heart."""

    def __init__(self, answers):
        self.answers, self.batches = answers, []

    def translate(self, texts):
        self.batches.append(list(texts))
        return [self.answers[text] for text in texts]

    def n_best(self, texts, n=None):
        raise NotImplementedError


@pytest.fixture
def translator():
    answers = {p.source: p.target for p in PAIRS}
    return Table(answers | {"a b c d e f": "A B C D F"})


def test_figures_equal_sacrebleus(translator):
    result = evaluate(translator, PAIRS)
    outputs, targets = translator.translate([p.source for p in PAIRS]), [p.target for p in PAIRS]
    assert result.sentences == 4
    assert result.bleu == corpus_bleu(outputs, [targets]).score
    assert result.chrf == corpus_chrf(outputs, [targets]).score
    assert result.exact_match == 0.75
    assert result.length_ratio == pytest.approx((2 + 5 + 5 + 21) / (2 + 5 + 6 + 21))
    assert result.sentences_per_second == pytest.approx(4 / result.seconds)


def test_bleu_by_source_length(translator):
    result = evaluate(translator, PAIRS)
    assert [(b.label, b.sentences) for b in result.bleu_by_length] == [("1–5", 2), ("6–10", 1), ("21+", 1)]
    assert result.bleu_by_length[0].bleu == pytest.approx(100)
    assert result.bleu_by_length[1].bleu == corpus_bleu(["A B C D F"], [["A B C D E F"]]).score


def test_every_length_falls_into_one_bucket():
    pairs = [Pair("w " * n, "x y z w") for n in range(30)]
    result = evaluate(Table({p.source: p.target for p in pairs}), pairs)
    counts = {b.label: b.sentences for b in result.bleu_by_length}
    assert counts == {"1–5": 6, "6–10": 5, "11–15": 5, "16–20": 5, "21+": 9}


def test_batches_and_progress(translator):
    done = []
    evaluate(translator, iter(PAIRS), batch_size=3, progress=done.append)
    assert [len(b) for b in translator.batches] == done == [3, 1]


def test_the_signature_says_what_was_measured(translator, tmp_path):
    result = evaluate(translator, PAIRS, search="greedy", data="mine")
    for part in (result.bleu_signature, result.chrf_signature, keras_s2s.__version__, "search: greedy"):
        assert part in result.signature
    assert "data: mine, 4 sentences, sha256 " in result.signature
    assert evaluate(translator, PAIRS, search="greedy", data="mine").signature == result.signature
    assert evaluate(translator, PAIRS[:3] + PAIRS[:1]).signature != evaluate(translator, PAIRS).signature
    (tmp_path / "model.keras").write_bytes(b"abc")
    named = evaluate(translator, PAIRS, model_file=tmp_path / "model.keras")
    assert "model: sha256 ba7816bf8f01; search: unstated" in named.signature
    assert named.to_dict()["model_sha256"].startswith("ba7816bf8f01cfea")


def test_references_of_one_source_join_only_when_asked():
    pairs = [("hi", "hola"), ("bye", "adiós"), ("hi", "buenas")]
    translator = Table({"hi": "buenas", "bye": "adiós"})
    apart, joined = evaluate(translator, pairs), evaluate(translator, pairs, group_references=True)
    assert (apart.sentences, apart.exact_match) == (3, 2 / 3)
    assert (joined.sentences, joined.exact_match) == (2, 1)
    assert "nrefs:var" in joined.bleu_signature


def test_json_and_table(translator):
    result = evaluate(translator, PAIRS, data="mine")
    values = json.loads(result.to_json())
    assert values["bleu"] == result.bleu
    assert values["signature"] == result.signature
    last = {"shortest": 21, "longest": None, "sentences": 1, "bleu": pytest.approx(100)}
    assert values["bleu_by_length"][2] == last
    assert math.isclose(values["sentences_per_second"], result.sentences_per_second)
    console = Console(file=StringIO(), width=300)
    console.print(result.table())
    text = console.file.getvalue()
    for part in ("4 sentences", f"{result.bleu:.2f}", f"{result.chrf:.2f}", "75.0%", "21+"):
        assert part in text


def test_no_pairs_is_an_error(translator):
    with pytest.raises(ValueError, match="no pairs to evaluate on"):
        evaluate(translator, [])


def test_a_batch_of_no_sentences_is_an_error(translator):
    with pytest.raises(ValueError, match="batch_size is 0"):
        evaluate(translator, PAIRS, batch_size=0)


def test_a_translator_that_loses_answers_is_an_error():
    class Lossy(Table):
        def translate(self, texts):
            return ["one"]

    with pytest.raises(ValueError, match="gave 1 answers to 4 texts"):
        evaluate(Lossy({}), PAIRS)


@pytest.mark.parametrize(
    ("search", "words"),
    [
        (SearchConfig(beam_size=9), "greedy"),
        (SearchConfig(method="beam", max_length=7), "beam beam_size=4 length_penalty=1.0 max_length=7"),
        (SearchConfig(coverage_penalty=0.2, no_repeat_ngram=3), "greedy no_repeat_ngram=3"),
        (
            SearchConfig(method="beam", coverage_penalty=0.2, match_length=True),
            "beam beam_size=4 length_penalty=1.0 coverage_penalty=0.2 match_length=True",
        ),
        (SearchConfig(method="sample", seed=3), "sample temperature=1.0 top_k=0 top_p=1.0 seed=3"),
    ],
)
def test_describe_search(search, words):
    assert describe_search(search) == words


CHAINS = [Pair("MKTAY", "CHHHC", "01111"), Pair("ACDE", "CEEC")]


@pytest.fixture
def predictor():
    return Table({"MKTAY": "HHHCC", "ACDE": "CEEC"})


def test_labels_obey_the_masks(predictor):
    result = evaluate(predictor, CHAINS, measure="labels", data="chains")
    assert result.labels == score_labels(["HHHCC", "CEEC"], ["CHHHC", "CEEC"], ["01111", None])
    assert result.labels.accuracy == 7 / 8
    assert (result.sentences, result.exact_match, result.bleu) == (2, 0.5, None)
    assert "labels: 8 scored, 1 masked" in result.signature
    assert "BLEU" not in result.signature
    unmasked = [pair[:2] for pair in CHAINS]
    assert evaluate(predictor, unmasked, measure="labels").labels.accuracy == 7 / 9
    assert (
        evaluate(predictor, unmasked, measure="labels", data="chains").signature.split("sha256")[1]
        != result.signature.split("sha256")[1]
    )


def test_a_report_shows_its_own_measure_alone(predictor, translator):
    result = evaluate(predictor, CHAINS, measure="labels")
    values = json.loads(result.to_json())
    assert values["labels"]["accuracy"] == 7 / 8
    assert set(values) == {"sentences", "exact_match", "seconds", "signature", "labels", "sentences_per_second"}
    console = Console(file=StringIO(), width=300)
    console.print(result.table())
    rows = console.file.getvalue()
    assert "BLEU" not in rows
    for part in ("2 sequences", "accuracy (Q3)", "87.5%", "positions masked", "given H"):
        assert part in rows
    assert rows.index("accuracy (Q3)") < rows.index("exact match")
    assert "labels" not in json.loads(evaluate(translator, PAIRS).to_json())


def test_error_rates_join_the_answers_of_a_source():
    pairs = [Pair("tomato", "T AH M EY"), Pair("tomato", "T AH M AA"), Pair("cat", "K AE T")]
    result = evaluate(Table({"tomato": "T AH M AA", "cat": "K AH T"}), pairs, measure="error_rates")
    assert (result.sentences, result.exact_match, result.bleu, result.labels) == (2, 0.5, None, None)
    assert result.error_rates.token_error_rate == 1 / 7
    assert result.error_rates.sequence_error_rate == 1 / 2
    assert "error rates: nrefs:var|ref:nearest" in result.signature
    assert json.loads(result.to_json())["error_rates"]["token_errors"] == 1
    console = Console(file=StringIO(), width=300)
    console.print(result.table())
    for part in ("2 sequences", "token error rate", "14.29%", "1 of 2", "sequences/s"):
        assert part in console.file.getvalue()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"measure": "label"}, "measure is 'label': expected translation or labels or error_rates"),
        ({"measure": "labels", "group_references": True}, "compared with one reference"),
    ],
)
def test_measures_that_cannot_be(predictor, options, message):
    with pytest.raises(ValueError, match=message):
        evaluate(predictor, CHAINS, **options)
    assert predictor.batches == []


def test_outputs_of_another_length_than_their_targets(predictor):
    with pytest.raises(ValueError, match="output 1 has 5 labels and its reference 2"):
        evaluate(predictor, [Pair("MKTAY", "CH")], measure="labels")
