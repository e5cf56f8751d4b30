"""The inference graph: `encode` and `step`, pure functions over a dictionary of weights.

The Keras layers train; these few lines answer, the same in Python, in a SavedModel and in a TFLite file. They hold no
variables: the weights come as an argument, `{"encoder_lstm_1/kernel": …}`, named after the layers that own them.
"""

from typing import Any

import keras
from keras import ops

from keras_s2s.config import ModelConfig
from keras_s2s.model.encoder import reverse_tokens

Weights = dict[str, Any]
"""Every trained array by `layer/variable`."""

State = dict[str, Any]
"""What a decoder carries from step to step: `hidden_i` and `cell_i` of each layer. `[batch, units]` each"""


def inference_weights(model: keras.Model) -> Weights:
    """Return a model's trained variables by `layer/variable`; they stay the model's own."""
    return {f"{layer.name}/{v.name}": v for layer in model.layers for v in layer.trainable_variables}


def encode(weights: Weights, source: Any, length: Any, config: ModelConfig) -> State:
    """Read the source and return the context vectors: the decoder's first state.

    The product of the first layer's input and kernel is taken for all steps at once, outside the loop.

    Args:
        weights: The trained arrays.
        source: Token ids with `<EOS>`, padded with 0 on the right. `[batch, time]`
        length: Tokens of each row, `<EOS>` included. `[batch]`
        config: The model's.
    """
    if config.reverse_source:
        source = reverse_tokens(source)
    embedded = ops.take(weights["encoder_embedding/embeddings"], ops.transpose(source), axis=0)
    inputs = ops.matmul(embedded, weights["encoder_lstm_1/kernel"])  # [time, batch, 4 * units]
    zeros = ops.zeros((ops.shape(source)[0], config.units), dtype=inputs.dtype)
    state = {name: zeros for layer in _layers(config) for name in _names(layer)}

    def body(time: Any, state: State) -> tuple[Any, State]:
        following = _stack("encoder", weights, ops.take(inputs, time, axis=0), state, config)
        reading = ops.expand_dims(time < length, 1)  # a shorter row keeps the state of its own last token
        return time + 1, {name: ops.where(reading, following[name], state[name]) for name in state}

    longest = ops.max(length)
    _, state = ops.while_loop(lambda time, _: time < longest, body, (ops.zeros((), "int32"), state))
    return state


def step(weights: Weights, token: Any, state: State, config: ModelConfig) -> tuple[Any, State]:
    """Read one token and predict the next one.

    Args:
        weights: The trained arrays.
        token: The token picked last, `<EOS>` at the start. `[batch]`
        state: The state after the tokens before it.
        config: The model's.

    Returns:
        Logits of the next token, `[batch, vocabulary]`, and the following state.
    """
    embedded = ops.take(weights["decoder_embedding/embeddings"], token, axis=0)
    inputs = ops.matmul(embedded, weights["decoder_lstm_1/kernel"])  # [batch, 4 * units]
    state = _stack("decoder", weights, inputs, state, config)
    top = state[f"hidden_{config.layers}"]
    return ops.matmul(top, weights["decoder_output/kernel"]) + weights["decoder_output/bias"], state


def _stack(side: str, weights: Weights, inputs: Any, state: State, config: ModelConfig) -> State:
    """Run one step through a stack of LSTM layers, given the first layer's `x · kernel`. `[batch, 4 * units]`"""
    following: State = {}
    for layer in _layers(config):
        hidden, cell = _names(layer)
        name = f"{side}_lstm_{layer}"
        if layer > 1:
            inputs = ops.matmul(following[f"hidden_{layer - 1}"], weights[f"{name}/kernel"])
        recurrent = ops.matmul(state[hidden], weights[f"{name}/recurrent_kernel"])
        gates = inputs + recurrent + weights[f"{name}/bias"]
        following[hidden], following[cell] = _lstm_cell(gates, state[cell])
    return following


def _lstm_cell(gates: Any, cell: Any) -> tuple[Any, Any]:
    """Return the next hidden and cell state from the four gates' inputs, in Keras's order."""
    write, forget, candidate, output = ops.split(gates, 4, axis=-1)  # [batch, units] each
    cell = ops.sigmoid(forget) * cell + ops.sigmoid(write) * ops.tanh(candidate)
    return ops.sigmoid(output) * ops.tanh(cell), cell


def _layers(config: ModelConfig) -> range:
    return range(1, config.layers + 1)


def _names(layer: int) -> tuple[str, str]:
    return f"hidden_{layer}", f"cell_{layer}"
