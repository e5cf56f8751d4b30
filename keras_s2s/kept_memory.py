"""Memory that stays with the process from one training step to the next."""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager

# From malloc.h of the GNU C library; see mallopt(3).
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_UNBOUNDED, _USUAL = 2**31 - 1, 32 * 2**20


@contextmanager
def kept_memory() -> Iterator[None]:
    """Within the block, let the C library keep the memory that is freed, for the next array that wants some.

    A training step on a CPU frees all that it computed, tens of megabytes at a time, which the GNU C library hands back
    to the kernel; the next step gets every page of it anew, zeroed: tens of thousands of page faults a step, which here
    become hundreds for ten. At the end of the block what is free is handed back. With another C library nothing is
    done.
    """
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "mallopt"):
        yield
        return
    libc.mallopt(_M_MMAP_THRESHOLD, _UNBOUNDED)
    libc.mallopt(_M_TRIM_THRESHOLD, _UNBOUNDED)
    try:
        yield
    finally:
        libc.mallopt(_M_MMAP_THRESHOLD, _USUAL)
        libc.mallopt(_M_TRIM_THRESHOLD, _USUAL)
        libc.malloc_trim(0)
