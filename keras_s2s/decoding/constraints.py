"""What a search may not write, whatever the model holds likely."""

from typing import Any

from keras import ops

from keras_s2s.data.tokenizer import EOS, PAD
from keras_s2s.decoding.outputs import NEVER


def match_length(logits: Any, position: Any, length: Any) -> Any:
    """Forbid `<EOS>` before an output has as many tokens as its source, and everything else after that.

    Args:
        logits: Of the next token. `[batch, vocabulary]`
        position: The number of the step, from 0. `[batch]`
        length: Tokens of each source, `<EOS>` included. `[batch]`

    Returns:
        The logits, so that a softmax divides the probability among what is allowed. `[batch, vocabulary]`
    """
    is_eos = ops.equal(ops.arange(logits.shape[-1], dtype="int32"), EOS)
    complete = ops.expand_dims(position >= length - 1, 1)
    return ops.where(ops.equal(is_eos, complete), logits, ops.cast(NEVER, logits.dtype))


def append(written: Any, token: Any) -> Any:
    """Return what was written with one token more, the newest first and the oldest dropped. `[batch, limit]`

    The newest stands first because its place is then the same at every step: a fixed slice, and no look-up.
    """
    return ops.concatenate([ops.expand_dims(token, 1), written[:, :-1]], axis=1)


def no_repeated_ngram(log_probs: Any, written: Any, size: int) -> Any:
    """Forbid each token that would end an n-gram which was written before; `<EOS>` is always allowed.

    Args:
        log_probs: Of the next token. `[batch, vocabulary]`
        written: The tokens so far, newest first, then 0. `[batch, limit]`
        size: Tokens of an n-gram.

    Returns:
        The model's own log-probabilities, `NEVER` where a token is forbidden. `[batch, vocabulary]`
    """
    if size > written.shape[1]:
        return log_probs
    batch, vocabulary = ops.shape(log_probs)[0], log_probs.shape[-1]
    count = written.shape[1] - size + 1  # n-grams that there is room for
    ends = written[:, :count]  # the last token of each
    again = ops.not_equal(ends, PAD)
    for age in range(size - 1):  # those that begin with the newest size - 1 tokens
        again = ops.logical_and(again, ops.equal(written[:, age + 1 : age + 1 + count], written[:, age : age + 1]))
    # A sum over [batch, n-grams, vocabulary] would say the same; with 64 tokens it takes 64 times the memory.
    rows = ops.expand_dims(ops.arange(batch, dtype="int32"), 1) * vocabulary
    places = ops.reshape(rows + ends, (-1, 1))
    found = ops.scatter(places, ops.reshape(ops.cast(again, log_probs.dtype), (-1,)), (batch * vocabulary,))
    ids = ops.arange(vocabulary, dtype="int32")
    forbidden = ops.logical_and(ops.reshape(found, (-1, vocabulary)) > 0, ops.not_equal(ids, EOS))
    return ops.where(forbidden, ops.cast(NEVER, log_probs.dtype), log_probs)


def begin_with(log_probs: Any, own: Any, position: Any, prefix: Any) -> Any:
    """Allow a given beginning alone, as long as it lasts.

    Args:
        log_probs: Of the next token, as other constraints leave them. `[batch, vocabulary]`
        own: Of the next token, as the model gives them. `[batch, vocabulary]`
        position: The number of the step, from 0. `[batch]`
        prefix: Ids of the beginning, padded with 0. `[batch, prefix time]`
    """
    time = ops.shape(prefix)[1]
    wanted = ops.take_along_axis(prefix, ops.expand_dims(ops.minimum(position, time - 1), 1), axis=1)  # [batch, 1]
    wanted = ops.where(ops.expand_dims(position < time, 1), wanted, PAD)
    is_wanted = ops.equal(ops.arange(log_probs.shape[-1], dtype="int32"), wanted)
    forced = ops.where(is_wanted, own, ops.cast(NEVER, own.dtype))
    return ops.where(ops.equal(wanted, PAD), log_probs, forced)
