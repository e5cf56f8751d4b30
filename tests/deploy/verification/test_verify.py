import json

import numpy as np
import pytest
from typer.testing import CliRunner

from keras_s2s import SearchConfig, Seq2Seq, export_tflite
from keras_s2s.cli.main import app
from keras_s2s.deploy.agreement import TIE
from keras_s2s.deploy.verification.exports import Answer, DeviceExport, Export
from keras_s2s.deploy.verification.find_exports import find_exports, open_export
from keras_s2s.deploy.verification.served_exports import SavedModelExport
from keras_s2s.deploy.verification.verify import Verification

GREEDY, BEAM = SearchConfig(), SearchConfig(method="beam", beam_size=4)


@pytest.fixture(scope="module")
def verification(model, sentences, greedy):
    return Verification(model, sentences, greedy)


@pytest.fixture(scope="module")
def worse(model):
    """The model with weights that have been moved a little."""
    other = Seq2Seq.from_config(model.get_config())
    random = np.random.default_rng(0)
    other.set_weights([w + random.normal(0, 0.2, w.shape) for w in model.get_weights()])
    return other


@pytest.fixture(scope="module")
def worse_file(worse, tmp_path_factory):
    return export_tflite(worse, tmp_path_factory.mktemp("worse") / "worse.tflite")


class Scripted(Export):
    """Answers what it was told to."""

    def __init__(self, answers, weights="float32", search=GREEDY):
        self.name, self.weights, self.searches = "scripted", weights, {"greedy": search}
        self._answers = answers

    def answers(self, texts, search):
        return self._answers


def test_a_file_answers_as_its_model(verification, model, tflite, sentences):
    comparisons = list(verification.compare(open_export(str(tflite), model, GREEDY)))
    assert [comparison.search for comparison in comparisons] == ["greedy", "beam"]
    for comparison in comparisons:
        assert (comparison.texts, comparison.differences, comparison.faults) == (len(sentences), (), 0)
        assert comparison.share == 1.0
        assert comparison.bleu == comparison.expected_bleu
    assert comparisons[0].bleu == pytest.approx(100)


def test_a_saved_model_answers_as_its_model(verification, model, saved_model):
    for name in (saved_model, saved_model.parent):
        export = open_export(str(name), model, GREEDY)
        assert isinstance(export, SavedModelExport)
        assert export.searches == {"plain": GREEDY, "beam": BEAM}
    assert [len(c.differences) for c in verification.compare(export)] == [0, 0]


def test_the_tokens_of_a_saved_model(model, saved_model, tflite, sentences):
    """Its n-best tells them; so they are those that the TFLite file tells as they are."""
    served, file = open_export(str(saved_model), model, GREEDY), DeviceExport(tflite, model)
    for got, expected in zip(served.answers(sentences, "beam"), file.answers(sentences, "beam"), strict=True):
        assert got.text == expected.text
        assert got.ids == (expected.ids or [1])  # a text of no tokens is not decoded: it has no <EOS> either


def test_another_models_weights_are_faults(model, worse_file, sentences):
    for comparison in Verification(model, sentences[:12]).compare(open_export(str(worse_file), model, GREEDY)):
        assert comparison.same < comparison.texts * 0.8
        assert comparison.faults > len(comparison.differences) * 0.9
        # Far from ties; of either sign, as no search is sure to find the likeliest answer.
        assert np.median([abs(difference.gap) for difference in comparison.differences]) > 0.01
        assert all(difference.expected != difference.received for difference in comparison.differences)


def test_a_quantised_file_may_differ(verification, model, tmp_path):
    file = export_tflite(model, tmp_path / "small.tflite", quantize="int8")
    for comparison in verification.compare(open_export(str(file), model, GREEDY)):
        assert comparison.weights == "int8"
        assert comparison.faults == 0


def test_what_is_a_tie(model):
    text = "the red cat sees the dog"
    (ids,) = model.target_tokenizer.encode(model.translate([text]))
    verification = Verification(model, [text])

    def differs(answer, ids, weights="float32"):
        (comparison,) = verification.compare(Scripted([Answer(answer, ids)], weights))
        (difference,) = comparison.differences
        assert difference.margin > TIE
        return difference.tie, comparison.faults

    assert differs("otherwise", [5, 1]) == (False, 1)
    assert differs("otherwise", [5, 1], "int8") == (False, 0)
    # The same tokens, told as another text: no rounding does that.
    assert differs("otherwise", ids) == (False, 1)
    (comparison,) = verification.compare(Scripted([Answer(model.translate([text])[0], ids)]))
    assert comparison.differences == ()


def test_a_search_that_met_a_tie_is_excused(twins):
    twin, text, other = twins
    for search in (GREEDY, BEAM):
        (comparison,) = Verification(twin, [text]).compare(Scripted([Answer("other", [other, 9, 1])], search=search))
        assert comparison.differences[0].margin == pytest.approx(0, abs=1e-6)
        assert comparison.faults == 0


