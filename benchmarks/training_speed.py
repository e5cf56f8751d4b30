"""How much faster static buckets with XLA train than plain `fit`.

    python benchmarks/training_speed.py --data ../shared/data

The same model of 2 x 256 units, in one process, in turns: batches of few static shapes under `jit_compile=True`, and
shuffled batches of as many real target tokens, each padded to its own longest sentence, under `jit_compile=False`.
Counted are real target tokens, not padding. Compilation is over before the clock starts.
"""

import argparse
import os
import time
from collections.abc import Iterator

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf

from keras_s2s.config import ModelConfig, TokenizerConfig
from keras_s2s.data.batches import Batches
from keras_s2s.data.datasets import load_dataset
from keras_s2s.data.id_cache import IdCache
from keras_s2s.data.tokenizer import EOS
from keras_s2s.seq2seq import Seq2Seq


def plain_batches(cache: IdCache, rows: int) -> Iterator:
    """Yield shuffled batches of `rows` pairs, each padded to its own longest source and target, without end."""

    def padded(flat: np.ndarray, offsets: np.ndarray, chosen: np.ndarray) -> np.ndarray:
        width = int((offsets[chosen + 1] - offsets[chosen]).max())
        ids = np.zeros((rows, width), np.int32)
        for row, pair in enumerate(chosen):
            piece = flat[offsets[pair] : offsets[pair + 1]]
            ids[row, : len(piece)] = piece
        return ids

    rng = np.random.default_rng(0)
    while True:
        order = rng.permutation(len(cache))
        for begin in range(0, len(order) - rows + 1, rows):
            chosen = order[begin : begin + rows]
            source = padded(cache.source, cache.source_offsets, chosen)
            labels = padded(cache.target, cache.target_offsets, chosen)
            target = np.concatenate([np.full((rows, 1), EOS, np.int32), labels[:, :-1]], axis=1)
            yield {"source": source, "target": target}, labels, (labels > 0).astype(np.float32)


class Contestant:
    """A model with its batches, which trains for a number of steps at a time and counts its tokens and seconds."""

    def __init__(self, model: Seq2Seq, batches: Iterator, jit_compile: bool) -> None:
        """Compile the model."""
        self.model = model
        self.batches = batches
        self.tokens = self.seconds = 0.0
        model.compile(jit_compile=jit_compile)
        ids = tf.TensorSpec([None, None], tf.int32)
        self._signature = ({"source": ids, "target": ids}, ids, tf.TensorSpec([None, None], tf.float32))

    def fit(self, steps: int, count: bool) -> None:
        """Train; `count` says whether the clock runs."""
        batches = [next(self.batches) for _ in range(steps)]
        data = tf.data.Dataset.from_generator(lambda: iter(batches), output_signature=self._signature)
        began = time.perf_counter()
        self.model.fit(data, verbose=0)
        if count:
            self.seconds += time.perf_counter() - began
            self.tokens += sum(float(weights.sum()) for _, _, weights in batches)

    @property
    def rate(self) -> float:
        """Real target tokens a second."""
        return self.tokens / self.seconds


def main() -> None:
    """Run the two in turns and print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", default="tatoeba-en-es")
    parser.add_argument("--data", help="folder of data sets")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--batch-tokens", type=int, default=3000)
    arguments = parser.parse_args()

    pairs = load_dataset(arguments.dataset, arguments.data).train
    size = TokenizerConfig(vocabulary_size=4000 if arguments.dataset == "tatoeba-en-es" else 700)
    keras.utils.set_random_seed(0)
    ours = Seq2Seq.from_pairs(pairs, ModelConfig(source_tokenizer=size, target_tokenizer=size))
    plain = Seq2Seq.from_config(ours.get_config())
    batches: Batches = ours.batches(pairs, batch_tokens=arguments.batch_tokens)
    rows = round(len(batches.cache) / batches.steps_per_pass)

    bucketed = Contestant(ours, iter(batches.as_tf_dataset().as_numpy_iterator()), jit_compile=True)
    usual = Contestant(plain, plain_batches(batches.cache, rows), jit_compile=False)
    for model in (ours, plain):  # compile every shape
        everything = {(b[0]["source"].shape, b[1].shape): b for b in map(batches.__getitem__, range(len(batches)))}
        for batch in everything.values():
            model.train_on_batch(*batch)
    for round_ in range(arguments.rounds + 1):
        for contestant in (bucketed, usual):
            contestant.fit(arguments.steps, count=round_ > 0)
    for name, contestant in (("buckets and XLA", bucketed), ("plain fit", usual)):
        each = contestant.tokens / arguments.rounds / arguments.steps
        print(f"{name:16s} {contestant.rate:8,.0f} real target tokens/s, {each:,.0f} a step")
    print(f"ratio            {bucketed.rate / usual.rate:8.2f}")


if __name__ == "__main__":
    main()
