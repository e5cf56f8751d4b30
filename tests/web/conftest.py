"""What the tests of the page share: npm, models, a server, a browser, and strings of every kind."""

import json
import os
import random
import shutil
import subprocess
import sys
from base64 import b64decode
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.support.select import Select
from selenium.webdriver.support.wait import WebDriverWait

SEED = 20


@pytest.fixture(scope="session")
def npm(pytestconfig):
    """Run one of the page's npm scripts, and fail with what it said."""
    folder = pytestconfig.rootpath / "serving" / "web"
    if not (folder / "node_modules").is_dir():
        pytest.fail("the page's packages are not installed: run `make web`")

    def npm(*arguments, **environment):
        result = subprocess.run(
            [shutil.which("npm") or "npm", *arguments],
            cwd=folder,
            capture_output=True,
            encoding="utf-8",
            check=False,
            env={**os.environ, **environment, "CI": "true", "NO_COLOR": "1"},
        )
        assert result.returncode == 0, (result.stdout + result.stderr)[-4000:]
        return result.stdout

    return npm


BLOCKS = (
    (0x01, 0x7F),  # controls and ASCII
    (0x80, 0xFF),
    (0x0100, 0x036F),  # Latin, combining marks
    (0x0370, 0x05FF),
    (0x0600, 0x0700),
    (0x0900, 0x097F),
    (0x0E00, 0x0E7F),
    (0x1100, 0x11FF),  # Hangul Jamo, which compose
    (0x1E00, 0x1FFF),
    (0x2000, 0x27BF),  # spaces, signs, letterlike
    (0x3000, 0x33FF),
    (0x4E00, 0x4F00),
    (0xAC00, 0xAE00),
    (0xE000, 0xE020),  # private use
    (0xF900, 0xFB50),  # compatibility ideographs, ligatures
    (0xFE00, 0xFFFD),  # variation selectors, half and full widths
    (0x1D400, 0x1D7FF),  # mathematical letters
    (0x1F1E6, 0x1FAFF),  # emoji
    (0xE0000, 0xE01EF),  # tags
    (0x10FFF0, 0x10FFFF),
)
PIECES = (
    "👩‍👩‍👧", "👍🏽", "🇪🇸", "❤️", "e\u0301", "ﬁ", "½", "…", "①", "㌔", "ａｂｃ", "각", "가", "ﷺ", "İ", "ß", "Ǆ",
    " ", "  ", "\t", "\r\n", "\u00a0", "\u2003", "\u200b", "\u200d", "\u3000", "\ufeff", "\u00ad", "\x00", "\x07",
    "\x1b", "\x7f", "\x85", "\u2028", "▁", "▁▁", "<unk>", "</s>", "<pad>", "<s>", "<0x41>", "\u2047", "\ufffd",
    "hello", "Vamos", "¿qué?", "the", "a", "12,345.6", "@user", "https://example.org/?q=1", "O'Neill", "“quoted”",
)  # fmt: skip


@pytest.fixture(scope="session")
def awkward():
    """A few thousand strings that no sane person types."""
    draw = random.Random(SEED)

    def characters():
        low, high = draw.choice(BLOCKS)
        return "".join(chr(draw.randint(low, high)) for _ in range(draw.randint(1, 12)))

    def mixed():
        return "".join(draw.choice(PIECES) for _ in range(draw.randint(1, 10)))

    def blocks():
        return draw.choice(("", " ")).join(characters() for _ in range(draw.randint(1, 4)))

    def noise(encoding):
        return draw.randbytes(draw.randint(1, 40)).decode(encoding, "replace")

    fixed = ["", " ", "\n", "\x00", "a" * 5000, "😀" * 700, "the cat " * 500, "▁", "\u0301", *PIECES]
    drawn = [f() for _ in range(700) for f in (characters, mixed, blocks)]
    return fixed + drawn + [noise(encoding) for _ in range(700) for encoding in ("utf-8", "latin-1")]


@pytest.fixture(scope="session")
def phrasebook():
    from keras_s2s.data.phrasebook import load_phrasebook

    return list(load_phrasebook().train)


@pytest.fixture(scope="session")
def model_folder(phrasebook, tmp_path_factory):
    """Three models: int8 weights and beam search; attention; letters, and long texts refused."""
    import keras

    from keras_s2s import ModelConfig, SearchConfig, Seq2Seq, TokenizerConfig, export_tflite

    folder = tmp_path_factory.mktemp("models")
    pairs = phrasebook[:2000]

    def train(epochs, **options):
        keras.utils.set_random_seed(1)
        limits = {"max_source_length": 24, "max_target_length": 24, "dropout": 0.0}
        model = Seq2Seq.from_pairs(pairs, ModelConfig(**(limits | options)))
        if epochs:
            model.compile(keras.optimizers.Adam(0.01))
            model.fit(model.batches(pairs, batch_tokens=600, buckets=2), epochs=epochs, verbose=0)
        return model

    words = TokenizerConfig(vocabulary_size=400)
    sizes = {"units": 64, "embedding": 32, "source_tokenizer": words, "target_tokenizer": words}
    samples = [pair.source for pair in pairs[:40]]
    export_tflite(
        train(24, **sizes),
        folder / "en_es.tflite",
        quantize="int8",
        search=SearchConfig(method="beam", beam_size=4),
        samples=samples,
    )
    export_tflite(train(24, attention="general", **sizes), folder / "more" / "attentive.tflite", samples=samples)
    letters = TokenizerConfig(kind="char", vocabulary_size=100)
    limit = {"max_source_length": 48, "overlong": "error"}
    spelling = train(0, units=16, embedding=8, source_tokenizer=letters, target_tokenizer=letters, **limit)
    export_tflite(spelling, folder / "more" / "letters.tflite", samples=samples)
    return folder


