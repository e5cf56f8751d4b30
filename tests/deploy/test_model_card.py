import json
import re
import tomllib

import pytest
import tensorflow as tf

from keras_s2s import SearchConfig, export_saved_model
from keras_s2s.config import DataConfig, RunConfig, TrainingConfig, dump_config, to_dict
from keras_s2s.data.datasets import dataset_info
from keras_s2s.deploy.model_card import model_card, write_card
from keras_s2s.deploy.model_card_text import to_markdown
from keras_s2s.deploy.run_facts import run_facts
from keras_s2s.deploy.server import saved_model as saved_model_module
from keras_s2s.evaluation.report import evaluate

pytestmark = pytest.mark.filterwarnings("ignore:the source has")

EXPORT = {"kind": "a test", "bytes": 1_500_000}


@pytest.fixture(scope="module")
def model_file(tmp_path_factory):
    file = tmp_path_factory.mktemp("run") / "model.keras"
    file.write_bytes(b"a model")
    return file


@pytest.fixture(scope="module")
def evaluation(model, model_file, sentences, greedy):
    pairs = list(zip(sentences[:20], greedy[:20], strict=True))
    return json.loads(evaluate(model, pairs, model_file=model_file, search="greedy", data="twenty").to_json())


@pytest.fixture
def run(tmp_path, model, model_file, evaluation):
    """A folder as a training run and `keras-s2s evaluate --json` leave it."""
    data = DataConfig(name="tatoeba-en-es")
    config = RunConfig(data=data, model=model.config, training=TrainingConfig(epochs=6), search=model.search)
    (tmp_path / "config.toml").write_text(dump_config(config), encoding="utf-8")
    (tmp_path / "source.model").write_bytes(model.source_tokenizer.model)
    (tmp_path / "target.model").write_bytes(model.target_tokenizer.model)
    (tmp_path / "model.keras").write_bytes(model_file.read_bytes())
    (tmp_path / "evaluation.json").write_text(json.dumps(evaluation), encoding="utf-8")
    return tmp_path


def card_of(model, facts=None, **export):
    return model_card(model, facts, name="tiny", search=model.search, export=EXPORT | export)


def section(text, title):
    return re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)[1]


def test_a_run_tells_data_evaluation_and_recipe(model, run, evaluation):
    card = card_of(model, run_facts(model, run / "model.keras"))
    info = dataset_info("tatoeba-en-es")
    assert card["data"]["licence"] == info.licence == "CC BY 2.0 FR"
    assert card["data"]["attribution"] == info.attribution
    assert card["evaluation"] == evaluation
    assert card["recipe"]["training"]["epochs"] == 6
    text = to_markdown(card)
    for fact in ("CC BY 2.0 FR", info.attribution, evaluation["signature"], f"| BLEU | {evaluation['bleu']:.2f} |"):
        assert fact in text
    assert "unknown" not in section(text, "Data") + section(text, "Evaluation") + section(text, "Recipe").lower()


def test_further_files_are_named(model, run):
    config = RunConfig(
        data=DataConfig(name="phrasebook-en-es", also=("a/terms.tsv", "a/terms.tsv")), model=model.config
    )
    (run / "config.toml").write_text(dump_config(config), encoding="utf-8")
    card = card_of(model, run_facts(model, run / "model.keras"))
    assert card["data"]["also"] == ["terms.tsv"]
    assert section(to_markdown(card), "Data").count("| and on | terms.tsv |") == 1
    assert card["recipe"]["data"]["also"] == ["terms.tsv", "terms.tsv"]


class ByHeart:
    def __init__(self, answers):
        self.answers = answers

    def translate(self, texts):
        return self.answers


