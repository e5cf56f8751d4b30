"""The decoder, as it is trained: all steps at once, fed with the right tokens (teacher forcing)."""

from typing import Any

import keras

from keras_s2s.config import ModelConfig
from keras_s2s.model.attention import attend
from keras_s2s.model.encoder import States, dropout, word_dropout
from keras_s2s.model.initializers import embedding_initializer, kernel_initializer


def decode_target(target: Any, states: States, memory: Any, config: ModelConfig, vocabulary: int) -> Any:
    """Apply the decoder's layers, with weights of their own, to the whole target at once.

    Args:
        target: The decoder's input `<EOS> y1 … yn`, padded on the right. `[batch, time]`
        states: The first states of each layer, hidden and cell. `[batch, units]` each
        memory: The encoder's top outputs, for attention. `[batch, source time, units]`
        config: Sizes and options.
        vocabulary: Number of target ids.

    Returns:
        Logits of the next token after each input token. `[batch, time, vocabulary]`
    """
    # Float32 even under mixed precision: a softmax over thousands of bfloat16 logits loses too much.
    embedding = keras.layers.ReversibleEmbedding(
        vocabulary,
        config.embedding,
        embeddings_initializer=embedding_initializer(tied=config.tie_embeddings, size=config.embedding),
        reverse_dtype="float32",
        name="decoder_embedding",
    )
    x = word_dropout(config, "decoder_word_dropout")(embedding(target))
    for layer, state in enumerate(states, start=1):
        inputs = dropout(config, f"decoder_dropout_{layer}")(x)  # [batch, time, units]
        lstm = keras.layers.LSTM(
            config.units, return_sequences=True, kernel_initializer=kernel_initializer(), name=f"decoder_lstm_{layer}"
        )
        outputs = lstm(inputs, initial_state=state)
        residual = config.residual and layer > 1
        x = keras.layers.Add(name=f"decoder_residual_{layer}")([outputs, x]) if residual else outputs
    if config.attention != "none":
        x = attend(x, memory, config)
    x = dropout(config, "decoder_dropout_output")(x)
    if config.tie_embeddings:  # Press & Wolf 2017, https://arxiv.org/abs/1608.05859
        return embedding(x, reverse=True)
    return keras.layers.Dense(vocabulary, dtype="float32", name="decoder_output")(x)
