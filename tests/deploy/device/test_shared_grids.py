"""Each weight's grid once, and nothing else changed."""

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

from keras_s2s import export_tflite
from keras_s2s.deploy.device import tflite as module
from keras_s2s.deploy.device.shared_grids import ALIGNMENT, share_grids


@pytest.fixture(scope="module")
def converted(model, tmp_path_factory):
    """An int8 model as the converter writes it."""
    kept = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "share_grids", lambda flatbuffer: kept.append(flatbuffer) or flatbuffer)
        export_tflite(model, tmp_path_factory.mktemp("converted") / "m.tflite", quantize="int8")
    (flatbuffer,) = kept
    return flatbuffer


def tensors(flatbuffer):
    """Everything that is said of each tensor, as values."""

    def plain(value):
        if hasattr(value, "__dict__"):
            return {name: plain(part) for name, part in vars(value).items()}
        return value.tolist() if isinstance(value, np.ndarray) else value

    model = schema.ModelT.InitFromPackedBuf(flatbuffer)
    return [plain(tensor) for graph in model.subgraphs for tensor in graph.tensors]


def test_it_is_the_same_model_in_fewer_bytes(converted):
    shared = share_grids(converted)
    assert len(shared) < len(converted)
    assert tensors(shared) == tensors(converted)
    assert share_grids(shared) == shared
    before, after = (schema.ModelT.InitFromPackedBuf(flatbuffer) for flatbuffer in (converted, shared))
    for one, other in zip(before.buffers, after.buffers, strict=True):
        assert (one.data is None) == (other.data is None)
        assert one.data is None or np.array_equal(one.data, other.data)


def test_each_grid_stands_there_once(converted):
    model = schema.Model.GetRootAs(share_grids(converted), 0)
    tables = set()
    contents = set()
    for i in range(model.SubgraphsLength()):
        graph = model.Subgraphs(i)
        for j in range(graph.TensorsLength()):
            table = graph.Tensors(j).Quantization()
            if table is not None and table.ScaleLength():
                tables.add(table._tab.Pos)
                contents.add((table.QuantizedDimension(), table.ScaleAsNumpy().tobytes()))
    assert len(tables) == len(contents) > 4


def test_weights_are_aligned(converted):
    shared = share_grids(converted)
    start = np.frombuffer(shared, np.uint8).ctypes.data
    model = schema.Model.GetRootAs(shared, 0)
    buffers = [model.Buffers(i) for i in range(model.BuffersLength())]
    places = [buffer.DataAsNumpy().ctypes.data - start for buffer in buffers if buffer.DataLength()]
    assert len(places) > 8
    assert all(place % ALIGNMENT == 0 for place in places)


def test_it_answers_as_before(converted):
    answers = []
    for flatbuffer in (converted, share_grids(converted)):
        runner = Interpreter(model_content=flatbuffer).get_signature_runner("greedy")
        inputs = {name: np.zeros(i["shape"], i["dtype"]) for name, i in runner.get_input_details().items()}
        inputs["source"][0, :4] = [5, 6, 7, 1]
        answers.append(runner(**inputs))
    for name, values in answers[0].items():
        assert np.array_equal(values, answers[1][name])
