"""The recipes that come with the library: `configs/` of a checkout, which a wheel brings along."""

import tomllib
from enum import StrEnum
from pathlib import Path
from typing import Any

FOLDERS = (Path(__file__).parents[1] / "recipes", Path(__file__).parents[2] / "configs")
# What says which pairs those of the recipe are, and what follows their number and their lengths where it is left out.
OF_ITS_OWN_PAIRS = {
    "data": ("name", "train", "valid", "test", "also", "columns"),
    "training": ("batch_tokens", "buckets"),
}


class Recipe(StrEnum):
    """A recipe by its name, that of its file."""

    attention = "attention"
    classic = "classic"
    deep = "deep"
    pronounce = "pronounce"
    protein = "protein"
    tiny = "tiny"


def read_recipe(recipe: Recipe) -> str:
    """Return a recipe's file, comments and all.

    Raises:
        FileNotFoundError: This installation has none.
    """
    for folder in FOLDERS:
        path = folder / f"{recipe}.toml"
        if path.is_file():
            return path.read_text(encoding="utf-8")
    raise FileNotFoundError(f"{recipe}: this installation has no recipes; install keras-s2s again")


def settings_for_other_pairs(recipe: Recipe) -> dict[str, Any]:
    """Return a recipe as nested plain values, without what belongs to the pairs that it is for."""
    return {
        table: {key: value for key, value in settings.items() if key not in OF_ITS_OWN_PAIRS.get(table, ())}
        for table, settings in tomllib.loads(read_recipe(recipe)).items()
    }
