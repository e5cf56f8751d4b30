"""Attention: at each step the decoder looks again at all of the source, as it is trained."""

from typing import Any

import keras
from keras import ops

from keras_s2s.config import ModelConfig


def attend(query: Any, memory: Any, config: ModelConfig) -> Any:
    """Join each decoder output with what it attends to (Luong, Pham & Manning 2015, arXiv:1508.04025, section 3.1).

    The scores are Luong's `dot` (query · memory) or `general` (query · W memory), or Bahdanau's `additive`
    (v · tanh(W query + U memory); Bahdanau, Cho & Bengio 2015, arXiv:1409.0473). All depend on the decoder's own output
    of the step, so that training takes all steps at once. Padding of the source gets no attention: the memory's Keras
    mask says where it is.

    Args:
        query: The decoder's top outputs. `[batch, target time, units]`
        memory: The encoder's top outputs. `[batch, source time, units]`
        config: Sizes and options.

    Returns:
        The attentional vectors tanh(W [context; query]). `[batch, target time, config.output_width]`
    """
    keys, asked = memory, query
    if config.attention != "dot":
        keys = keras.layers.Dense(config.units, use_bias=False, name="attention_keys")(memory)
    if config.attention == "additive":
        asked = keras.layers.Dense(config.units, use_bias=False, name="attention_query")(query)
        score = keras.layers.AdditiveAttention(name="attention")
    else:
        score = keras.layers.Attention(name="attention")
    if config.attention_window is None:
        context = score([asked, memory, keys])  # [batch, target time, units]
    else:
        seen = NearDiagonal(config.attention_window, name="attention_window")(query, memory)
        context = score([asked, memory, keys], mask=[None, seen])
    joined = keras.layers.Concatenate(name="attention_joined")([context, query])
    return keras.layers.Dense(config.output_width, activation="tanh", name="attention_output")(joined)


@keras.saving.register_keras_serializable("keras_s2s")
class NearDiagonal(keras.layers.Layer):
    """Says which source positions each step may look at: those near its own number, and no padding.

    Steps past the source's end look where its last step looks.

    Args:
        window: The greatest distance.
    """

    def __init__(self, window: int, **options: Any) -> None:
        """Set the window."""
        super().__init__(**options)
        self.window = window

    def call(self, query: Any, memory: Any, memory_mask: Any = None) -> Any:
        """Return the mask. `[batch, target time, source time]`, bool"""
        steps, positions = (ops.arange(ops.shape(x)[1], dtype="int32") for x in (query, memory))
        last = ops.sum(ops.cast(memory_mask, "int32"), axis=1, keepdims=True) - 1
        centre = ops.minimum(steps, last)  # [batch, target time]
        near = ops.abs(ops.expand_dims(centre, 2) - positions) <= self.window
        return ops.logical_and(near, ops.expand_dims(memory_mask, 1))

    def compute_output_spec(self, query: Any, memory: Any, memory_mask: Any = None) -> keras.KerasTensor:
        """Return shape and type of the mask."""
        return keras.KerasTensor((query.shape[0], query.shape[1], memory.shape[1]), dtype="bool")

    def get_config(self) -> dict[str, Any]:
        """Return what rebuilds the layer."""
        return {**super().get_config(), "window": self.window}
