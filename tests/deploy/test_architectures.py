"""Every option of the model goes through both exports."""

import numpy as np
import pytest

from keras_s2s import LiteRTTranslator, SearchConfig, export_saved_model, export_tflite

TEXTS = ["", "let's go", "to eat now", "to sleep go", "let's eat let's", "go to to sleep now", "let's xyz"]


def test_both_exports_answer_as_the_model(make_model, exported_architecture, tmp_path):
    import tensorflow as tf

    model = make_model(**exported_architecture, spread=2.5)
    search = SearchConfig(method="beam", beam_size=3)
    expected = model.translate(TEXTS, search)
    hypotheses = [[h.text for h in found] for found in model.n_best(TEXTS, search=search)]
    assert len(set(map(tuple, hypotheses))) > 3  # the model does tell sources apart
    # Both exports compare themselves with the model before they take their place.
    version = export_saved_model(model, tmp_path / "served", search=search, samples=TEXTS)
    served = tf.saved_model.load(str(version)).signatures["serving_default"]
    answers = served(texts=tf.constant(TEXTS))["translations"].numpy()
    assert [answer.decode() for answer in answers] == expected
    translator = LiteRTTranslator(export_tflite(model, tmp_path / "device.tflite", search=search, samples=TEXTS))
    assert translator.translate(TEXTS) == expected
    assert [[h.text for h in found] for found in translator.n_best(TEXTS)] == hypotheses
    assert translator.translate(TEXTS, "greedy") == model.translate(TEXTS, SearchConfig())
    assert "".join(translator.stream(TEXTS[3])) == translator.translate([TEXTS[3]], "greedy")[0]


def test_a_clients_own_loop_gets_attention(make_model, tmp_path):
    import tensorflow as tf

    model = make_model(attention="general", bidirectional=True, spread=2.5)
    served = tf.saved_model.load(str(export_saved_model(model, tmp_path / "served", samples=TEXTS))).signatures
    context = served["encode"](texts=tf.constant(TEXTS))
    assert context["memory"].shape[1] == model.config.max_source_length  # whatever the texts: requests batch
    token, rows = np.ones(len(TEXTS), "int32"), []
    for _ in range(model.config.max_target_length):
        outputs = served["decode_step"](token=tf.constant(token), **context)
        context |= {name: array for name, array in outputs.items() if name in context}
        attention = outputs["attention"].numpy()
        assert attention.sum(axis=1) == pytest.approx(1, abs=1e-5)
        positions = np.arange(attention.shape[1])
        assert (attention[positions >= context["lengths"].numpy()[:, None]] == 0).all()
        token = outputs["log_probs"].numpy().argmax(axis=1).astype("int32")
        rows.append(token)
    ids = [list(row[: list(row).index(1)]) if 1 in row else list(row) for row in np.array(rows).T]
    expected = model.translate(TEXTS, SearchConfig())
    assert model.target_tokenizer.decode(ids)[1:] == expected[1:]  # the first, an empty text, needs no loop
