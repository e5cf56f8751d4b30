"""Running a search on the back end that Keras runs on, over any number of texts."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_s2s.config import ModelConfig, SearchConfig
from keras_s2s.data.tokenizer import PAD
from keras_s2s.decoding.lstm import Weights
from keras_s2s.decoding.outputs import NEVER, Outputs
from keras_s2s.decoding.search import output_limit, search

# Source lengths are rounded up to this, so that a back end that compiles for each shape compiles few.
_LENGTH_STEP = 8


def search_all(
    weights: Weights,
    rows: Sequence[Sequence[int]],
    model: ModelConfig,
    config: SearchConfig,
    batch_size: int,
    prefixes: Sequence[Sequence[int]] | None = None,
    place: int = 0,
) -> Iterator[tuple[int, list[tuple[list[int], float]]]]:
    """Translate rows of ids in batches of similar length.

    Args:
        weights: The trained arrays.
        rows: Source ids of each text, `<EOS>` included.
        model: The model's configuration.
        config: Which search.
        batch_size: Texts in a batch at the most.
        prefixes: Ids that each text's output begins with; left out, none.
        place: How many texts came before these. What sampling draws for a text depends on its place among all.

    Yields:
        For each row, in any order: its index and its hypotheses as (ids without padding, log-probability).

    Raises:
        ValueError: `batch_size` is less than 1, or the model's training has diverged.
    """
    if batch_size < 1:
        raise ValueError(f"batch_size is {batch_size}: expected at least 1")
    vocabularies = tuple(weights[f"{side}_embedding/embeddings"].shape[0] for side in ("encoder", "decoder"))
    run = _compiled(model, replace(config, seed=0), vocabularies)
    weights = {name: ops.convert_to_tensor(array) for name, array in weights.items()}
    by_length = sorted(range(len(rows)), key=lambda i: len(rows[i]))
    for begin in range(0, len(rows), batch_size):
        chosen = by_length[begin : begin + batch_size]
        source, length = pad_rows([rows[i] for i in chosen])
        beginnings = [prefixes[i] for i in chosen] if prefixes is not None else []
        prefix = pad_rows(beginnings)[0] if any(beginnings) else None
        outputs = run(weights, source, length, _noise([place + i for i in chosen], model, config), prefix)
        yield from zip(chosen, _as_lists(outputs), strict=True)


def pad_rows(rows: Sequence[Sequence[int]]) -> tuple[np.ndarray, np.ndarray]:
    """Return rows as one array `[batch, time]`, padded with 0, and their lengths `[batch]`; both int32."""
    length = np.array([len(row) for row in rows], np.int32)
    time = -(-int(length.max()) // _LENGTH_STEP) * _LENGTH_STEP
    source = np.full((len(rows), time), PAD, np.int32)
    for i, row in enumerate(rows):
        source[i, : len(row)] = row
    return source, length


def _noise(places: Sequence[int], model: ModelConfig, config: SearchConfig) -> np.ndarray:
    """Return uniform numbers that depend on the seed and each text's place alone, not on its batch."""
    shape = (config.beam_size, output_limit(model, config)) if config.method == "sample" else (0, 0)
    rows = [np.random.default_rng([config.seed, place]).random(shape, np.float32) for place in places]
    return np.stack(rows)


@lru_cache(maxsize=32)
def _compiled(model: ModelConfig, config: SearchConfig, vocabularies: tuple[int, ...]) -> Callable[..., Outputs]:
    """Return the search as the back end compiles it.

    Models of one configuration differ in their vocabularies, whose sizes a configuration only bounds. One graph for
    several would have them unknown, which the searches need to know.
    """

    def run(weights: Weights, source: Any, length: Any, noise: Any, prefix: Any) -> Outputs:
        return search(weights, source, length, model, config, noise, prefix)

    match keras.backend.backend():
        case "tensorflow":
            import tensorflow as tf

            return tf.function(run, reduce_retracing=True, autograph=False)
        case "jax":
            import jax

            return jax.jit(run)
        case _:
            return run


def _as_lists(outputs: Outputs) -> Iterator[list[tuple[list[int], float]]]:
    tokens, log_probs = ops.convert_to_numpy(outputs.tokens), ops.convert_to_numpy(outputs.log_probs)
    if np.isnan(log_probs).any():
        raise ValueError(
            "the model's probabilities are not numbers (NaN): its training has diverged; go back to an earlier "
            "checkpoint, or train in another folder with a lower learning rate or a bound on the gradient (clip_norm)"
        )
    for rows, scores in zip(tokens, log_probs, strict=True):
        yield [
            ([int(token) for token in row if token != PAD], float(score))
            for row, score in zip(rows, scores, strict=True)
            if score > NEVER / 2
        ]
