"""The encoder: source ids to context vectors."""

from typing import Any

import keras
from keras import ops

from keras_s2s.config import ModelConfig
from keras_s2s.data.tokenizer import PAD

States = list[tuple[Any, Any]]
"""Hidden and cell state of each layer, bottom first. `[batch, units]` each"""


def encode_source(source: Any, config: ModelConfig, vocabulary: int) -> States:
    """Apply the encoder's layers (Sutskever, Vinyals & Le 2014).

    Args:
        source: Token ids, padded with 0 on the right. `[batch, time]`
        config: Sizes.
        vocabulary: Number of source ids.

    Returns:
        The context vectors: the states of every LSTM layer after each source's own last token.
    """
    if config.reverse_source:
        source = ReverseTokens(name="encoder_reverse")(source)
    x = keras.layers.Embedding(vocabulary, config.embedding, mask_zero=True, name="encoder_embedding")(source)
    states = []
    for layer in range(1, config.layers + 1):
        x = dropout(config, f"encoder_dropout_{layer}")(x)  # [batch, time, units]
        lstm = keras.layers.LSTM(config.units, return_sequences=True, return_state=True, name=f"encoder_lstm_{layer}")
        x, hidden, cell = lstm(x)
        states.append((hidden, cell))
    return states


def dropout(config: ModelConfig, name: str) -> keras.layers.Dropout:
    """Return dropout that leaves out the same units at every time step (Gal & Ghahramani 2016, arXiv:1512.05287)."""
    return keras.layers.Dropout(config.dropout, noise_shape=(None, 1, None), name=name)


def reverse_tokens(source: Any) -> Any:
    """Reverse each row's tokens; `<EOS>` and the padding behind it stay where they are. `[batch, time]`"""
    time = ops.arange(ops.shape(source)[1], dtype="int32")
    last = ops.sum(ops.cast(ops.not_equal(source, PAD), "int32"), axis=1, keepdims=True) - 1
    return ops.take_along_axis(source, ops.where(time < last, last - 1 - time, time), axis=1)


@keras.saving.register_keras_serializable("keras_s2s")
class ReverseTokens(keras.layers.Layer):
    """`reverse_tokens` as a layer."""

    def call(self, source: Any) -> Any:
        """Reverse ids. `[batch, time]`"""
        return reverse_tokens(source)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the input's shape."""
        return input_shape
