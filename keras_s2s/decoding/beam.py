"""Beam search with a length penalty; finished beams are frozen, not lost."""

from typing import Any

from keras import ops

from keras_s2s.data.tokenizer import EOS, PAD
from keras_s2s.decoding.lstm import State
from keras_s2s.decoding.outputs import NEVER, Outputs, Step, is_eos, next_log_probs, repeat_rows, write_at


def beam_search(step: Step, state: State, finished: Any, limit: int, width: int, length_penalty: float) -> Outputs:
    """Keep the `width` best hypotheses at every step, finished and growing ones side by side.

    Hypotheses are ranked by their log-probability divided by ((5 + length) / 6) ** length_penalty (Wu et al. 2016,
    https://arxiv.org/abs/1609.08144, equation 14). A finished one stands as it is until a better one displaces it; the
    search ends when all are finished.

    Args:
        step: The model's step.
        state: The encoder's context vectors. `[batch, …]`
        finished: Rows that answer nothing. `[batch]`, bool
        limit: Longest output, `<EOS>` included.
        width: Hypotheses kept.
        length_penalty: Exponent; 0 ranks by log-probability alone, which favours short outputs.
    """
    batch = ops.shape(finished)[0]
    first_row = ops.expand_dims(ops.arange(batch, dtype="int32") * width, 1)  # [batch, 1]

    def unfinished(time: Any, finished: Any, *rest: Any) -> Any:
        return ops.logical_and(time < limit, ops.logical_not(ops.all(finished)))

    def body(time: Any, finished: Any, token: Any, tokens: Any, score: Any, length: Any, state: State) -> Any:
        logits, state, _ = step(ops.reshape(token, (-1,)), state)
        vocabulary = logits.shape[-1]
        log_probs = ops.reshape(next_log_probs(logits), (-1, width, vocabulary))
        frozen = ops.where(ops.equal(ops.arange(vocabulary, dtype="int32"), PAD), 0.0, NEVER)
        log_probs = ops.where(ops.expand_dims(finished, 2), frozen, log_probs)
        scores = ops.expand_dims(score, 2) + log_probs  # [batch, width, vocabulary]
        length = ops.where(finished, length, length + 1)
        ranking = scores / ops.expand_dims(_penalty(length, length_penalty), 2)
        _, best = ops.top_k(ops.reshape(ranking, (-1, width * vocabulary)), width)
        best = ops.cast(best, "int32")
        parent = best // vocabulary  # [batch, width]
        token = best - parent * vocabulary
        rows = ops.reshape(first_row + parent, (-1,))

        def of_parents(x: Any) -> Any:
            flat = ops.reshape(x, (-1, *x.shape[2:]))
            return ops.reshape(ops.take(flat, rows, axis=0), (-1, width, *x.shape[2:]))

        finished = ops.logical_or(of_parents(finished), is_eos(token))
        score = ops.take_along_axis(ops.reshape(scores, (-1, width * vocabulary)), best, axis=1)
        tokens = write_at(of_parents(tokens), time, token)
        state = {name: ops.take(x, rows, axis=0) for name, x in state.items()}
        return time + 1, finished, token, tokens, score, of_parents(length), state

    # One beam a row is alive at the start; the others would only repeat it.
    alone = ops.where(ops.equal(ops.arange(width, dtype="int32"), 0), 0.0, NEVER)
    found = ops.while_loop(
        unfinished,
        body,
        (
            ops.zeros((), "int32"),
            ops.tile(ops.expand_dims(finished, 1), (1, width)),
            ops.full((batch, width), EOS, dtype="int32"),
            ops.zeros((batch, width, limit), "int32"),
            ops.zeros((batch, width), "float32") + alone,
            ops.zeros((batch, width), "int32"),
            repeat_rows(state, width),
        ),
    )
    return Outputs(tokens=found[3], log_probs=found[4])


def _penalty(length: Any, exponent: float) -> Any:
    return ((5.0 + ops.cast(length, "float32")) / 6.0) ** exponent
