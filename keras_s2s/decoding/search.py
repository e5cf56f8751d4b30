"""From token ids to token ids: encode once, then search, all in one graph."""

from typing import Any

from keras import ops

from keras_s2s.config import ModelConfig, SearchConfig
from keras_s2s.decoding.beam import beam_search
from keras_s2s.decoding.constraints import match_length
from keras_s2s.decoding.greedy import greedy_search
from keras_s2s.decoding.inference import Prediction, encode, step
from keras_s2s.decoding.lstm import State, Weights
from keras_s2s.decoding.outputs import Outputs
from keras_s2s.decoding.sampling import sample_search


def search(
    weights: Weights, source: Any, length: Any, model: ModelConfig, config: SearchConfig, noise: Any = None
) -> Outputs:
    """Translate a batch of ids.

    Args:
        weights: The trained arrays.
        source: Token ids with `<EOS>`, padded with 0 on the right. `[batch, time]`
        length: Tokens of each row, `<EOS>` included; a row of `<EOS>` alone has an empty output. `[batch]`
        model: The model's configuration.
        config: Which search.
        noise: For `sample` alone: uniform numbers. `[batch, draws, output_limit(model, config)]`
    """
    beams = 1 if config.method == "greedy" else config.beam_size
    state, memory = encode(weights, source, length, model)
    if config.match_length:
        state["position"] = ops.zeros_like(length)

    def next_step(token: Any, state: State) -> Prediction:
        prediction = step(weights, token, state, memory, model, beams=beams)
        if not config.match_length:
            return prediction
        allowed = match_length(prediction.logits, state["position"], ops.repeat(length, beams))
        return prediction._replace(logits=allowed)

    empty = ops.less_equal(length, 1)
    limit = output_limit(model, config)
    match config.method:
        case "greedy":
            return greedy_search(next_step, state, empty, limit)
        case "beam":
            return beam_search(next_step, state, empty, limit, beams, config.length_penalty)
        case "sample":
            return sample_search(next_step, state, empty, noise, config)


def output_limit(model: ModelConfig, config: SearchConfig) -> int:
    """Return the longest output in tokens, `<EOS>` included."""
    return min(config.max_length or model.max_target_length, model.max_target_length)
