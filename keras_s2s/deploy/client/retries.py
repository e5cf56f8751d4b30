"""Trying again: which errors are worth it, how long to wait, and when to give up."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from keras_s2s.deploy.client.error import ServingError

PASSING: Final = frozenset({"UNAVAILABLE", "RESOURCE_EXHAUSTED"})
"""Errors that the same request may not meet again. Any other may already have done its work, or will come again."""

FIRST_WAIT: Final = 0.1
LONGEST_WAIT: Final = 5.0

Answer = TypeVar("Answer")


class Attempts:
    """The tries of one request.

    Waits double from `FIRST_WAIT` up to `LONGEST_WAIT`. Each is shortened by up to a half at random, so that clients
    which one failure has struck together do not come back together.
    """

    def __init__(self, retries: int, timeout: float) -> None:
        """Allow `retries` further tries after the first, all within `timeout` seconds."""
        self._left = retries
        self._wait = FIRST_WAIT
        self._end = time.monotonic() + timeout

    @property
    def seconds(self) -> float:
        """The time that is left, for the next try."""
        return max(0.0, self._end - time.monotonic())

    def wait_after(self, error: ServingError) -> float:
        """Return the seconds to wait before the next try.

        Raises:
            ServingError: The given one: it does not pass by itself, or there is no try or no time left.
        """
        wait = self._wait * random.uniform(0.5, 1.0)
        if error.code not in PASSING or self._left == 0 or wait >= self.seconds:
            raise error
        self._left -= 1
        self._wait = min(2 * self._wait, LONGEST_WAIT)
        return wait


def retried(request: Callable[[float], Answer], retries: int, timeout: float) -> Answer:
    """Return what `request` does, called again while it fails with what may pass.

    Args:
        request: Takes the seconds that it may last.
        retries: Further tries after the first.
        timeout: Seconds for all of them together.

    Raises:
        ServingError: The last try's.
    """
    attempts = Attempts(retries, timeout)
    while True:
        try:
            return request(attempts.seconds)
        except ServingError as error:
            time.sleep(attempts.wait_after(error))


async def retried_async(request: Callable[[float], Awaitable[Answer]], retries: int, timeout: float) -> Answer:
    """Do as `retried` does, for coroutines."""
    attempts = Attempts(retries, timeout)
    while True:
        try:
            return await request(attempts.seconds)
        except ServingError as error:
            await asyncio.sleep(attempts.wait_after(error))
