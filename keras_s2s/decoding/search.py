"""From token ids to token ids: encode once, then search, all in one graph."""

from typing import Any

from keras import ops

from keras_s2s.config import ModelConfig, SearchConfig
from keras_s2s.decoding.beam import beam_search
from keras_s2s.decoding.constraints import append, begin_with, match_length, no_repeated_ngram
from keras_s2s.decoding.copying import copies
from keras_s2s.decoding.coverage import nothing_covered
from keras_s2s.decoding.greedy import greedy_search
from keras_s2s.decoding.inference import encode, step
from keras_s2s.decoding.lstm import State, Weights
from keras_s2s.decoding.outputs import Choice, Outputs, Step, next_log_probs
from keras_s2s.decoding.sampling import sample_search


def search(
    weights: Weights,
    source: Any,
    length: Any,
    model: ModelConfig,
    config: SearchConfig,
    noise: Any = None,
    prefix: Any = None,
) -> Outputs:
    """Translate a batch of ids.

    Args:
        weights: The trained arrays.
        source: Token ids with `<EOS>`, padded with 0 on the right. `[batch, time]`
        length: Tokens of each row, `<EOS>` included; a row of `<EOS>` alone has an empty output. `[batch]`
        model: The model's configuration.
        config: Which search.
        noise: For `sample` alone: uniform numbers. `[batch, draws, output_limit(model, config)]`
        prefix: Ids that each output begins with, padded with 0 on the right; left out, none. `[batch, prefix time]`

    Raises:
        ValueError: The search asks for what the model lacks.
    """
    beams = 1 if config.method == "greedy" else config.beam_size
    next_choice, state = begin(weights, source, length, model, config, beams, prefix)
    empty = ops.less_equal(length, 1)
    limit = output_limit(model, config)
    match config.method:
        case "greedy":
            return greedy_search(next_choice, state, empty, limit)
        case "beam":
            penalties = config.length_penalty, config.coverage_penalty
            return beam_search(next_choice, state, empty, limit, beams, *penalties)
        case "sample":
            return sample_search(next_choice, state, empty, noise, config)


def begin(
    weights: Weights,
    source: Any,
    length: Any,
    model: ModelConfig,
    config: SearchConfig,
    beams: int,
    prefix: Any = None,
) -> tuple[Step, State]:
    """Read the sources, and return what a search starts from: the step with all constraints, and the first state.

    Arguments and errors are those of `search`; `beams` is the number of rows that the search has for each source. The
    state has one.
    """
    require_fitting(model, config)
    state, memory = encode(weights, source, length, model)
    if config.match_length or prefix is not None:
        state["position"] = ops.zeros_like(length)
    if config.no_repeat_ngram:
        state["written"] = ops.zeros((ops.shape(length)[0], output_limit(model, config)), "int32")
    if config.method == "beam" and config.coverage_penalty:
        state["coverage"] = nothing_covered(length, ops.shape(source)[1])
    lengths = ops.repeat(length, beams) if config.match_length or config.copy_unknown else None
    prefixes = None if prefix is None else ops.repeat(prefix, beams, axis=0)

    def next_choice(token: Any, state: State) -> Choice:
        logits, following, attention = step(weights, token, state, memory, model, beams=beams)
        log_probs = own = next_log_probs(logits, config.copy_unknown)
        if config.match_length:
            log_probs = next_log_probs(match_length(logits, state["position"], lengths), config.copy_unknown)
        if config.no_repeat_ngram:
            following["written"] = append(state["written"], token)
            log_probs = no_repeated_ngram(log_probs, following["written"], config.no_repeat_ngram)
        if prefixes is not None:
            log_probs = begin_with(log_probs, own, state["position"], prefixes)
        copied = copies(attention, lengths, logits.shape[-1]) if config.copy_unknown else None
        return Choice(log_probs, following, attention, copied)

    return next_choice, state


def require_fitting(model: ModelConfig, config: SearchConfig) -> None:
    """Check that a model has what a search looks at.

    Raises:
        ValueError: The search goes by attention, and the model has none.
    """
    if config.copy_unknown and model.attention == "none":
        raise ValueError(
            "copy_unknown = true copies the source token that got most attention, and this model has none: set "
            "copy_unknown = false, or train a model with attention = 'dot', 'general' or 'additive'"
        )
    if config.coverage_penalty and model.attention == "none":
        raise ValueError(
            f"coverage_penalty = {config.coverage_penalty} counts how much attention each source token got, and this "
            "model has none: set coverage_penalty = 0, or train a model with attention = 'dot', 'general' or 'additive'"
        )


def output_limit(model: ModelConfig, config: SearchConfig) -> int:
    """Return the longest output in tokens, `<EOS>` included."""
    return min(config.max_length or model.max_target_length, model.max_target_length)
