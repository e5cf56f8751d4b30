"""What the tests of the page share: npm, models, a server, a browser, and strings of every kind."""

import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

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
def start_server(model_folder):
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
