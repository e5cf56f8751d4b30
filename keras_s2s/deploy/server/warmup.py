"""Warm-up requests: what TensorFlow Serving runs before it calls a version available.

The file is a TFRecord of `tensorflow.serving.PredictionLog`. The few fields that it needs are written here by hand, so
that an export needs no tensorflow-serving-api.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorflow.core.framework.tensor_pb2 import TensorProto

PLACE = Path("assets.extra") / "tf_serving_warmup_requests"
BATCH_SIZES = (1, 2, 8, 32, 64)
"""Up to what the clients send at once unless they are told otherwise."""

_MOST_STATE = 16 << 20
"""Most bytes of state in a warm-up step: a client's own loop sends all of it anew with each token."""

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
) -> Iterator[tuple[str, dict[str, TensorProto]]]:
    encoded = [text.encode() for text in texts if text.strip()] or [b"a"]
    row = sum(x.dtype.size * math.prod(x.shape[1:]) for x in step.values())  # bytes
    for size in (size for size in BATCH_SIZES if size <= max_batch):
        batch = tf.make_tensor_proto(np.array((encoded * size)[:size], object))
        for signature in ("serving_default", "beam", "encode"):
            yield signature, {"texts": batch}
        if size * row <= _MOST_STATE:
            # Ones serve: the token is `<EOS>` then, and a source at least one token long. Each tensor is written as a
            # single one and the shape that it fills.
            yield "decode_step", {n: tf.make_tensor_proto(1, x.dtype, (size, *x.shape[1:])) for n, x in step.items()}


def _prediction_log(signature: str, inputs: Mapping[str, TensorProto]) -> bytes:
    request = _field(_REQUEST_MODEL, _field(_MODEL_SIGNATURE, signature.encode()))
    for name, tensor in inputs.items():
        request += _field(_REQUEST_INPUTS, _field(_KEY, name.encode()) + _field(_VALUE, tensor.SerializeToString()))
    return _field(_LOG_PREDICT, _field(_PREDICT_REQUEST, request))


def _field(number: int, value: bytes) -> bytes:
    """Return a length-delimited field of the protobuf wire format."""
    return _varint(number << 3 | 2) + _varint(len(value)) + value


def _varint(number: int) -> bytes:
    low, rest = number & 0x7F, number >> 7
    return bytes([low | 0x80]) + _varint(rest) if rest else bytes([low])
