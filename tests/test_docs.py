"""What README.md and docs/ tell people to type works as it stands there, and the site builds."""

import contextlib
import io
import os
import re
import shlex
import socket
import subprocess
import sys
import textwrap
import tomllib
from dataclasses import fields
from pathlib import Path

import pytest

from keras_s2s.data.phrasebook import load_phrasebook

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
PAGES = {str(path.relative_to(ROOT / "docs")): path for path in sorted((ROOT / "docs").rglob("*.md"))}

FENCE = re.compile(r"^( *)```([\w-]*)[^\n]*\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`([^`\n]+)`")
EXTRAS = re.compile(r"pip install .*(?:\.|keras-s2s)\[([\w,]+)\]")

# Blocks that change the machine are not run; that what they ask for exists is tested.
PREPARES = re.compile(r"^(?:make|pip install) ", re.MULTILINE)
# Commands that go on until they are stopped, with the ports that the page speaks of.
LASTING = {"serve": "--development --port 8500 --rest-port 8501", "web": "--port 8600"}
PORTS = ("8500", "8501", "8600")

# Pages that train or export for a minute or more.
SLOW = {"tutorial.md", "how-to/own-data.md", "how-to/server.md", "how-to/phone.md", "how-to/browser.md"}
PRINTED = {
    "tutorial.md": ["¡Vamos!", "none"],
    "how-to/own-data.md": ["1989-07-14", "1969-07-21"],
    "how-to/server.md": ["vamos", "comer", "AVAILABLE"],
    "how-to/phone.md": ["vamos", "300 texts: 0 with wrong ids"],
    "how-to/browser.md": ['"my"'],
    "how-to/many-machines.md": [],
    "design.md": [],
    "troubleshooting.md": ["set it to at most"],
}
"""What pages with code print, among other things."""

README_ONWARD = """
s2s.export_tflite(model, "phrasebook.tflite")
"""
# Trained for a few epochs without a schedule, the model is right on most sentences that it never saw, not on all.
README_CHECK = """
texts, targets, _ = zip(*list(pairs.valid)[:200])
answers = model.translate(texts)
assert sum(a == t for a, t in zip(answers, targets)) > 100, answers
device = LiteRTTranslator("phrasebook.tflite").translate(texts)
assert sum(a == d for a, d in zip(answers, device)) >= 199, list(zip(answers, device))
"""
README_APART = (
    "keras-s2s train configs/classic.toml --output runs/classic",
    "keras-s2s evaluate runs/classic/model.keras tatoeba-en-es",
    "python benchmarks/training_speed.py --data FOLDER --rounds 3 --steps 15",
    "python benchmarks/serving.py saved_models/phrasebook",
    "python benchmarks/device.py",
    "python benchmarks/memory.py --pairs 5000000",
)
"""Commands of README.md that train for an hour or measure; benchmarks have tests of their own."""
TUTORIAL_CHECK = """
assert model.translate(["Let's go!"]) == ["¡Vamos!"]
assert result.exact_match > 0.7, result
"""


def blocks(path, *languages):
    """Return the fenced blocks of a page as (language, code)."""
    found = FENCE.findall(path.read_text(encoding="utf-8"))
    return [(language, textwrap.dedent(code)) for _, language, code in found if language in languages]


def typed(path):
    """Return what a page shows for typing: the lines of its shell blocks, and the code within its sentences."""
    lines = "\n".join(code for _, code in blocks(path, "sh")).replace("\\\n", " ").splitlines()
    return lines, INLINE.findall(FENCE.sub("", path.read_text(encoding="utf-8")))


def runs(code):
    return not PREPARES.search(code)


class Reader:
    """Does what a page says in a folder of its own: Python in one namespace, commands in a shell, servers beside it."""

    def __init__(self, folder):
        self.folder = folder
        self.printed = ""
        self._names = {"__name__": "page"}
        self._servers = {}
        self._ports = {port: str(free_port()) for port in PORTS}
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        self._environment = {**os.environ, "PATH": path, "BROWSER": "true"}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for command in [*self._servers]:
            self._stop(command)

    def do(self, language, code):
        lasting = re.fullmatch(r"keras-s2s (serve|web) .*\n", code)
        if language == "python":
            self.python(code)
        elif lasting:
            self._stop(lasting[1])  # as its reader ends the one before
            self._serve(lasting[1], f"{code.strip()} {LASTING[lasting[1]]}")
        elif runs(code):
            self._shell(code)

    def python(self, code):
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            exec(compile(self._own_ports(code), "page", "exec"), self._names)
        self.printed += printed.getvalue()

    def _shell(self, code):
        command = ["bash", "-euo", "pipefail", "-c", self._own_ports(code)]
        result = subprocess.run(
            command, cwd=self.folder, env=self._environment, capture_output=True, encoding="utf-8", check=False
        )
        assert result.returncode == 0, f"{code}\n{result.stdout[-2000:]}\n{result.stderr[-4000:]}"
        self.printed += result.stdout

    def _stop(self, command):
        if server := self._servers.pop(command, None):
            server.terminate()
            server.wait(timeout=60)
            server.stdout.close()

    def _serve(self, command, code):
        with (self.folder / "server.log").open("w") as log:
            server = subprocess.Popen(
                ["bash", "-c", f"exec {self._own_ports(code)}"],
                cwd=self.folder,
                env=self._environment,
                stdout=subprocess.PIPE,
                stderr=log,
                encoding="utf-8",
            )
        self._servers[command] = server
        assert server.stdout.readline(), (self.folder / "server.log").read_text()  # it prints when it is ready

    def _own_ports(self, code):
        return re.sub("|".join(PORTS), lambda port: self._ports[port[0]], code)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def reader(tmp_path, monkeypatch, trained):
    """A reader in the root of what looks like a checkout, in which `keras-s2s build my.tsv` was run."""
    monkeypatch.chdir(tmp_path)
    for name in ("configs", "serving"):
        (tmp_path / name).symlink_to(ROOT / name)
    trained.save(tmp_path / "runs" / "my" / "model.keras")
    with Reader(tmp_path) as reader:
        yield reader


