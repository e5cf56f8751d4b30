"""Each recipe in `configs/`, as it is trained: saved, exported, and compared; on the page of `web/`, see there."""

import json

import pytest

from keras_s2s import load
from keras_s2s.config import load_config
from keras_s2s.deploy.agreement import LEAST_SHARE
from keras_s2s.deploy.verification.find_exports import find_exports, open_export
from keras_s2s.deploy.verification.verify import Verification

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


def test_every_export_answers_as_the_model(recipe, exported):
    folder = exported(recipe)
    model = load(folder / "model.keras")
    assert model.search == load_config(recipe).search
    vectors = json.loads((folder / f"{recipe.stem}_float32.vectors.json").read_text(encoding="utf-8"))["vectors"]
    texts = [vector["text"] for vector in vectors[::5] if not vector["overlong"]]
    answers = model.translate(texts)
    assert len(set(answers)) > len(texts) / 10  # it tells sources apart
    verification, weights = Verification(model, texts), []
    names = find_exports(folder / "model.keras")
    for name in names:
        with open_export(name, model, model.search) as export:
            comparisons = list(verification.compare(export))
        weights.append(export.weights)
        assert [comparison.texts for comparison in comparisons] == [len(texts)] * 2
        assert sum(comparison.faults for comparison in comparisons) == 0, comparisons
        assert min(comparison.share for comparison in comparisons) >= LEAST_SHARE.get(export.weights, 0.95), comparisons
    assert sorted(weights) == ["float16", "float32", "float32", "int8"]