@pytest.mark.parametrize(
    ("measure", "outputs", "pairs", "rows"),
    [
        (
            "labels",
            ["HHC"],
            [("MKT", "HCC", "111")],
            ["| accuracy of labels | 66.7% |", "| labels scored | 3 |", "| C | 2 | 100.0% | 50.0% | 66.7% |"],
        ),
        (
            "error_rates",
            ["K AH T"],
            [("cat", "K AE T")],
            ["| token error rate | 33.33% |", "| sequence error rate | 100.00% |"],
        ),
    ],
)
def test_each_measure_has_its_figures(model, measure, outputs, pairs, rows):
    found = evaluate(ByHeart(outputs), pairs, measure=measure)
    text = section(to_markdown(card_of(model, {"evaluation": json.loads(found.to_json())})), "Evaluation")
    for row in (*rows, found.signature):
        assert row in text
    assert "BLEU" not in text


@pytest.mark.parametrize(
    ("file", "name"), [("somewhere/en_es.keras", "en_es.keras"), ("/runs/en_es/model.keras", "en_es/model.keras")]
)
def test_the_model_that_training_started_from_is_named(model, run, file, name):
    training = TrainingConfig(start_from=file)
    config = RunConfig(data=DataConfig(train="a/terms.tsv"), model=model.config, training=training)
    (run / "config.toml").write_text(dump_config(config), encoding="utf-8")
    card = card_of(model, run_facts(model, run / "model.keras"))
    assert card["data"]["start"] == card["recipe"]["training"]["start_from"] == name
    text = section(to_markdown(card), "Data")
    assert f"| starting from the model | {name} |" in text
    assert "with its licence: see its card" in text


def test_data_that_asks_for_no_attribution(model, run):
    config = RunConfig(data=DataConfig(name="phrasebook-en-es"), model=model.config)
    (run / "config.toml").write_text(dump_config(config), encoding="utf-8")
    card = card_of(model, run_facts(model, run / "model.keras"))
    assert (card["data"]["licence"], card["data"]["attribution"]) == ("Apache-2.0", "nobody")
    assert "url" not in card["data"]


def test_what_is_not_known_is_called_unknown(model, tmp_path):
    assert run_facts(model, tmp_path / "model.keras") == {}
    card = card_of(model)
    assert card["data"] is card["evaluation"] is card["recipe"] is None
    text = to_markdown(card)
    assert section(text, "Data").count("unknown") == 3
    assert "Find out the licence of the data" in text
    assert "Unknown: no evaluation" in section(text, "Evaluation")
    assert "Unknown" in section(text, "Recipe")
    partly = card_of(model, {"data": {"name": "mine", "licence": "", "attribution": None}})
    assert partly["data"] == {"name": "mine"}
    assert section(to_markdown(partly), "Data").count("unknown") == 2


def test_what_the_model_knows_of_itself(model):
    card = card_of(model, version=3, max_batch=64)
    assert card["model"]["parameters"] == sum(v.numpy().size for v in model.weights)
    assert card["model"]["config"] == to_dict(model.config)
    assert card["libraries"]["tensorflow"] == tf.__version__
    text = to_markdown(card)
    assert text.startswith("# Model card: tiny, version 3\n")
    assert "2 layers of 16 units" in text
    assert "1.5 MB" in text
    assert "at most 64 texts" in section(text, "Limits")
    assert "at most 32 tokens, its end included, and 2,048 characters; a longer one loses" in section(text, "Limits")
    assert "is refused" in section(to_markdown(card_of(model, overlong="error")), "Limits")
    shorter = model_card(model, name="x", search=SearchConfig(max_length=9), export=EXPORT)
    assert shorter["limits"]["max_target_length"] == 9


def test_the_recipe_is_a_configuration(model, run):
    """The tables of the card, put together, are the run's configuration."""
    text = to_markdown(card_of(model, run_facts(model, run / "model.keras")))
    tables = [tomllib.loads(block) for block in re.findall(r"^```toml\n(.*?)^```", text, re.MULTILINE | re.DOTALL)]
    merged = {name: table for block in tables for name, table in block.items()}
    assert merged == tomllib.loads((run / "config.toml").read_text(encoding="utf-8"))