@pytest.fixture(scope="session")
def start_server():
    """A function that runs `keras-s2s web` and returns its process and the page's address."""
    processes = []

    def start_server(*places):
        command = [Path(sys.executable).with_name("keras-s2s"), "web", *places, "--port", "0", "--no-open"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, encoding="utf-8")
        processes.append(process)
        return process, process.stdout.readline().split()[0]

    yield start_server
    for process in processes:
        process.terminate()
        process.wait()
        process.stdout.close()


@pytest.fixture(scope="session")
def url(start_server, model_folder):
    """The address of a page with all models."""
    return start_server(model_folder)[1]


@pytest.fixture(scope="session")
def screenshots(pytestconfig):
    """A folder that git ignores, and continuous integration keeps."""
    folder = pytestconfig.rootpath / "build" / "web-screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


OPTIONS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1200,1100",
)

READ = """
const ids = (list) => [...document.querySelectorAll(`#${list} li`)].map((li) => Number(li.dataset.id));
const read = () => {
  const translation = document.getElementById("translation");
  const texts = (css) => [...document.querySelectorAll(css)].map((found) => found.textContent);
  const shown = !document.getElementById("details").hidden;
  return {
    translation: translation.classList.contains("empty") ? "" : translation.textContent,
    notice: document.getElementById("notice").textContent,
    source: shown ? ids("source") : [],
    target: shown ? ids("target") : [],
    answers: shown ? texts(".answer .text") : [],
    probabilities: shown ? texts(".answer .probability") : [],
    facts: Object.fromEntries([...document.querySelectorAll("#facts div")].map(
      (fact) => [fact.querySelector("dt").textContent, fact.querySelector("dd").textContent])),
  };
};
"""
TYPE = (
    READ
    + """
const [typed, done] = arguments;
const area = document.getElementById("text");
const translation = document.getElementById("translation");
delete translation.dataset.of;
area.value = typed;
area.dispatchEvent(new Event("input"));
const look = () => translation.dataset.of === area.value ? done(read()) : setTimeout(look, 5);
look();
"""
)


class Browser:
    """A browser that nobody has used yet, and what a user does with the page."""

    patience = 60  # seconds

    def __init__(self, profile: Path) -> None:
        options = webdriver.ChromeOptions()
        options.binary_location = shutil.which("chromium") or "chromium"
        for option in (*OPTIONS, f"--user-data-dir={profile}"):
            options.add_argument(option)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        service = webdriver.ChromeService(shutil.which("chromedriver") or "chromedriver")
        self.driver = webdriver.Chrome(options, service)
        self.driver.set_script_timeout(self.patience)

    def open(self, url):
        self.driver.get(url)
        self.wait_for_model()

    def wait_for_model(self):
        self.wait("a model", lambda: "Weights" in self.read()["facts"] or self.read()["notice"])

    def wait(self, what, condition):
        WebDriverWait(self.driver, self.patience, 0.05).until(lambda _: condition(), f"no {what}: {self.read()}")

    def read(self):
        return self.driver.execute_script(READ + "return read();")

    def type(self, text):
        return self.driver.execute_async_script(TYPE, text)

    def choose(self, name):
        Select(self.find("#model")).select_by_visible_text(name)
        self.wait("other model", lambda: self.driver.current_url.endswith(f"#{name}"))
        self.wait_for_model()

    def find(self, css):
        return self.driver.find_element(By.CSS_SELECTOR, css)

    def press(self, *keys):
        for key in keys:
            ActionChains(self.driver).send_keys(key).perform()

    def focused(self):
        return self.driver.switch_to.active_element

    def emulate(self, command, **settings):
        self.driver.execute_cdp_cmd(f"Emulation.{command}", settings)

    def scheme(self, value):
        self.emulate("setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": value}])

    def phone(self):
        self.emulate("setDeviceMetricsOverride", width=360, height=740, deviceScaleFactor=2, mobile=True)

    def picture(self, folder, name):
        """Keep a picture of the whole page."""
        height = self.driver.execute_script("return document.documentElement.scrollHeight")
        width = self.driver.execute_script("return document.documentElement.clientWidth")
        clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
        shot = self.driver.execute_cdp_cmd("Page.captureScreenshot", {"clip": clip, "captureBeyondViewport": True})
        (folder / f"{name}.png").write_bytes(b64decode(shot["data"]))

    def requests(self):
        """Return the addresses of all requests since the last call."""
        events = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        return [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]

    def complaints(self):
        """Return the errors in the console since the last call."""
        return [e["message"] for e in self.driver.get_log("browser") if e["level"] == "SEVERE"]


@pytest.fixture
def browser(tmp_path):
    browser = Browser(tmp_path / "profile")
    yield browser
    browser.driver.quit()


@pytest.fixture(scope="session")
def shared_browser(tmp_path_factory):
    """A browser for several tests, which leave each page as it was."""
    browser = Browser(tmp_path_factory.mktemp("browser") / "profile")
    yield browser
    browser.driver.quit()
