"""Requests at random, thousands of them: each gets an answer or an error of its own in time, and the memory is flat."""

import json
import time

import grpc
import psutil
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from tensorflow.core.framework import tensor_pb2, types_pb2
from tensorflow_serving.apis import predict_pb2

# In seconds; the client waits no longer than this for one answer.
DEADLINE = 20
GROWTH = 1.1
MEGABYTE = 1 << 20

REFUSALS = {
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.FAILED_PRECONDITION,
    grpc.StatusCode.UNIMPLEMENTED,
}
# What gRPC itself says of bytes that are no message.
MALFORMED = REFUSALS | {grpc.StatusCode.INTERNAL}

NAMES = st.sampled_from(["texts", "token", "hidden_1", "cell_1", "hidden_2", "cell_2", "lengths", "", "é\x00"])
SIGNATURES = st.sampled_from(
    ["", "serving_default", "beam", "encode", "decode_step", "__saved_model_init_op", "x" * 99]
)
SIZES = st.lists(st.one_of(st.integers(0, 70), st.integers(-(2**63), 2**63 - 1)), max_size=4)
TEXT = st.one_of(st.binary(max_size=60), st.text(max_size=60).map(lambda text: text.encode("utf-8", "replace")))


@st.composite
def tensors(draw):
    """Tensors of every type, often inconsistent; half of them are texts as they should be."""
    texts = draw(st.lists(TEXT, max_size=70))
    shape = [len(texts)]
    if draw(st.booleans()):
        shape = draw(SIZES)
    proto = tensor_pb2.TensorProto(dtype=types_pb2.DT_STRING, string_val=texts)
    for size in shape:
        proto.tensor_shape.dim.add(size=size)
    if draw(st.integers(0, 3)) == 0:
        proto.dtype = draw(st.sampled_from([*types_pb2.DataType.values(), 999]))
        proto.float_val.extend(draw(st.lists(st.floats(width=32), max_size=8)))
        proto.int_val.extend(draw(st.lists(st.integers(-(2**31), 2**31 - 1), max_size=8)))
    if draw(st.integers(0, 3)) == 0:
        proto.tensor_content = draw(st.binary(max_size=64))
    return proto


@st.composite
def requests(draw, model):
    """Predict requests, most of them for the model that is there."""
    request = predict_pb2.PredictRequest()
    if draw(st.integers(0, 9)):
        request.model_spec.name = model
    else:
        request.model_spec.name = draw(st.text(st.characters(codec="utf-8"), max_size=9))
    request.model_spec.signature_name = draw(SIGNATURES)
    if draw(st.integers(0, 9)) == 0:
        request.model_spec.version.value = draw(st.integers(-(2**63), 2**63 - 1))
    if draw(st.integers(0, 9)) == 0:
        request.output_filter.extend(draw(st.lists(st.sampled_from(["lengths", "translations", "x"]), max_size=3)))
    if draw(st.booleans()):
        request.inputs["texts"].CopyFrom(draw(tensors()))
    for name in draw(st.lists(NAMES, max_size=3)):
        request.inputs[name].CopyFrom(draw(tensors()))
    return request


VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=30), st.just({"b64": "Zm9v"})),
    lambda inner: st.one_of(
        st.lists(inner, max_size=6), st.dictionaries(st.sampled_from(["texts", "b64", "token", "x"]), inner)
    ),
    max_leaves=20,
)
DOCUMENTS = st.fixed_dictionaries({}, optional={"instances": VALUES, "inputs": VALUES, "signature_name": SIGNATURES})
BODIES = st.one_of(
    DOCUMENTS.map(lambda document: json.dumps(document).encode("utf-8", "surrogatepass")),
    st.lists(st.text(max_size=40), max_size=70).map(lambda texts: json.dumps({"instances": texts}).encode()),
    st.binary(max_size=200),
)
PATHS = st.sampled_from(["/v1/models/{}:predict"] * 9 + ["/v1/models/{}/versions/7:predict", "/v1/models/x:predict"])


class Fuzzer:
    """Sends requests, judges the answers, and counts."""

    def __init__(self, server):
        self.server = server
        self.sent = 0
        self._raw = server.channel.unary_unary("/tensorflow.serving.PredictionService/Predict")

    def _grpc(self, call, request, refusals):
        self.sent += 1
        answer = call.future(request, timeout=DEADLINE)
        refused = answer.exception()
        if refused:
            assert answer.code() in refusals, f"{answer.code()}: {answer.details()}"
            assert answer.details()

    def run(self, examples):
        """Send about `examples` requests, a quarter of them bytes without sense."""
        profile = settings(
            max_examples=examples // 4,
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )

        @profile
        @given(requests(self.server.model))
        def messages(request):
            self._grpc(self.server.prediction.Predict, request, REFUSALS)

        @profile
        @given(st.binary(max_size=300))
        def noise(message):
            self._grpc(self._raw, message, MALFORMED)

        @profile
        @given(requests(self.server.model).map(lambda request: request.SerializeToString()), st.data())
        def damaged(message, data):
            place = data.draw(st.integers(0, max(0, len(message) - 1)))
            self._grpc(self._raw, message[:place] + data.draw(st.binary(max_size=4)) + message[place + 1 :], MALFORMED)

        @profile
        @given(PATHS, BODIES)
        def bodies(path, body):
            self.sent += 1
            began = time.monotonic()
            status, text = self.server.http("POST", path.format(self.server.model), body)
            assert time.monotonic() - began < DEADLINE
            assert status in {200, 400, 404}, (status, text)
            assert isinstance(json.loads(text), dict)

        for kind in (messages, noise, damaged, bodies):
            kind()


def memory(server):
    return psutil.Process(server.process.pid).memory_info().rss


def test_hostile_requests(server):
    before = server.translate(["to go", "let's eat"])
    fuzzer = Fuzzer(server)
    fuzzer.run(400)
    assert fuzzer.sent >= 350
    assert server.translate(["to go", "let's eat"]) == before


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_twenty_thousand_hostile_requests(server, external):
    before = server.translate(["to go", "let's eat"])
    warm = Fuzzer(server)
    warm.run(6_000)
    start = None if external else memory(server)
    fuzzer = Fuzzer(server)
    fuzzer.run(20_400)
    assert fuzzer.sent >= 20_000
    assert server.translate(["to go", "let's eat"]) == before
    if start is not None:
        assert memory(server) < GROWTH * start, f"{start / MEGABYTE:.0f} MB grew to {memory(server) / MEGABYTE:.0f} MB"
