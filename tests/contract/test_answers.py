"""The same strings from Keras, the reloaded SavedModel, gRPC and REST, in every signature and every batch size."""

import base64
import itertools

import numpy as np
import pytest

ODD = ["", "   ", "\t\n", "😀", "漢字 let's", "let's\x00go", "x" * 300, "to go " * 40]
EOS = 1


def ways(server, reload_served):
    """Everything that translates a list of texts, by name."""
    saved = reload_served(server)
    return {
        "gRPC": server.translate,
        "REST rows": server.translate_rest,
        "REST columns": lambda texts: server.translate_rest(texts, "column"),
        **({"SavedModel": saved} if saved else {}),
    }


def batches(texts, sizes):
    """Cut texts into pieces of these sizes, and begin again at the end."""
    endless = itertools.cycle(texts)
    return [list(itertools.islice(endless, size)) for size in sizes]


def compare(translate, expected, pieces):
    for piece in pieces:
        assert translate(piece) == [expected[text] for text in piece]


@pytest.fixture(scope="module")
def sentences(phrases):
    return [pair.source for pair in phrases] + ODD


@pytest.fixture(scope="module")
def expected(server, external, sentences, request):
    """What the model answers in Keras; of a server that is not ours, what it answers one by one."""
    if external:
        return {text: server.translate([text])[0] for text in sentences}
    return dict(zip(sentences, request.getfixturevalue("trained").translate(sentences), strict=True))


def test_the_same_answers(server, reload_served, sentences, expected):
    for translate in ways(server, reload_served).values():
        compare(translate, expected, batches(sentences, [*[1] * len(sentences), 2, 3, 7, 16, 33, 64]))


@pytest.mark.slow
@pytest.mark.timeout(2400)
def test_the_same_answers_on_a_thousand_sentences(phrasebook_server, external, phrasebook, reload_served, request):
    """One by one, and in batches of every size from 2 to 64."""
    server, sentences = phrasebook_server, list(dict.fromkeys(pair.source for pair in phrasebook.test))[:1000]
    assert len(sentences) == 1000
    if external:
        expected = {text: server.translate([text])[0] for text in sentences}
    else:
        answers = request.getfixturevalue("phrasebook_model").translate(sentences)
        expected = dict(zip(sentences, answers, strict=True))
        assert len(set(answers)) > 800  # the model does tell them apart
    pieces = batches(sentences, [*[1] * len(sentences), *range(2, 65)])
    for translate in ways(server, reload_served).values():
        compare(translate, expected, pieces)


def test_empty_texts_give_empty_answers(server):
    assert server.translate(["", "  ", " \t\n"]) == ["", "", ""]


def test_scores_and_lengths(server, expected):
    texts = list(expected)
    arrays = server.arrays(texts)
    assert set(arrays) == {"translations", "log_probs", "lengths"}
    assert all(array.shape == (len(texts),) for array in arrays.values())
    assert arrays["log_probs"].dtype == np.float32
    assert (arrays["log_probs"] <= 0).all()
    assert arrays["lengths"].dtype == np.int32
    assert ((arrays["lengths"] == 0) == (arrays["translations"] == b"")).all()


def test_the_outputs_that_are_asked_for(server):
    assert set(server.arrays(["to go"], outputs=["lengths"])) == {"lengths"}


def test_the_answer_names_the_version(server):
    spec = server.predict(["to go"]).model_spec
    assert (spec.name, spec.signature_name, spec.version.value) == (
        server.model,
        "serving_default",
        max(server.available()),
    )
    beam = server.predict(["to go"], signature="beam", version=spec.version.value).model_spec
    assert (beam.signature_name, beam.version.value) == ("beam", spec.version.value)


def test_beam(server):
    arrays = server.arrays(["to go", ""], signature="beam")
    n_best = arrays["translations"].shape[1]
    assert arrays["log_probs"].shape == (2, n_best)
    assert arrays["translations"][1].tolist() == [b""] * n_best
    status, answer = server.call({"signature_name": "beam", "instances": ["to go"]})
    assert status == 200
    (row,) = answer["predictions"]
    assert row["translations"] == [text.decode() for text in arrays["translations"][0]]
    np.testing.assert_allclose(row["log_probs"], arrays["log_probs"][0], atol=1e-4)


def test_a_loop_of_the_clients_own(server, sentences, external):
    """`encode`, then `decode_step` until <EOS>: the log-probabilities add up to those of the server's greedy search."""
    texts = sentences[:3]
    plain = server.arrays(texts)
    state = server.arrays(texts, signature="encode")
    lengths = state.pop("lengths")
    assert (lengths > 1).all()
    token = np.full(len(texts), EOS, np.int32)
    total, alive = np.zeros(len(texts)), np.ones(len(texts), bool)
    for _ in range(200):
        step = {"token": token, **state} | ({"lengths": lengths} if "memory" in state else {})
        arrays = server.arrays(step, signature="decode_step")
        token = arrays["log_probs"].argmax(axis=1).astype(np.int32)
        total += np.where(alive, arrays["log_probs"].max(axis=1), 0)
        alive &= token != EOS
        state |= {name: array for name, array in arrays.items() if name in state}
        if not alive.any():
            break
    assert not alive.any()
    if not external:  # which may search otherwise
        np.testing.assert_allclose(total, plain["log_probs"], atol=1e-3)


def test_the_state_over_rest(server):
    arrays = server.arrays(["to go", "to eat"], signature="encode")
    status, answer = server.call({"signature_name": "encode", "inputs": ["to go", "to eat"]})
    assert status == 200
    for name, array in arrays.items():
        np.testing.assert_allclose(answer["outputs"][name], array, atol=1e-5)
    step = {"token": [1, 1], **answer["outputs"]}
    if "memory" not in step:
        step.pop("lengths")
    status, columns = server.call({"signature_name": "decode_step", "inputs": step})
    assert status == 200, columns
    rows = [dict(zip(step, values, strict=True)) for values in zip(*step.values(), strict=True)]
    status, answer = server.call({"signature_name": "decode_step", "instances": rows})
    assert status == 200, answer
    assert [row["log_probs"] for row in answer["predictions"]] == columns["outputs"]["log_probs"]


def test_the_forms_of_rest(server, expected):
    text = "let's go"
    encoded = {"b64": base64.b64encode(text.encode()).decode()}
    for body in (
        {"instances": [text]},
        {"instances": [encoded]},
        {"instances": [{"texts": text}]},
        {"instances": [{"texts": encoded}]},
        {"instances": [text], "signature_name": "serving_default"},
    ):
        status, answer = server.call(body)
        assert status == 200, answer
        assert [row["translations"] for row in answer["predictions"]] == [expected[text]]
    for body in ({"inputs": [text]}, {"inputs": {"texts": [text]}}, {"inputs": [encoded]}):
        status, answer = server.call(body)
        assert status == 200, answer
        assert answer["outputs"]["translations"] == [expected[text]]
    version = max(server.available())
    status, answer = server.call({"inputs": [text]}, path=f"/versions/{version}")
    assert (status, answer["outputs"]["translations"]) == (200, [expected[text]])
