import gc
import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from tensorflow.core.framework import tensor_pb2

from keras_s2s import LiteRTTranslator, SearchConfig, export_saved_model
from keras_s2s.data.tokenizer import CHARACTERS_A_TOKEN
from keras_s2s.decoding.outputs import NEVER
from keras_s2s.deploy import agreement
from keras_s2s.deploy.export_search import choose_searches
from keras_s2s.deploy.server import fresh_check
from keras_s2s.deploy.server import saved_model as module
from keras_s2s.deploy.server.warmup import PLACE, write_warmup

pytestmark = pytest.mark.filterwarnings("ignore:the source has")


@pytest.fixture(scope="module")
def signatures(saved_model):
    return tf.saved_model.load(str(saved_model)).signatures


def texts_of(array):
    return [text.decode() for text in array.numpy()]


def call_as_server(signature, *inputs):
    """Run a signature as the server does, which looks at no shapes."""
    types = [tensor.dtype for tensor in signature.outputs]
    captured = signature.captured_inputs
    return tf.raw_ops.StatefulPartitionedCall(
        args=[*map(tf.constant, inputs), *captured], Tout=types, f=signature.function_def.signature.name
    )


def test_the_folder_is_a_version(saved_model, signatures):
    assert saved_model.name == "1"
    assert set(signatures) == {"serving_default", "beam", "encode", "decode_step"}
    assert sorted(child.name for child in saved_model.parent.iterdir()) == ["1", "MODEL_CARD.md", "model_card.json"]


def test_the_same_strings_as_keras_in_a_batch_and_one_by_one(signatures, sentences, greedy):
    translate = signatures["serving_default"]
    assert texts_of(translate(texts=tf.constant(sentences))["translations"]) == greedy
    alone = [texts_of(translate(texts=tf.constant([text]))["translations"])[0] for text in sentences]
    assert alone == greedy


def test_scores_and_lengths(signatures, model, sentences):
    result = signatures["serving_default"](texts=tf.constant(sentences))
    expected = [h[0] for h in model.n_best(sentences, 1, SearchConfig())]
    np.testing.assert_allclose(result["log_probs"], [h.log_prob for h in expected], atol=1e-3)
    assert result["lengths"].numpy().tolist() == [len(h.tokens) for h in expected]


def test_the_same_n_best_as_keras(signatures, sentences, n_best):
    result = signatures["beam"](texts=tf.constant(sentences))
    assert all(output.shape == (len(sentences), 3) for output in result.values())
    pieces = [[joined.decode().split(" ") for joined in row] for row in result["pieces"].numpy()]
    for got, expected in zip(pieces, n_best, strict=True):
        assert got[: len(expected)] == [list(h.tokens) or [""] for h in expected]
        assert all(row == [""] for row in got[len(expected) :])
    for got, scores, expected in zip(result["translations"].numpy(), result["log_probs"].numpy(), n_best, strict=True):
        assert [text.decode() for text in got[: len(expected)]] == [h.text for h in expected]
        np.testing.assert_allclose(scores[: len(expected)], [h.log_prob for h in expected], atol=1e-3)
        assert all(got[len(expected) :] == b"")
        assert all(scores[len(expected) :] == NEVER)


def test_a_loop_of_the_clients_own(signatures, model, sentences, greedy):
    state = signatures["encode"](texts=tf.constant(sentences[:4]))
    assert (state.pop("lengths").numpy() > 1).all()
    token, rows = tf.ones([4], tf.int32), []
    for _ in range(model.config.max_target_length):
        state = signatures["decode_step"](token=token, **state)
        token = tf.argmax(state.pop("log_probs"), axis=1, output_type=tf.int32)
        rows.append(token.numpy().tolist())
    assert model.target_tokenizer.decode(zip(*rows, strict=True)) == greedy[:4]


@pytest.mark.parametrize("name", ["serving_default", "beam", "encode"])
def test_an_empty_batch(signatures, name):
    assert all(array.shape[0] == 0 for array in signatures[name](texts=tf.constant([], tf.string)).values())


def test_invalid_utf8_is_no_crash(signatures):
    result = signatures["serving_default"](texts=tf.constant([b"\xff\xfe\x80", b"the \xc3", b"\x00"]))
    assert len(texts_of(result["translations"])) == 3


