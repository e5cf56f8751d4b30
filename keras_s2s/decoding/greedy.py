"""Greedy search: the likeliest token at every step."""

from typing import Any

from keras import ops

from keras_s2s.data.tokenizer import EOS, PAD
from keras_s2s.decoding.lstm import State
from keras_s2s.decoding.outputs import Outputs, Step, is_eos, write_at, written


def greedy_search(step: Step, state: State, finished: Any, limit: int) -> Outputs:
    """Pick the likeliest token until every row has picked `<EOS>`, or `limit` tokens.

    Args:
        step: The model's step.
        state: The encoder's context vectors.
        finished: Rows that answer nothing. `[batch]`, bool
        limit: Longest output, `<EOS>` included.
    """

    def unfinished(time: Any, token: Any, finished: Any, tokens: Any, score: Any, state: State) -> Any:
        return ops.logical_and(time < limit, ops.logical_not(ops.all(finished)))

    def body(time: Any, token: Any, finished: Any, tokens: Any, score: Any, state: State) -> tuple[Any, ...]:
        log_probs, state, _, copies = step(token, state)
        best, token = ops.top_k(log_probs, 1)  # top_k, as argmax does not convert to TFLite
        token = ops.where(finished, PAD, ops.cast(token[:, 0], "int32"))
        score = ops.where(finished, score, score + best[:, 0])
        tokens = write_at(tokens, time, written(token, copies))
        return time + 1, token, ops.logical_or(finished, is_eos(token)), tokens, score, state

    batch = ops.shape(finished)[0]
    start = ops.full((batch,), EOS, dtype="int32")
    tokens, score = ops.zeros((batch, limit), "int32"), ops.zeros((batch,), "float32")
    found = ops.while_loop(unfinished, body, (ops.zeros((), "int32"), start, finished, tokens, score, state))
    return Outputs(ops.expand_dims(found[3], 1), ops.expand_dims(found[4], 1))