def test_files_are_named_without_their_folders(model, run):
    data = DataConfig(train="/home/someone/mine.tsv", valid="/home/someone/valid.tsv")
    (run / "config.toml").write_text(dump_config(RunConfig(data=data, model=model.config)), encoding="utf-8")
    card = card_of(model, run_facts(model, run / "model.keras"))
    assert card["data"] == {"name": "mine.tsv"}
    assert (card["recipe"]["data"]["train"], card["recipe"]["data"]["valid"]) == ("mine.tsv", "valid.tsv")
    assert "someone" not in json.dumps(card) + to_markdown(card)


def test_another_models_folder_tells_nothing(model, run):
    (run / "target.model").write_bytes(b"another")
    assert run_facts(model, run / "model.keras") == {}
    (run / "target.model").unlink()
    assert run_facts(model, run / "model.keras") == {}


def test_an_evaluation_counts_for_the_file_that_was_evaluated(model, run):
    (run / "model.keras").write_bytes(b"trained on")
    facts = run_facts(model, run / "model.keras")
    assert "evaluation" not in facts
    assert "data" in facts


@pytest.mark.parametrize(("content", "message"), [("{", "not JSON"), ("[]", "no evaluation"), ("{}", "no evaluation")])
def test_a_damaged_evaluation_is_named(model, run, content, message):
    (run / "evaluation.json").write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match=rf"evaluation\.json: {message}.*evaluate --json"):
        run_facts(model, run / "model.keras")


@pytest.mark.parametrize(
    ("facts", "message"),
    [({"license": {}}, "facts has license; a model card takes data, evaluation, recipe"), ({"data": "x"}, "got str")],
)
def test_facts_are_checked_before_the_export(model, tmp_path, facts, message):
    with pytest.raises(ValueError, match=message):
        export_saved_model(model, tmp_path / "x", facts=facts)
    assert not (tmp_path / "x").exists()


def test_a_card_replaces_a_card(model, tmp_path):
    for version in (1, 2):
        write_card(card_of(model, version=version), tmp_path / "card.json", tmp_path / "CARD.md")
    assert json.loads((tmp_path / "card.json").read_text(encoding="utf-8"))["export"]["version"] == 2
    assert "version 2" in (tmp_path / "CARD.md").read_text(encoding="utf-8")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["CARD.md", "card.json"]


def test_the_card_of_an_export(saved_model):
    card = json.loads((saved_model.parent / "model_card.json").read_text(encoding="utf-8"))
    assert card["name"] == saved_model.parent.name
    assert (card["export"]["version"], card["export"]["max_batch"]) == (1, 64)
    files = [path for path in saved_model.rglob("*") if path.is_file() and path.name != "model_card.json"]
    assert card["export"]["bytes"] == sum(path.stat().st_size for path in files)
    assert json.loads((saved_model / "assets.extra" / "model_card.json").read_text(encoding="utf-8")) == card
    markdown = (saved_model.parent / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert markdown == to_markdown(card)
    assert "| out | `translations` | string | [batch, 3] |" in section(markdown, "Signatures")


def test_the_cards_signatures_are_the_exports(saved_model):
    card = json.loads((saved_model.parent / "model_card.json").read_text(encoding="utf-8"))
    loaded = tf.saved_model.load(str(saved_model)).signatures
    assert set(card["export"]["signatures"]) == set(loaded)
    for name, function in loaded.items():
        described = card["export"]["signatures"][name]
        assert described["description"]
        for side, specs in (
            ("inputs", function.structured_input_signature[1]),
            ("outputs", function.structured_outputs),
        ):
            assert described[side] == {
                tensor: {"dtype": spec.dtype.name, "shape": spec.shape.as_list()} for tensor, spec in specs.items()
            }


def test_an_older_version_leaves_the_newest_ones_card(model, tmp_path, monkeypatch):
    monkeypatch.setattr(saved_model_module, "_verify", lambda *_: None)
    for version, expected in ((5, 5), (3, 5)):
        path = export_saved_model(model, tmp_path, version=version, n_best=1)
        card = json.loads((tmp_path / "model_card.json").read_text(encoding="utf-8"))
        assert card["export"]["version"] == expected
        own = json.loads((path / "assets.extra" / "model_card.json").read_text(encoding="utf-8"))
        assert own["export"]["version"] == version
