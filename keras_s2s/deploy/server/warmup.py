"""Warm-up requests: what TensorFlow Serving runs before it calls a version available.

The file is a TFRecord of `tensorflow.serving.PredictionLog`. The few fields that it needs are written here by hand, so
that an export needs no tensorflow-serving-api.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

PLACE = Path("assets.extra") / "tf_serving_warmup_requests"
BATCH_SIZES = (1, 2, 8, 32, 64)
"""Up to what the clients send at once unless they are told otherwise."""

# Field numbers of tensorflow_serving/apis/{prediction_log,predict,model}.proto; all are messages or strings.
_LOG_PREDICT = 6
_PREDICT_REQUEST = 1
_REQUEST_MODEL, _REQUEST_INPUTS = 1, 2
_MODEL_SIGNATURE = 3
_KEY, _VALUE = 1, 2


def write_warmup(folder: Path, texts: Sequence[str], step: Mapping[str, tf.TensorSpec], max_batch: int) -> None:
    """Write the warm-up records of an export.

    Args:
        folder: The version's folder.
        texts: Sample texts.
        step: The inputs of `decode_step`, by name.
        max_batch: Most rows that the export takes.
    """
    path = folder / PLACE
    path.parent.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for signature, inputs in _requests(texts, step, max_batch):
            writer.write(_prediction_log(signature, inputs))


def _requests(
    texts: Sequence[str], step: Mapping[str, tf.TensorSpec], max_batch: int
) -> Iterator[tuple[str, dict[str, np.ndarray[Any, Any]]]]:
    encoded = [text.encode() for text in texts if text.strip()] or [b"a"]
    for size in (size for size in BATCH_SIZES if size <= max_batch):
        batch = np.array((encoded * size)[:size], object)
        for signature in ("serving_default", "beam", "encode"):
            yield signature, {"texts": batch}
        # Ones serve: the token is `<EOS>` then, and a source at least one token long.
        yield "decode_step", {n: np.ones((size, *x.shape[1:]), x.dtype.as_numpy_dtype) for n, x in step.items()}


def _prediction_log(signature: str, inputs: Mapping[str, np.ndarray[Any, Any]]) -> bytes:
    request = _field(_REQUEST_MODEL, _field(_MODEL_SIGNATURE, signature.encode()))
    for name, array in inputs.items():
        tensor = tf.make_tensor_proto(array).SerializeToString()
        request += _field(_REQUEST_INPUTS, _field(_KEY, name.encode()) + _field(_VALUE, tensor))
    return _field(_LOG_PREDICT, _field(_PREDICT_REQUEST, request))


def _field(number: int, value: bytes) -> bytes:
    """Return a length-delimited field of the protobuf wire format."""
    return _varint(number << 3 | 2) + _varint(len(value)) + value


def _varint(number: int) -> bytes:
    low, rest = number & 0x7F, number >> 7
    return bytes([low | 0x80]) + _varint(rest) if rest else bytes([low])
