"""The JSON of `:predict`: rows (`instances`) or columns (`inputs`) to arrays."""

import base64
import binascii
import codecs
import json
import math
from collections.abc import Mapping
from typing import Any, Final, Literal

import numpy as np
import tensorflow as tf

from keras_s2s.deploy.server.local_server.errors import invalid
from keras_s2s.deploy.server.local_server.session import Array

Form = Literal["row", "column"]

SIGNATURE: Final = "signature_name"
_ROWS, _COLUMNS = "instances", "inputs"
BASE64: Final = "b64"
_SHOWN = 256
_MOST_DIMENSIONS = 32


def parse(body: bytes) -> dict[str, Any]:
    """Return the JSON object of a request.

    As the server does, it ignores what follows the object, and keeps bytes that are no UTF-8.

    Raises:
        StatusError: There is none.
    """
    body = body.removeprefix(codecs.BOM_UTF8)
    try:
        text = body.decode()
    except UnicodeDecodeError:
        text = body.decode("utf-8", "surrogateescape")
    try:
        document, _ = json.JSONDecoder().raw_decode(text.lstrip(" \t\r\n"))
    except ValueError as error:
        raise invalid(f"JSON Parse error: {error}") from error
    if not isinstance(document, dict):
        raise invalid(f"JSON Value: {_shown(document)} Is not object")
    if not isinstance(document.get(SIGNATURE, ""), str):
        raise invalid(
            f"JSON Value: {_shown(document)} not formatted correctly. '{SIGNATURE}' key must be a string value."
        )
    return document


def read_inputs(document: Mapping[str, Any], infos: Mapping[str, Any]) -> tuple[dict[str, Array], Form]:
    """Return the input arrays of a request, and the form that it came in.

    Args:
        document: The JSON object.
        infos: The signature's inputs, TensorInfo by name.

    Raises:
        StatusError: The values do not fit the inputs.
    """
    types = {name: tf.as_dtype(info.dtype) for name, info in sorted(infos.items())}
    if _ROWS in document and _COLUMNS in document:
        raise invalid(f"Not formatted correctly expecting only one of '{_COLUMNS}' or '{_ROWS}' keys to exist")
    if _ROWS in document:
        return _from_rows(document[_ROWS], types), "row"
    if _COLUMNS in document:
        return _from_columns(document[_COLUMNS], types), "column"
    raise invalid(f"Missing '{_COLUMNS}' or '{_ROWS}' key")


def _from_rows(rows: Any, types: Mapping[str, Any]) -> dict[str, Array]:
    if not isinstance(rows, list):
        raise invalid(f"Expecting '{_ROWS}' to be an list/array")
    if not rows:
        raise invalid(f"No values in '{_ROWS}' array")
    named = _is_named(rows[0])
    if not named and len(types) > 1:
        raise invalid(f"{_ROWS} is a plain list, but expecting list of objects with the keys {','.join(types)}")
    columns: dict[str, list[Array]] = {name: [] for name in types}
    for position, row in enumerate(rows):
        if _is_named(row) != named:
            expected, got = ("object", "list") if named else ("value/list", "object")
            raise invalid(f"Expecting {expected} but got {got} at item {position} of input list")
        values = row if named else {next(iter(types)): row}
        if values.keys() != types.keys():
            raise invalid(
                f"Failed to process element: {position} of '{_ROWS}' list. JSON object: {_shown(row)} keys must be "
                f"equal to: {','.join(types)}"
            )
        for name, value in values.items():
            columns[name].append(_array(value, types[name]))
            if columns[name][0].shape != columns[name][-1].shape:
                shapes = [list(columns[name][place].shape) for place in (0, -1)]
                raise invalid(
                    f"Failed to process element: {position} key: {name} of '{_ROWS}' list. Expecting shape "
                    f"{shapes[0]} but got: {shapes[1]}"
                )
    return {name: np.stack(arrays) for name, arrays in columns.items()}


def _from_columns(columns: Any, types: Mapping[str, Any]) -> dict[str, Array]:
    if not _is_named(columns):
        if len(types) > 1:
            raise invalid(f"{_COLUMNS} is a plain value/list, but expecting an object with the keys {','.join(types)}")
        columns = {next(iter(types)): columns}
    missing = types.keys() - columns.keys()
    if missing:
        raise invalid(f"Missing named input: {','.join(sorted(missing))} in '{_COLUMNS}' object.")
    return {name: _array(columns[name], dtype) for name, dtype in types.items()}


def _is_named(value: Any) -> bool:
    """Return whether a value is an object of named tensors, and not a base64 string."""
    return isinstance(value, dict) and not (value.keys() == {BASE64} and isinstance(value[BASE64], str))


def _array(value: Any, dtype: Any) -> Array:
    """Return the array of nested lists."""
    shape: list[int] = []
    first = value
    while isinstance(first, list):
        shape.append(len(first))
        first = first[0] if first else None
    if len(shape) > _MOST_DIMENSIONS:
        raise invalid(f"a tensor of {len(shape)} dimensions, and {_MOST_DIMENSIONS} are the most")
    flat: list[Any] = []
    _fill(value, 0, shape, dtype, flat)
    array = np.empty(len(flat), dtype.as_numpy_dtype)
    with np.errstate(over="ignore"):  # a double that float32 lacks is infinite
        array[:] = flat
    return array.reshape(shape)


def _fill(value: Any, level: int, shape: list[int], dtype: Any, flat: list[Any]) -> None:
    if not isinstance(value, list):
        if level != len(shape):
            raise invalid(
                f"JSON Value: {_shown(value)} found at incorrect level: {level + 1} in the JSON DOM. Expected at "
                f"level: {len(shape)}"
            )
        flat.append(_scalar(value, dtype))
        return
    if level >= len(shape):
        raise invalid(f"Encountered list at unexpected level: {level} expected < {len(shape)}")
    if len(value) != shape[level]:
        raise invalid(
            f"Encountered list at unexpected size: {len(value)} at level: {level} expected size: {shape[level]}"
        )
    for item in value:
        _fill(item, level + 1, shape, dtype, flat)


def _scalar(value: Any, dtype: Any) -> Any:
    """Return a JSON value as the type has it."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if dtype == tf.string and isinstance(value, str):
        return _encoded(value)
    if dtype == tf.string and isinstance(value, dict):
        return _decoded(value)
    if dtype.is_floating and number:
        return _as_float(value)
    if dtype.is_integer and number and isinstance(value, int) and dtype.min <= value <= dtype.max:
        return value
    if dtype.is_bool and isinstance(value, bool):
        return value
    raise invalid(f"JSON Value: {_shown(value)} Type: {type(value).__name__} is not of expected type: {dtype.name}")


def _encoded(text: str) -> bytes:
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        raise invalid("JSON Parse error: The surrogate pair in string is invalid.") from error


def _decoded(value: Mapping[str, Any]) -> bytes:
    if not (value.keys() == {BASE64} and isinstance(value[BASE64], str)):
        raise invalid(f"JSON Value: {_shown(value)} not formatted correctly for base64 data")
    text = value[BASE64].rstrip("=")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise invalid(f"Unable to base64 decode: {error}") from error


def _as_float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _shown(value: Any) -> str:
    """Return the beginning of a JSON value."""
    text = json.dumps(value)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
