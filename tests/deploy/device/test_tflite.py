import json
import zipfile

import pytest

from keras_s2s import LiteRTTranslator, SearchConfig, export_tflite
from keras_s2s.data.tokenizer import Tokenizer
from keras_s2s.deploy.device import tflite as module
from keras_s2s.deploy.device.manifest import read_files
from keras_s2s.deploy.device.operators import operators, require_builtin
from keras_s2s.deploy.verification.exports import DeviceExport
from keras_s2s.deploy.verification.verify import Verification

pytestmark = pytest.mark.filterwarnings("ignore:the source has")


def test_builtin_operators_alone(tflite):
    found = require_builtin(tflite.read_bytes())
    assert "WHILE" in found
    assert not [name for name in found if "Flex" in name or "CUSTOM" in name]


def test_a_custom_operator_is_refused():
    import tensorflow as tf

    @tf.function(input_signature=[tf.TensorSpec([1], tf.float32)])
    def function(x):
        return tf.raw_ops.Betainc(a=x, b=x, x=x)

    converter = tf.lite.TFLiteConverter.from_concrete_functions([function.get_concrete_function()])
    converter.allow_custom_ops = True
    flatbuffer = converter.convert()
    assert operators(flatbuffer) == ["CUSTOM:Betainc"]
    with pytest.raises(ValueError, match=r"\(Betainc\)"):
        require_builtin(flatbuffer)


def test_each_weight_is_stored_once(model, tflite):
    weights = sum(4 * variable.shape.num_elements() for variable in (v.value for v in model.trainable_variables))
    manifest = LiteRTTranslator(tflite).manifest
    assert weights < manifest["model_bytes"] < weights + 150_000


def test_the_archive(model, tflite):
    with zipfile.ZipFile(tflite) as archive:
        assert archive.testzip() is None
        assert Tokenizer(archive.read("source.model")) == model.source_tokenizer
        assert Tokenizer(archive.read("target.model")) == model.target_tokenizer
        manifest = json.loads(archive.read("manifest.json"))
    assert manifest["agreement"]["greedy"] == manifest["agreement"]["beam"] == 1.0
    assert manifest["special_ids"] == {"pad": 0, "eos": 1, "unknown": 2}
    assert manifest["limits"] == {
        "max_source_length": 32,
        "max_source_characters": 64 * 32,
        "max_target_length": 24,
        "overlong": "truncate",
    }
    assert manifest["search"]["beam_size"] == 4


def test_the_manifest_describes_the_model(model, tflite):
    manifest = read_files(tflite).manifest
    described, state = manifest["signatures"], {f"{kind}_{layer}" for kind in ("hidden", "cell") for layer in (1, 2)}
    assert {name: set(tensors["inputs"]) for name, tensors in described.items()} == {
        "encode": {"source", "source_length"},
        "decode_step": {"token", *state},
        "greedy": {"source", "source_length"},
        "beam": {"source", "source_length"},
    }
    assert described["encode"]["inputs"]["source"] == {"shape": [1, 32], "dtype": "int32"}
    assert described["encode"]["outputs"]["hidden_2"] == {"shape": [1, 16], "dtype": "float32"}
    assert described["decode_step"]["outputs"]["log_probs"] == {"shape": [1, 30], "dtype": "float32"}
    assert described["beam"]["outputs"]["tokens"] == {"shape": [1, 4, 24], "dtype": "int32"}
    source = manifest["tokenizers"]["source"]
    assert (source["pieces"], source["kind"], source["normalization"]) == (30, "unigram", "nmt_nfkc")
    assert source["add_dummy_prefix"]
    assert manifest["evaluation"] is None


