"""The page's own checks, and what is committed of it."""

import json
import re

import pytest


@pytest.fixture(scope="module")
def source(pytestconfig):
    return pytestconfig.rootpath / "serving" / "web"


@pytest.mark.slow
def test_types_and_style(npm):
    npm("run", "check")


@pytest.mark.slow
def test_units(npm):
    assert "2 passed" in npm("test", "--", "page")


def test_the_format_is_that_of_the_exports(source):
    from keras_s2s.deploy.device.manifest import FORMAT

    assert f'FORMAT = "{FORMAT}"' in (source / "src" / "model_file.ts").read_text(encoding="utf-8")


def test_the_lock_file_names_no_registry(source):
    lock = json.loads((source / "package-lock.json").read_text(encoding="utf-8"))
    packages = {name: entry for name, entry in lock["packages"].items() if name}
    assert len(packages) > 20
    assert all("integrity" in entry and "resolved" not in entry for entry in packages.values())


def test_the_page_names_no_other_site(source):
    """Neither a font nor a script nor a picture comes from elsewhere; only licences and papers are cited."""
    cited = r"https?://(www\.w3\.org/2000/svg|www\.apache\.org/licenses/|aclanthology\.org/)"
    files = [source / "index.html", *(source / "src").rglob("*.*"), *(source / "public").iterdir()]
    assert len(files) > 20
    for file in files:
        rest = re.sub(cited, "", file.read_text(encoding="utf-8"))
        assert not re.search(r"https?://|//[\w-]+\.[a-z]", rest), file
