"""The page in a real browser, end to end: `keras-s2s web`, Chromium without a screen, and Selenium."""

import json
import math
import shutil
import time
from pathlib import Path

import numpy as np
import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from keras_s2s import LiteRTTranslator
from keras_s2s.data.tokenizer import EOS, UNKNOWN
from keras_s2s.deploy.device.device_model import DeviceModel

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900), pytest.mark.xdist_group("page")]  # they share models

SENTENCES = 500
LETTERS_LIMITS = {"tokens": 48, "characters": 64 * 48}
SOURCE = "Ana has my coat."


@pytest.fixture(scope="module")
def axe(pytestconfig):
    path = pytestconfig.rootpath / "serving" / "web" / "node_modules" / "axe-core" / "axe.min.js"
    return path.read_text(encoding="utf-8")


def expected_answers(model, text):
    """What the page should show of a text, by LiteRT in Python."""
    (source,) = model.tokenize([text])
    plain = model.search(source, model.manifest["search"]["method"])[0]
    answers = [plain, *(other for other in model.search(source, "beam") if other[0] != plain[0])]
    texts = model.target_tokenizer.decode([ids for ids, _ in answers])
    shown = {"source": source, "target": without_end(plain[0]), "answers": [text or "(nothing)" for text in texts]}
    return shown, [100 * math.exp(log_prob) for _, log_prob in answers]


def without_end(ids):
    return ids[: ids.index(EOS)] if EOS in ids else ids


def percentages(shown):
    return [float(text.removeprefix("<").removesuffix("%")) for text in shown["probabilities"]]


# Native and WebAssembly kernels round int8 activations at other places, so that near ties may fall otherwise.
@pytest.mark.parametrize(("name", "least"), [("en_es", 0.99), ("more/attentive", 1)], ids=["int8", "float32"])
def test_the_same_ids_as_python(browser, url, model_folder, phrasebook, name, least):
    model = DeviceModel(model_folder / f"{name}.tflite")
    browser.open(f"{url}#{Path(name).name}")
    different = []
    for pair in phrasebook[2000 : 2000 + SENTENCES]:
        received = browser.type(pair.source)
        expected, probabilities = expected_answers(model, pair.source)
        assert received["source"] == expected["source"]
        if received["target"] != expected["target"] or (least == 1 and received["answers"] != expected["answers"]):
            different.append((pair.source, expected, received))
        elif least == 1:
            assert percentages(received) == pytest.approx(probabilities, abs=1), pair.source
    assert len(different) <= (1 - least) * SENTENCES, (len(different), different[:3])


@pytest.mark.parametrize(
    ("name", "least"), [("en_es", 0.97), ("more/attentive", 1), ("more/letters", 1)], ids=["int8", "float32", "letters"]
)
def test_the_test_vectors(browser, url, model_folder, name, least):
    vectors = json.loads((model_folder / f"{name}.vectors.json").read_text(encoding="utf-8"))["vectors"]
    method = DeviceModel(model_folder / f"{name}.tflite").manifest["search"]["method"]
    assert any(vector["overlong"] for vector in vectors)
    browser.open(f"{url}#{Path(name).name}")
    different = []
    for vector in vectors:
        received = browser.type(vector["text"])
        if vector["source"] is None:
            ends = tuple(f"{unit} and the model reads at most {n}. Split it." for unit, n in LETTERS_LIMITS.items())
            assert received["notice"].endswith(ends), vector
            assert received["translation"] == ""
        elif vector["source"] == [EOS]:
            assert (received["translation"], received["source"]) == ("", []), vector
        else:
            plain = vector["greedy"] if method == "greedy" else vector["beam"][0]
            assert received["source"] == vector["source"], vector
            assert ("its end is not translated" in received["notice"]) == vector["overlong"], vector
            if (received["target"], received["translation"]) != (without_end(plain["tokens"]), plain["text"]):
                different.append((vector, received))
    assert len(different) <= (1 - least) * len(vectors), (len(different), different[:3])


