"""Loss and metrics against a hand computation; padding counts in none of them."""

import keras
import numpy as np
import pytest

from keras_s2s.model.losses import Perplexity, SmoothedCrossentropy, TokenAccuracy

LOGITS = np.array([[[2.0, 0.0, 1.0], [0.0, 3.0, 0.0], [9.0, 9.0, -9.0]], [[0.5, 0.5, 2.0], [1.0, 0.0, 0.0], [0, 0, 0]]])
LABELS = np.array([[0, 2, 1], [2, 0, 0]])
WEIGHTS = np.array([[1.0, 1.0, 0.0], [1.0, 1.0, 0.0]])
REAL = [(0, 0), (0, 1), (1, 0), (1, 1)]


def log_probs(logits):
    return logits - np.log(np.exp(logits).sum())


def by_hand(smoothing):
    """Mean over the real tokens of -sum(target distribution * log-probabilities), one token at a time."""
    losses = []
    for row, time in REAL:
        target = np.full(3, smoothing / 3)
        target[LABELS[row, time]] += 1 - smoothing
        losses.append(-(target * log_probs(LOGITS[row, time])).sum())
    return np.mean(losses)


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.5])
def test_loss(smoothing):
    loss = SmoothedCrossentropy(smoothing)(LABELS, LOGITS, WEIGHTS)
    assert float(loss) == pytest.approx(by_hand(smoothing), rel=1e-6)


def test_what_stands_in_the_padding_changes_nothing():
    others = LOGITS.copy()
    others[:, 2] = 100.0
    for measure in (SmoothedCrossentropy(0.1), Perplexity(), TokenAccuracy()):
        assert float(measure(LABELS, LOGITS, WEIGHTS)) == float(measure(LABELS, others, WEIGHTS))


def test_more_padding_changes_nothing():
    wide = [np.concatenate([x, np.zeros_like(x)], axis=1) for x in (LABELS, LOGITS, WEIGHTS)]
    for measure in (SmoothedCrossentropy, Perplexity, TokenAccuracy):
        assert float(measure()(*wide)) == pytest.approx(float(measure()(LABELS, LOGITS, WEIGHTS)), rel=1e-6)


def test_perplexity_is_of_all_tokens_of_an_epoch():
    metric = Perplexity()
    metric.update_state(LABELS[:1], LOGITS[:1], WEIGHTS[:1])  # two tokens
    metric.update_state(LABELS[1:, :1], LOGITS[1:, :1], WEIGHTS[1:, :1])  # and one
    tokens = [-log_probs(LOGITS[i, t])[LABELS[i, t]] for i, t in REAL[:3]]
    assert float(metric.result()) == pytest.approx(np.exp(np.mean(tokens)), rel=1e-6)


def test_accuracy():
    metric = TokenAccuracy()
    metric.update_state(LABELS, LOGITS, WEIGHTS)
    assert float(metric.result()) == pytest.approx(3 / 4)


def test_fractional_weights_count_in_part():
    weights = np.array([[1.0, 0.5, 0.0], [0.0, 0.0, 0.0]])
    first, second = (-log_probs(LOGITS[0, t])[LABELS[0, t]] for t in (0, 1))
    loss = SmoothedCrossentropy()(LABELS, LOGITS, weights)
    assert float(loss) == pytest.approx((first + 0.5 * second) / 1.5, rel=1e-6)


@pytest.mark.parametrize("thing", [SmoothedCrossentropy(0.2), Perplexity(), TokenAccuracy()])
def test_config_round_trip(thing):
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(thing))
    assert again.get_config() == thing.get_config()
