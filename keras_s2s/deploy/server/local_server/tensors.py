"""TensorProto to array and back, as the server reads and writes them."""

import math
from typing import Any, Final

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2, types_pb2

from keras_s2s.deploy.server.local_server.errors import invalid
from keras_s2s.deploy.server.local_server.session import Array

MOST_BYTES = 64 << 20
"""Most bytes of a request, and of a tensor in it: its short form gives a few bytes for a shape of any size."""

_STRING_BYTES = 64  # an empty string, in TensorFlow and in Python
_MOST_DIMENSIONS = 254  # TensorFlow's

# The field of TensorProto that holds the values of a type.
_FIELDS: Final = {
    "bool": "bool_val",
    "float32": "float_val",
    "int32": "int_val",
    "int64": "int64_val",
    "object": "string_val",
}


def from_proto(name: str, proto: Any, expected: Any) -> Array:
    """Return the array of a TensorProto; strings are bytes.

    Args:
        name: What the tensor is called, for messages.
        proto: The message.
        expected: The type that it has to have, a `tf.DType`.

    Raises:
        StatusError: The message has another type, or is inconsistent or too large.
    """
    if proto.dtype != expected.as_datatype_enum:
        got = types_pb2.DataType.Name(proto.dtype) if proto.dtype in types_pb2.DataType.values() else proto.dtype
        raise invalid(f"input {name}: expects {expected.name} but {got} is provided")
    shape = proto.tensor_shape
    sizes = [dimension.size for dimension in shape.dim]
    if shape.unknown_rank or len(sizes) > _MOST_DIMENSIONS or any(size < 0 for size in sizes):
        raise invalid(f"tensor parsing error: {name} has no shape, too many dimensions, or one of negative size")
    each = _STRING_BYTES if expected == tf.string else expected.size
    if math.prod(max(size, 1) for size in sizes) * each > MOST_BYTES:  # numpy refuses [0, 2**62] too
        raise invalid(f"tensor parsing error: {name} has more than {MOST_BYTES // each} elements")
    try:
        # TensorFlow's own reader: it knows every form that clients write.
        tensor = tf.io.parse_tensor(proto.SerializeToString(), expected)
    except tf.errors.OpError as error:
        raise invalid(f"tensor parsing error: {name}") from error
    # A scalar string comes as bytes.
    return np.asarray(tensor.numpy(), dtype=expected.as_numpy_dtype)


def to_proto(array: Array) -> Any:
    """Return an array as TensorProto with one value for each element, in the typed field, as the server writes it."""
    field = _FIELDS.get(array.dtype.name)
    if field is None:
        return tf.make_tensor_proto(array)
    shape = tf.TensorShape(array.shape).as_proto()
    proto = tensor_pb2.TensorProto(dtype=tf.as_dtype(array.dtype).as_datatype_enum, tensor_shape=shape)
    getattr(proto, field).extend(array.ravel().tolist())
    return proto
