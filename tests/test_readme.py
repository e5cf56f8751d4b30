"""The README's Python runs as it stands there."""

import re
import subprocess
import sys

import pytest

COMMAND = re.compile(r"^keras-s2s (\S+)", re.MULTILINE)

MORE = """
s2s.export_tflite(model, "phrasebook.tflite")
"""
# Trained for a few epochs without a schedule, the model is right on most sentences that it never saw, not on all.
CHECK = """
texts, targets, _ = zip(*list(pairs.valid)[:200])
answers = model.translate(texts)
assert sum(a == t for a, t in zip(answers, targets)) > 100, answers
device = LiteRTTranslator("phrasebook.tflite").translate(texts)
assert sum(a == d for a, d in zip(answers, device)) >= 199, list(zip(answers, device))
"""


def blocks(pytestconfig, language):
    text = (pytestconfig.rootpath / "README.md").read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def test_the_commands_exist(pytestconfig):
    from keras_s2s.cli.main import app

    known = {command.name or command.callback.__name__ for command in app.registered_commands}
    known |= {group.name or group.typer_instance.info.name for group in app.registered_groups}
    named = {name for block in blocks(pytestconfig, "sh") for name in COMMAND.findall(block)}
    assert {"build", "train", "evaluate", "export", "translate"} <= named <= known


@pytest.mark.slow
def test_the_python_runs(pytestconfig, tmp_path):
    notebook, device = blocks(pytestconfig, "python")
    script = tmp_path / "readme.py"
    script.write_text(notebook + MORE + device + CHECK, encoding="utf-8")
    result = subprocess.run([sys.executable, script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr[-2000:]