def test_a_first_visit(browser, url, model_folder, screenshots):
    browser.open(url)
    assert browser.focused().get_attribute("id") == "text"
    browser.press(*SOURCE)
    browser.wait("translation", lambda: len(browser.read()["source"]) > 4)
    browser.wait("last letter", lambda: browser.find("#translation").get_attribute("data-of") == SOURCE)
    shown = browser.read()
    assert len(shown["answers"]) == 4
    assert shown["translation"] == LiteRTTranslator(model_folder / "en_es.tflite").translate([SOURCE])[0] != ""
    assert shown["answers"][0] == shown["translation"]
    assert shown["facts"]["Weights"] == "int8"
    assert shown["facts"]["File"].endswith(" MB")
    assert float(shown["facts"]["Time"].removesuffix(" ms")) > 0
    assert shown["facts"]["Tokens"] == f"{len(shown['source'])} → {len(shown['target'])}"
    browser.wait("speech", lambda: browser.find("#announcement").get_property("textContent") == shown["translation"])
    assert "work offline from now on" in browser.find("#offline").text
    browser.picture(screenshots, "light")


def test_no_request_leaves_and_nothing_complains(browser, url):
    browser.driver.get("about:blank")
    browser.requests()  # those of the browser's own first page
    browser.open(url)
    browser.type(SOURCE)
    browser.choose("attentive")
    browser.type(SOURCE)
    browser.find("#attention-switch").click()
    browser.wait("picture", lambda: browser.driver.find_elements(By.CSS_SELECTOR, ".heat-map"))
    requests = browser.requests()
    assert f"{url}models.json" in requests
    assert [request for request in requests if not request.startswith(url)] == []
    assert browser.complaints() == []


def test_another_model(browser, url):
    browser.open(url)
    assert [option.text for option in browser.driver.find_elements(By.CSS_SELECTOR, "#model option")] == [
        "en_es", "attentive", "letters",
    ]  # fmt: skip
    first = browser.type(SOURCE)
    browser.choose("letters")
    browser.wait("translation of the text that stands there", lambda: browser.read()["answers"])
    second = browser.read()
    assert second["facts"]["Weights"] == "float32"
    assert len(second["source"]) > len(first["source"])


def test_an_answer_is_chosen_by_keyboard_alone(browser, url):
    browser.open(f"{url}#attentive")
    browser.press(*SOURCE)
    browser.wait("last letter", lambda: browser.find("#translation").get_attribute("data-of") == SOURCE)
    browser.press(Keys.TAB)
    assert browser.focused().get_attribute("id") == "copy"
    browser.press(Keys.TAB, Keys.ARROW_DOWN)
    shown = browser.read()
    assert shown["translation"] == shown["answers"][1] != shown["answers"][0]
    browser.press(Keys.TAB)
    assert browser.focused().get_attribute("id") == "attention-switch"
    browser.press(Keys.SPACE)
    browser.wait("picture", lambda: browser.driver.find_elements(By.CSS_SELECTOR, ".heat-map"))
    browser.press(Keys.TAB)
    assert browser.focused().get_attribute("class") == "scroll"
    browser.find("#text").click()
    ActionChains(browser.driver).key_down(Keys.SHIFT).send_keys(Keys.TAB).key_up(Keys.SHIFT).perform()
    assert browser.focused().get_attribute("id") == "model"
    browser.press(Keys.ARROW_DOWN)
    browser.wait("other model", lambda: browser.driver.current_url.endswith("#letters"))


def test_attention(browser, url, model_folder, screenshots):
    browser.open(f"{url}#en_es")
    browser.type(SOURCE)
    assert not browser.find("#attention").is_displayed()
    browser.choose("attentive")
    shown = browser.type(SOURCE)
    browser.find("#attention-switch").click()
    browser.wait("picture", lambda: browser.driver.find_elements(By.CSS_SELECTOR, ".heat-map"))
    shares = browser.driver.execute_script(
        "return [...document.querySelectorAll('.heat-map tbody tr')].map((row) =>"
        " [...row.querySelectorAll('td')].map((cell) => Number(cell.style.getPropertyValue('--share'))))"
    )
    expected = attention_in_python(DeviceModel(model_folder / "more" / "attentive.tflite"), shown)
    assert len(shares) == len(expected) == len(shown["target"])
    for row, wanted in zip(shares, expected, strict=True):
        assert row == pytest.approx(wanted, abs=2e-4)
        assert sum(row) == pytest.approx(1, abs=1e-2)
    browser.picture(screenshots, "attention")
    browser.find("#attention-switch").click()
    assert not browser.driver.find_elements(By.CSS_SELECTOR, ".heat-map")