def test_a_model_with_attention_streams(make_model, tmp_path):
    """`decode_step` then takes more than the state, and gives what changed alone."""
    model = make_model(attention="general", bidirectional=True, spread=2.0)
    translator = LiteRTTranslator(export_tflite(model, tmp_path / "a.tflite", evaluation={"bleu": 12.5}))
    step = translator.manifest["signatures"]["decode_step"]
    assert set(step["inputs"]) > set(step["outputs"]) - {"log_probs", "attention"}
    assert step["outputs"]["attention"]["shape"] == [1, 10]
    assert translator.manifest["evaluation"] == {"bleu": 12.5}
    texts = ["let's eat", "to sleep now", "go"]
    assert ["".join(translator.stream(text)) for text in texts] == model.translate(texts)


def test_outputs_as_long_as_their_sources(make_model, tmp_path):
    model = make_model(spread=2.0, attention="dot", attention_window=1)
    search = SearchConfig(match_length=True)
    translator = LiteRTTranslator(export_tflite(model, tmp_path / "m.tflite", search=search))
    texts = ["let's", "to sleep", "to sleep now", "let's eat now sleep"]
    expected = model.translate(texts, search)
    assert translator.translate(texts) == ["".join(translator.stream(text)) for text in texts] == expected
    assert [len(h[0].tokens) for h in translator.n_best(texts)] == [1, 2, 3, 4]
    (greedy, beam) = Verification(model, texts).compare(DeviceExport(tmp_path / "m.tflite", model))
    assert greedy.differences == beam.differences == ()


@pytest.mark.parametrize("quantize", ["float16", "int8"])
def test_quantised(model, tflite, tmp_path, sentences, greedy, quantize):
    path = export_tflite(model, tmp_path / "new" / "q.tflite", quantize=quantize, samples=sentences)
    translator = LiteRTTranslator(path)
    assert translator.manifest["weights"] == quantize
    assert translator.manifest["agreement"]["texts"] < len(sentences)  # the overlong ones are left out
    assert translator.manifest["model_bytes"] < LiteRTTranslator(tflite).manifest["model_bytes"]
    same = sum(a == b for a, b in zip(translator.translate(sentences), greedy, strict=True))
    assert same >= len(sentences) * 0.5
    require_builtin(path.read_bytes())


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("x.bin", {}, "ends in .tflite"),
        ("x.tflite", {"quantize": "int4"}, "got 'int4'"),
        ("x.tflite", {"search": SearchConfig(method="sample")}, "cannot sample"),
    ],
)
def test_arguments_are_checked(model, tmp_path, name, options, message):
    with pytest.raises(ValueError, match=message):
        export_tflite(model, tmp_path / name, **options)
    assert not list(tmp_path.iterdir())


def test_a_model_that_does_not_convert(model, tmp_path, monkeypatch):
    import tensorflow as tf

    def betainc(self, source, source_length):
        x = tf.cast(source_length, tf.float32)
        return {"tokens": tf.raw_ops.Betainc(a=x, b=x, x=x)}

    monkeypatch.setattr(module.MobileModule, "greedy", betainc)
    with pytest.raises(ValueError, match="does not convert to TFLite, and no file was written: Custom ops: Betainc"):
        export_tflite(model, tmp_path / "x.tflite")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("answer", ["wrong", "flex"])
def test_a_failed_export_leaves_the_old_files(model, tflite, tmp_path, monkeypatch, answer):
    old = dict.fromkeys(("old.tflite", "old.manifest.json", "old.source.model", "old.vectors.json"), b"old")
    for name, content in old.items():
        (tmp_path / name).write_bytes(content)
    flatbuffer = tflite.read_bytes()[: read_files(tflite).manifest["model_bytes"]]
    monkeypatch.setattr(module, "_convert", lambda *_: flatbuffer)
    if answer == "wrong":
        monkeypatch.setattr(LiteRTTranslator, "translate", lambda self, texts, method: ["wrong"] * len(texts))
    else:
        monkeypatch.setattr("keras_s2s.deploy.device.operators.operators", lambda _: ["CUSTOM:FlexErf"])
    with pytest.raises(ValueError, match=r"was not kept|FlexErf"):
        export_tflite(model, tmp_path / "old.tflite")
    assert {child.name: child.read_bytes() for child in tmp_path.iterdir()} == old