def test_a_megabyte(signatures):
    assert len(texts_of(signatures["serving_default"](texts=tf.constant(["the cat " * 125_000]))["translations"])) == 1


@pytest.mark.parametrize("name", ["serving_default", "beam", "encode"])
@pytest.mark.parametrize("texts", ["a scalar", [["rank", "two"]]])
def test_other_ranks_are_an_invalid_argument(signatures, name, texts):
    with pytest.raises(tf.errors.InvalidArgumentError):
        call_as_server(signatures[name], texts)


@pytest.mark.parametrize("name", ["serving_default", "beam", "encode"])
def test_too_many_rows_are_an_invalid_argument(signatures, name):
    with pytest.raises(tf.errors.InvalidArgumentError, match="more than 64 rows"):
        signatures[name](texts=tf.constant(["a"] * 65))


def test_bad_steps_are_an_invalid_argument(signatures, model):
    state = signatures["encode"](texts=tf.constant(["the cat", "the dog"]))
    del state["lengths"]
    step = signatures["decode_step"]
    with pytest.raises(tf.errors.InvalidArgumentError, match="differ in their batch size"):
        step(token=tf.ones([1], tf.int32), **state)
    with pytest.raises(tf.errors.InvalidArgumentError):
        step(token=tf.fill([2], len(model.target_tokenizer)), **state)


def test_a_beam_as_the_plain_search(model, sentences, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_verify", lambda *_: None)
    search = SearchConfig(method="beam", beam_size=2, length_penalty=0.5, max_length=6)
    path = export_saved_model(model, tmp_path, version=7, search=search, n_best=1)
    assert path == tmp_path / "7"
    translate = tf.saved_model.load(str(path)).signatures["serving_default"]
    assert texts_of(translate(texts=tf.constant(sentences))["translations"]) == model.translate(sentences, search)
    assert (tmp_path / "7").stat().st_mode & 0o777 == 0o777 & ~_umask()


def _umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_warmup_records_run(saved_model, signatures):
    log = _prediction_log()
    seen = set()
    for record in tf.data.TFRecordDataset(str(saved_model / PLACE)):
        request = log.FromString(record.numpy()).predict_log.request
        inputs = {
            name: tf.constant(tf.make_ndarray(tensor_pb2.TensorProto.FromString(proto)))
            for name, proto in request.inputs.items()
        }
        outputs = signatures[request.model_spec.signature_name](**inputs)
        size = len(next(iter(inputs.values())))
        assert all(array.shape[0] == size for array in outputs.values())
        seen.add((request.model_spec.signature_name, size))
    assert seen == {(name, size) for name in signatures for size in (1, 2, 8, 32, 64)}
    assert (saved_model / PLACE).stat().st_size < 40_000


def test_warmup_of_long_sources_stays_small(tmp_path):
    """A protein's memory is megabytes; 64 of them would be more than a server takes in a request."""
    step = {"token": tf.TensorSpec([None], tf.int32), "memory": tf.TensorSpec([None, 1704, 256], tf.float32)}
    write_warmup(tmp_path, ["MKTAYIAKQR"], step, max_batch=64)
    assert (tmp_path / PLACE).stat().st_size < 40_000
    steps = [request["memory"].shape for request in _warmup_requests(tmp_path) if "memory" in request]
    assert steps == [(size, 1704, 256) for size in (1, 2, 8)]


def _prediction_log():
    """PredictionLog with the fields that a Predict warm-up has; tensors stay bytes."""
    file = descriptor_pb2.FileDescriptorProto(name="warmup.proto", package="warmup", syntax="proto3")
    field = descriptor_pb2.FieldDescriptorProto

    def message(parent, title, /, **fields):
        made = parent.add(name=title)
        for key, (number, kind) in fields.items():
            repeated = kind.startswith("*")
            scalar = {"string": field.TYPE_STRING, "bytes": field.TYPE_BYTES}.get(kind)
            made.field.add(
                name=key,
                number=number,
                label=field.LABEL_REPEATED if repeated else field.LABEL_OPTIONAL,
                type=scalar or field.TYPE_MESSAGE,
                type_name=None if scalar else ".warmup." + kind.lstrip("*"),
            )
        return made

    message(file.message_type, "ModelSpec", name=(1, "string"), signature_name=(3, "string"))
    request = message(
        file.message_type,
        "PredictRequest",
        model_spec=(1, "ModelSpec"),
        inputs=(2, "*PredictRequest.InputsEntry"),
    )
    entry = message(request.nested_type, "InputsEntry", key=(1, "string"), value=(2, "bytes"))
    entry.options.map_entry = True
    message(file.message_type, "PredictLog", request=(1, "PredictRequest"))
    message(file.message_type, "PredictionLog", predict_log=(6, "PredictLog"))
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("warmup.PredictionLog"))


