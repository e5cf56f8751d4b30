import pytest
from typer.testing import CliRunner

from keras_s2s import LiteRTTranslator, SearchConfig
from keras_s2s.cli import export
from keras_s2s.cli.main import app
from keras_s2s.deploy.device import tflite as tflite_module
from keras_s2s.deploy.server import saved_model as module

pytestmark = pytest.mark.filterwarnings("ignore:the source has")


@pytest.fixture(scope="module")
def keras_file(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("keras") / "model.keras"
    model.save(path)
    return path


def invoke(*arguments):
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert ("compared on random texts; --samples FILE" in result.stderr) == (
        "export" in arguments and "--samples" not in arguments
    )
    return result.stdout


def test_export_saved_model(keras_file, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_verify", lambda *_: None)
    text = invoke("export", "saved-model", keras_file, tmp_path / "en_es", "--version", 3, "--beam", 2, "--n-best", 2)
    assert str(tmp_path / "en_es" / "3") in text
    assert (tmp_path / "en_es" / "3" / "saved_model.pb").is_file()


def test_export_tflite(keras_file, tmp_path):
    file = tmp_path / "en_es.tflite"
    samples = tmp_path / "samples.txt"
    samples.write_text("the red cat sees the dog\nthe dog sees the fish\n" * 300, encoding="utf-8")
    options = ("--quantize", "float16", "--beam", 3, "--max-length", 9, "--samples", samples)
    text = invoke("export", "tflite", keras_file, file, *options)
    assert str(file) in text
    assert "MB): of 500 texts, as the model: " in text
    manifest = LiteRTTranslator(file).manifest
    assert manifest["weights"] == "float16"
    assert (manifest["search"]["method"], manifest["search"]["beam_size"]) == ("beam", 3)
    assert manifest["limits"]["max_target_length"] == 9


def test_samples_that_are_not_there(keras_file, tmp_path):
    absent = ("--samples", str(tmp_path / "absent.txt"))
    for kind, name in (("saved-model", "en_es"), ("tflite", "en_es.tflite")):
        with pytest.raises(FileNotFoundError):
            CliRunner().invoke(
                app, ["export", kind, str(keras_file), str(tmp_path / name), *absent], catch_exceptions=False
            )


def test_all_exports(model, saved_model, tflite, sentences, monkeypatch, capsys, tmp_path):
    calls = []
    for name, target, made in (("saved_model", module, saved_model), ("tflite", tflite_module, tflite)):
        function = f"export_{name}"
        monkeypatch.setattr(target, function, lambda *args, made=made, **options: calls.append((args, options)) or made)
    export.export_all(model, tmp_path, sentences)
    assert [args[1] for args, _ in calls] == [tmp_path / "saved_model", tmp_path / "model.tflite"]
    assert [options for _, options in calls] == [
        {"samples": sentences, "facts": {}},  # the folder is no run's
        {"samples": sentences, "evaluation": None},
    ]
    assert "greedy 100.0%, beam 100.0%" in capsys.readouterr().out


def test_translate_on_the_device(tflite, model):
    texts = ["the big cat sees the dog", ""]
    assert invoke("translate", "--model", tflite, *texts) == "\n".join(model.translate(texts)) + "\n"
    first, second, *_ = invoke("translate", "--model", tflite, "--n-best", 2, texts[0]).splitlines()
    best = model.n_best(texts[:1], 2, SearchConfig(method="beam"))[0]
    assert [line.split("\t")[1] for line in (first, second)] == [h.text for h in best]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("translate", "--beam", 2, "x"), "--beam: the search of tiny.tflite was chosen when it was exported"),
        (("translate", "--length-penalty", 0, "x"), "--length-penalty: the search"),
        (("translate", "--sample", "x"), "--sample: the search"),
    ],
)
def test_the_search_of_a_file_is_fixed(tflite, arguments, message):
    command, *rest = map(str, arguments)
    with pytest.raises(ValueError, match=message):
        CliRunner().invoke(app, [command, "--model", str(tflite), *rest], catch_exceptions=False)


def test_an_exported_model_is_no_keras_file(tflite, tmp_path):
    with pytest.raises(ValueError, match=r"name the \.keras file"):
        CliRunner().invoke(app, ["export", "tflite", str(tflite), str(tmp_path / "x.tflite")], catch_exceptions=False)