def test_texts_and_references_are_checked(model):
    with pytest.raises(ValueError, match="a reference for each of 2 texts, got 1"):
        Verification(model, ["a", "b"], ["c"])
    with pytest.raises(ValueError, match="no texts to compare on"):
        Verification(model, [])


def test_what_the_model_refuses_is_left_out(make_model):
    model = make_model(overlong="error", max_source_length=3)
    # Its ids fit, but not its characters, which a count of ids alone would let by.
    texts, references = ["to eat", "to sleep go to", " " * 193 + "to eat", "to go"], ["a", "b", "c", "d"]
    (comparison,) = Verification(model, texts, references).compare(Scripted([Answer("", [1])] * 2))
    assert comparison.texts == 2
    assert {difference.text for difference in comparison.differences} <= {"to eat", "to go"}
    assert len(model.translate(["to eat", "to go"])) == 2


def test_what_the_model_cuts_is_read_as_it_reads_it(make_model):
    model = make_model(max_source_length=3, spread=2.5)
    texts = ["to sleep go to", " " * 193 + "to eat", "to eat"]
    with pytest.warns(UserWarning, match="its end was cut off"):
        expected = model.translate(texts)
    (comparison,) = Verification(model, texts).compare(Scripted([Answer(text, [1]) for text in expected]))
    assert (comparison.texts, comparison.differences) == (3, ())


def test_names_of_exports(model, make_model, tflite, tmp_path):
    with pytest.raises(FileNotFoundError, match="no HOST:PORT"):
        open_export(str(tmp_path / "missing"), model, GREEDY)
    with pytest.raises(FileNotFoundError, match="no such model file"):
        open_export(str(tmp_path / "missing.tflite"), model, GREEDY)
    with pytest.raises(FileNotFoundError, match="neither a SavedModel nor a folder of its versions"):
        open_export(str(tmp_path), model, GREEDY)
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "saved_model.pb").write_bytes(b"broken")
    with pytest.raises(ValueError, match="not a readable SavedModel"):
        open_export(str(tmp_path), model, GREEDY)
    with pytest.raises(ValueError, match="an export of another model"):
        open_export(str(tflite), make_model(), GREEDY)


def test_the_exports_beside_a_model(tmp_path):
    for name in ("b.tflite", "a.tflite", "saved_model/2/saved_model.pb", "saved_model/10/saved_model.pb", "x/y/z.pb"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = [str(tmp_path / name) for name in ("a.tflite", "b.tflite", "saved_model")]
    assert find_exports(tmp_path / "model.keras") == found


@pytest.fixture(scope="module")
def folder(model, tflite, worse_file, tmp_path_factory):
    """A folder as users have it: a model and an export."""
    folder = tmp_path_factory.mktemp("run")
    model.save(folder / "model.keras")
    (folder / "good.tflite").write_bytes(tflite.read_bytes())
    (folder / "pairs.tsv").write_text(
        "the red cat sees the dog\tel cato redo mira al dogo\nthe big ant sees the cow\tx\n"
    )
    return folder


def invoke(*arguments):
    return CliRunner().invoke(app, ["verify", *map(str, arguments)], catch_exceptions=True, env={"COLUMNS": "200"})


def test_the_command(folder, worse_file):
    model = folder / "model.keras"
    result = invoke(model, "--count", 60, "--json", folder / "verify.json")
    assert result.exit_code == 0, result.output
    assert "60 of 60" in result.stdout
    assert "compared on random texts" in result.stderr
    assert "100.0%" in result.stdout
    document = json.loads((folder / "verify.json").read_text())
    assert [(c["search"], c["share"], c["faults"], c["bleu"]) for c in document] == [
        ("greedy", 1.0, 0, None),
        ("beam", 1.0, 0, None),
    ]
    result = invoke(model, worse_file, "--pairs", folder / "pairs.tsv", "--json", "-")
    assert isinstance(result.exception, ValueError)
    assert "and are no ties" in str(result.exception)
    assert "random" not in result.stderr
    (greedy, _) = json.loads(result.stdout)
    assert greedy["texts"] == 2
    assert greedy["differences"][0]["text"].startswith("the ")
    assert greedy["bleu"] is not None


def test_wrong_calls_of_the_command(folder, tmp_path):
    model = folder / "model.keras"
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9\n")
    for arguments, message in (
        ((model, "--texts", "a", "--pairs", "b"), "exclude each other"),
        ((model, "--texts", tmp_path / "latin.txt"), "not UTF-8"),
        ((model, "--beam", 0), "--beam"),
    ):
        result = invoke(*arguments)
        assert result.exit_code != 0
        assert message in f"{result.exception} {result.output}"
    alone = tmp_path / "alone.keras"
    alone.write_bytes(model.read_bytes())
    assert "no exports in" in str(invoke(alone).exception)
