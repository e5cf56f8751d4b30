"""How likely a model holds given outputs, and how near its search came to another one."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from keras import ops

from keras_s2s.config import ModelConfig, SearchConfig
from keras_s2s.data.tokenizer import EOS, PAD, UNKNOWN
from keras_s2s.decoding.copying import copyable
from keras_s2s.decoding.coverage import cover, log_coverage
from keras_s2s.decoding.inference import encode, step
from keras_s2s.decoding.lstm import Weights
from keras_s2s.decoding.outputs import NEVER, repeat_rows, write_at
from keras_s2s.decoding.runtime import pad_rows
from keras_s2s.decoding.search import begin, output_limit

Ids = Sequence[int]

BATCH = 64


def token_log_probs(weights: Weights, source: Any, length: Any, target: Any, config: ModelConfig) -> Any:
    """Return the log-probability of each token of given outputs, by the model alone.

    On what a search may write, these are the figures that it counts.

    Args:
        weights: The trained arrays.
        source: Token ids with `<EOS>`, padded with 0 on the right. `[batch, time]`
        length: Tokens of each row, `<EOS>` included. `[batch]`
        target: Ids of the outputs, padded with 0 on the right. `[batch, target time]`
        config: The model's.

    Returns:
        Natural logarithms, 0 at the padding. `[batch, target time]`
    """
    state, memory = encode(weights, source, length, config)
    batch, times = ops.shape(target)

    def body(time: Any, token: Any, state: Any, found: Any) -> tuple[Any, ...]:
        logits, state, _ = step(weights, token, state, memory, config)
        token = ops.take(target, time, axis=1)
        gained = ops.take_along_axis(ops.log_softmax(logits), ops.expand_dims(token, 1), axis=1)[:, 0]
        return time + 1, token, state, write_at(found, time, ops.where(ops.equal(token, PAD), 0.0, gained))

    start = (ops.zeros((), "int32"), ops.full((batch,), EOS, dtype="int32"), state, ops.zeros((batch, times)))
    return ops.while_loop(lambda time, *_: time < times, body, start)[3]


def score(weights: Weights, pairs: Sequence[tuple[Ids, Ids]], config: ModelConfig) -> list[float]:
    """Return the log-probability of each pair's output, given its source: ids that end with `<EOS>`.

    An output that fills the model's limit has no `<EOS>`; one of no ids, as a source of `<EOS>` alone has, counts 0.
    """
    arrays = {name: ops.convert_to_tensor(array) for name, array in weights.items()}
    totals: list[float] = []
    for start in range(0, len(pairs), BATCH):
        sources, targets = zip(*pairs[start : start + BATCH], strict=True)
        source, length = pad_rows(sources)
        target, _ = pad_rows([ids or [PAD] for ids in targets])
        found = ops.convert_to_numpy(token_log_probs(arrays, source, length, target, config))
        totals += found.astype(np.float64).sum(axis=1).tolist()
    return totals


def closest_decisions(
    weights: Weights, sources: Sequence[Ids], model: ModelConfig, search: SearchConfig
) -> list[float]:
    """Return how near a greedy or beam search came to keeping another hypothesis: the narrowest margin for each source.

    A margin is, at each step, the difference in rank between the last hypothesis kept and the first one dropped, and at
    the end also that between the best and the second; where the best has the copy of a source token, it is also the
    difference in attention to the next one. Another order of the same floating-point additions changes an answer only
    where the narrowest margin is of their rounding's size.

    Args:
        weights: The trained arrays.
        sources: Ids of each source, `<EOS>` included; on `<EOS>` alone nothing is decided, and the margin is infinite.
        model: The model's configuration.
        search: Greedy, or which beam.
    """
    arrays = {name: ops.convert_to_tensor(array) for name, array in weights.items()}
    margins: list[float] = []
    for start in range(0, len(sources), BATCH):
        margins += _margins(arrays, sources[start : start + BATCH], model, search).tolist()
    return margins


def _margins(weights: Weights, sources: Sequence[Ids], model: ModelConfig, search: SearchConfig) -> Any:
    """Follow the search of a batch, in NumPy but for the model's steps. `[batch]`"""
    greedy = search.method == "greedy"
    width, exponent = (1, 0.0) if greedy else (search.beam_size, search.length_penalty)
    source, source_length = pad_rows(sources)
    batch = len(source)
    next_choice, state = begin(weights, source, source_length, model, search, width)
    state = repeat_rows(state, width)
    token = np.full((batch, width), EOS, np.int32)
    score = np.where(np.arange(width) == 0, 0.0, NEVER) + np.zeros((batch, 1))  # one beam is alive at the start
    length, best = np.zeros((batch, width), np.int64), np.zeros((batch, width + 1))
    finished = np.zeros((batch, width), bool) | (source_length <= 1)[:, np.newaxis]
    narrowest, leads = np.full(batch, np.inf), np.full((batch, width), np.inf)
    for _ in range(output_limit(model, search)):
        found, following, attention, copies = next_choice(token.reshape(-1), state)
        log_probs = ops.convert_to_numpy(found).astype(np.float64).reshape(batch, width, -1)
        log_probs[finished] = NEVER
        log_probs[finished, PAD] = 0
        total = score[:, :, np.newaxis] + log_probs  # [batch, width, vocabulary]
        length = np.where(finished, length, length + 1)
        ranking = total / ((5 + length) / 6)[:, :, np.newaxis] ** exponent
        if "coverage" in state:
            following["coverage"] = cover(state["coverage"], attention, finished.reshape(-1))
            covered = ops.convert_to_numpy(log_coverage(following["coverage"])).reshape(batch, width, 1)
            ranking = ranking + search.coverage_penalty * covered
        ranking = ranking.reshape(batch, -1)
        order = _largest(ranking, width + 1)
        going = ~finished.all(axis=1)
        best[going] = np.take_along_axis(ranking, order, axis=1)[going]
        scores = np.take_along_axis(total.reshape(batch, -1), order, axis=1)
        margin = np.where(scores[:, -1] > NEVER / 2, best[:, -2] - best[:, -1], np.inf)  # else nothing was dropped
        narrowest[going] = np.minimum(narrowest, margin)[going]
        rows, token = np.divmod(order[:, :width], log_probs.shape[2])
        if copies is not None:
            ahead = _attention_lead(attention, np.repeat(source_length, width)).reshape(batch, width)
            before, copied = (np.take_along_axis(x, rows, axis=1) for x in (leads, np.minimum(leads, ahead)))
            leads = np.where(token == UNKNOWN, copied, before)
        token, score = token.astype(np.int32), scores[:, :width]
        length = np.take_along_axis(length, rows, axis=1)
        finished = np.take_along_axis(finished, rows, axis=1) | (token == EOS)
        flat = (rows + np.arange(batch)[:, np.newaxis] * width).reshape(-1)
        state = {name: ops.take(x, flat, axis=0) for name, x in following.items()}
        if finished.all():
            break
    if width > 1:
        decided = source_length > 1
        narrowest[decided] = np.minimum(narrowest, best[:, 0] - best[:, 1])[decided]
    return np.minimum(narrowest, leads[:, 0])


def _attention_lead(attention: Any, length: Any) -> Any:
    """Return how much more attention the token to copy got than the next one; infinite where there is no other."""
    least, most = np.sort(ops.convert_to_numpy(copyable(attention, length)), axis=1)[:, -2:].T
    return np.where(least < 0, np.inf, most - least)


def _largest(values: Any, count: int) -> Any:
    """Return the places of the largest values of each row, largest first."""
    places = np.argpartition(-values, count, axis=1)[:, :count]
    order = np.argsort(-np.take_along_axis(values, places, axis=1), axis=1, kind="stable")
    return np.take_along_axis(places, order, axis=1)
