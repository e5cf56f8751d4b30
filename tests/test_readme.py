"""The README's Python runs as it stands there."""

import re
import subprocess
import sys

import pytest

COMMAND = re.compile(r"^keras-s2s (\S+)", re.MULTILINE)


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
    export = "s2s.export_tflite(model, 'phrasebook.tflite')\n"
    check = "assert model.translate([\"Let's go!\"]) == ['¡Vamos!'], model.translate([\"Let's go!\"])\n"
    script = tmp_path / "readme.py"
    script.write_text(notebook + check + export + device, encoding="utf-8")
    subprocess.run([sys.executable, script], cwd=tmp_path, check=True)
