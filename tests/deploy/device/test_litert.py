import json
import os
import re
import subprocess
import sys
import threading
import zipfile

import numpy as np
import pytest

from keras_s2s import LiteRTTranslator, Translator
from keras_s2s.deploy.device.manifest import read_files, write_with_files

WITHOUT = ("tensorflow", "tensorflow_text", "keras", "pydantic", "jax", "tomli_w", "sacrebleu", "tqdm")
BLOCK = """
import sys
class Block:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {blocked!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Block())
"""

pytestmark = pytest.mark.filterwarnings("ignore:the source has")


@pytest.fixture(scope="module")
def translator(tflite):
    return LiteRTTranslator(tflite)


def test_it_is_a_translator(translator):
    assert isinstance(translator, Translator)


def test_the_same_strings_as_keras(translator, sentences, greedy):
    assert translator.translate(sentences) == greedy
    assert [translator.translate([text])[0] for text in sentences[-12:]] == greedy[-12:]
    assert translator.translate([]) == []


def test_the_same_n_best_as_keras(translator, sentences, n_best):
    for got, expected in zip(translator.n_best(sentences, 3), n_best, strict=True):
        assert [(h.text, h.tokens) for h in got] == [(h.text, h.tokens) for h in expected]
        np.testing.assert_allclose([h.log_prob for h in got], [h.log_prob for h in expected], atol=1e-3)
    assert len(translator.n_best(["the cat"])[0]) == 4
    assert translator.translate(sentences, "beam") == [h[0].text for h in n_best]


def test_streaming_gives_the_greedy_translation(translator, sentences, greedy):
    assert ["".join(translator.stream(text)) for text in sentences] == greedy
    assert len(list(translator.stream("the big cat sees the dog"))) > 2


def test_threads_take_turns(translator, sentences, greedy):
    results = {}

    def work(number):
        results[number] = translator.translate(sentences)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert list(results.values()) == [greedy] * 4


def test_wrong_calls(translator):
    with pytest.raises(ValueError, match="put it in brackets"):
        translator.translate("the cat")
    for text in ("half a \ud83d surrogate", None, b"bytes", 7):
        with pytest.raises(ValueError, match=r"not Unicode|expected texts"):
            translator.translate(["the cat", text])
    with pytest.raises(ValueError, match="expected texts"):
        next(translator.stream(["the cat"]), None)
    with pytest.raises(ValueError, match="n=5 is more than the beam"):
        translator.n_best(["the cat"], 5)
    with pytest.raises(ValueError, match="at least 1; got 0"):
        translator.n_best(["the cat"], 0)
    with pytest.raises(ValueError, match="'greedy' or 'beam', got 'sample'"):
        translator.translate(["the cat"], "sample")


def test_an_overlong_text_warns_or_is_an_error(tflite, monkeypatch):
    translator = LiteRTTranslator(tflite)
    with pytest.warns(UserWarning, match="its end was cut off"):
        translator.translate(["the cat " * 50])
    translator.manifest["limits"]["overlong"] = "error"
    for text in ("the cat " * 50, " " * 64 * 32 + "the cat"):
        with pytest.raises(ValueError, match="split the text"):
            translator.translate([text])


def test_without_tensorflow(tflite, greedy, sentences):
    code = (
        BLOCK.format(blocked=WITHOUT)
        + f"""
import json, keras_s2s
translator = keras_s2s.LiteRTTranslator({str(tflite)!r})
texts = {sentences[:3]!r}
print(json.dumps([translator.translate(texts), "".join(translator.stream(texts[0])), len(translator.n_best(texts)[0])]))
print([name for name in {WITHOUT!r} if name in sys.modules])
"""
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=False)
    assert result.returncode == 0, result.stderr
    answers, nothing = result.stdout.splitlines()
    assert json.loads(answers) == [greedy[:3], greedy[0], 4]
    assert nothing == "[]"


def test_the_command_without_tensorflow(tflite, greedy, sentences):
    blocked = [name for name in WITHOUT if name != "pydantic"]  # typer needs it
    command = ["translate", "--model", str(tflite), sentences[0]]
    code = BLOCK.format(blocked=blocked) + f"from keras_s2s.cli.main import run; run({command!r})"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TF_")}
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=False, env=environment
    )
    assert (result.stdout, result.stderr) == (greedy[0] + "\n", "")


def _zipped(path, **names):
    with zipfile.ZipFile(path, "a") as archive:
        for name, content in names.items():
            archive.writestr(name.replace("_", "."), content)


def test_bad_files(tflite, tmp_path):
    content = tflite.read_bytes()
    size = read_files(tflite).manifest["model_bytes"]
    path = tmp_path / "bad.tflite"
    with pytest.raises(FileNotFoundError, match="no such model file"):
        LiteRTTranslator(path)
    flipped = bytearray(content)
    flipped[size // 2] ^= 1
    for bad, message in (
        (b"", "not a TFLite file"),
        (b"PK\x03\x04 something else", "not a TFLite file"),
        (content[:size], "without a manifest of keras_s2s"),
        (content[: size // 2], "without a manifest of keras_s2s"),
        (content[:-40], "without a manifest of keras_s2s"),
        (bytes(flipped), "damaged"),
    ):
        path.write_bytes(bad)
        with pytest.raises(ValueError, match=message):
            LiteRTTranslator(path)


def test_a_damaged_archive(tflite, tmp_path):
    """Whatever byte is wrong: it does no harm, or one clear error tells it."""
    files, small, path = read_files(tflite), tmp_path / "small.tflite", tmp_path / "bad.tflite"
    size = 64
    write_with_files(small, tflite.read_bytes()[:size], files)
    content, expected, told, causes = small.read_bytes(), read_files(small), [], set()
    offsets = {*range(size, size + 120), *range(content.index(b"PK\x01\x02"), len(content))}
    for offset in sorted(offsets | {*range(size, len(content), 4999)}):
        damaged = bytearray(content)
        damaged[offset] ^= 0xFF if offset % 2 else 0x01
        path.write_bytes(damaged)
        try:
            assert read_files(path) == expected
        except ValueError as error:
            told.append(str(error))
            causes.add(type(error.__cause__))
    assert [text for text in told if not re.search("bad.tflite: .*(damaged|is missing in it: export it)", text)] == []
    assert len(causes - {zipfile.BadZipFile, type(None)}) > 1


def test_files_of_others(tflite, tmp_path):
    content = tflite.read_bytes()
    files = read_files(tflite)
    flatbuffer = content[: files.manifest["model_bytes"]]
    path = tmp_path / "other.tflite"

    def refused(message):
        with pytest.raises(ValueError, match=message):
            LiteRTTranslator(path)

    path.write_bytes(flatbuffer)
    _zipped(path, labels_txt="cat\ndog")
    refused("without a manifest")
    path.write_bytes(flatbuffer)
    _zipped(path, **{"manifest.json": "[]", "source.model": "", "target.model": ""})
    refused("without a manifest")
    path.write_bytes(flatbuffer)
    _zipped(path, **{"manifest.json": json.dumps(files.manifest), "source.model": files.source_model})
    refused("target.model, a SentencePiece model, is missing")
    write_with_files(path, flatbuffer, files._replace(manifest={**files.manifest, "format": "keras_s2s/tflite/99"}))
    refused("'keras_s2s/tflite/99', expected")
    write_with_files(path, flatbuffer, files._replace(source_model=b"no model"))
    refused("not a SentencePiece model")
    # The vocabulary of one model behind the graph of another.
    path.write_bytes(content[: len(flatbuffer) // 2] + content[len(flatbuffer) // 2 + 8 :])
    refused("damaged")
