"""Every step of a translation laid open: the gates and memories of each layer, from the first token to the last."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from keras import ops

from keras_s2s.config import ModelConfig
from keras_s2s.data.tokenizer import EOS
from keras_s2s.decoding.inference import encode
from keras_s2s.decoding.lstm import Weights, feed, next_memories, open_gates, state_names
from keras_s2s.decoding.runtime import pad_rows


@dataclass(frozen=True, slots=True)
class LayerTrace:
    """What an LSTM layer did at each step. `[time, units]` each

    Attributes:
        input, forget, output: The gates, 0 to 1.
        candidate: What the input gate lets in, -1 to 1.
        cell: The long-term memory after the step.
        hidden: The short-term memory after the step.
    """

    input: Any
    forget: Any
    candidate: Any
    output: Any
    cell: Any
    hidden: Any


@dataclass(frozen=True, slots=True)
class Trace:
    """The layers of a translation, bottom first.

    Attributes:
        encoder: A step for each source token, `<EOS>` included, in the source's order as it was read.
        decoder: A step for each token fed to the decoder: `<EOS> y1 … yn`.
    """

    encoder: tuple[LayerTrace, ...]
    decoder: tuple[LayerTrace, ...]


def trace(weights: Weights, source: Sequence[int], target: Sequence[int], config: ModelConfig) -> Trace:
    """Follow a model through one source and one output.

    Args:
        weights: The trained arrays.
        source: The source's ids, `<EOS>` included.
        target: The output's ids, `<EOS>` included.
        config: The model's.
    """
    arrays = {name: ops.convert_to_numpy(array) for name, array in weights.items()}
    read = [*source[-2::-1], source[-1]] if config.reverse_source else list(source)
    inputs = arrays["encoder_embedding/embeddings"][read]
    encoder = []
    for layer in range(1, config.layers + 1):
        done = (
            _both_ways(arrays, f"encoder_lstm_{layer}", inputs)
            if config.bidirectional
            else _layer(arrays, f"encoder_lstm_{layer}", inputs)
        )
        encoder.append(done)
        inputs = done.hidden + inputs if config.residual and layer > 1 else done.hidden
    padded, length = pad_rows([source])
    state, _ = encode(weights, padded, length, config)
    inputs = arrays["decoder_embedding/embeddings"][[EOS, *target[:-1]]]
    decoder = []
    for layer in range(1, config.decoder_depth + 1):
        first = [ops.convert_to_numpy(state[name]) for name in state_names(layer)]
        done = _layer(arrays, f"decoder_lstm_{layer}", inputs, *first)
        decoder.append(done)
        inputs = done.hidden + inputs if config.residual and layer > 1 else done.hidden
    return Trace(tuple(encoder), tuple(decoder))


def _layer(weights: Weights, name: str, inputs: Any, hidden: Any = None, cell: Any = None) -> LayerTrace:
    """Run one layer over one sequence, from given or from zero states. `[time, width]`"""
    recurrent = weights[f"{name}/recurrent_kernel"]
    zeros = np.zeros((1, recurrent.shape[0]), np.float32)
    hidden, cell = (zeros if state is None else state for state in (hidden, cell))
    steps = []
    for fed in ops.convert_to_numpy(feed(weights, name, inputs)):
        gates = open_gates(fed + hidden @ recurrent)
        hidden, cell = map(ops.convert_to_numpy, next_memories(gates, cell))
        steps.append([*map(ops.convert_to_numpy, gates), cell, hidden])
    return LayerTrace(*(np.concatenate(rows) for rows in zip(*steps, strict=True)))


def _both_ways(weights: Weights, name: str, inputs: Any) -> LayerTrace:
    """Run a layer's two halves; the steps of the backward one stand where their tokens stand."""
    ahead = _layer(weights, f"forward_{name}", inputs)
    back = _layer(weights, f"backward_{name}", inputs[::-1])
    return LayerTrace(
        *(np.concatenate([getattr(ahead, part), getattr(back, part)[::-1]], axis=1) for part in LayerTrace.__slots__)
    )
