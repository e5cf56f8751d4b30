"""Memory is kept from step to step within the block, and nowhere else."""

import ctypes
import platform
import resource

import pytest

from keras_s2s import kept_memory as module
from keras_s2s.kept_memory import kept_memory

WORK = 50
BYTES = 64 * 2**20


def faults():
    """Page faults of making and freeing large pieces of memory."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(WORK):
        b"x" * BYTES
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library: nothing is done")
def test_pages_are_used_again_within_the_block_alone():
    pages = BYTES // resource.getpagesize()
    outside = faults()
    with kept_memory():
        inside = faults()
    assert inside < 2 * pages  # those of the first piece, and few more
    assert outside > WORK / 2 * pages
    assert faults() > WORK / 2 * pages


def test_an_error_ends_the_block_too(monkeypatch):
    told = []

    class Library:
        def mallopt(self, parameter, value):
            told.append((parameter, value))

        def malloc_trim(self, pad):
            told.append(pad)

    monkeypatch.setattr(ctypes, "CDLL", lambda name: Library())
    with pytest.raises(KeyError), kept_memory():
        raise KeyError
    assert told[2:] == [(-3, module._USUAL), (-1, module._USUAL), 0]


def test_another_c_library_is_left_alone(monkeypatch):
    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())
    with kept_memory():
        pass
