"""What every search shares: what it chooses from, its result, and the few steps that all of them take."""

from collections.abc import Callable
from typing import Any, NamedTuple

from keras import ops

from keras_s2s.data.tokenizer import EOS, PAD, UNKNOWN
from keras_s2s.decoding.lstm import State


class Choice(NamedTuple):
    """What a search chooses the next token from.

    Attributes:
        log_probs: Of the next token, by the model; `NEVER` where a token may not be picked. `[batch, vocabulary]`
        state: The state after the step.
        attention: The share of attention that each source position got; `None` where the model has no attention.
            `[batch, source time]`
    """

    log_probs: Any
    state: State
    attention: Any = None


Step = Callable[[Any, State], Choice]
"""`(token [batch], state)` to the choice of the next token: all that a search knows of a model."""

NEVER = -1e9
"""The log-probability of what cannot be; finite, since minus infinity would breed NaN."""


class Outputs(NamedTuple):
    """The hypotheses that a search found, best first.

    Attributes:
        tokens: Ids up to `<EOS>`, then 0. `[batch, hypotheses, limit]`, int32
        log_probs: Log-probability of each hypothesis; below `NEVER / 2` where there is none. `[batch, hypotheses]`
    """

    tokens: Any
    log_probs: Any


def next_log_probs(logits: Any) -> Any:
    """Return log-probabilities in which padding and the unknown token are never picked. `[batch, vocabulary]`"""
    ids = ops.arange(ops.shape(logits)[-1], dtype="int32")
    reserved = ops.logical_or(ops.equal(ids, PAD), ops.equal(ids, UNKNOWN))
    # A sum, as LiteRT adds three times as fast as it selects.
    return logits - ops.logsumexp(logits, axis=-1, keepdims=True) + NEVER * ops.cast(reserved, logits.dtype)


def write_at(buffer: Any, time: Any, token: Any) -> Any:
    """Return the buffer `[..., limit]` with `token [...]` at `time`."""
    here = ops.equal(ops.arange(ops.shape(buffer)[-1], dtype="int32"), time)
    return ops.where(here, ops.expand_dims(token, -1), buffer)


def is_eos(token: Any) -> Any:
    """Return where a token is `<EOS>`."""
    return ops.equal(token, EOS)


def repeat_rows(state: State, times: int) -> State:
    """Return a state in which each row stands `times` times in a row. `[batch * times, …]`"""

    def repeat(x: Any) -> Any:
        wide = ops.tile(ops.expand_dims(x, 1), (1, times, *[1] * (len(x.shape) - 1)))
        return ops.reshape(wide, (-1, *ops.shape(x)[1:]))

    return {name: repeat(x) for name, x in state.items()}
