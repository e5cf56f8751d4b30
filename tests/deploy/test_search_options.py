"""Every option of a search goes through both exports."""

from dataclasses import replace

from keras_s2s import LiteRTTranslator, SearchConfig, export_saved_model, export_tflite
from keras_s2s.deploy.device.operators import require_builtin
from keras_s2s.deploy.verification.exports import DeviceExport
from keras_s2s.deploy.verification.verify import Verification

TEXTS = ["", "let's go", "to eat now", "to sleep go", "let's eat let's", "go to to sleep now", "let's xyz"]


def test_both_exports_answer_as_the_model(make_model, tmp_path):
    import tensorflow as tf

    model = make_model(attention="general", bidirectional=True, spread=3.0)
    search = SearchConfig(method="beam", beam_size=3, no_repeat_ngram=2, coverage_penalty=2.0)
    expected = model.translate(TEXTS, search)
    for option in ("no_repeat_ngram", "coverage_penalty"):
        assert expected != model.translate(TEXTS, replace(search, **{option: 0}))  # both count
    version = export_saved_model(model, tmp_path / "served", search=search, samples=TEXTS)
    served = tf.saved_model.load(str(version)).signatures["serving_default"]
    answers = served(texts=tf.constant(TEXTS))["translations"].numpy()
    assert [answer.decode() for answer in answers] == expected
    file = export_tflite(model, tmp_path / "device.tflite", search=search, samples=TEXTS)
    require_builtin(file.read_bytes())
    translator = LiteRTTranslator(file)
    greedy = model.translate(TEXTS, replace(search, method="greedy"))
    assert greedy != model.translate(TEXTS, SearchConfig())
    assert translator.translate(TEXTS) == expected
    assert translator.translate(TEXTS, "greedy") == greedy
    assert ["".join(translator.stream(text)) for text in TEXTS] == greedy
    described = translator.manifest["search"]
    assert (described["no_repeat_ngram"], described["coverage_penalty"]) == (2, 2.0)
    comparisons = list(Verification(model, TEXTS).compare(DeviceExport(file, model)))
    assert [comparison.differences for comparison in comparisons] == [(), ()]


def test_a_quantised_file_repeats_nothing_either(make_model, tmp_path):
    model = make_model(attention="dot", spread=3.0)
    search = SearchConfig(method="beam", beam_size=3, no_repeat_ngram=1, coverage_penalty=0.5)
    translator = LiteRTTranslator(export_tflite(model, tmp_path / "q.tflite", search=search, quantize="int8"))
    for hypotheses in translator.n_best(TEXTS):
        assert all(len(set(h.tokens)) == len(h.tokens) for h in hypotheses)
