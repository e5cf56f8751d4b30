"""Batches of few static shapes, each a pure function of (seed, epoch, step)."""

from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import keras
import numpy as np

from keras_s2s.config import ModelConfig
from keras_s2s.data.corpus import Pair
from keras_s2s.data.id_cache import IdCache
from keras_s2s.data.tokenizer import EOS, PAD, Tokenizer

MOST_BUCKETS = 8
# Few pairs are learned better in small batches, which make a processor slower.
LEAST_PAIRS, BATCHES_OF_A_PASS, MOST_TOKENS = 50, 1000, 3000
# What a shape costs in each pass, in batches, where passes are ten: XLA compiles a step in the time of some 150.
BATCHES_OF_A_SHAPE = 15
# From so many steps of a shape on, XLA saves more time than it took: 80 to 570, by the model (benchmarks/xla.py).
STEPS_WORTH_COMPILING = 400

Batch = tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]


class Bucket(NamedTuple):
    """A static shape: every batch of the bucket has it.

    Attributes:
        source: Source tokens, padding included.
        target: Target tokens, padding included.
        rows: Pairs in a batch.
    """

    source: int
    target: int
    rows: int


class Batches(keras.utils.PyDataset):
    """Teacher-forcing batches for `fit` and `evaluate`.

    A batch is `({"source": [rows, source], "target": [rows, target]}, labels [rows, target], weights [rows, target])`:
    the decoder's input `<EOS> y1 … yn`, its labels `y1 … yn <EOS>`, and weights that are 0 on padding. Each pair
    comes exactly once in a pass; the last batch of a bucket is filled up with rows of weight 0.

    Attributes:
        epoch: The epoch that the next batches belong to. Keras moves it on after each epoch, and once more as `fit`
            begins, which by itself so starts with the epoch after this one. The callback `FollowEpochs` of
            `keras_s2s.training.callbacks` sets it right as each epoch begins; a run that is to be resumed needs it.
        batch_tokens: Tokens of a side in a batch at the most, padding included.
        buckets: The shapes that occur.
        steps_per_pass: Steps in one pass over the data.
        tokens: Target tokens in one pass, padding not counted.
    """

    def __init__(
        self,
        cache: IdCache,
        *,
        batch_tokens: int | None = None,
        buckets: int | None = None,
        shuffle: bool = True,
        seed: int = 0,
        steps_per_epoch: int | None = None,
        input_noise: float = 0.0,
    ) -> None:
        """Lay out the buckets.

        Args:
            cache: The token ids.
            batch_tokens: Upper bound of target (or source, where longer) tokens in a batch, padding included. Left out,
                what a thousandth of the pairs have on average, or 50 pairs where that is more, but 3,000 at the most.
            buckets: Number of shapes at the most; 1 where an epoch has not twice as many steps. Left out, as many as
                save more padding than XLA takes to compile them, and 8 at the most.
            shuffle: Whether pairs and batches come in a new random order in each pass.
            seed: Seed of that order, and of the noise.
            steps_per_epoch: Length of an epoch where it is not one pass over the data.
            input_noise: Share of the decoder's input tokens that are replaced by random ones of the batch; see
                `TrainingConfig.input_noise`.
        """
        super().__init__()
        self.epoch = 0
        self.cache = cache
        self.shuffle = shuffle
        self.seed = seed
        self.input_noise = input_noise
        if steps_per_epoch and steps_per_epoch < 2 * (buckets or MOST_BUCKETS):
            buckets = 1  # else Keras might not see all shapes in the first epoch, by which it knows them: see `_plan`
        source_lengths = np.diff(cache.source_offsets)
        target_lengths = np.diff(cache.target_offsets)
        self.tokens = int(cache.target_offsets[-1])
        self.batch_tokens = batch_tokens or _usual_tokens(source_lengths, target_lengths)
        self.buckets = _lay_out(source_lengths, target_lengths, buckets, self.batch_tokens)
        membership = np.zeros(len(cache), np.int8)
        for bucket in self.buckets[:-1]:
            membership += (source_lengths > bucket.source) | (target_lengths > bucket.target)
        self._members = [np.flatnonzero(membership == b).astype(np.int32) for b in range(len(self.buckets))]
        self._batches_of = [-(-len(m) // b.rows) for m, b in zip(self._members, self.buckets, strict=True)]
        self.steps_per_pass = sum(self._batches_of)
        self._steps_per_epoch = steps_per_epoch or self.steps_per_pass
        self._cached_plan: tuple[int, np.ndarray] = (-1, np.empty((0, 3), np.int64))
        self._cached_orders: tuple[int, list[np.ndarray]] = (-1, self._members)

    @classmethod
    def from_pairs(
        cls,
        pairs: Iterable[Pair],
        source_tokenizer: Tokenizer,
        target_tokenizer: Tokenizer,
        config: ModelConfig,
        **options: Any,
    ) -> "Batches":
        """Tokenise pairs into a temporary cache that lives as long as the batches; see `IdCache.build`."""
        folder = TemporaryDirectory(prefix="keras_s2s-")
        cache = IdCache.build(pairs, source_tokenizer, target_tokenizer, config, Path(folder.name) / "batches")
        batches = cls(cache, **options)
        batches._folder = folder
        return batches

    def __len__(self) -> int:
        """Return the number of steps in an epoch."""
        return self._steps_per_epoch

    def worth_compiling(self, epochs: int) -> bool:
        """Return whether XLA saves more time in so many epochs than it takes to compile a step for each shape."""
        return epochs * len(self) >= STEPS_WORTH_COMPILING * len(self.buckets)

    def on_epoch_end(self) -> None:
        """Move on to the next epoch."""
        self.epoch += 1

    def __getitem__(self, step: int) -> Batch:
        """Return the batch of `step` in the current epoch."""
        return self.batch(self.epoch, step)

    def batch(self, epoch: int, step: int) -> Batch:
        """Return the batch of `step` in `epoch`; the same arguments give the same batch, always."""
        number, bucket, index = self._plan(epoch)[step]
        rows = self.buckets[bucket].rows
        order = self._orders(number)[bucket]
        inputs, labels, weights = self._gather(order[index * rows : (index + 1) * rows], self.buckets[bucket])
        if self.input_noise:
            rng = np.random.default_rng([self.seed, epoch, step, 2])
            inputs["target"] = _with_noise(inputs["target"], self.input_noise, rng)
        return inputs, labels, weights

    def as_tf_dataset(self) -> Any:
        """Return the epochs from the current one on, without end, as a `tf.data.Dataset`."""
        import tensorflow as tf

        def generate() -> Any:
            epoch = self.epoch
            while True:
                yield from (self.batch(epoch, step) for step in range(len(self)))
                epoch += 1

        ids = tf.TensorSpec([None, None], tf.int32)
        signature = ({"source": ids, "target": ids}, ids, tf.TensorSpec([None, None], tf.float32))
        return tf.data.Dataset.from_generator(generate, output_signature=signature).prefetch(tf.data.AUTOTUNE)

    def _plan(self, epoch: int) -> np.ndarray:
        """Return an epoch's batches as rows (pass, bucket, index in the bucket). `[steps, 3]`"""
        cached = self._cached_plan  # Keras may ask from several threads
        if cached[0] != epoch:
            first = epoch * len(self)
            passes = range(first // self.steps_per_pass, (first + len(self) - 1) // self.steps_per_pass + 1)
            plan = np.concatenate([self._plan_of_pass(number) for number in passes])
            begin = first - passes[0] * self.steps_per_pass
            plan = plan[begin : begin + len(self)]
            # Keras takes a dimension for static where the first two batches agree in it: let them be the epoch's
            # largest and smallest shape, which differ in it if any two do.
            for place, chosen in enumerate((np.argmax, np.argmin)[: len(plan)]):
                other = place + int(chosen(plan[place:, 1]))
                plan[[place, other]] = plan[[other, place]]
            cached = self._cached_plan = (epoch, plan)
        return cached[1]

    def _plan_of_pass(self, number: int) -> np.ndarray:
        plan = np.array([(number, b, i) for b, count in enumerate(self._batches_of) for i in range(count)])
        return np.random.default_rng([self.seed, number, 0]).permutation(plan) if self.shuffle else plan

    def _orders(self, number: int) -> list[np.ndarray]:
        """Return the order of each bucket's pairs in a pass."""
        cached = self._cached_orders
        if self.shuffle and cached[0] != number:
            rng = np.random.default_rng([self.seed, number, 1])
            cached = self._cached_orders = (number, [rng.permutation(members) for members in self._members])
        return cached[1]

    def _gather(self, rows: np.ndarray, bucket: Bucket) -> Batch:
        cache = self.cache
        source, _ = _pad(cache.source, cache.source_offsets, rows, (bucket.rows, bucket.source))
        labels, real = _pad(cache.target, cache.target_offsets, rows, (bucket.rows, bucket.target))
        weights = real.astype(np.float32)
        if cache.weights is not None:
            weights = _pad(cache.weights, cache.target_offsets, rows, (bucket.rows, bucket.target))[0].astype(
                np.float32
            )
        target = np.concatenate([np.full((bucket.rows, 1), EOS, np.int32), labels[:, :-1]], axis=1)
        return {"source": source, "target": target}, labels, weights


def _with_noise(target: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """Replace a share of the tokens, but neither `<EOS>` nor padding, by some of the others. `[rows, target]`"""
    places = np.flatnonzero((target != EOS) & (target != PAD))
    noisy = target.copy()
    chosen = places[rng.random(len(places)) < share]
    noisy.flat[chosen] = target.flat[rng.choice(places, len(chosen))]
    return noisy


def _pad(flat: np.ndarray, offsets: np.ndarray, rows: np.ndarray, shape: tuple[int, int]) -> tuple[Any, Any]:
    """Return rows of a flat array, padded with 0 to `shape`, and where they are real."""
    starts, ends = offsets[rows][:, None], offsets[rows + 1][:, None]
    positions = starts + np.arange(shape[1])
    real = positions < ends
    padded = np.full(shape, PAD, flat.dtype)
    padded[: len(rows)] = np.where(real, flat[np.minimum(positions, len(flat) - 1)], PAD)
    where = np.zeros(shape, bool)
    where[: len(rows)] = real
    return padded, where


def _usual_tokens(sources: np.ndarray, targets: np.ndarray) -> int:
    """Return how many tokens a batch has where nobody says it."""
    pairs = max(LEAST_PAIRS, len(sources) / BATCHES_OF_A_PASS)
    return min(round(pairs * max(sources.mean(), targets.mean())), MOST_TOKENS)


def _lay_out(sources: np.ndarray, targets: np.ndarray, number: int | None, batch_tokens: int) -> list[Bucket]:
    """Choose at most `number` shapes, growing in both lengths, so that the least padding is computed with.

    Without a number, a shape costs something too.

    The candidates lie along the joint quantiles of both lengths; dynamic programming picks among them.
    """
    shape_cost = 0 if number else BATCHES_OF_A_SHAPE * 2 * batch_tokens  # in tokens of both sides, as padding is
    number = number or MOST_BUCKETS
    bounds = _candidates(sources, targets)
    fits = np.maximum(np.searchsorted(bounds[:, 0], sources), np.searchsorted(bounds[:, 1], targets))
    pairs_up_to = np.concatenate([[0], np.cumsum(np.bincount(fits, minlength=len(bounds)))])
    cost = np.full((number + 1, len(bounds) + 1), np.inf)  # tokens computed with, by shapes used and candidates covered
    cost[0, 0] = 0
    previous = np.zeros(cost.shape, int)
    for shapes in range(1, number + 1):
        for end in range(1, len(bounds) + 1):
            tokens = (pairs_up_to[end] - pairs_up_to[:end]) * bounds[end - 1].sum()
            previous[shapes, end] = np.argmin(cost[shapes - 1, :end] + tokens)
            cost[shapes, end] = np.min(cost[shapes - 1, :end] + tokens)
    shapes, end = int(np.argmin(cost[:, -1] + shape_cost * np.arange(number + 1))), len(bounds)
    chosen = []
    while end:
        chosen.append(bounds[end - 1])
        shapes, end = shapes - 1, previous[shapes, end]
    return [Bucket(int(s), int(t), _rows(batch_tokens // int(max(s, t)))) for s, t in reversed(chosen)]


def _candidates(sources: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Return different bounds, none smaller than the one before, the last wide enough for all. `[candidates, 2]`"""
    shares = np.concatenate([np.linspace(0.02, 0.98, 49), 1 - np.geomspace(0.015, 0.0005, 12), [1]])
    quantiles = np.stack([np.quantile(lengths, shares, method="higher") for lengths in (sources, targets)], axis=1)
    bounds = [quantiles[-1]]
    for bound in quantiles[-2::-1]:
        if (bound < bounds[-1]).any():
            bounds.append(bound)
    return np.array(bounds[::-1])


def _rows(rows: int) -> int:
    """Round the rows of a batch down to a multiple of 8, which vector units like."""
    return max(1, rows if rows < 8 else rows // 8 * 8)