def _contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("answer", ["wrong", "error", "crash"])
def test_a_failed_export_leaves_the_folder_as_it_was(model, saved_model, monkeypatch, tmp_path, answer):
    before = _contents(saved_model.parent)
    check = tmp_path / "check.py"
    wrong = {name: ["wrong"] * len(module.sample_texts(model)) for name in ("translations", "beam")} | {"loop": []}
    scripts = {
        "wrong": f"print({json.dumps(wrong)!r})",
        "error": """import sys; print('{"error": "no such op"}'); sys.exit('  [[{{node assert}}]]')""",
        "crash": "raise RuntimeError('no such op')",
    }
    check.write_text(scripts[answer])
    monkeypatch.setattr(module, "CHECK", check)
    with pytest.raises(ValueError, match=r"was not kept.*(no such op|'wrong', expected)"):
        export_saved_model(model, saved_model.parent)
    assert _contents(saved_model.parent) == before


def test_versions(tmp_path):
    assert module._free_version(tmp_path / "none", None) == 1
    for name in ("3", "10", "notes", ".unfinished-x"):
        (tmp_path / name).mkdir()
    assert module._free_version(tmp_path, None) == 11
    assert module._free_version(tmp_path, 4) == 4


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"version": 1}, "1 exists: choose another version"),
        ({"version": -1}, "version is a number from 0, got -1"),
        ({"n_best": 0}, "at least 1; got 0"),
        ({"max_batch": 0}, "at least 1; got 0"),
        ({"search": SearchConfig(method="sample")}, "it cannot sample"),
    ],
)
def test_arguments_are_checked(model, saved_model, options, message):
    with pytest.raises(ValueError, match=message):
        export_saved_model(model, saved_model.parent, **options)


def test_other_back_ends_are_refused(monkeypatch):
    monkeypatch.setattr("keras.backend.backend", lambda: "jax")
    with pytest.raises(ValueError, match="set KERAS_BACKEND=tensorflow"):
        module.require_tensorflow()


def test_models_in_one_process_keep_their_tokenisers(saved_model, sentences, greedy):
    """As under `serve`: a version is unloaded beside another with the same tokenisers."""
    first, second = (tf.saved_model.load(str(saved_model)) for _ in range(2))
    first.signatures["serving_default"](texts=tf.constant(sentences))
    del first
    gc.collect()
    assert texts_of(second.signatures["serving_default"](texts=tf.constant(sentences))["translations"]) == greedy


def test_a_small_max_batch_and_many_samples(model, sentences, tmp_path):
    """Verified and warmed up in requests that the export takes."""
    path = export_saved_model(model, tmp_path / "tiny", max_batch=2, samples=[s for s in sentences if len(s) < 60])
    loaded = tf.saved_model.load(str(path))
    with pytest.raises(tf.errors.InvalidArgumentError, match="more than 2 rows"):
        loaded.signatures["serving_default"](texts=tf.constant(["a"] * 3))
    sizes = {len(request["texts"]) for request in _warmup_requests(path) if "texts" in request}
    assert sizes == {1, 2}


def _warmup_requests(version):
    log = _prediction_log()
    for record in tf.data.TFRecordDataset(str(version / PLACE)):
        inputs = log.FromString(record.numpy()).predict_log.request.inputs
        yield {name: tf.make_ndarray(tensor_pb2.TensorProto.FromString(proto)) for name, proto in inputs.items()}


def check(folder, monkeypatch, capsys, **request):
    """Run the check in this process, up to its last look at what was imported."""
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(request)))
    code = fresh_check.main(str(folder))
    return code, json.loads(capsys.readouterr().out)


