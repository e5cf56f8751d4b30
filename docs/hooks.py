"""What the site has beyond this folder: guides that stand beside what they are about, command help, pictures."""

import html
import re
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

GUIDES = (
    "CHANGELOG.md",
    "benchmarks/QUALITY.md",
    "saved_models/README.md",
    "saved_models/*/MODEL_CARD.md",
    "serving/README.md",
    "serving/device/README.md",
    "serving/device/android/README.md",
    "serving/device/ios/README.md",
    "serving/device/linux/README.md",
    "serving/web/README.md",
)
PROGRAMS = ("serving/device/linux/translate.py", "serving/device/linux/translate.cpp")
"""What the guides link to."""

CODE = re.compile(r"(`[^`]*`)")
# Python-Markdown wants four spaces before what belongs to an item of a list; three are enough for everyone else.
ITEM = re.compile(r"^ {3}(?=\S)", re.MULTILINE)


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Add the pages that are not in this folder."""
    root = Path(config.config_file_path).parent
    for path in sorted(path for name in GUIDES for path in root.glob(name)):
        text = path.read_text(encoding="utf-8")
        files.append(File.generated(config, str(path.relative_to(root)), content=ITEM.sub("    ", text)))
    for name in PROGRAMS:
        files.append(File.generated(config, name, abs_src_path=str(root / name)))
    files.append(File.generated(config, "reference/commands.md", content=commands()))
    files.append(File.generated(config, "reference/settings.md", content=settings()))
    for name, content in pictures().items():
        files.append(File.generated(config, f"pictures/{name}", content=content))
    return files


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Bend links that leave this folder, which are true in the repository, to where the site has the page."""
    if page.file.generated_by:
        return markdown
    up = "../" * page.file.src_uri.count("/")
    return markdown.replace(f"](../{up}", f"]({up}")


def commands() -> str:
    """Return the help of every command as Markdown, from the docstrings and options that `--help` shows too."""
    page = printed("typer", "keras_s2s.cli.main", "utils", "docs", "--name", "keras-s2s")
    # Typer's page has its title one level too high, and `<` in prose would begin a tag.
    parts = CODE.split(page)
    parts[::2] = [prose.replace("<", "&lt;") for prose in parts[::2]]
    parts[1::2] = map(html.unescape, parts[1::2])  # Markdown escapes code by itself
    title = "# Commands\n\nWhat `keras-s2s --help` and the `--help` of each command say.\n\n"
    return title + re.sub(r"^#", "##", "".join(parts), flags=re.MULTILINE)


def settings() -> str:
    """Return a page with the configuration file that has every setting."""
    text = "Every setting with its meaning and its default, as `keras-s2s config` prints them."
    return f"# Settings and defaults\n\n{text}\n\n```toml\n{printed('keras_s2s.cli.main', 'config')}```\n"


def pictures() -> dict[str, bytes]:
    """Return every picture that `keras_s2s.plots` can draw, by file name."""
    with TemporaryDirectory() as folder:
        script = Path(__file__).with_name("pictures.py")
        subprocess.run([sys.executable, script, folder], capture_output=True, check=True)
        return {path.name: path.read_bytes() for path in sorted(Path(folder).iterdir())}


def printed(*command: str) -> str:
    """Return what a module prints that is run as a program."""
    line = [sys.executable, "-m", *command]
    return subprocess.run(line, capture_output=True, encoding="utf-8", check=True).stdout