def attention_in_python(model, shown):
    arrays = model.run("encode", model._source(shown["source"]))
    rows = []
    for token in [EOS, *shown["target"][:-1]]:
        outputs = model.run("decode_step", {"token": np.array([token], np.int32), **arrays})
        rows.append(outputs["attention"][0][: len(shown["source"])].tolist())
        arrays = {name: outputs.get(name, array) for name, array in arrays.items()}
    return rows


@pytest.fixture(scope="module")
def copying(start_server, phrasebook, tmp_path_factory):
    """A page with two models that copy unknown words, unknown letters: untrained, and fond of their unknown token."""
    import keras

    from keras_s2s import ModelConfig, SearchConfig, Seq2Seq, TokenizerConfig, export_tflite

    folder = tmp_path_factory.mktemp("copying")
    for kind, size, coverage in (("word", 60, 1.0), ("char", 100, 0.98)):
        keras.utils.set_random_seed(2)
        tokenizer = TokenizerConfig(kind=kind, vocabulary_size=size, character_coverage=coverage)
        sizes = {"units": 16, "embedding": 8, "layers": 1, "max_source_length": 24, "max_target_length": 12}
        model = Seq2Seq.from_pairs(
            phrasebook[:500],
            ModelConfig(attention="dot", source_tokenizer=tokenizer, target_tokenizer=tokenizer, **sizes),
        )
        model.set_weights([weights * 3 for weights in model.get_weights()])
        bias = model.get_layer("decoder_output").bias
        bias.assign(bias + 4.0 * (np.arange(bias.shape[0]) == UNKNOWN))
        export_tflite(model, folder / f"{kind}.tflite", search=SearchConfig(copy_unknown=True))
    return folder, start_server(folder)[1]


@pytest.mark.filterwarnings("ignore:the source has")
@pytest.mark.parametrize("kind", ["word", "char"])
def test_unknown_words_are_copied(browser, copying, kind, screenshots):
    folder, url = copying
    model = DeviceModel(folder / f"{kind}.tflite")
    vectors = json.loads((folder / f"{kind}.vectors.json").read_text(encoding="utf-8"))["vectors"]
    texts = [vector["text"] for vector in vectors[::2] if len(vector["source"]) > 1]
    translator = LiteRTTranslator(folder / f"{kind}.tflite")
    browser.open(f"{url}#{kind}")
    written = 0
    expected, several = translator.translate(texts), translator.n_best(texts)
    for text, wanted, hypotheses in zip(texts, expected, several, strict=True):
        shown = browser.type(text)
        [(ids, _)] = model.search(shown["source"], "greedy")
        assert shown["translation"] == wanted, text
        assert shown["target"] == model.target_tokenizer.without_copies(without_end(ids)), text
        assert set(shown["answers"]) == {wanted or "(nothing)", *(h.text or "(nothing)" for h in hypotheses)}, text
        written += shown["target"].count(UNKNOWN)
    assert written > len(texts) / 2
    text = next(text for text, answer in zip(texts, expected, strict=True) if len(answer) > 3)
    shown = browser.type(text)
    labels = [found.text for found in browser.driver.find_elements(By.CSS_SELECTOR, "#target .unknown .id")]
    assert labels == ["copied"] * shown["target"].count(UNKNOWN)
    browser.find("#attention-switch").click()
    browser.wait("picture", lambda: browser.driver.find_elements(By.CSS_SELECTOR, ".heat-map"))
    assert len(browser.driver.find_elements(By.CSS_SELECTOR, ".heat-map tbody tr")) == len(shown["target"])
    browser.picture(screenshots, f"copied-{kind}")
    browser.find("#attention-switch").click()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("device", ["desktop", "phone"])
def test_accessible_in_light_and_dark_on_desktop_and_phone(browser, url, axe, screenshots, scheme, device):
    browser.scheme(scheme)
    if device == "phone":
        browser.phone()
    browser.open(f"{url}#attentive")
    background = browser.driver.execute_script("return getComputedStyle(document.documentElement).backgroundColor")
    assert (sum(map(int, background[4:-1].split(","))) < 200) == (scheme == "dark")
    states = {
        "empty": lambda: None,
        "translation": lambda: browser.type(SOURCE),
        "attention": lambda: browser.find("#attention-switch").click(),
        "overlong": lambda: browser.type(f"{SOURCE} " * 8),
    }
    for state, reach in states.items():
        reach()
        if state == "attention":
            browser.wait("picture", lambda: browser.driver.find_elements(By.CSS_SELECTOR, ".heat-map"))
        browser.driver.execute_script(axe)
        result = browser.driver.execute_async_script("axe.run().then(arguments[0])")
        problems = [(v["id"], [node["html"] for node in v["nodes"]]) for v in result["violations"]]
        assert problems == [], state
        width, most = browser.driver.execute_script("return [document.documentElement.scrollWidth, innerWidth]")
        assert width <= most, state
        browser.picture(screenshots, f"{device}-{scheme}-{state}")


