"""All three clients, over gRPC, over asyncio's gRPC and over REST, against servers that follow a script."""

import asyncio
import pickle
import threading
import time

import numpy as np
import pytest

from keras_s2s import AsyncServingClient, RestClient, ServingClient, ServingError, Translator
from keras_s2s.decoding.outputs import NEVER
from keras_s2s.deploy.client.rules import LEAST_LOG_PROB
from keras_s2s.deploy.client.served_model import Signature, Tensor, VersionStatus
from keras_s2s.translation import Hypothesis

PASSING = ("UNAVAILABLE", "RESOURCE_EXHAUSTED")
FINAL = ("INVALID_ARGUMENT", "NOT_FOUND", "INTERNAL", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "ABORTED", "CANCELLED")


def test_translations_keep_their_order(connect, script):
    assert connect().translate(["b", "", '¿qué?\n\t"x"', "😀"]) == ["B", "", '¿QUÉ?\n\t"X"', "😀"]
    assert script.requests == [("predict", "en_es", None, "serving_default", ["b", "", '¿qué?\n\t"x"', "😀"])]


def test_nothing_is_asked_for_no_texts(connect, script):
    client = connect()
    assert client.translate([]) == []
    assert client.n_best([]) == []
    assert script.requests == []


def test_long_lists_are_split(connect, script):
    texts = [f"text {i}" for i in range(150)]
    assert connect().translate(texts) == [text.upper() for text in texts]
    assert [len(request[-1]) for request in script.requests] == [64, 64, 22]
    script.requests.clear()
    assert [h[0].text for h in connect(batch_size=100).n_best(texts)] == [text.upper() for text in texts]
    assert [len(request[-1]) for request in script.requests] == [100, 50]


def test_n_best(connect, script):
    first, second = connect().n_best(["long text", "short"])
    assert first == [
        Hypothesis("LONG TEXT", ("▁A", "b"), -0.5),
        Hypothesis("Long Text", ("▁B",), -1.5),
        Hypothesis("", (), -2.5),
    ]
    assert [h.text for h in second] == ["SHORT", "Short"]  # the third place is empty
    assert [len(h) for h in connect().n_best(["a", "b"], 1)] == [1, 1]
    assert {request[3] for request in script.requests} == {"beam"}


def test_too_many_hypotheses(connect, script):
    with pytest.raises(
        ValueError, match=r"n=4 is more than the served model gives, which is 3: export it with n_best=4"
    ):
        connect().n_best(["a"], 4)
    with pytest.raises(ValueError, match="at least 1; got 0"):
        connect().n_best(["a"], 0)


def test_the_mark_of_an_empty_place_is_that_of_the_export():
    assert NEVER < LEAST_LOG_PROB < -1e6


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ("hello", "expected a list of texts, got the text 'hello': put it in brackets"),
        (["a", None], "expected texts, got None of type NoneType"),
        ([b"a"], "of type bytes"),
        (["a", "\ud800"], "half of a surrogate pair stands alone"),
    ],
)
def test_what_is_no_list_of_texts(connect, script, texts, message):
    for method in (connect().translate, connect().n_best):
        with pytest.raises(ValueError, match=message):
            method(texts)
    assert script.requests == []


@pytest.mark.parametrize(
    ("options", "chosen"), [({"version": 3}, 3), ({"version": 0}, 0), ({"label": "stable"}, "stable")]
)
def test_a_version_or_a_label_is_asked_for(connect, script, options, chosen):
    client = connect(**options)
    client.translate(["a"])
    client.metadata()
    client.status()
    assert [request[:3] for request in script.requests] == [
        (what, "en_es", chosen) for what in ("predict", "metadata", "status")
    ]


def test_a_model_is_called_model_unless_said_otherwise(connect, script):
    connect(model="a b/ñ").translate(["a"])
    assert script.requests[0][1] == "a b/ñ"
    for client in (ServingClient, RestClient):
        with client("localhost:1") as made:
            assert made.model.name == "model"


def test_status_and_metadata(connect):
    assert connect().status() == [VersionStatus(7, "AVAILABLE"), VersionStatus(6, "END", "no such file")]
    metadata = connect().metadata()
    assert metadata.version == 7
    assert metadata.signatures == {
        "serving_default": Signature({"texts": Tensor("string", (None,))}, {"translations": Tensor("string", (None,))}),
        "beam": Signature(
            {"texts": Tensor("string", (None,))},
            {"translations": Tensor("string", (None, 3)), "log_probs": Tensor("float32", (None, 3))},
        ),
    }


@pytest.mark.parametrize("code", PASSING)
def test_what_may_pass_is_tried_again(connect, script, code):
    script.failures = [(code, "one moment")] * 2
    started = time.monotonic()
    assert connect().translate(["a"]) == ["A"]
    assert len(script.requests) == 3
    assert time.monotonic() - started > 0.05 + 0.1  # at least half of 0.1 s, then half of 0.2 s
    script.failures = [(code, "one moment")]
    assert connect().status()[0].version == 7


