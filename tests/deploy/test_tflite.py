import json
import zipfile

import pytest

from keras_s2s import LiteRTTranslator, SearchConfig, export_tflite
from keras_s2s.data.tokenizer import Tokenizer
from keras_s2s.deploy import tflite as module
from keras_s2s.deploy.operators import operators, require_builtin

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
    assert manifest["limits"] == {"max_source_length": 32, "max_target_length": 24, "overlong": "truncate"}
    assert manifest["search"]["beam_size"] == 4


def test_the_manifest_describes_the_tensors(tflite):
    translator = LiteRTTranslator(tflite)
    for name, described in translator.manifest["signatures"].items():
        runner = translator._interpreter.get_signature_runner(name)
        for side, details in (("inputs", runner.get_input_details()), ("outputs", runner.get_output_details())):
            assert {key: list(tensor["shape"]) for key, tensor in details.items()} == described[side], (name, side)


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
def test_a_failed_export_leaves_the_old_file(model, tflite, tmp_path, monkeypatch, answer):
    path = tmp_path / "old.tflite"
    path.write_bytes(b"old")
    flatbuffer = tflite.read_bytes()[: LiteRTTranslator(tflite).manifest["model_bytes"]]
    monkeypatch.setattr(module, "_convert", lambda *_: flatbuffer)
    if answer == "wrong":
        monkeypatch.setattr(LiteRTTranslator, "translate", lambda self, texts, method: ["wrong"] * len(texts))
    else:
        monkeypatch.setattr("keras_s2s.deploy.operators.operators", lambda _: ["CUSTOM:FlexErf"])
    with pytest.raises(ValueError, match=r"was not kept|FlexErf"):
        export_tflite(model, path)
    assert [child.name for child in tmp_path.iterdir()] == ["old.tflite"]
    assert path.read_bytes() == b"old"
