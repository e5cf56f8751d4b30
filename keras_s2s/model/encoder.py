"""The encoder: source ids to context vectors."""

from typing import Any, NamedTuple

import keras
from keras import ops

from keras_s2s.config import ModelConfig
from keras_s2s.data.tokenizer import PAD
from keras_s2s.model.initializers import embedding_initializer, kernel_initializer

States = list[tuple[Any, Any]]
"""Hidden and cell state of each layer, bottom first. `[batch, units]` each"""


class Encoded(NamedTuple):
    """What the encoder made of a source.

    Attributes:
        states: The context vectors: the states of every LSTM layer after each source's own last token.
        outputs: The top layer's output at every step, which attention looks at; it carries the padding as its Keras
            mask. `[batch, time, units]`
    """

    states: States
    outputs: Any


def encode_source(source: Any, config: ModelConfig, vocabulary: int) -> Encoded:
    """Apply the encoder's layers (Sutskever, Vinyals & Le 2014).

    Args:
        source: Token ids, padded with 0 on the right. `[batch, time]`
        config: Sizes and options.
        vocabulary: Number of source ids.
    """
    if config.reverse_source:
        source = ReverseTokens(name="encoder_reverse")(source)
    embedding = keras.layers.Embedding(
        vocabulary, config.embedding, embedding_initializer(), mask_zero=True, name="encoder_embedding"
    )
    x = word_dropout(config, "encoder_word_dropout")(embedding(source))
    layers: list[keras.layers.LSTM] = []
    states = []
    for number in range(1, config.layers + 1):
        inputs = dropout(config, f"encoder_dropout_{number}")(x)  # [batch, time, units]
        # Held until all are made: `Bidirectional` copies a layer by its configuration, and as a model is loaded Keras
        # knows what it copies by its address, so that none may be made where another was that is gone.
        layers.append(_lstm(config, f"encoder_lstm_{number}"))
        outputs, state = _read(inputs, layers[-1], config)
        states.append(state)
        residual = config.residual and number > 1
        x = keras.layers.Add(name=f"encoder_residual_{number}")([outputs, x]) if residual else outputs
    return Encoded(states, x)


def _lstm(config: ModelConfig, name: str) -> keras.layers.LSTM:
    """Return one layer, or the half of one that is to read both ways."""
    return keras.layers.LSTM(
        config.units // 2 if config.bidirectional else config.units,
        kernel_initializer=kernel_initializer(),
        return_sequences=True,
        return_state=True,
        name=name,
    )


def _read(inputs: Any, layer: keras.layers.LSTM, config: ModelConfig) -> tuple[Any, tuple[Any, Any]]:
    """Apply one LSTM layer, or two copies of it that read in opposite directions (Schuster & Paliwal 1997).

    Returns:
        Its outputs, `[batch, time, units]`, and its last states, hidden and cell, `[batch, units]` each.
    """
    name = layer.name
    if not config.bidirectional:
        outputs, hidden, cell = layer(inputs)
        return outputs, (hidden, cell)
    outputs, *states = keras.layers.Bidirectional(layer, name=name)(inputs)
    forward, backward = states[:2], states[2:]
    hidden, cell = (
        keras.layers.Concatenate(name=f"{name}_{kind}")([forward[i], backward[i]])
        for i, kind in enumerate(("hidden", "cell"))
    )
    return outputs, (hidden, cell)


def dropout(config: ModelConfig, name: str) -> keras.layers.Dropout:
    """Return dropout that leaves out the same units at every time step (Gal & Ghahramani 2016, arXiv:1512.05287)."""
    return keras.layers.Dropout(config.dropout, noise_shape=(None, 1, None), name=name)


def word_dropout(config: ModelConfig, name: str) -> keras.layers.Dropout:
    """Return dropout of whole tokens' embeddings (Sennrich & Zhang 2019, arXiv:1905.11901, section 4.2)."""
    return keras.layers.Dropout(config.word_dropout, noise_shape=(None, None, 1), name=name)


def reverse_tokens(source: Any) -> Any:
    """Reverse each row's tokens; `<EOS>` and the padding behind it stay where they are. `[batch, time]`"""
    length = ops.sum(ops.cast(ops.not_equal(source, PAD), "int32"), axis=1)
    return ops.take_along_axis(source, reversed_positions(length, ops.shape(source)[1]), axis=1)


def reversed_positions(length: Any, time: Any) -> Any:
    """Return the place that each place of a reversed source had before, and the other way round. `[batch, time]`

    Args:
        length: Tokens of each row, `<EOS>` included. `[batch]`
        time: Length of the padded rows.
    """
    place, last = ops.arange(time, dtype="int32"), ops.expand_dims(length, 1) - 1
    return ops.where(place < last, last - 1 - place, place)


@keras.saving.register_keras_serializable("keras_s2s")
class ReverseTokens(keras.layers.Layer):
    """`reverse_tokens` as a layer."""

    def call(self, source: Any) -> Any:
        """Reverse ids. `[batch, time]`"""
        return reverse_tokens(source)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the input's shape."""
        return input_shape
