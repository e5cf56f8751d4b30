"""The learning rate over a run, and what bounds a step."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from keras_s2s.config import TrainingConfig
from keras_s2s.training.optimizer import make_optimizer

SETTINGS = TrainingConfig(learning_rate=4e-3, final_learning_rate=0.1, warmup_steps=10, decay="cosine")


def rates(settings, steps):
    schedule = make_optimizer(settings, steps)._learning_rate
    return [float(schedule(step)) for step in range(steps + 1)]


def test_the_rate_rises_evenly_then_falls_as_half_a_cosine():
    rate = rates(SETTINGS, 110)
    assert rate[:11] == pytest.approx([4e-4 * step for step in range(11)])
    assert rate[60] == pytest.approx(4e-3 * (1 + 0.1) / 2)  # half way between peak and end
    assert rate[-1] == pytest.approx(4e-4)
    assert all(earlier > later for earlier, later in pairwise(rate[10:]))


def test_a_constant_rate_stays_after_the_warm_up():
    rate = rates(replace(SETTINGS, decay="constant"), 30)
    assert rate[10:] == pytest.approx([4e-3] * 21)


@pytest.mark.parametrize("steps", [1, 5, 10])
def test_a_warm_up_longer_than_the_run_ends_with_it(steps):
    rate = rates(SETTINGS, steps)
    assert max(rate) == pytest.approx(4e-3)
    assert np.isfinite(rate).all()


def test_no_warm_up_begins_at_the_peak():
    assert rates(replace(SETTINGS, warmup_steps=0), 10)[0] == pytest.approx(4e-3)


def test_the_gradient_is_bounded_over_all_weights_together():
    assert make_optimizer(replace(SETTINGS, clip_norm=0.5), 10).global_clipnorm == 0.5
    assert make_optimizer(replace(SETTINGS, clip_norm=0.0), 10).global_clipnorm is None
