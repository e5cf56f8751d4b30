"""What serving/README.md tells people to type is there."""

import ast
import json
import re
import shlex

import pytest
from typer.main import get_command

import keras_s2s
from keras_s2s.cli.main import app


@pytest.fixture(scope="module")
def text(folder):
    return (folder / "README.md").read_text(encoding="utf-8")


def blocks(text, language):
    return re.findall(rf"^ *```{language}\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL)


def test_the_commands_and_their_options_exist(text):
    lines = " ".join(blocks(text, "sh")).replace("\\\n", " ").splitlines()
    commands = [line.split(">")[0].strip() for line in lines if line.strip().startswith("keras-s2s")]
    assert len(commands) > 6
    for line in commands:
        command, (_, *words) = get_command(app), shlex.split(line)
        while hasattr(command, "commands"):
            command = command.commands[words.pop(0)]
        options = {option for parameter in command.params for option in parameter.opts}
        assert {word for word in words if word.startswith("-")} <= options, line


def test_the_names_in_python_exist(text):
    for block in blocks(text, "python"):
        ast.parse(block)
        for name in re.findall(r"\b(?:import |(?=[A-Z]\w+\())(\w+)", block):
            assert hasattr(keras_s2s, name), name


def test_the_rest_request_is_json(text):
    (body,) = re.findall(r"curl -d '([^']*)'", text)
    assert list(json.loads(body)["inputs"]) == ["texts"]


def test_links_within_lead_somewhere(text, folder):
    titles = {re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in re.findall(r"^## (.*)", text, re.M)}
    anchors = set(re.findall(r"\]\(#([\w-]+)\)", text))
    assert anchors
    assert anchors <= titles
    named = re.findall(r"serving/([\w./-]+\.(?:yaml|config))", text)
    assert named
    assert all((folder / name).is_file() for name in named)


def test_files_that_are_spoken_of_are_there(text, folder):
    for name in re.findall(r"`((?:\w+/)*\w+\.(?:config|yaml|yml|json))`", text):
        known = (folder / name).is_file() or list(folder.glob(f"[pgk]*/**/{name}"))
        assert known or name == "model_card.json", name
