"""`export_saved_model`: a version folder for TensorFlow Serving."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from keras_s2s.config import SearchConfig
from keras_s2s.deploy.agreement import require_agreement, sample_texts
from keras_s2s.deploy.backend import require_tensorflow, save_module
from keras_s2s.deploy.export_search import ExportSearch, choose_searches
from keras_s2s.deploy.model_card import JSON_NAME, MARKDOWN_NAME, model_card, require_facts, write_card
from keras_s2s.deploy.server.serving_module import ServingModule
from keras_s2s.deploy.server.version_folders import version_folders
from keras_s2s.deploy.server.warmup import PLACE, write_warmup
from keras_s2s.seq2seq import Seq2Seq

CHECK = Path(__file__).with_name("fresh_check.py")
CHECK_SECONDS = 600
CHECK_BATCH = 32
DESCRIPTIONS = {
    "serving_default": "texts to translations, their log-probabilities and their lengths in tokens",
    "beam": "texts to their best translations, best first, with their pieces and log-probabilities",
    "encode": "texts to the decoder's first state and their own lengths in tokens, for a client with a loop of its own",
    "decode_step": "a token and a state to the log-probabilities of the next token and what changes of the state",
}


def export_saved_model(
    model: Seq2Seq,
    path: str | Path,
    *,
    version: int | None = None,
    search: SearchConfig | None = None,
    n_best: int = 4,
    max_batch: int = 1024,
    samples: Sequence[str] | None = None,
    facts: Mapping[str, Any] | None = None,
) -> Path:
    """Write a model as `<path>/<version>/`, a SavedModel that TensorFlow Serving loads: strings in, strings out.

    Signatures: `serving_default` (texts to translations, log-probabilities and lengths), `beam` (texts to n-best),
    `encode` and `decode_step` (for clients with a loop of their own). The version is written under another name,
    verified in a fresh process that imports nothing of keras_s2s, and then renamed into place, so that a server that
    watches the folder sees whole versions only. A source over the model's limit, of tokens or of 64 characters for each
    of them, loses its end, where `Seq2Seq.translate` cuts it too, whatever `ModelConfig.overlong` says: a server has no
    warnings, and an error would fail the whole batch.

    Beside the versions stands the model card of the newest, `MODEL_CARD.md` and `model_card.json`; each version has its
    own in `assets.extra/`. Servers look at neither.

    Args:
        model: The model.
        path: The model's folder, as the server is told it; made where it is missing.
        version: The version's number; left out, one more than the highest there is.
        search: The search of `serving_default`; left out, the model's own.
        n_best: Hypotheses that `beam` answers with.
        max_batch: Most texts in a request; more are an INVALID_ARGUMENT.
        samples: Texts to verify on and to warm up with; where they are few or none, random pieces join them.
        facts: For the card, what the model does not know of itself: data and licence, evaluation, recipe; see
            `deploy.model_card`. What is not told is called unknown.

    Returns:
        The version's folder.

    Raises:
        ValueError: The version exists, an argument lies outside its range, or the written model does not answer as
            `model` does, but for ties; nothing is left behind then.
        OSError: The folder cannot be written.
    """
    searches = choose_searches(search or model.search, n_best)
    if max_batch < 1:
        raise ValueError(f"max_batch is the number of texts in a request, at least 1; got {max_batch}")
    require_facts(facts)
    require_tensorflow()
    folder = Path(path)
    version = _free_version(folder, version)
    texts = sample_texts(model, samples)
    folder.mkdir(parents=True, exist_ok=True)
    # Inside the folder, where a rename is always possible; the server looks at numbers alone.
    with tempfile.TemporaryDirectory(dir=folder, prefix=".unfinished-") as elsewhere:
        unfinished = Path(elsewhere) / str(version)
        module = ServingModule(model, searches, max_batch)
        signatures = module.signatures()
        save_module(module, unfinished, signatures)
        write_warmup(unfinished, texts, signatures["decode_step"].structured_input_signature[1], max_batch)
        _verify(model, unfinished, texts, searches, max_batch)
        export = {
            "kind": "a SavedModel for TensorFlow Serving",
            "version": version,
            "bytes": sum(file.stat().st_size for file in unfinished.rglob("*") if file.is_file()),
            "max_batch": max_batch,
            "signatures": {name: _describe(name, function) for name, function in signatures.items()},
        }
        card = model_card(model, facts, name=folder.resolve().name, search=searches.default, export=export)
        write_card(card, (unfinished / PLACE).with_name(JSON_NAME))
        written = unfinished.rename(folder / str(version))
    if version == max(version_folders(folder)):
        write_card(card, folder / JSON_NAME, folder / MARKDOWN_NAME)
    return written


def _free_version(folder: Path, version: int | None) -> int:
    taken = version_folders(folder) if folder.is_dir() else {}
    if version is None:
        return max(taken, default=0) + 1
    if version < 0:
        raise ValueError(f"version is a number from 0, got {version}")
    if version in taken:
        raise ValueError(f"{folder / str(version)} exists: choose another version, or leave it out for the next one")
    return version


def _describe(name: str, function: Any) -> dict[str, Any]:
    """Return what a traced signature does, takes and gives, for the card."""
    sides = {"inputs": function.structured_input_signature[1], "outputs": function.structured_outputs}
    tensors = {
        side: {
            tensor: {"dtype": spec.dtype.name, "shape": spec.shape.as_list()} for tensor, spec in sorted(specs.items())
        }
        for side, specs in sides.items()
    }
    return {"description": DESCRIPTIONS[name], **tensors}


def _verify(model: Seq2Seq, folder: Path, texts: list[str], searches: ExportSearch, max_batch: int) -> None:
    """Compare the answers of a fresh process with the model's.

    Raises:
        ValueError: They differ in more than ties, or the process failed.
    """
    steps = model.config.max_target_length
    found = _ask_fresh_process(folder, {"texts": texts, "batch": min(max_batch, CHECK_BATCH), "steps": steps})
    loop = model.target_tokenizer.decode(found["loop"])
    for name, search, received in (
        ("the SavedModel", searches.default, found["translations"]),
        ("the SavedModel's beam", searches.beam, found["beam"]),
        ("a loop over the SavedModel's encode and decode_step", SearchConfig(), loop),
    ):
        require_agreement(model, search, texts, model.translate(texts, search), received, name)


def _ask_fresh_process(folder: Path, request: Mapping[str, Any]) -> dict[str, Any]:
    """Return what `fresh_check` answers.

    Raises:
        ValueError: It failed, or took too long.
    """
    try:
        finished = subprocess.run(
            [sys.executable, "-P", str(CHECK), str(folder)],
            input=json.dumps(request),
            capture_output=True,
            encoding="utf-8",
            timeout=CHECK_SECONDS,
            check=False,
            env={**os.environ, "CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "2"},
        )
    except subprocess.TimeoutExpired:
        raise ValueError(f"the SavedModel did not answer within {CHECK_SECONDS} s, and was not kept") from None
    written = finished.stdout.splitlines()
    if finished.returncode:
        # Nothing was written where Python or TensorFlow itself did not start.
        last = (finished.stderr.strip().splitlines() or ["no message"])[-1]
        cause = json.loads(written[-1])["error"] if written else last
        raise ValueError(f"the SavedModel does not run in a fresh process, and was not kept: {cause}")
    answers: dict[str, Any] = json.loads(written[-1])
    return answers
