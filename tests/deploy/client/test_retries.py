import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_s2s.deploy.client import retries
from keras_s2s.deploy.client.error import HINTS, ServingError
from keras_s2s.deploy.client.retries import Attempts, retried
from keras_s2s.deploy.client.rules import RequestRules


def error(code="UNAVAILABLE"):
    return ServingError(code, "no", target="host:1", model="'m'")


def test_waits_double_up_to_a_limit_and_vary():
    waits = [[attempts.wait_after(error()) for _ in range(9)] for attempts in (Attempts(9, 1e6) for _ in range(50))]
    for number, column in enumerate(zip(*waits, strict=True)):
        most = min(retries.FIRST_WAIT * 2**number, retries.LONGEST_WAIT)
        assert most / 2 <= min(column) < max(column) <= most
        assert len(set(column)) > 40


def test_there_is_no_wait_past_the_deadline():
    with pytest.raises(ServingError):
        Attempts(9, retries.FIRST_WAIT / 2).wait_after(error())
    attempts = Attempts(9, 0.05)
    time.sleep(0.06)
    assert attempts.seconds == 0


def test_each_try_has_what_is_left_of_the_time():
    given_seconds = []

    def request(seconds):
        given_seconds.append(seconds)
        raise error()

    with pytest.raises(ServingError):
        retried(request, 3, 60)
    assert len(given_seconds) == 4
    assert 60 >= given_seconds[0] > given_seconds[1] + 0.05 > given_seconds[2] + 0.15


def test_other_exceptions_go_through():
    calls = []

    def request(seconds):
        calls.append(seconds)
        raise KeyError("x")

    with pytest.raises(KeyError):
        retried(request, 3, 60)
    assert len(calls) == 1


@given(st.lists(st.text()), st.integers(1, 100))
def test_requests_hold_all_texts_in_order(texts, size):
    texts = [text for text in texts if text.isprintable()]
    requests = list(RequestRules(1, 0, size).requests(texts))
    assert [text for request in requests for text in request] == texts
    assert all(0 < len(request) <= size for request in requests)


def test_an_error_of_one_line_without_a_message():
    assert str(error("DATA_LOSS")) == "host:1, model 'm': DATA_LOSS: no"
    assert "no message" in str(ServingError("INTERNAL", "", target="t", model="m"))
    assert all("\n" not in hint for hint in HINTS.values())
    assert isinstance(error(), OSError)
