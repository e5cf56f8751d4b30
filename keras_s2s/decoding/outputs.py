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
        copies: What is written where the unknown token is picked, as `copying.copies` gives it; `None` where it may
            not be picked. `[batch]`
    """

    log_probs: Any
    state: State
    attention: Any = None
    copies: Any = None


Step = Callable[[Any, State], Choice]
"""`(token [batch], state)` to the choice of the next token: all that a search knows of a model."""

NEVER = -1e9
"""The log-probability of what cannot be; finite, since minus infinity would breed NaN."""


class Outputs(NamedTuple):
    """The hypotheses that a search found, best first.

    Attributes:
        tokens: Ids up to `<EOS>`, then 0; an id from the vocabulary's size on is the copy of a source token, whose
            position is the rest. `[batch, hypotheses, limit]`, int32
        log_probs: Log-probability of each hypothesis; below `NEVER / 2` where there is none. `[batch, hypotheses]`
    """

    tokens: Any
    log_probs: Any


def next_log_probs(logits: Any, unknown: bool = False) -> Any:
    """Return log-probabilities in which padding is never picked. `[batch, vocabulary]`

    Args:
        logits: Of the next token. `[batch, vocabulary]`
        unknown: Whether the unknown token may be picked.
    """
    ids = ops.arange(ops.shape(logits)[-1], dtype="int32")
    reserved = ops.equal(ids, PAD)
    if not unknown:
        reserved = ops.logical_or(reserved, ops.equal(ids, UNKNOWN))
    # A sum, as LiteRT adds three times as fast as it selects.
    return logits - ops.logsumexp(logits, axis=-1, keepdims=True) + NEVER * ops.cast(reserved, logits.dtype)


def written(token: Any, copies: Any) -> Any:
    """Return what stands in the output for tokens that were picked: for the unknown one, what is copied."""
    return token if copies is None else ops.where(ops.equal(token, UNKNOWN), copies, token)


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