def test_the_check_says_what_is_wrong(saved_model, monkeypatch, capsys):
    code, answer = check(saved_model, monkeypatch, capsys, texts=["a"] * 65, batch=65, steps=2)
    assert code == 1
    assert "the request has more than 64 rows, the limit of this export: split it" in answer["error"]
    assert "\n" not in answer["error"]


def test_the_check_runs_a_clients_own_loop(signatures, model, sentences):
    rows = fresh_check._loop(signatures, tf.constant(sentences[-20:]), model.config.max_target_length)
    assert model.target_tokenizer.decode(rows) == model.translate(sentences[-20:], SearchConfig())


@pytest.mark.parametrize("which", ["translations", "beam", "loop"])
def test_each_signature_is_compared(model, saved_model, monkeypatch, which):
    texts, searches = ["the red cat sees the dog"], choose_searches(SearchConfig(), 3)
    loop = model.target_tokenizer.encode(model.translate(texts))
    answers = {"translations": model.translate(texts), "beam": model.translate(texts, searches.beam), "loop": loop}
    monkeypatch.setattr(module, "_ask_fresh_process", lambda *_: answers)
    module._verify(model, saved_model, texts, searches, 64)
    monkeypatch.setattr(agreement, "TIE", 0.0)  # the small model may have a tie where the answer is changed
    answers[which] = [[5, 1]] if which == "loop" else ["otherwise"]
    with pytest.raises(ValueError, match="differs from the model on 1 of 1"):
        module._verify(model, saved_model, texts, searches, 64)


@pytest.mark.parametrize(
    "record", [b"no message", b"\x32\x04\x0a\x02\x0a\x00", None], ids=["bytes", "empty", "no file"]
)
def test_the_check_runs_the_warm_up(saved_model, signatures, tmp_path, record):
    folder = shutil.copytree(saved_model, tmp_path / "1")
    fresh_check._warm_up(str(folder), signatures)
    (folder / PLACE).unlink()
    if record:
        with tf.io.TFRecordWriter(str(folder / PLACE)) as writer:
            writer.write(record)
    with pytest.raises((ValueError, LookupError, tf.errors.NotFoundError)):
        fresh_check._warm_up(str(folder), signatures)


@pytest.mark.parametrize("filler", [" ", "é", "😀"])
def test_a_long_text_ends_at_the_same_character_everywhere(signatures, model, tflite, filler):
    """What is over the limit of characters is cut off before it is tokenised, by whichever form of the model."""
    most = CHARACTERS_A_TOKEN * model.config.max_source_length
    text = "the big cat sees the dog"
    texts = [filler * (most - len(text) - 1 + more) + f" {text}" for more in (0, 1, 3, 400)]
    rows, expected = model.source_tokenizer.encode(texts, model.config.max_source_length), model.translate(texts)
    assert rows[0] != rows[2] != rows[3]
    assert texts_of(signatures["serving_default"](texts=tf.constant(texts))["translations"]) == expected
    assert LiteRTTranslator(tflite).translate(texts) == expected


def test_saved_model_cli_names_everything(saved_model):
    command = [Path(sys.executable).with_name("saved_model_cli"), "show", "--dir", saved_model, "--all"]
    result = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    assert result.returncode == 0, result.stderr[-2000:]
    shown = result.stdout.partition("Concrete Functions")[0]
    parts = dict(part.split("']", 1) for part in shown.split("signature_def['")[1:])
    names = {
        "serving_default": {"texts", "translations", "log_probs", "lengths"},
        "beam": {"texts", "translations", "pieces", "log_probs"},
        "encode": {"texts", "lengths", "hidden_1", "cell_1", "hidden_2", "cell_2"},
        "decode_step": {"token", "log_probs", "hidden_1", "cell_1", "hidden_2", "cell_2"},
    }
    assert set(parts) - {"__saved_model_init_op"} == set(names)
    for signature, tensors in names.items():
        assert all(f"puts['{tensor}'] tensor_info" in parts[signature] for tensor in tensors), signature
        assert parts[signature].count("tensor_info") == len(tensors) + (4 if signature == "decode_step" else 0)
