"""Stand-ins for a model and a training run, so that the commands are tested in milliseconds."""

import sys
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from keras_s2s.cli.main import app, run
from keras_s2s.config import SearchConfig
from keras_s2s.translation import Hypothesis


@dataclass
class FakeModel:
    """Answers in capitals and remembers how it was asked."""

    search: SearchConfig = field(default_factory=SearchConfig)
    answers: dict[str, str] = field(default_factory=dict)
    calls: list[tuple[Any, ...]] = field(default_factory=list)
    places: list[int] = field(default_factory=list)

    def translate(self, texts, search=None, *, batch_size=0, place=0):
        self.places.append(place)
        self.calls.append((list(texts), search))
        return [self.answers.get(text, text.upper()) for text in texts]

    def n_best(self, texts, n=None, search=None, *, batch_size=0, place=0):
        self.places.append(place)
        self.calls.append((list(texts), search))
        return [[Hypothesis(f"{t.upper()}{i}", (t,), -0.5 * i) for i in range(n or 4)] for t in texts]


@pytest.fixture
def model(monkeypatch):
    fake = FakeModel()
    monkeypatch.setattr("keras_s2s.cli.translate.default_model", lambda: Path("fake.keras"))
    for command in ("translate", "evaluate"):
        monkeypatch.setattr(f"keras_s2s.cli.{command}.open_model", lambda path: fake)
    return fake


@pytest.fixture
def training(monkeypatch, model):
    """The calls of the trainer, which makes no model but the fake one, and a file in its place."""
    calls = []

    def train(config, folder, *, resume, data_folder=None):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "model.keras").write_bytes(b"a model")
        (folder / "data.json").write_text("of which data", encoding="utf-8")
        calls.append(SimpleNamespace(config=config, folder=folder, resume=resume, data_folder=data_folder))
        return model

    monkeypatch.setitem(sys.modules, "keras_s2s.training.trainer", SimpleNamespace(train=train))
    # The exports have tests of their own, in tests/deploy.
    monkeypatch.setattr("keras_s2s.cli.build.export_all", lambda model, folder, samples: None)
    return calls


@pytest.fixture
def invoke():
    """Run a command that should succeed, and return its result."""

    def invoke(*arguments, **options):
        result = CliRunner().invoke(app, [str(a) for a in arguments], catch_exceptions=False, **options)
        assert result.exit_code == 0, result.output
        return result

    return invoke


@pytest.fixture
def fail(capsys):
    """Run a command line that should fail, and return its one line of error and its exit code."""

    def fail(*arguments):
        with pytest.raises(SystemExit) as stop:
            run([str(a) for a in arguments])
        line = capsys.readouterr().err.strip()
        assert "\n" not in line
        assert "Traceback" not in line
        assert line.startswith("error: ")
        return line.removeprefix("error: "), stop.value.code

    return fail


@pytest.fixture
def pairs_file(tmp_path):
    """A clean file of 60 pairs."""
    lines = [f"the {a} {b}\tel {a} {b} x" for a in ("cat", "dog", "bird", "fish", "cow", "ant") for b in "abcdefghij"]
    path = tmp_path / "mine.tsv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
