"""Our own clients and the command, against the server under test: they give what the bare protocol gives."""

import asyncio

import numpy as np
import pytest
from typer.testing import CliRunner

from keras_s2s import AsyncServingClient, RestClient, ServingClient, ServingError
from keras_s2s.cli.main import app

TEXTS = ["let's go", "", "to eat", "漢字 let's", "let's sleep now", "x" * 300, "to go"]
NOBODY = "nobody"


@pytest.fixture(params=[ServingClient, RestClient])
def connect(request, server):
    """Make a client of the model, or of another one."""
    made = []

    def connect(**options):
        address = server.rest if request.param is RestClient else server.grpc
        made.append(request.param(address, **({"model": server.model} | options)))
        return made[-1]

    yield connect
    for client in made:
        client.close()


def test_translations(server, connect):
    expected = server.translate(TEXTS)
    assert connect().translate(TEXTS) == expected
    assert connect(batch_size=2).translate(TEXTS) == expected
    assert connect(version=max(server.available())).translate(TEXTS) == expected


def test_n_best(server, connect):
    arrays = server.arrays(TEXTS, signature="beam")
    n_best = arrays["translations"].shape[1]
    for i, hypotheses in enumerate(connect().n_best(TEXTS, n_best)):
        assert hypotheses
        for j, hypothesis in enumerate(hypotheses):
            assert hypothesis.text == arrays["translations"][i, j].decode()
            assert " ".join(hypothesis.tokens) == arrays["pieces"][i, j].decode()
            assert hypothesis.log_prob == pytest.approx(arrays["log_probs"][i, j], abs=1e-4)
        assert np.all(arrays["log_probs"][i, len(hypotheses) :] < -1e8)


def test_status_and_metadata(server, connect):
    version = max(server.available())
    assert (version, "AVAILABLE", "") in [(s.version, s.state, s.error) for s in connect().status()]
    metadata = connect().metadata()
    assert metadata.version == version
    assert set(metadata.signatures) >= {"serving_default", "beam", "encode", "decode_step"}


@pytest.mark.parametrize("options", [{"model": NOBODY}, {"version": 999_999_999}])
def test_what_is_not_there(connect, options):
    client = connect(**options)
    for ask in (lambda: client.translate(TEXTS), client.metadata, client.status):
        with pytest.raises(ServingError) as refused:
            ask()
        assert refused.value.code == "NOT_FOUND"
        assert str(next(iter(options.values()))) in refused.value.model
        assert "check the model's name (model=, --model-name) and version" in str(refused.value)


def test_asyncio(server):
    async def ask():
        async with AsyncServingClient(server.grpc, model=server.model) as client:
            return await asyncio.gather(*(client.translate([text]) for text in TEXTS))

    assert [answer for (answer,) in asyncio.run(ask())] == server.translate(TEXTS)


@pytest.mark.parametrize("rest", [(), ("--rest",)], ids=["gRPC", "REST"])
def test_the_command(server, rest):
    address = server.rest if rest else server.grpc
    texts = [text for text in TEXTS if text]

    def translate(model):
        return CliRunner().invoke(app, ["translate", "--server", address, *rest, "--model-name", model, *texts])

    result = translate(server.model)
    assert result.exit_code == 0, result.output
    assert result.stdout.split("\n")[:-1] == server.translate(texts)
    refused = translate(NOBODY)
    assert refused.exit_code != 0
    assert f"model '{NOBODY}': NOT_FOUND: " in f"{refused.exception}"
