"""The Python of `serving/device/`, run as a user of another language would read it: without this package."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from keras_s2s import LiteRTTranslator

SCRIPT = Path(__file__).parents[3] / "serving" / "device" / "linux" / "translate.py"


def run(*arguments):
    command = [sys.executable, "-P", str(SCRIPT), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, encoding="utf-8", check=False)


def test_it_translates_as_the_package_does(tflite):
    texts = ["the red cat sees the dog", "", "😀", "the the the " * 30]
    result = run(tflite, *texts)
    with pytest.warns(UserWarning, match="its end was cut off"):
        assert result.stdout.split("\n")[:-1] == LiteRTTranslator(tflite).translate(texts)
    result = run(tflite, "--beam", texts[0])
    best = LiteRTTranslator(tflite).n_best(texts[:1])[0]
    assert result.stdout.splitlines() == [f"{h.log_prob:.4f}\t{h.text}" for h in best]


@pytest.fixture
def copied(tflite, tmp_path):
    """The set of files, to be spoilt."""
    for path in tflite.parent.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    return tmp_path / tflite.name


def test_the_acceptance_test_passes(tflite):
    result = run(tflite, "--check")
    assert result.stdout == "300 texts: 0 with wrong ids; 600 answers: 0 different\n", result.stderr
    assert result.returncode == 0


@pytest.mark.parametrize(("part", "count"), [("source", 1), ("greedy", 7)])
def test_the_acceptance_test_fails(copied, part, count):
    vectors = copied.with_suffix(".vectors.json")
    document = json.loads(vectors.read_text())
    changed = [v for v in document["vectors"] if v["greedy"]["tokens"]][:count]
    for vector in changed:
        if part == "source":
            vector["source"][0] += 1
        else:
            vector["greedy"]["log_prob"] += 0.02
    vectors.write_text(json.dumps(document))
    result = run(copied, "--check")
    assert result.returncode == 1
    assert ("1 with wrong ids" if part == "source" else "600 answers: 7 different") in result.stdout


def test_a_model_that_refuses_long_texts(copied):
    manifest = copied.with_suffix(".manifest.json")
    document = json.loads(manifest.read_text())
    document["limits"]["overlong"] = "error"
    manifest.write_text(json.dumps(document))
    result = run(copied, "the the the " * 30)
    assert (result.returncode, result.stdout) == (1, "")
    assert "too long" in result.stderr
