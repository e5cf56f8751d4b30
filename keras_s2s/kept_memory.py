"""Memory that stays with the process from one training step to the next."""

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager

# From malloc.h of the GNU C library; see mallopt(3).
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD = -1, -2, -3
# A thread's memory comes in heaps of 64 MiB; one that is wholly free goes back unless the padding is that large.
_KEEPING = {_M_MMAP_THRESHOLD: 2**31 - 1, _M_TRIM_THRESHOLD: 2**31 - 1, _M_TOP_PAD: 64 * 2**20}
_USUAL = {_M_MMAP_THRESHOLD: 32 * 2**20, _M_TRIM_THRESHOLD: 32 * 2**20, _M_TOP_PAD: 128 * 2**10}


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
    _let_tensorflow_go_first()
    _set(libc, _KEEPING)
    try:
        yield
    finally:
        _set(libc, _USUAL)
        libc.malloc_trim(0)


def _set(libc: ctypes.CDLL, parameters: dict[int, int]) -> None:
    for parameter, value in parameters.items():
        libc.mallopt(parameter, value)


def _let_tensorflow_go_first() -> None:
    """Have TensorFlow set the threshold of mmap to 128 KiB, which it does once in a process, at its first generator.

    It is the remedy of `tf.data` for a leak under Python 3.11 (`ApplyPython311MemoryPatch`, in TensorFlow 2.21). `fit`
    reads its batches by such a generator, so that within the block it would undo what the block is for.
    """
    if tensorflow := sys.modules.get("tensorflow"):
        numbers = tensorflow.data.Dataset.from_generator(
            lambda: iter([0]), output_signature=tensorflow.TensorSpec((), tensorflow.int32)
        )
        next(iter(numbers))
