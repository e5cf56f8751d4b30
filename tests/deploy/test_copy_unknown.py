"""A model that learned to copy names that it never saw, and all of its exports."""

import random
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import keras
import pytest
from matplotlib.text import Text

from keras_s2s import (
    LiteRTTranslator,
    ModelConfig,
    Pair,
    SearchConfig,
    Seq2Seq,
    TokenizerConfig,
    export_saved_model,
    export_tflite,
    plots,
)
from keras_s2s.deploy.agreement import require_agreement
from keras_s2s.deploy.device.operators import require_builtin
from keras_s2s.deploy.verification.exports import DeviceExport
from keras_s2s.deploy.verification.served_exports import SavedModelExport
from keras_s2s.deploy.verification.verify import Verification

ON_A_BOARD = Path(__file__).parents[2] / "serving" / "device" / "linux" / "translate.py"
VERBS = {"call": "llama a", "see": "mira a", "help": "ayuda a"}
SENTENCES = [
    *((f"{verb} {{}}", f"{verbo} {{}}") for verb, verbo in VERBS.items()),
    *((f"{verb} {{}} now", f"{verbo} {{}} ahora") for verb, verbo in VERBS.items()),
    ("{} sleeps", "{} duerme"),
    ("now {} sleeps", "ahora {} duerme"),
]
NEW_NAMES = ("Zoë", "Xylophone", "R2-D2", "42", "日本", "Ana María", "▁")
SEARCH = SearchConfig(method="beam", beam_size=3, copy_unknown=True)
AWKWARD = ["", "  ", "now", "Zoë Zoë Zoë", "call Zoë see Ana help Juan now Eva", "\u2047", "<unk>", "x " * 60]
TEXTS = [english.format(name) for english, _ in SENTENCES for name in NEW_NAMES[:4]] + AWKWARD


@pytest.fixture(scope="module")
def copying():
    """The words are few enough to be known, the names are not: each vocabulary has room for the words alone."""
    draw = random.Random(0)
    names = ["".join(draw.choices("abcdefgh", k=5)).title() for _ in range(30)]
    pairs = [Pair(english.format(n), spanish.format(n)) for english, spanish in SENTENCES for n in names]
    draw.shuffle(pairs)
    keras.utils.set_random_seed(3)
    config = ModelConfig(
        source_tokenizer=TokenizerConfig(kind="word", vocabulary_size=3 + 5),
        target_tokenizer=TokenizerConfig(kind="word", vocabulary_size=3 + 6),
        units=32,
        embedding=16,
        layers=1,
        attention="general",
        dropout=0.0,
        max_source_length=12,
        max_target_length=12,
    )
    model = Seq2Seq.from_pairs(pairs, config, search=SEARCH)
    model.compile(keras.optimizers.Adam(0.02), jit_compile=False)
    model.fit(model.batches(pairs, batch_tokens=400, buckets=1), epochs=20, verbose=0)
    return model


@pytest.mark.filterwarnings("ignore:the source has")
def test_names_that_it_never_saw_are_copied(copying):
    sources = [english.format(name) for english, _ in SENTENCES for name in NEW_NAMES[:-1]]
    wanted = [spanish.format(name) for _, spanish in SENTENCES for name in NEW_NAMES[:-1]]
    for search in (SEARCH, replace(SEARCH, method="greedy")):
        right = sum(a == b for a, b in zip(copying.translate(sources, search), wanted, strict=True))
        assert right >= 0.9 * len(wanted)
        without = copying.translate(sources, replace(search, copy_unknown=False))
        assert not any(a == b for a, b in zip(without, wanted, strict=True))
    [[best, *_]] = copying.n_best(["call Zoë now"])
    assert (best.text, best.tokens) == ("llama a Zoë ahora", ("▁llama", "▁a", "▁Zoë", "▁ahora"))
    assert copying.score(["call Zoë now"], [best.text]) == pytest.approx([best.log_prob], abs=1e-4)


