"""The model card: what a model learned from, how good it is, and what its export takes and gives.

After Mitchell et al. 2019, https://arxiv.org/abs/1810.03993, as far as facts are there: what nobody has told is called
unknown.
"""

import json
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import keras

from keras_s2s import __version__
from keras_s2s.config import SearchConfig, to_dict
from keras_s2s.data.tokenizer import CHARACTERS_A_TOKEN
from keras_s2s.decoding.search import output_limit
from keras_s2s.deploy.model_card_text import to_markdown
from keras_s2s.whole_file import replacing

if TYPE_CHECKING:
    from keras_s2s.seq2seq import Seq2Seq

FORMAT: Final = "keras_s2s/model_card/1"
JSON_NAME, MARKDOWN_NAME = "model_card.json", "MODEL_CARD.md"

FACTS: Final = ("data", "evaluation", "recipe")
LIBRARIES: Final = ("tensorflow", "tensorflow-text", "sentencepiece")


def model_card(
    model: "Seq2Seq",
    facts: Mapping[str, Any] | None = None,
    *,
    name: str,
    search: SearchConfig,
    export: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the card of an exported model as values for JSON.

    Args:
        model: The model.
        facts: What it does not know of itself, as mappings, any of which may be missing: `data` (`name`, `description`,
            `licence`, `attribution`, `url`, and `also`, the names of further files), `evaluation` (as
            `Evaluation.to_dict` gives it) and `recipe` (the tables `data` and `training` of its run's configuration).
            `run_facts` reads them from a run's folder.
        name: What the model is called.
        search: The search that the export was made with.
        export: What the export says of itself: its `kind` in words, its `bytes` on disk, and as far as there are such
            things its `version`, `max_batch`, `overlong` (`error` if it refuses a source over the limit) and
            `signatures` (`description`, `inputs` and `outputs`, these `{name: {"dtype": …, "shape": …}}`).

    Raises:
        ValueError: There is a fact of another name, or one that is no mapping.
    """
    facts = require_facts(facts)
    config = model.config
    return {
        "format": FORMAT,
        "name": name,
        "exported": datetime.now(UTC).date().isoformat(),
        "data": _known(facts.get("data")),
        "evaluation": _known(facts.get("evaluation")),
        "model": {
            "kind": "LSTM encoder-decoder",
            "parameters": int(model.count_params()),
            "vocabulary": {"source": len(model.source_tokenizer), "target": len(model.target_tokenizer)},
            "config": to_dict(config),
        },
        "search": to_dict(search),
        "limits": {
            "max_source_length": config.max_source_length,
            "max_source_characters": CHARACTERS_A_TOKEN * config.max_source_length,
            "max_target_length": output_limit(config, search),
        },
        "export": dict(export),
        "recipe": _known(facts.get("recipe")),
        "libraries": {
            "keras_s2s": __version__,
            "python": platform.python_version(),
            "keras": keras.__version__,
            **{library: version(library) for library in LIBRARIES},
        },
    }


def require_facts(facts: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """Return the facts, or none.

    Raises:
        ValueError: There is a fact of another name, or one that is no mapping.
    """
    facts = facts or {}
    if unknown := sorted(set(facts) - set(FACTS)):
        raise ValueError(f"facts has {', '.join(unknown)}; a model card takes {', '.join(FACTS)}")
    for name, fact in facts.items():
        if not isinstance(fact, Mapping):
            raise ValueError(f"facts[{name!r}] is a mapping of names to values, got {type(fact).__name__}")
    return facts


def write_card(card: Mapping[str, Any], json_file: Path, markdown_file: Path | None = None) -> None:
    """Write a card as JSON, and as Markdown if that is wanted; files that are there are replaced whole.

    Raises:
        OSError: A file cannot be written.
    """
    with replacing(json_file) as unfinished:
        unfinished.write_text(json.dumps(card, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    if markdown_file is not None:
        with replacing(markdown_file) as unfinished:
            unfinished.write_text(to_markdown(card), encoding="utf-8")


def _known(fact: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return a fact without what is empty in it, or nothing if all of it is."""
    return {key: value for key, value in (fact or {}).items() if value not in (None, "")} or None