@pytest.mark.parametrize(
    "text", ["😀 👩‍👩‍👧 🇪🇸", "Привет, мир", "漢字", "\u0000\u0007\u001b", "<b>bold</b>", "▁", "\ufeff\u200b"]
)
def test_odd_texts(browser, url, model_folder, text):
    browser.open(f"{url}#en_es")
    shown = browser.type(text)
    (source,) = DeviceModel(model_folder / "en_es.tflite").tokenize([text])
    assert shown["source"] == (source if len(source) > 1 else [])
    assert shown["notice"] == ""
    assert browser.type(SOURCE)["translation"]


def test_a_book_is_cut_off_and_typing_goes_on(browser, url):
    browser.open(f"{url}#en_es")
    assert "its end is not translated" in browser.type(f"{SOURCE} " * 20_000)["notice"]
    assert browser.type(SOURCE)["notice"] == ""


def test_offline_after_the_first_visit(browser, start_server, model_folder):
    process, url = start_server(model_folder)
    browser.open(url)
    online = browser.type(SOURCE)
    process.terminate()
    process.wait()
    for again in (browser.driver.refresh, lambda: browser.driver.get(url)):
        again()
        browser.wait_for_model()
        offline = browser.type(SOURCE)
        assert {**offline, "facts": 0} == {**online, "facts": 0}
    browser.choose("letters")
    assert browser.read()["notice"].startswith("letters cannot be loaded: this browser has no copy of it")
    browser.choose("en_es")
    assert browser.type(SOURCE)["translation"] == online["translation"]


def test_a_model_exported_again_takes_the_old_ones_place(browser, start_server, model_folder, tmp_path):
    path = tmp_path / "models" / "m.tflite"
    path.parent.mkdir()
    shutil.copy(model_folder / "en_es.tflite", path)
    _, url = start_server(path.parent)
    browser.open(url)
    first = browser.type(SOURCE)
    shutil.copy(model_folder / "more" / "letters.tflite", path)
    browser.open(url)
    assert len(browser.type(SOURCE)["source"]) > len(first["source"])
    kept = "caches.open('models').then((cache) => cache.keys()).then((keys) => arguments[0](keys.map((k) => k.url)))"
    assert len([k for k in browser.driver.execute_async_script(kept) if "m.tflite" in k]) == 1


def test_a_file_that_breaks_while_the_page_is_open(browser, start_server, model_folder, tmp_path):
    for name in ("good", "spoilt"):
        shutil.copy(model_folder / "en_es.tflite", tmp_path / f"{name}.tflite")
    _, url = start_server(tmp_path / "good.tflite", tmp_path / "spoilt.tflite")
    browser.open(url)
    content = bytearray((tmp_path / "spoilt.tflite").read_bytes())
    for broken, complaint in (
        (content[:-100], "cut short"),
        (content[:4] + b"TOAD" + content[8:], "not a TFLite file"),
        (content[:5000] + bytes([content[5000] ^ 1]) + content[5001:], "damaged"),
    ):
        (tmp_path / "spoilt.tflite").write_bytes(broken)
        browser.choose("spoilt")
        assert browser.read()["notice"].startswith("spoilt cannot be loaded")
        assert complaint in browser.read()["notice"]
        browser.driver.execute_async_script("caches.delete('models').then(arguments[0])")
        browser.choose("good")
        assert browser.type(SOURCE)["translation"]


def test_typing_is_faster_than_translating(browser, url):
    """Half a minute's typing at once: the last text is translated, most of those between are not."""
    browser.open(f"{url}#en_es")
    text = " ".join([SOURCE] * 3)
    start = time.monotonic()
    browser.press(text)
    browser.wait("last letter", lambda: browser.find("#translation").get_attribute("data-of") == text)
    assert time.monotonic() - start < browser.patience / 2
