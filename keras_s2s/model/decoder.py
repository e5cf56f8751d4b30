"""The decoder, as it is trained: all steps at once, fed with the right tokens (teacher forcing)."""

from typing import Any

import keras

from keras_s2s.config import ModelConfig
from keras_s2s.model.encoder import States, dropout


def decode_target(target: Any, states: States, config: ModelConfig, vocabulary: int) -> Any:
    """Apply the decoder's layers, with weights of their own, to the whole target at once.

    Args:
        target: The decoder's input `<EOS> y1 … yn`, padded on the right. `[batch, time]`
        states: The context vectors; layer i starts from encoder layer i's.
        config: Sizes.
        vocabulary: Number of target ids.

    Returns:
        Logits of the next token after each input token. `[batch, time, vocabulary]`
    """
    x = keras.layers.Embedding(vocabulary, config.embedding, name="decoder_embedding")(target)
    for layer, state in enumerate(states, start=1):
        x = dropout(config, f"decoder_dropout_{layer}")(x)  # [batch, time, units]
        lstm = keras.layers.LSTM(config.units, return_sequences=True, name=f"decoder_lstm_{layer}")
        x = lstm(x, initial_state=state)
    x = dropout(config, "decoder_dropout_output")(x)
    # Float32 even under mixed precision: a softmax over thousands of bfloat16 logits loses too much.
    return keras.layers.Dense(vocabulary, dtype="float32", name="decoder_output")(x)
