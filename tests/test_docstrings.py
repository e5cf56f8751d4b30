"""The examples in docstrings give what they show, but for those that need a server or a trained model."""

import doctest
import importlib
import re
from pathlib import Path

import pytest

import keras_s2s

ROOT = Path(keras_s2s.__file__).parent
RUN = re.compile(r"^ +>>> (?!.*# doctest: \+SKIP$)", re.MULTILINE)
EXAMPLES = [path for path in sorted(ROOT.rglob("*.py")) if RUN.search(path.read_text(encoding="utf-8"))]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_examples(path):
    module = importlib.import_module(".".join(path.relative_to(ROOT.parent).with_suffix("").parts))
    results = doctest.testmod(module)
    assert results.attempted
    assert not results.failed
