"""Sampling: each token drawn from the model's distribution, sharpened or cut as asked."""

from typing import Any

from keras import ops

from keras_s2s.config import SearchConfig
from keras_s2s.data.tokenizer import EOS, PAD
from keras_s2s.decoding.lstm import State
from keras_s2s.decoding.outputs import Outputs, Step, is_eos, repeat_rows, write_at, written


def sample_search(step: Step, state: State, finished: Any, noise: Any, config: SearchConfig) -> Outputs:
    """Draw hypotheses, independent of each other.

    The randomness comes in as an argument, so that the search is a pure function: the same noise gives the same
    tokens on every back end.

    Args:
        step: The model's step.
        state: The encoder's context vectors. `[batch, …]`
        finished: Rows that answer nothing. `[batch]`, bool
        noise: Uniform numbers from 0 to below 1, one for each token of each draw. `[batch, draws, limit]`
        config: Temperature, top-k and top-p.

    Returns:
        The draws in the order of their noise; `log_probs` are the model's own, whatever the temperature.
    """
    draws, limit = noise.shape[1:]
    noise = ops.reshape(noise, (-1, limit))

    def unfinished(time: Any, token: Any, finished: Any, tokens: Any, score: Any, state: State) -> Any:
        return ops.logical_and(time < limit, ops.logical_not(ops.all(finished)))

    def body(time: Any, token: Any, finished: Any, tokens: Any, score: Any, state: State) -> tuple[Any, ...]:
        log_probs, state, _, copies = step(token, state)
        token = ops.where(finished, PAD, _draw(log_probs, ops.take(noise, time, axis=1), config))
        gained = ops.take_along_axis(log_probs, ops.expand_dims(token, 1), axis=1)[:, 0]
        score = ops.where(finished, score, score + gained)
        tokens = write_at(tokens, time, written(token, copies))
        return time + 1, token, ops.logical_or(finished, is_eos(token)), tokens, score, state

    finished = repeat_rows({"finished": finished}, draws)["finished"]
    rows = ops.shape(finished)[0]
    start = ops.full((rows,), EOS, dtype="int32")
    tokens, score = ops.zeros((rows, limit), "int32"), ops.zeros((rows,), "float32")
    loop = (ops.zeros((), "int32"), start, finished, tokens, score, repeat_rows(state, draws))
    found = ops.while_loop(unfinished, body, loop)
    return Outputs(ops.reshape(found[3], (-1, draws, limit)), ops.reshape(found[4], (-1, draws)))


def _draw(log_probs: Any, noise: Any, config: SearchConfig) -> Any:
    """Invert the cumulative distribution over the likeliest tokens at `noise`. `[batch]`"""
    kept = min(config.top_k or log_probs.shape[-1], log_probs.shape[-1])
    logits, ids = ops.top_k(log_probs / config.temperature, kept)
    cumulative = ops.cumsum(ops.softmax(logits), axis=-1)  # [batch, kept], likeliest first
    # The nucleus ends with the token that brings the sum to top_p; the draw is made within its mass.
    inside = ops.sum(ops.cast(cumulative < config.top_p, "int32"), axis=-1, keepdims=True)
    mass = ops.take_along_axis(cumulative, ops.minimum(inside, kept - 1), axis=1)
    below = ops.sum(ops.cast(cumulative <= mass * ops.expand_dims(noise, 1), "int32"), axis=-1, keepdims=True)
    return ops.cast(ops.take_along_axis(ids, ops.minimum(below, kept - 1), axis=1)[:, 0], "int32")
