"""The models in saved_models/: what they answer, what they weigh, and what a plain installation does with one."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from keras_s2s import LiteRTTranslator

ROOT = Path(__file__).parents[1]
MODELS = ROOT / "saved_models"
TRANSLATORS = ("en_es", "tiny_en_es")
NAMES = (*TRANSLATORS, "en_pronounce", "protein_ss3")
FILES = ("en_es/en_es.tflite", "en_es/en_es_float16.tflite", "tiny_en_es/tiny_en_es.tflite")

PHRASES = {
    "Let's go!": "¡Vamos!",
    "LET'S GO!": "¡Vamos!",
    "let's go": "vamos",
    "Let's go": "vamos",
    "LET'S GO": "vamos",
    "Where is the station?": "¿Dónde está la estación?",
}


@pytest.mark.parametrize("file", FILES)
def test_they_translate(file):
    translator = LiteRTTranslator(MODELS / file)
    assert translator.translate(list(PHRASES)) == list(PHRASES.values())


def test_the_larger_copies_numbers():
    sentences = {
        "The train leaves at 17:45 from platform 9.": {"17", "45", "9"},
        "In 1987 there were 250 students.": {"1987", "250"},
    }
    answers = LiteRTTranslator(MODELS / "en_es" / "en_es.tflite").translate(list(sentences))
    assert [set(re.findall(r"\d+", answer)) for answer in answers] == list(sentences.values())


def test_sizes():
    for name in NAMES:
        assert sum(path.stat().st_size for path in (MODELS / name).rglob("*") if path.is_file()) < 75_000_000
    assert (MODELS / "en_es" / "en_es.tflite").stat().st_size < 10_000_000
    assert (MODELS / "tiny_en_es" / "tiny_en_es.tflite").stat().st_size < 4_000_000


def test_it_pronounces():
    translator = LiteRTTranslator(MODELS / "en_pronounce" / "en_pronounce.tflite")
    assert translator.translate(["photograph", "Knight", "queue"]) == ["F OW T AH G R AE F", "N AY T", "K Y UW"]


def test_it_gives_each_residue_a_state():
    translator = LiteRTTranslator(MODELS / "protein_ss3" / "protein_ss3.tflite")
    # A designed bundle of helices, then a stretch that nothing winds.
    chains = ["EELLKKLEELLKKALELLKKLEELLKKAEELLKK", "GPGNGPDGSGPNGKPGDGPG", "mktay"]
    states = translator.translate(chains)
    assert [len(answer) for answer in states] == [len(chain) for chain in chains]
    assert states[0].count("H") > 20
    assert states[1].count("C") > 15


@pytest.mark.parametrize("card", ["README.md", *(f"{name}/MODEL_CARD.md" for name in TRANSLATORS)])
def test_cards_name_the_data_and_its_licence(card):
    text = (MODELS / card).read_text(encoding="utf-8")
    for part in ("CC BY 2.0 FR", "tatoeba.org", "manythings.org/anki"):
        assert part in text


@pytest.mark.parametrize("card", ["README.md", "en_pronounce/MODEL_CARD.md"])
def test_cards_name_the_dictionary(card):
    text = (MODELS / card).read_text(encoding="utf-8")
    for part in ("CMU Pronouncing Dictionary", "Carnegie Mellon University", "BSD"):
        assert part in text


@pytest.mark.parametrize("name", TRANSLATORS)
def test_cards_say_how_good_the_model_is(name):
    card = json.loads((MODELS / name / "model_card.json").read_text(encoding="utf-8"))
    assert card["evaluation"]["sentences"] == 2000
    assert "tatoeba-en-es test" in card["evaluation"]["signature"]
    assert card["recipe"]["data"]["also"] == ["everyday.tsv"] * 3


def test_the_card_says_how_many_words_are_wrong():
    card = json.loads((MODELS / "en_pronounce" / "model_card.json").read_text(encoding="utf-8"))
    assert card["evaluation"]["sentences"] == 12_479
    assert 0.2 < card["evaluation"]["error_rates"]["sequence_error_rate"] <= 0.27


def test_the_card_says_how_many_residues_are_right():
    card = json.loads((MODELS / "protein_ss3" / "model_card.json").read_text(encoding="utf-8"))
    assert card["evaluation"]["sentences"] == 547
    assert card["evaluation"]["labels"]["accuracy"] >= 0.69
    assert "AFL-3.0" in card["data"]["licence"]


@pytest.mark.slow
def test_a_plain_installation_answers_at_once(tmp_path):
    """A wheel, in an environment of its own without any extra, outside the checkout."""
    build = dict(os.environ, PIP_CONSTRAINT=str(ROOT / "constraints.txt"))
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "wheel", "--no-deps", "--wheel-dir", tmp_path, ROOT], check=True, env=build)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv"], check=True)
    python = tmp_path / "venv" / "bin" / "python"
    (wheel,) = tmp_path.glob("*.whl")
    subprocess.run([*pip, "--python", python, "install", wheel], check=True, env=build)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("KERAS_S2S")}

    def answer(*command):
        line = [python.with_name("keras-s2s"), *command]
        where = {"cwd": tmp_path, "env": environment}
        return subprocess.run(line, check=True, capture_output=True, encoding="utf-8", **where).stdout

    assert answer("translate", *PHRASES).splitlines() == list(PHRASES.values())
    assert answer("config", "attention") == (ROOT / "configs" / "attention.toml").read_text(encoding="utf-8")
    absent = subprocess.run([python, "-c", "import tensorflow"], check=False, capture_output=True)
    assert absent.returncode == 1
