"""Beam search with a length and a coverage penalty; finished beams are frozen, not lost."""

from typing import Any

from keras import ops

from keras_s2s.data.tokenizer import EOS, PAD
from keras_s2s.decoding.coverage import cover, log_coverage
from keras_s2s.decoding.lstm import State
from keras_s2s.decoding.outputs import NEVER, Outputs, Step, is_eos, repeat_rows, write_at, written


def beam_search(
    step: Step,
    state: State,
    finished: Any,
    limit: int,
    width: int,
    length_penalty: float,
    coverage_penalty: float = 0.0,
) -> Outputs:
    """Keep the `width` best hypotheses at every step, finished and growing ones side by side.

    Hypotheses are ranked by their log-probability divided by ((5 + length) / 6) ** length_penalty, plus
    coverage_penalty times their `log_coverage` of the source (Wu et al. 2016, https://arxiv.org/abs/1609.08144,
    equation 14). A finished one stands as it is until a better one displaces it; the search ends when all are finished.

    Args:
        step: The model's step.
        state: The encoder's context vectors; for a coverage penalty also `coverage`, as `nothing_covered` gives it.
            `[batch, …]`
        finished: Rows that answer nothing. `[batch]`, bool
        limit: Longest output, `<EOS>` included.
        width: Hypotheses kept.
        length_penalty: Exponent; 0 ranks by log-probability alone, which favours short outputs.
        coverage_penalty: Weight; 0 asks for no coverage, and no attention of the step.
    """
    batch = ops.shape(finished)[0]
    first_row = ops.expand_dims(ops.arange(batch, dtype="int32") * width, 1)  # [batch, 1]

    def unfinished(time: Any, finished: Any, *rest: Any) -> Any:
        return ops.logical_and(time < limit, ops.logical_not(ops.all(finished)))

    def body(time: Any, finished: Any, token: Any, tokens: Any, score: Any, length: Any, state: State) -> Any:
        log_probs, following, attention, copies = step(ops.reshape(token, (-1,)), state)
        # No more than `width` tokens of a hypothesis can be kept: the rest of the vocabulary is left here.
        candidates = min(width, log_probs.shape[-1])
        gained, following_token = ops.top_k(log_probs, candidates)
        gained = ops.reshape(gained, (-1, width, candidates))
        following_token = ops.reshape(ops.cast(following_token, "int32"), (-1, width, candidates))
        stays = ops.expand_dims(finished, 2)
        frozen = ops.where(ops.equal(ops.arange(candidates, dtype="int32"), 0), 0.0, NEVER)
        scores = ops.expand_dims(score, 2) + ops.where(stays, frozen, gained)  # [batch, width, candidates]
        length = ops.where(finished, length, length + 1)
        ranking = scores / ops.expand_dims(_penalty(length, length_penalty), 2)
        if coverage_penalty:
            following["coverage"] = cover(state["coverage"], attention, ops.reshape(finished, (-1,)))
            covered = ops.reshape(log_coverage(following["coverage"]), (-1, width, 1))
            ranking = ranking + coverage_penalty * covered
        _, best = ops.top_k(ops.reshape(ranking, (-1, width * candidates)), width)
        best = ops.cast(best, "int32")
        parent = best // candidates  # [batch, width]
        following_token = ops.where(stays, PAD, following_token)
        token = ops.take_along_axis(ops.reshape(following_token, (-1, width * candidates)), best, axis=1)
        rows = ops.reshape(first_row + parent, (-1,))

        def of_parents(x: Any) -> Any:
            flat = ops.reshape(x, (-1, *x.shape[2:]))
            return ops.reshape(ops.take(flat, rows, axis=0), (-1, width, *x.shape[2:]))

        finished = ops.logical_or(of_parents(finished), is_eos(token))
        score = ops.take_along_axis(ops.reshape(scores, (-1, width * candidates)), best, axis=1)
        copies = None if copies is None else of_parents(ops.reshape(copies, (-1, width)))
        tokens = write_at(of_parents(tokens), time, written(token, copies))
        state = {name: ops.take(x, rows, axis=0) for name, x in following.items()}
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
