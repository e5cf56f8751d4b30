"""Memory is kept from step to step within the block, and nowhere else."""

import ctypes
import platform
import resource
import subprocess
import sys

import pytest

from keras_s2s import kept_memory as module
from keras_s2s.kept_memory import kept_memory

WORK = 50
BYTES = 64 * 2**20

glibc = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library: nothing is done")


def faults():
    """Page faults of making and freeing large pieces of memory."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(WORK):
        b"x" * BYTES
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


@glibc
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
    assert told == [*module._KEEPING.items(), *module._USUAL.items(), 0]


def test_another_c_library_is_left_alone(monkeypatch):
    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())
    with kept_memory():
        pass


TRAINING = """
import resource
import tensorflow as tf
from keras_s2s.kept_memory import kept_memory

@tf.function
def step(x):
    return tf.reduce_sum(tf.reverse(tf.fill([1024, 1024], x), [0]))  # each array has 4 MiB

def train(steps):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    signature = tf.TensorSpec((), tf.float32)
    for x in tf.data.Dataset.from_generator(lambda: iter([0.0] * steps), output_signature=signature):
        step(x)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

with kept_memory():
    train(50)
    print(train(200), resource.getpagesize())
"""


@glibc
def test_pages_are_used_again_in_the_first_training_of_a_process():
    done = subprocess.run([sys.executable, "-c", TRAINING], capture_output=True, encoding="utf-8", check=True)
    faults, page = map(int, done.stdout.split())
    assert faults < 200 * 4 * 2**20 / page / 10  # a tenth of what new pages for one array of each step are
