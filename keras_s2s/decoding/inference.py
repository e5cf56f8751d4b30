"""The inference graph: `encode` and `step`, pure functions over a dictionary of weights.

The Keras layers train; these few lines answer, the same in Python, in a SavedModel and in a TFLite file. They hold no
variables: the weights come as an argument, `{"encoder_lstm_1/kernel": …}`, named after the layers that own them.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import keras
from keras import ops

from keras_s2s.config import ModelConfig
from keras_s2s.decoding.attention import Memory, attend, remember
from keras_s2s.decoding.lstm import State, Weights, feed, read, read_both_ways, stack_step, state_names
from keras_s2s.model.encoder import reverse_tokens


class Prediction(NamedTuple):
    """What one step of the decoder gives.

    Attributes:
        logits: Of the next token. `[batch, vocabulary]`
        state: The state after the step.
        attention: The share of attention that each source position got; `None` where the model has no attention.
            `[batch, source time]`
    """

    logits: Any
    state: State
    attention: Any = None


def inference_weights(model: keras.Model) -> Weights:
    """Return a model's weights by `layer/variable`, frozen ones too; they stay the model's own."""
    layers = (part for layer in model.layers for part in _halves(layer))
    return {f"{layer.name}/{v.name}": v for layer in layers for v in layer.weights}


def _halves(layer: keras.layers.Layer) -> Iterator[keras.layers.Layer]:
    if isinstance(layer, keras.layers.Bidirectional):
        yield from (layer.forward_layer, layer.backward_layer)
    else:
        yield layer


def encode(weights: Weights, source: Any, length: Any, config: ModelConfig) -> tuple[State, Memory]:
    """Read the source.

    Args:
        weights: The trained arrays.
        source: Token ids with `<EOS>`, padded with 0 on the right. `[batch, time]`
        length: Tokens of each row, `<EOS>` included. `[batch]`
        config: The model's.

    Returns:
        The context vectors, the decoder's first state, and the memory that attention looks at.
    """
    if config.reverse_source:
        source = reverse_tokens(source)
    embedded = ops.take(weights["encoder_embedding/embeddings"], ops.transpose(source), axis=0)
    layers = [f"encoder_lstm_{layer}" for layer in range(1, config.layers + 1)]
    attends = config.attention != "none"
    if config.bidirectional:
        state, outputs = read_both_ways(weights, layers, embedded, length, residual=config.residual)
    else:
        state, outputs = read(weights, layers, embedded, length, residual=config.residual, keep_outputs=attends)
    if config.bridged:
        state = _bridge(weights, state, config)
    if config.attention_window is not None:
        state["position"] = ops.zeros_like(length)
    return state, remember(weights, outputs, length, config) if attends else {}


def _bridge(weights: Weights, state: State, config: ModelConfig) -> State:
    """Compute the decoder's first state from that of all encoder layers, as `model.bridge` does in training."""
    encoder = [state_names(layer) for layer in range(1, config.layers + 1)]
    hidden, cell = (ops.concatenate([state[names[i]] for names in encoder], axis=-1) for i in range(2))
    first: State = {}
    for layer in range(1, config.decoder_depth + 1):
        own_hidden, own_cell = state_names(layer)
        first[own_hidden] = ops.tanh(_dense(weights, f"bridge_hidden_{layer}", hidden))
        first[own_cell] = _dense(weights, f"bridge_cell_{layer}", cell)
    return first


def step(
    weights: Weights, token: Any, state: State, memory: Memory, config: ModelConfig, *, beams: int = 1
) -> Prediction:
    """Read one token and predict the next one.

    Args:
        weights: The trained arrays.
        token: The token picked last, `<EOS>` at the start. `[batch]`
        state: The state after the tokens before it.
        memory: The sources' memory, of one row for `beams` rows of the rest.
        config: The model's.
        beams: Rows of each source, side by side.
    """
    layers = [f"decoder_lstm_{layer}" for layer in range(1, config.decoder_depth + 1)]
    embedded = ops.take(weights["decoder_embedding/embeddings"], token, axis=0)
    output, following = stack_step(weights, layers, feed(weights, layers[0], embedded), state, config.residual)
    position = state.get("position")
    if position is not None:
        following["position"] = position + 1
    attention = None
    if memory:
        output, attention = attend(weights, output, position, memory, config, beams)
    if config.tie_embeddings:
        logits = ops.matmul(output, ops.transpose(weights["decoder_embedding/embeddings"]))
    else:
        logits = _dense(weights, "decoder_output", output)
    return Prediction(logits, following, attention)


def _dense(weights: Weights, layer: str, inputs: Any) -> Any:
    return ops.matmul(inputs, weights[f"{layer}/kernel"]) + weights[f"{layer}/bias"]