def marked(name):
    return pytest.param(name, marks=pytest.mark.slow) if name in SLOW else name


def test_every_page_with_code_is_run():
    with_code = {name for name, path in PAGES.items() for _, code in blocks(path, "sh", "python") if runs(code)}
    assert with_code == set(PRINTED)
    languages = {language for path in PAGES.values() for _, language, _ in FENCE.findall(path.read_text("utf-8"))}
    assert languages <= {"sh", "python", "text", "toml"}


@pytest.mark.parametrize("name", [marked(name) for name in PRINTED])
def test_a_page_runs(reader, name):
    for language, code in blocks(PAGES[name], "sh", "python"):
        reader.do(language, code)
    if name == "tutorial.md":
        reader.python(TUTORIAL_CHECK)
    for text in PRINTED[name]:
        assert text in reader.printed


@pytest.mark.slow
def test_the_readmes_python_runs(reader):
    (_, notebook), (_, device) = blocks(README, "python")
    for code in (notebook, README_ONWARD, device, README_CHECK):
        reader.python(code)


@pytest.mark.slow
def test_the_readmes_commands_run(reader):
    """On a file of pairs as a reader has, after `make demo`; from file to served model among them."""
    (reader.folder / "saved_models").mkdir()
    for shipped in (ROOT / "saved_models").iterdir():
        (reader.folder / "saved_models" / shipped.name).symlink_to(shipped)
    (reader.folder / "demo_output").symlink_to(reader.folder / "runs" / "my")
    short = [pair for pair in load_phrasebook().train if len(pair.source.split()) < 4][:300]
    (reader.folder / "my.tsv").write_text("".join(f"{pair.source}\t{pair.target}\n" for pair in short))
    lines = typed(README)[0]
    assert set(README_APART) <= set(lines)
    for line in lines:
        if line.split() and line not in README_APART:
            reader.do("sh", line + "\n")
    for text in ("¡Vamos!", "¿Dónde está la estación?", "F OW T AH G R AE F", "BLEU"):
        assert text in reader.printed


@pytest.mark.parametrize("path", [README, *PAGES.values()], ids=["README.md", *PAGES])
def test_the_commands_and_their_options_exist(path):
    from typer.main import get_command

    from keras_s2s.cli.main import app

    lines, inline = typed(path)
    for words in (code.split() for code in inline if code.startswith("keras-s2s ")):
        assert words[1].startswith("--") or words[1] in get_command(app).commands, words
    for line in lines:
        if not line.startswith("keras-s2s "):
            continue
        command, (_, *words) = get_command(app), shlex.split(line)
        while hasattr(command, "commands"):
            command = command.commands[words.pop(0)]
        options = {option for p in command.params for option in (*p.opts, *p.secondary_opts)} | {"--help", "--debug"}
        assert {word.partition("=")[0] for word in words if word.startswith("-")} <= options, line


def test_what_is_to_be_installed_exists():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    shown = [code for path in (README, *PAGES.values()) for part in typed(path) for code in part]
    extras = {name for code in shown for names in EXTRAS.findall(code) for name in names.split(",")}
    assert {"train", "serving", "client"} <= extras <= set(project["optional-dependencies"])
    assert {"demo", "docs", "web"} <= {code.split()[1] for code in shown if code.startswith("make ")} <= set(targets)


def of_the_site(test):
    """Mark what needs the built site: slow, and all in one process, which builds it once."""
    return pytest.mark.slow(pytest.mark.xdist_group("site")(test))


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The pages of the built site by name."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", folder]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, encoding="utf-8", check=False)
    assert result.returncode == 0, result.stderr
    assert "WARNING" not in result.stderr
    return {str(path.relative_to(folder)): path.read_text(encoding="utf-8") for path in folder.rglob("*.html")}


@of_the_site
def test_the_reference_has_every_public_name(site):
    import keras_s2s

    reference = "".join(text for name, text in site.items() if name.startswith("reference/"))
    for name in set(keras_s2s.__all__) - {"__version__"}:
        assert f'id="keras_s2s.{name}"' in reference
    for name in keras_s2s.plots.__all__:
        assert re.search(rf'id="keras_s2s\.plots\.(?:{name}\.)?{name}"', reference), name


@of_the_site
def test_the_reference_has_every_setting_and_command(site):
    from typer.main import get_command

    from keras_s2s.cli.main import app
    from keras_s2s.config import DataConfig, ModelConfig, SearchConfig, TokenizerConfig, TrainingConfig

    for cls in (DataConfig, ModelConfig, SearchConfig, TokenizerConfig, TrainingConfig):
        for field in fields(cls):
            assert f'title="keras_s2s.{cls.__name__}.{field.name}"' in site["reference/configuration.html"]
    for name, command in get_command(app).commands.items():
        for path in [name, *(f"{name} {inner}" for inner in getattr(command, "commands", ()))]:
            assert f"<code>keras-s2s {path}</code>" in site["reference/commands.html"]


@of_the_site
def test_the_pages_fetch_nothing_from_elsewhere(site):
    fetched = re.compile(r'<(?:script|img|iframe|link)\b[^>]*(?:src|href)="(https?:[^"]*)"')
    assert {url for text in site.values() for url in fetched.findall(text)} == set()
