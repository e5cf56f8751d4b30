"""The commands in fresh processes, with real training."""

import json
import subprocess
import sys

import pytest


@pytest.mark.slow
def test_build_then_translate_and_evaluate(pairs_file, tmp_path):
    def command(*arguments):
        line = [sys.executable, "-m", "keras_s2s.cli.main", *map(str, arguments)]
        result = subprocess.run(line, capture_output=True, encoding="utf-8", check=False)
        assert result.returncode == 0, result.stderr
        return result.stdout

    folder = tmp_path / "out"
    small = ("--set", "model.units=32", "--set", "model.embedding=16", "--set", "training.jit_compile=false")
    command("build", pairs_file, "-o", folder, "--epochs", 2, *small)
    for name in ("config.toml", "train.tsv", "valid.tsv", "test.tsv", "model.keras", "evaluation.json"):
        assert (folder / name).is_file()
    assert (folder / "saved_model" / "1" / "saved_model.pb").is_file()
    answers = command("translate", "-m", folder / "model.tflite", "the cat a", "the dog b")
    assert answers == command("translate", "-m", folder / "model.keras", "the cat a", "the dog b")
    assert command("translate", "-m", folder / "model.keras", "the cat a", "the dog b").count("\n") == 2
    built = json.loads((folder / "evaluation.json").read_text(encoding="utf-8"))
    again = json.loads(command("evaluate", folder / "model.keras", folder / "test.tsv", "--json", "-"))
    assert again["bleu"] == pytest.approx(built["bleu"])
    assert again["exact_match"] == built["exact_match"]
