"""`import keras_s2s`: fast, lazy, and helpful where an extra is missing; in fresh processes."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import keras_s2s
from keras_s2s.extras import MissingExtraError, explain, explained

HEAVY = (
    "tensorflow",
    "keras",
    "jax",
    "numpy",
    "pydantic",
    "sacrebleu",
    "pooch",
    "sentencepiece",
    "rich",
    "typer",
)

BLOCK = """
import sys
class Block:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {blocked!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Block())
"""


def python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)


def stub_names() -> list[str]:
    stub = Path(keras_s2s.__file__).with_suffix(".pyi")
    tree = ast.parse(stub.read_text(encoding="utf-8"))
    return [a.name for node in tree.body if isinstance(node, ast.ImportFrom) for a in node.names]


def test_import_loads_nothing_heavy():
    result = python(f"import sys, keras_s2s; print([m for m in {HEAVY!r} if m in sys.modules])")
    assert result.stdout.strip() == "[]", result.stderr


def test_dir_and_all_hold_the_public_names():
    assert sorted(stub_names()) == sorted(keras_s2s.__all__)
    assert set(stub_names()) <= set(dir(keras_s2s))


@pytest.mark.parametrize("name", stub_names())
def test_each_public_name_resolves(name):
    assert getattr(keras_s2s, name).__name__ in {name, f"keras_s2s.{name}"}  # a module has its whole name


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = keras_s2s.no_such_name


@pytest.mark.parametrize(
    ("blocked", "code", "title", "extra"),
    [
        (("tensorflow", "keras"), "keras_s2s.Seq2Seq", "Keras|TensorFlow", "train"),
        (("pydantic",), "keras_s2s.ModelConfig", "pydantic", "train"),
        (("sacrebleu",), "keras_s2s.evaluate(None, [('a', 'b')])", "sacreBLEU", "train"),
    ],
)
def test_a_missing_extra_names_the_pip_command(blocked, code, title, extra):
    catch = f"""
import keras_s2s, re
try:
    {code}
except ImportError as error:
    assert type(error).__name__ == "MissingExtraError", repr(error)
    assert re.search({title!r}, str(error)), error
    assert "pip install 'keras-s2s[{extra}]'" in str(error), error
    print("told")
"""
    result = python(BLOCK.format(blocked=blocked) + catch)
    assert result.stdout == "told\n", result.stderr


def test_the_base_installation_reads_pairs_without_the_training_libraries(tmp_path):
    (tmp_path / "pairs.tsv").write_text("a\tb\n", encoding="utf-8")
    blocked = (
        "tensorflow",
        "keras",
        "tensorflow_text",
        "sacrebleu",
        "pooch",
        "tomli_w",
        "tqdm",
        "tensorboard",
    )
    code = f"import keras_s2s; print(list(keras_s2s.read_pairs({str(tmp_path / 'pairs.tsv')!r}))[0].source)"
    result = python(BLOCK.format(blocked=blocked) + code)
    assert result.stdout == "a\n", result.stderr


def test_other_import_errors_stay_what_they_are():
    with pytest.raises(ModuleNotFoundError, match="no_such_module"), explained():
        import no_such_module  # noqa: F401
    assert explain(ImportError("cannot import name 'x'", name="tensorflow")) is None
    told = MissingExtraError("told")
    assert explain(told) is told
