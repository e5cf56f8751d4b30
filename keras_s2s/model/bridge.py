"""The bridge: from the encoder's last states to the decoder's first ones, where the two stacks differ."""

import keras

from keras_s2s.config import ModelConfig
from keras_s2s.model.encoder import States


def bridge_states(states: States, config: ModelConfig) -> States:
    """Return the decoder's first states.

    Two stacks of the same kind and depth need no bridge: layer i starts from layer i's states, as in the classic model.
    Else each decoder layer has a fully connected layer of its own over the states of all encoder layers; the hidden
    one's goes through tanh, as a hidden state lies between -1 and 1.

    Args:
        states: The encoder's last states, a pair for each layer. `[batch, units]` each
        config: Sizes and options.
    """
    if not config.bridged:
        return states
    hidden, cell = (
        keras.layers.Concatenate(name=f"bridge_{kind}")([state[i] for state in states])
        if len(states) > 1
        else states[0][i]
        for i, kind in enumerate(("hidden", "cell"))
    )  # [batch, layers * units] each
    return [
        (
            keras.layers.Dense(config.units, activation="tanh", name=f"bridge_hidden_{layer}")(hidden),
            keras.layers.Dense(config.units, name=f"bridge_cell_{layer}")(cell),
        )
        for layer in range(1, config.decoder_depth + 1)
    ]
