"""Attention: at each step the decoder looks again at all of the source, as it is trained."""

from typing import Any

import keras

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
    context = score([asked, memory, keys])  # [batch, target time, units]
    joined = keras.layers.Concatenate(name="attention_joined")([context, query])
    return keras.layers.Dense(config.output_width, activation="tanh", name="attention_output")(joined)