@pytest.mark.parametrize("code", FINAL)
def test_any_other_error_is_final(connect, script, code):
    script.failures = [(code, "because\n  so")]
    with pytest.raises(ServingError, match=f"model 'en_es' version 2: {code}: because so") as caught:
        connect(version=2).translate(["a"])
    assert (caught.value.code, caught.value.message) == (code, "because so")
    assert caught.value.target in str(caught.value)
    assert len(script.requests) == 1


@pytest.mark.parametrize("code", PASSING)
def test_tries_come_to_an_end(connect, script, code):
    script.failures = [(code, "no")] * 9
    with pytest.raises(ServingError, match=code):
        connect(retries=2).translate(["a"])
    assert len(script.requests) == 3
    script.requests.clear()
    with pytest.raises(ServingError, match=code):
        connect(retries=0).metadata()
    assert len(script.requests) == 1


def test_the_deadline_ends_the_tries(connect, script):
    script.failures = [("UNAVAILABLE", "no")] * 1000
    started = time.monotonic()
    with pytest.raises(ServingError, match=r"UNAVAILABLE|DEADLINE_EXCEEDED"):
        connect(retries=1000, timeout=1.5).translate(["a"])
    assert time.monotonic() - started < 10
    assert 1 < len(script.requests) < 30


def test_a_slow_server_meets_the_deadline(connect, script):
    script.delay = 20
    started = time.monotonic()
    with pytest.raises(ServingError, match=r"DEADLINE_EXCEEDED.*raise timeout, lower batch_size"):
        connect(timeout=0.5).translate(["a"])
    assert time.monotonic() - started < 10
    assert len(script.requests) == 1


def test_nobody_there(connect):
    with pytest.raises(ServingError, match=r"localhost:1, model 'en_es': UNAVAILABLE.*check that the server runs"):
        connect("localhost:1", retries=1).translate(["a"])


def test_a_server_that_comes_late(connect, kind, servers, script):
    """As when the server is started anew: the port is closed at first."""
    first, address = servers.http(script) if kind == "rest" else servers.grpc(script)
    port = address.rpartition(":")[2]
    if kind == "rest":
        first.shutdown()
        first.server_close()
    else:
        first.stop(None).wait()
    started = []

    def start():
        if kind == "rest":
            server = type(first)(("localhost", int(port)), servers.handler)
            server.script = script
            threading.Thread(target=server.serve_forever, daemon=True).start()
            started.append(lambda: (server.shutdown(), server.server_close()))
        else:
            server, _ = servers.grpc(script, address)
            started.append(lambda: server.stop(None).wait())

    timer = threading.Timer(1.0, start)
    timer.start()
    try:
        assert connect(address, retries=100, timeout=60).translate(["a"]) == ["A"]
    finally:
        timer.join()
        for stop in started:
            stop()


def test_an_answer_of_another_kind_of_model(connect, script):
    script.outputs = {"scores": [0.5], "classes": ["cat"]}
    with pytest.raises(ServingError, match=r"expected 1 rows of translations, got the outputs \['classes', 'scores'\]"):
        connect().translate(["a"])
    script.outputs = {"translations": ["a", "b"], "log_probs": [0.0, 0.0]}
    with pytest.raises(ServingError, match="INTERNAL: expected 1 rows of translations, got 2"):
        connect().translate(["a"])


def test_answers_may_be_numbers_of_any_form(connect, script):
    script.outputs = {"translations": [["x"]], "log_probs": [[-12.0625]], "pieces": [["▁x"]]}
    ((hypothesis,),) = connect().n_best(["a"])
    np.testing.assert_allclose(hypothesis.log_prob, -12.0625)


@pytest.mark.parametrize("kind", ["grpc", "rest"])
def test_threads_share_a_client(connect, script):
    client = connect()
    script.delay = 0.02
    answers = {}

    def work(number):
        answers[number] = client.translate([f"t{number} {i}" for i in range(70)])

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == {number: [f"T{number} {i}" for i in range(70)] for number in range(8)}


def test_tasks_share_a_client(grpc_server, script):
    async def main():
        async with AsyncServingClient(grpc_server, model="en_es") as client:
            return await asyncio.gather(*(client.translate([f"t{number}"]) for number in range(20)))

    script.delay = 0.02
    assert asyncio.run(main()) == [[f"T{number}"] for number in range(20)]


@pytest.mark.parametrize("kind", ["grpc", "rest"])
def test_they_are_translators(connect):
    assert isinstance(connect("localhost:1"), Translator)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"timeout": 0}, "timeout is .* more than 0; got 0"),
        ({"timeout": float("nan")}, "more than 0"),
        ({"retries": -1}, "at least 0; got -1"),
        ({"batch_size": 0}, "batch_size is .* at least 1; got 0"),
        ({"model": ""}, "got ''"),
        ({"version": 1, "label": "stable"}, "version=1 and label='stable' exclude each other"),
    ],
)
def test_arguments_are_checked(connect, options, message):
    with pytest.raises(ValueError, match=message):
        connect("localhost:1", **options)


def test_an_error_comes_out_of_a_process():
    error = ServingError("NOT_FOUND", "no such model", target="localhost:8500", model="en_es")
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.code, again.model) == (str(error), "NOT_FOUND", "en_es")
