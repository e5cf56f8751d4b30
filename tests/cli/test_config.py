import tomllib
from dataclasses import fields, is_dataclass
from pathlib import Path

from keras_s2s.cli.recipes import Recipe
from keras_s2s.config import RunConfig, load_config

CONFIGS = Path(__file__).parents[2] / "configs"


def test_the_template_is_the_default_configuration(invoke, tmp_path):
    path = tmp_path / "my.toml"
    path.write_text(invoke("config").stdout, encoding="utf-8")
    assert load_config(path) == RunConfig()


def test_a_recipe_is_printed_as_it_stands(invoke):
    assert invoke("config", "attention").stdout == (CONFIGS / "attention.toml").read_text(encoding="utf-8")


def test_every_recipe_has_a_name_but_those_that_make_the_shipped_translator():
    assert {path.stem for path in CONFIGS.glob("*.toml")} == {*Recipe, "en_es", "en_es_names"}


def test_every_setting_is_there_and_explained(invoke):
    lines = invoke("config").stdout.splitlines()

    def check(settings):
        for field in fields(settings):
            value = getattr(settings, field.name)
            if is_dataclass(value):
                check(value)
            else:
                place = next(i for i, line in enumerate(lines) if line.lstrip("# ").startswith(f"{field.name} = "))
                assert lines[place - 1].startswith("# "), field.name

    check(RunConfig())
    assert set(tomllib.loads("\n".join(lines))) == {"data", "model", "training", "search"}
