"""Answer texts by a SavedModel, in a process that has nothing of keras_s2s: what the server will have.

Run as a script, never imported: `python -P fresh_check.py FOLDER < request.json`. The request is
`{"texts": [...], "batch": most texts at once, "steps": most tokens of an output}`.
"""

import gc
import json
import os
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    # The server has none of these. TensorFlow and TensorFlow Text import each that is installed, which takes seconds.
    sys.modules.update(dict.fromkeys(("keras", "jax", "matplotlib")))  # type: ignore[arg-type]
    gc.disable()  # a fifth of an import, and this process is over soon

import numpy as np
import tensorflow as tf

EOS, UNKNOWN = 1, 2
WARMUP = "assets.extra/tf_serving_warmup_requests"


def main(folder: str) -> int:
    """Write JSON: the answers of each signature, or the `error` that came instead.

    `translations` are the plain answers, `beam` the first of each text's n-best, `loop` the ids that a greedy client
    finds with `encode` and `decode_step`. The warm-up requests are run too.
    """
    request = json.load(sys.stdin)
    try:
        answers = _answers(folder, **request)
    except Exception as error:
        sys.stdout.write(json.dumps({"error": f"{type(error).__name__}: {_cause(error)}"}) + "\n")
        return 1
    sys.stdout.write(json.dumps(answers) + "\n")
    return 0


def _answers(folder: str, texts: list[str], batch: int, steps: int) -> dict[str, list[Any]]:
    _register_text_ops()
    loaded = tf.saved_model.load(folder)  # kept: the signatures hold its variables weakly
    signatures: Any = loaded.signatures
    found: dict[str, list[Any]] = {"translations": [], "beam": [], "loop": []}
    for start in range(0, len(texts), batch):
        some = tf.constant(texts[start : start + batch], tf.string)
        found["translations"] += _strings(signatures["serving_default"](texts=some)["translations"])
        found["beam"] += _strings(signatures["beam"](texts=some)["translations"][:, 0])
        found["loop"] += _loop(signatures, some, steps)
    _warm_up(folder, signatures)
    ours = [name for name in sys.modules if name.partition(".")[0] == "keras_s2s"]
    if ours:
        raise RuntimeError(f"the check imported {ours}")
    return found


def _register_text_ops() -> None:
    """Load TensorFlow Text's operators, which the server links, without its Python, which imports Keras."""
    package = find_spec("tensorflow_text")
    if package is None or package.origin is None:
        raise ModuleNotFoundError("TensorFlow Text is not installed: pip install 'keras-s2s[train]'")
    for library in sorted(Path(package.origin).parent.glob("python/ops/*.so")):
        tf.load_op_library(str(library))


def _loop(signatures: Mapping[str, Any], texts: Any, steps: int) -> list[list[int]]:
    """Translate greedily as a client with a loop of its own."""
    step, context = signatures["decode_step"], signatures["encode"](texts=texts)
    state = {name: context[name] for name in step.structured_input_signature[1] if name != "token"}
    ended = context["lengths"] == EOS  # one token, `<EOS>`: there is nothing to say
    token, rows = tf.fill([len(texts)], EOS), []
    for _ in range(steps):
        outputs = step(token=token, **state)
        # Where unknown words are copied their token may be picked; this client copies none.
        log_probs = tf.where(tf.range(outputs["log_probs"].shape[1]) == UNKNOWN, -np.inf, outputs["log_probs"])
        token = tf.where(ended, EOS, tf.argmax(log_probs, axis=1, output_type=tf.int32))
        ended |= token == EOS
        state |= {name: outputs[name] for name in state if name in outputs}
        rows.append(token.numpy().tolist())
        if tf.reduce_all(ended):
            break
    return [list(row) for row in zip(*rows, strict=True)]


def _warm_up(folder: str, signatures: Mapping[str, Any]) -> None:
    """Run the warm-up requests, of which a bad one would fail the load.

    Raises:
        ValueError: A record is none, or the answer has another batch size than the request.
    """
    for record in tf.data.TFRecordDataset(str(Path(folder) / WARMUP)).as_numpy_iterator():
        (log,) = _fields(record)[6]  # PredictionLog.predict_log
        (request,) = _fields(log)[1]  # PredictLog.request
        parts = _fields(request)  # PredictRequest: model_spec, inputs
        (name,) = _fields(parts[1][0])[3]  # ModelSpec.signature_name
        signature = signatures[name.decode()]
        specs, inputs = signature.structured_input_signature[1], {}
        for entry in map(_fields, parts[2]):
            ((alias,), (tensor,)) = entry[1], entry[2]
            inputs[alias.decode()] = tf.io.parse_tensor(tensor, specs[alias.decode()].dtype)
        sizes = {len(tensor) for tensor in (*inputs.values(), *signature(**inputs).values())}
        if len(sizes) > 1:
            raise ValueError(f"a warm-up request of {name.decode()} has the batch sizes {sorted(sizes)}")


def _fields(message: bytes) -> dict[int, list[bytes]]:
    """Return the values of a protobuf message by field number; all have to be length-delimited."""
    found: dict[int, list[bytes]] = {}
    position = 0
    while position < len(message):
        key, position = _varint(message, position)
        size, position = _varint(message, position)
        if key & 7 != 2 or position + size > len(message):
            raise ValueError("a warm-up request is no message as the server expects it")
        found.setdefault(key >> 3, []).append(message[position : position + size])
        position += size
    return found


def _varint(message: bytes, position: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        byte = message[position]
        number |= (byte & 0x7F) << shift
        position, shift = position + 1, shift + 7
        if byte < 0x80:
            return number, position


def _strings(tensor: Any) -> list[str]:
    return [text.decode() for text in tensor.numpy()]


def _cause(error: Exception) -> str:
    """Return the line of an error that says what is wrong: TensorFlow's begin with where, and end in the graph."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    boilerplate = ("Graph execution error", "Detected at node", "<stack traces", "File ")
    return next((line for line in lines if not line.startswith(boilerplate)), "no message")


if __name__ == "__main__":
    code = main(sys.argv[1])
    sys.stdout.flush()
    os._exit(code)  # to take TensorFlow down in order takes a second