@pytest.mark.filterwarnings("ignore:the source has")
def test_the_saved_model_copies_them_too(copying, tmp_path):
    import tensorflow as tf

    version = export_saved_model(copying, tmp_path / "served", n_best=2, samples=TEXTS)
    signatures = (loaded := tf.saved_model.load(str(version))).signatures
    answers = signatures["serving_default"](texts=tf.constant(TEXTS))["translations"].numpy()
    assert [answer.decode() for answer in answers] == copying.translate(TEXTS)
    export = SavedModelExport(version, copying, SearchConfig())  # which search it has stands in its card
    found = [h for hypotheses in export._ask("beam", TEXTS).hypotheses(2) for h in hypotheses]
    wanted = [h for hypotheses in copying.n_best(TEXTS, 2) for h in hypotheses]
    assert [(h.text, h.tokens) for h in found] == [(h.text, h.tokens) for h in wanted]
    assert [h.log_prob for h in found] == pytest.approx([h.log_prob for h in wanted], abs=1e-4)
    comparisons = list(Verification(copying, TEXTS).compare(export))
    assert [comparison.differences for comparison in comparisons] == [(), ()]
    none = signatures["serving_default"](texts=tf.constant([], tf.string))["translations"]
    assert none.shape == (0,)
    with pytest.raises(tf.errors.InvalidArgumentError, match="more than 1024 rows"):
        signatures["serving_default"](texts=tf.constant(["call Zoë now"] * 1025))
    del loaded


@pytest.fixture(scope="module")
def on_device(copying, tmp_path_factory):
    return export_tflite(copying, tmp_path_factory.mktemp("device") / "copying.tflite", samples=TEXTS)


@pytest.mark.filterwarnings("ignore:the source has")
def test_the_device_copies_them_too(copying, on_device):
    require_builtin(on_device.read_bytes())
    translator = LiteRTTranslator(on_device)
    assert translator.manifest["search"]["copy_unknown"] is True
    assert translator.translate(TEXTS) == copying.translate(TEXTS)
    greedy = copying.translate(TEXTS, replace(SEARCH, method="greedy"))
    assert translator.translate(TEXTS, "greedy") == greedy
    assert ["".join(translator.stream(text)) for text in TEXTS] == greedy
    for found, wanted in zip(translator.n_best(TEXTS), copying.n_best(TEXTS), strict=True):
        assert [(h.text, h.tokens) for h in found] == [(h.text, h.tokens) for h in wanted]
        assert [h.log_prob for h in found] == pytest.approx([h.log_prob for h in wanted], abs=1e-3)
    comparisons = list(Verification(copying, TEXTS).compare(DeviceExport(on_device, copying)))
    assert [comparison.differences for comparison in comparisons] == [(), ()]


def test_the_program_for_boards_copies_them_too(on_device):
    command = [sys.executable, "-P", str(ON_A_BOARD), str(on_device), "--check"]
    result = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    assert result.stdout == "300 texts: 0 with wrong ids; 600 answers: 0 different\n", result.stderr


def test_the_pictures_show_them(copying):
    def texts(picture):
        return {text.get_text() for text in picture.findobj(Text)}

    assert "Zoë" in texts(plots.beam_tree(copying, "call Zoë now"))
    plots.attention_map(copying, "call Zoë now")
    plots.memory_activity(copying, "call Zoë now")


def test_another_word_copied_is_a_fault(copying):
    """The two texts have the same tokens, as the words are unknown, and the model was sure of where it looked."""
    text, wanted = "call Zoë now", "llama a Zoë ahora"
    with pytest.raises(ValueError, match="differs from the model on 1 of 1 sample texts"):
        require_agreement(copying, SEARCH, [text], [wanted], ["llama a Eva ahora"], "the export")


def test_a_file_without_it_says_nothing_of_it(trained, tmp_path):
    assert "copy_unknown" not in LiteRTTranslator(export_tflite(trained, tmp_path / "m.tflite")).manifest["search"]
