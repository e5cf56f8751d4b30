"""`export_tflite`: one file for phones, boards and browsers."""

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import tensorflow as tf

from keras_s2s import __version__
from keras_s2s.config import SearchConfig
from keras_s2s.data.tokenizer import EOS, PAD, UNKNOWN
from keras_s2s.decoding.outputs import NEVER
from keras_s2s.decoding.search import output_limit
from keras_s2s.deploy.agreement import agreement, require_agreement, sample_texts
from keras_s2s.deploy.export_search import choose_searches
from keras_s2s.deploy.litert import LiteRTTranslator, Method
from keras_s2s.deploy.manifest import Associated, write_with_files
from keras_s2s.deploy.mobile_module import MobileModule
from keras_s2s.deploy.operators import require_builtin
from keras_s2s.deploy.saved_model import require_tensorflow
from keras_s2s.seq2seq import Seq2Seq

Quantize = Literal["float16", "int8"]


def export_tflite(
    model: Seq2Seq,
    path: str | Path,
    *,
    quantize: Quantize | None = None,
    search: SearchConfig | None = None,
    samples: Sequence[str] | None = None,
) -> Path:
    """Write a model as one `.tflite` file, tokenisers and manifest inside; `LiteRTTranslator` reads it.

    The file has builtin operators alone, and the signatures `encode`, `decode_step`, `greedy` and `beam` over one set
    of weights. It is reloaded and compared with the model before it takes its place.

    Args:
        model: The model.
        path: The file, replaced if there is one; its folder is made where it is missing.
        quantize: How weights are stored: as they are, in float16 (half the size), or in int8 (a quarter).
        search: The search of plain answers, and the width and length penalty of `beam`; left out, the model's own.
        samples: Texts to compare on; where they are few or none, random pieces join them.

    Returns:
        The file.

    Raises:
        ValueError: The name does not end in `.tflite`, an argument lies outside its range, the model needs an operator
            that LiteRT lacks, or the unquantised file does not answer as `model` does; no file is written then.
        OSError: The file cannot be written.
    """
    path = Path(path)
    if path.suffix != ".tflite":
        raise ValueError(f"expected a file name that ends in .tflite, got {str(path)!r}")
    if quantize not in (None, "float16", "int8"):
        raise ValueError(f"quantize is 'float16', 'int8' or None, got {quantize!r}")
    search = search or model.search
    beam = choose_searches(search, search.beam_size).beam
    searches: dict[Method, SearchConfig] = {"greedy": replace(search, method="greedy"), "beam": beam}
    require_tensorflow()
    texts = sample_texts(model, samples)
    module = MobileModule(model, searches["greedy"], searches["beam"])
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.stem}-") as folder:
        unfinished = Path(folder) / path.name
        flatbuffer = _convert(module, Path(folder) / "saved_model", quantize)
        files = Associated(
            _describe(model, search, quantize, require_builtin(flatbuffer)),
            model.source_tokenizer.model,
            model.target_tokenizer.model,
        )
        write_with_files(unfinished, flatbuffer, files)
        files.manifest["agreement"] = _compare(model, unfinished, texts, searches, quantize)
        write_with_files(unfinished, flatbuffer, files)
        return unfinished.replace(path)


def _convert(module: MobileModule, folder: Path, quantize: Quantize | None) -> bytes:
    """Convert a module by way of a SavedModel, which keeps its variables shared between signatures.

    Raises:
        ValueError: The model has an operator that LiteRT lacks.
    """
    signatures = module.signatures()
    tf.saved_model.save(module, str(folder), signatures=signatures)
    converter = tf.lite.TFLiteConverter.from_saved_model(str(folder), signature_keys=list(signatures))
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    if quantize is not None:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if quantize == "float16":
        converter.target_spec.supported_types = [tf.float16]
    try:
        flatbuffer: bytes = converter.convert()
    except Exception as error:  # the converter's own error has no public name; its message is pages of MLIR
        lines = str(error).splitlines()
        cause = next(
            (line for line in lines if line.startswith(("Custom ops:", "TF Select ops:"))),
            lines[0] if lines else type(error).__name__,
        )
        raise ValueError(f"the model does not convert to TFLite, and no file was written: {cause.strip()}") from error
    return flatbuffer


def _compare(
    model: Seq2Seq, path: Path, texts: list[str], searches: dict[Method, SearchConfig], quantize: Quantize | None
) -> dict[str, Any]:
    """Return the share of texts that the file answers as the model does, for each search.

    Raises:
        ValueError: Unquantised, it differs in more than a tie or two.
    """
    translator = LiteRTTranslator(path)
    shares: dict[str, Any] = {"texts": len(texts)}
    for method, search in searches.items():
        expected, received = model.translate(texts, search), translator.translate(texts, method)
        shares[method] = round(agreement(expected, received), 4)
        if quantize is None:
            require_agreement(texts, expected, received, f"the TFLite file's {method} search")
    return shares


def _describe(model: Seq2Seq, search: SearchConfig, quantize: Quantize | None, operators: list[str]) -> dict[str, Any]:
    """Return the manifest but for the agreement."""
    config = model.config
    state = {f"{kind}_{i + 1}": [1, config.units] for i in range(config.layers) for kind in ("hidden", "cell")}
    source = {"source": [1, config.max_source_length], "source_length": [1]}
    limit = output_limit(config, search)
    vocabulary = len(model.target_tokenizer)
    return {
        "keras_s2s": __version__,
        "weights": quantize or "float32",
        "special_ids": {"pad": PAD, "eos": EOS, "unknown": UNKNOWN},
        "vocabulary": {"source": len(model.source_tokenizer), "target": vocabulary},
        "limits": {
            "max_source_length": config.max_source_length,
            "max_target_length": limit,
            "overlong": config.overlong,
        },
        "search": {
            "method": search.method,
            "beam_size": search.beam_size,
            "length_penalty": search.length_penalty,
            "least_log_prob": NEVER / 2,
        },
        "signatures": {
            "encode": {"inputs": source, "outputs": state},
            "decode_step": {"inputs": {"token": [1], **state}, "outputs": {"log_probs": [1, vocabulary], **state}},
            "greedy": {"inputs": source, "outputs": {"tokens": [1, limit], "log_probs": [1]}},
            "beam": {
                "inputs": source,
                "outputs": {"tokens": [1, search.beam_size, limit], "log_probs": [1, search.beam_size]},
            },
        },
        "operators": operators,
    }
