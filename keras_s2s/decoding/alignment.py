"""Which source tokens the decoder looks at as it writes given outputs."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from keras import ops

from keras_s2s.config import ModelConfig
from keras_s2s.data.tokenizer import EOS
from keras_s2s.decoding.inference import encode, step
from keras_s2s.decoding.lstm import Weights
from keras_s2s.decoding.runtime import pad_rows

Ids = Sequence[int]
Attention = np.ndarray[Any, np.dtype[np.float32]]

BATCH = 64


def align(weights: Weights, pairs: Sequence[tuple[Ids, Ids]], config: ModelConfig) -> Iterator[Attention]:
    """Yield the attention of each pair's output, given its source.

    Args:
        weights: The trained arrays.
        pairs: Sources and outputs: ids that end with `<EOS>`, but for an output that fills the model's limit.
        config: The model's.

    Yields:
        The share of each source token at the step that writes each token of the output. `[target time, source time]`

    Raises:
        ValueError: The model has no attention.
    """
    if config.attention == "none":
        raise ValueError(
            "an alignment is where a model's attention lies, and this model has none: train one with "
            "attention = 'dot', 'general' or 'additive'"
        )
    arrays = {name: ops.convert_to_tensor(array) for name, array in weights.items()}
    for start in range(0, len(pairs), BATCH):
        chosen = pairs[start : start + BATCH]
        for (source, target), attention in zip(chosen, _attention(arrays, chosen, config), strict=True):
            yield attention[: len(target), : len(source)]


def _attention(weights: Weights, pairs: Sequence[tuple[Ids, Ids]], config: ModelConfig) -> Attention:
    """Return the attention of a batch. `[batch, target time, source time]`"""
    sources, targets = zip(*pairs, strict=True)
    source, length = pad_rows(sources)
    target, _ = pad_rows(targets)
    state, memory = encode(weights, source, length, config)
    token = np.full(len(pairs), EOS, np.int32)
    rows = []
    for following in target.T:
        _, state, attention = step(weights, token, state, memory, config)
        rows.append(ops.convert_to_numpy(attention))
        token = following
    return np.stack(rows, axis=1)
