"""The JSON of `:predict`: arrays to rows (`predictions`) or columns (`outputs`)."""

import base64
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from keras_s2s.deploy.server.local_server.errors import invalid
from keras_s2s.deploy.server.local_server.json_inputs import BASE64, Form
from keras_s2s.deploy.server.local_server.session import Array

_BYTES_SUFFIX = "_bytes"


def write_outputs(outputs: Mapping[str, Array], form: Form) -> bytes:
    """Return the JSON of an answer.

    Raises:
        StatusError: The answer has no rows, and rows were asked for.
    """
    values = {name: _values(name, array) for name, array in outputs.items()}
    alone = next(iter(values.values())) if len(values) == 1 else None
    if form == "column":
        return dump({"outputs": values if alone is None else alone})
    if any(array.ndim == 0 for array in outputs.values()) or len({len(array) for array in outputs.values()}) > 1:
        shapes = {name: array.shape for name, array in outputs.items()}
        raise invalid(f"outputs without one batch dimension in common cannot be written as rows: {shapes}")
    rows = [dict(zip(values, row, strict=True)) for row in zip(*values.values(), strict=True)]
    return dump({"predictions": rows if alone is None else alone})


def dump(value: Any) -> bytes:
    """Return JSON in UTF-8; what came as other bytes goes out as the same bytes."""
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogateescape")


def _values(name: str, array: Array) -> Any:
    """Return an output as JSON has it: strings as text, or as base64 where the name says that they are bytes."""
    if array.dtype.kind == "f":
        # By their shortest text: 0.2, where the nearest double would read 0.20000000298.
        return array.astype(str).astype(np.float64).tolist()
    if array.dtype.kind != "O":
        return array.tolist()
    as_bytes = name.endswith(_BYTES_SUFFIX)
    texts = np.empty(array.shape, object)
    for place, text in np.ndenumerate(array):
        texts[place] = (
            {BASE64: base64.b64encode(text).decode()} if as_bytes else text.decode("utf-8", "surrogateescape")
        )
    return texts.tolist()
