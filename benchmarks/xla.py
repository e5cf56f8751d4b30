"""From how many steps of a shape on XLA saves more time than it takes to compile one.

    python benchmarks/xla.py --units 96
    python benchmarks/xla.py --units 96 --attention additive

Two models of the phrasebook train in turns in one process, one under `jit_compile=True`, one under `jit_compile=False`,
on batches of one shape. The figures are seconds of processor time: the least of a few epochs, and what the first epoch
took beyond that. `keras_s2s.data.batches.STEPS_WORTH_COMPILING` goes by them.
"""

import argparse
import os
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras

from keras_s2s import ModelConfig, Seq2Seq, TokenizerConfig, load_dataset
from keras_s2s.data.batches import Batches


def seconds_of_epoch(model: Seq2Seq, batches: Batches) -> float:
    """Train for an epoch, and return the seconds of processor time that it took."""
    began = time.process_time()
    model.fit(batches, verbose=0)
    return time.process_time() - began


def main() -> None:
    """Train both in turns, and print where they meet."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--units", type=int, default=96)
    parser.add_argument("--attention", default="none")
    parser.add_argument("--batch-tokens", type=int, default=640)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()

    pairs = load_dataset("phrasebook-en-es").train
    size = TokenizerConfig(vocabulary_size=700)
    config = ModelConfig(
        units=arguments.units,
        embedding=arguments.units,
        attention=arguments.attention,
        bidirectional=arguments.attention != "none",
        source_tokenizer=size,
        target_tokenizer=size,
    )
    keras.utils.set_random_seed(0)
    first = Seq2Seq.from_pairs(pairs, config)
    models = {True: first, False: Seq2Seq.from_config(first.get_config())}
    batches = first.batches(pairs, batch_tokens=arguments.batch_tokens, buckets=1, steps_per_epoch=arguments.steps)
    epochs: dict[bool, list[float]] = {True: [], False: []}
    for jit_compile, model in models.items():
        model.compile(jit_compile=jit_compile)
    for _ in range(arguments.rounds + 1):
        for jit_compile, model in models.items():
            epochs[jit_compile].append(seconds_of_epoch(model, batches))
    step = {jit_compile: min(times[1:]) / arguments.steps for jit_compile, times in epochs.items()}
    start = {jit_compile: times[0] - step[jit_compile] * arguments.steps for jit_compile, times in epochs.items()}
    for jit_compile, name in ((True, "XLA"), (False, "plain")):
        print(f"{name:6s} {1000 * step[jit_compile]:6.0f} ms a step, {start[jit_compile]:6.1f} s before the first")
    saved = step[False] - step[True]
    meet = f"{(start[True] - start[False]) / saved:.0f} steps" if saved > 0 else "never"
    print(f"they meet after {meet}; a plain step takes {step[False] / step[True]:.2f} times as long")


if __name__ == "__main__":
    main()
