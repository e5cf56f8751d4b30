"""All three clients on a real model, which `keras-s2s serve` runs: they answer as the Keras model does."""

import re
import subprocess
import sys

import numpy as np
import pytest

from keras_s2s import ServingError

pytestmark = pytest.mark.filterwarnings("ignore:the source has")


@pytest.fixture(scope="module")
def served(saved_model):
    """The addresses of a server of the model: gRPC and REST."""
    command = ["serve", saved_model.parent, "--name", "en_es", "--port", 0, "--rest-port", 0, "--development"]
    process = subprocess.Popen(
        [sys.executable, "-m", "keras_s2s.cli.main", *map(str, command)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        encoding="utf-8",
    )
    try:
        line = process.stdout.readline()
        found = re.search(r"gRPC on (\S+), REST on http://([^/]+)/", line)
        assert found, f"the server said {line!r} and ended with {process.poll()}"
        yield found.groups()
    finally:
        process.terminate()
        process.wait(60)
        process.stdout.close()


@pytest.fixture
def client(connect, kind, served):
    return connect(served[kind == "rest"], batch_size=20)


def test_the_same_strings_as_keras(client, sentences, greedy):
    assert client.translate(sentences) == greedy
    assert [client.translate([text])[0] for text in sentences[-9:]] == greedy[-9:]


def test_the_same_n_best_as_keras(client, sentences, n_best):
    for got, expected in zip(client.n_best(sentences, 3), n_best, strict=True):
        assert [(h.text, h.tokens) for h in got] == [(h.text, h.tokens) for h in expected]
        np.testing.assert_allclose([h.log_prob for h in got], [h.log_prob for h in expected], atol=1e-3)


def test_status_and_metadata(client):
    (status,) = client.status()
    assert (status.version, status.state, status.error) == (1, "AVAILABLE", "")
    metadata = client.metadata()
    assert metadata.version == 1
    assert set(metadata.signatures) == {"serving_default", "beam", "encode", "decode_step"}
    beam = metadata.signatures["beam"]
    assert (beam.inputs["texts"].dtype, beam.inputs["texts"].shape) == ("string", (None,))
    assert beam.outputs["log_probs"].shape == beam.outputs["pieces"].shape == (None, 3)
    assert metadata.signatures["decode_step"].inputs["token"].dtype == "int32"


@pytest.mark.parametrize(
    ("options", "code"),
    [({"model": "none"}, "NOT_FOUND"), ({"version": 9}, "NOT_FOUND"), ({"label": "none"}, "INVALID_ARGUMENT")],
)
def test_what_is_not_served(connect, kind, served, options, code):
    with pytest.raises(ServingError) as caught:
        connect(served[kind == "rest"], **options).translate(["a"])
    assert caught.value.code == code


def test_a_request_over_the_exports_limit(connect, kind, served):
    with pytest.raises(ServingError, match=r"INVALID_ARGUMENT: .*more than 64 rows.*max_batch is no less than"):
        connect(served[kind == "rest"], batch_size=65).translate(["a"] * 65)
