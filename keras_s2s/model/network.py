"""The training graph, by the Keras functional API."""

from typing import Any

import keras

from keras_s2s.config import ModelConfig
from keras_s2s.model.bridge import bridge_states
from keras_s2s.model.decoder import decode_target
from keras_s2s.model.encoder import encode_source


def build_network(config: ModelConfig, source_vocabulary: int, target_vocabulary: int) -> tuple[dict[str, Any], Any]:
    """Connect encoder and decoder.

    Returns:
        The inputs `source` and `target` (token ids, `[batch, time]` each, of any two lengths) and the logits
        `[batch, target time, target vocabulary]`.
    """
    source = keras.Input((None,), dtype="int32", name="source")
    target = keras.Input((None,), dtype="int32", name="target")
    encoded = encode_source(source, config, source_vocabulary)
    states = bridge_states(encoded.states, config)
    logits = decode_target(target, states, encoded.outputs, config, target_vocabulary)
    return {"source": source, "target": target}, logits
