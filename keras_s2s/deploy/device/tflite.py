"""`export_tflite`: one file for phones, boards and browsers."""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import tensorflow as tf

from keras_s2s.config import SearchConfig
from keras_s2s.decoding.inference import inference_weights
from keras_s2s.deploy.agreement import agreement, require_agreement, sample_texts
from keras_s2s.deploy.backend import require_tensorflow, save_module
from keras_s2s.deploy.device.beside import VECTORS, beside, move_set
from keras_s2s.deploy.device.calibration import input_moments
from keras_s2s.deploy.device.description import describe
from keras_s2s.deploy.device.device_model import DeviceModel, Method
from keras_s2s.deploy.device.litert import LiteRTTranslator
from keras_s2s.deploy.device.manifest import Associated, read_files, write_with_files
from keras_s2s.deploy.device.mobile_module import MobileModule
from keras_s2s.deploy.device.rounding import round_weights
from keras_s2s.deploy.device.shared_grids import share_grids
from keras_s2s.deploy.device.vectors import vector_texts, write_vectors
from keras_s2s.deploy.export_search import choose_searches
from keras_s2s.seq2seq import Seq2Seq

Quantize = Literal["float16", "int8"]

CALIBRATION_TEXTS = 500


def export_tflite(
    model: Seq2Seq,
    path: str | Path,
    *,
    quantize: Quantize | None = None,
    search: SearchConfig | None = None,
    samples: Sequence[str] | None = None,
    evaluation: Mapping[str, Any] | None = None,
) -> Path:
    """Write a model as one `.tflite` file, tokenisers and manifest inside; `LiteRTTranslator` reads it.

    The file has builtin operators alone, and the signatures `encode`, `decode_step`, `greedy` and `beam` over one set
    of weights. It is reloaded and compared with the model before it takes its place. Beside it stand the same
    tokenisers and manifest as files of their own, and test vectors for programs in other languages (`deploy.beside`).

    Args:
        model: The model.
        path: The file, replaced if there is one, with what stands beside it; its folder is made where it is missing.
        quantize: How weights are stored: as they are, in float16 (a little over half the size), or in int8 (a
            quarter to two fifths).
        search: The search of plain answers, and the width and length penalty of `beam`; left out, the model's own.
        samples: Texts to compare on; where they are few or none, random pieces join them.
        evaluation: How good the model is, for the manifest: what `Evaluation.to_dict` returns.

    Returns:
        The file.

    Raises:
        ValueError: The name does not end in `.tflite`, an argument lies outside its range, the model needs an operator
            that LiteRT lacks, or the file does not answer as `model` does; no file is written then. Unquantised, each
            difference has to be a tie; of float16 answers 75 % have to be the same, of int8 answers 25 %.
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
    module = MobileModule(model.config, _weights(model, quantize, samples), searches["greedy"], searches["beam"])
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.stem}-") as folder:
        unfinished = Path(folder) / path.name
        flatbuffer = _convert(module, Path(folder) / "saved_model", quantize)
        manifest = describe(model, flatbuffer, search, quantize or "float32", evaluation)
        files = Associated(manifest, model.source_tokenizer.model, model.target_tokenizer.model)
        write_with_files(unfinished, flatbuffer, files)
        manifest["agreement"] = _compare(model, unfinished, texts, searches, quantize)
        write_with_files(unfinished, flatbuffer, files)
        _write_beside(unfinished, vector_texts(model, samples))
        move_set(unfinished, path)
    return path


def _weights(model: Seq2Seq, quantize: Quantize | None, samples: Sequence[str] | None) -> dict[str, tf.Variable]:
    """Return what the file is made of: the model's own variables, or for int8 ones that lose little of it."""
    weights = inference_weights(model)
    if quantize != "int8":
        return {name: variable.value for name, variable in weights.items()}
    arrays = {name: variable.numpy() for name, variable in weights.items()}
    moments = input_moments(model, sample_texts(model, samples, CALIBRATION_TEXTS))
    rounded = round_weights(arrays, moments, tied=model.config.tie_embeddings)
    return {name: tf.Variable(array) for name, array in rounded.items()}


def _write_beside(path: Path, texts: list[str]) -> None:
    for name, content in read_files(path).contents().items():
        beside(path, name).write_bytes(content)
    write_vectors(beside(path, VECTORS), DeviceModel(path), texts)


def _convert(module: MobileModule, folder: Path, quantize: Quantize | None) -> bytes:
    """Convert a module by way of a SavedModel, which keeps its variables shared between signatures.

    Raises:
        ValueError: The model has an operator that LiteRT lacks.
    """
    signatures = module.signatures()
    save_module(module, folder, signatures)
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
    return share_grids(flatbuffer) if quantize == "int8" else flatbuffer


def _compare(
    model: Seq2Seq, path: Path, texts: list[str], searches: dict[Method, SearchConfig], quantize: Quantize | None
) -> dict[str, Any]:
    """Return the share of texts that the file answers as the model does, for each search.

    Raises:
        ValueError: Unquantised, it differs in more than ties; quantised, in more than rounding explains.
    """
    translator = LiteRTTranslator(path)
    shares: dict[str, Any] = {"texts": len(texts)}
    for method, search in searches.items():
        expected, received = model.translate(texts, search), translator.translate(texts, method)
        shares[method] = round(agreement(expected, received), 4)
        require_agreement(
            model, search, texts, expected, received, f"the TFLite file's {method} search", quantize or "float32"
        )
    return shares
