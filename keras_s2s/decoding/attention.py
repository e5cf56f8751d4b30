"""Attention, a step at a time."""

from typing import Any

from keras import ops

from keras_s2s.config import ModelConfig
from keras_s2s.decoding.lstm import State, Weights
from keras_s2s.model.encoder import reversed_positions

Memory = dict[str, Any]
"""What attention looks at, the same at every step; empty where the model has none.

`memory`, the encoder's top outputs, and `keys`, what a query is compared with (left out by `dot`, where they are the
memory), `[batch, source time, units]` each; `lengths` of the sources in tokens, `<EOS>` included, `[batch]`.
"""


def split_memory(context: State) -> tuple[State, Memory]:
    """Divide what an exported `encode` returns, state and memory in one dictionary."""
    memory: Memory = {name: context[name] for name in ("memory", "keys", "lengths") if name in context}
    return {name: array for name, array in context.items() if name not in memory}, memory


def remember(weights: Weights, outputs: Any, length: Any, config: ModelConfig) -> Memory:
    """Return the memory of sources whose top encoder outputs are `outputs`. `[source time, batch, units]`"""
    values = ops.transpose(outputs, (1, 0, 2))
    if config.reverse_source:  # in the source's own order again, so that attention says where it looks
        places = reversed_positions(length, ops.shape(values)[1])
        values = ops.take_along_axis(values, ops.expand_dims(places, 2), axis=1)
    memory: Memory = {"memory": values, "lengths": length}
    if config.attention != "dot":
        memory["keys"] = ops.matmul(memory["memory"], weights["attention_keys/kernel"])
    return memory


def attend(
    weights: Weights, query: Any, position: Any, memory: Memory, config: ModelConfig, beams: int
) -> tuple[Any, Any]:
    """Join a decoder output with what it attends to, as `model.attention.attend` does in training.

    Args:
        weights: The trained arrays.
        query: The decoder's top output. `[batch * beams, units]`
        position: The number of the step, for a window; else `None`. `[batch * beams]`
        memory: The sources'.
        config: The model's.
        beams: Rows of each source, side by side.

    Returns:
        The attentional vector, `[batch * beams, config.output_width]`, and the share of attention of each source
        position, `[batch * beams, source time]`.
    """
    values, lengths = memory["memory"], memory["lengths"]
    keys = memory.get("keys", values)
    batch, time, _ = ops.shape(values)
    asked = ops.matmul(query, weights["attention_query/kernel"]) if config.attention == "additive" else query
    asked = ops.reshape(asked, (batch, beams, config.units))
    if config.attention == "additive":
        together = ops.tanh(ops.expand_dims(asked, 2) + ops.expand_dims(keys, 1))  # [batch, beams, time, units]
        scores = ops.matmul(together, ops.expand_dims(weights["attention/scale"], 1))[..., 0]
    else:
        scores = ops.matmul(asked, ops.transpose(keys, (0, 2, 1)))  # [batch, beams, time]
    positions = ops.arange(time, dtype="int32")
    ends = ops.reshape(lengths, (batch, 1, 1))
    unseen = positions >= ends
    if config.attention_window is not None:
        centre = ops.minimum(ops.reshape(position, (batch, beams, 1)), ends - 1)
        unseen = ops.logical_or(unseen, ops.abs(positions - centre) > config.attention_window)
    attention = ops.softmax(ops.where(unseen, scores - 1e9, scores))
    context = ops.reshape(ops.matmul(attention, values), (batch * beams, config.units))
    joined = ops.concatenate([context, query], axis=-1)
    vector = ops.tanh(ops.matmul(joined, weights["attention_output/kernel"]) + weights["attention_output/bias"])
    return vector, ops.reshape(attention, (batch * beams, time))
