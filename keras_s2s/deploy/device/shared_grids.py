"""A quantised TFLite file with each weight's grid in it once.

The converter repeats the scales and zero points of a weight, twelve bytes for each of its outputs, in every subgraph
that reads the weight, and each loop of a search is a subgraph or two. FlatBuffers lets many tensors refer to one table
of them. (Format: https://github.com/google-ai-edge/LiteRT/blob/main/tflite/converter/schema/schema.fbs)
"""

from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

ALIGNMENT = 16
"""Of a buffer's data, in bytes, as the schema has it; the generated `BufferT` knows nothing of it."""

_IDENTIFIER = b"TFL3"


def share_grids(flatbuffer: bytes) -> bytes:
    """Return the same model, equal quantisation parameters stored once."""
    model = schema.ModelT.InitFromPackedBuf(flatbuffer)
    tables: dict[Any, _Once] = {}
    for graph in model.subgraphs:
        for tensor in graph.tensors:
            if tensor.quantization is not None:
                once = _Once(tensor.quantization)
                tensor.quantization = tables.setdefault(_content(tensor.quantization), once)
    model.buffers = [buffer if buffer.data is None else _Aligned(buffer.data) for buffer in model.buffers]
    builder = flatbuffers.Builder(len(flatbuffer))
    builder.Finish(model.Pack(builder), _IDENTIFIER)
    return bytes(builder.Output())


class _Once:
    """A table that is written for the first that refers to it."""

    def __init__(self, table: Any) -> None:
        self._table = table
        self._place: int | None = None

    def Pack(self, builder: flatbuffers.Builder) -> int:  # noqa: N802  the name in generated code
        if self._place is None:
            self._place = self._table.Pack(builder)
        return self._place


class _Aligned:
    """A buffer whose data begin at a multiple of the alignment."""

    def __init__(self, data: np.ndarray) -> None:
        self._data = data.tobytes()

    def Pack(self, builder: flatbuffers.Builder) -> int:  # noqa: N802
        builder.Prep(ALIGNMENT, len(self._data))
        data = builder.CreateByteVector(self._data)
        schema.BufferStart(builder)
        schema.BufferAddData(builder, data)
        place: int = schema.BufferEnd(builder)
        return place


def _content(table: Any) -> tuple[Any, ...]:
    """Return what tells one table from another."""
    arrays = (table.scale, table.zeroPoint, table.min, table.max)
    return (table.quantizedDimension, *(None if array is None else np.asarray(array).tobytes() for array in arrays))
