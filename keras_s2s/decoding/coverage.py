"""How much of its source a hypothesis has attended to: the coverage penalty.

Wu et al. 2016, https://arxiv.org/abs/1609.08144, equation 14.
"""

from typing import Any

from keras import ops

LEAST = 1e-3
"""The least coverage that counts. Without it the logarithm of tokens that got next to nothing so far, which at the
first steps are nearly all, would drown the rest of the ranking; a token outside of the attention's window would make it
minus infinity."""


def nothing_covered(length: Any, time: Any) -> Any:
    """Return the coverage before the first step. `[batch, source time]`

    What is never penalised, `<EOS>` and padding, counts as covered from the start.

    Args:
        length: Tokens of each source, `<EOS>` included. `[batch]`
        time: Length of the padded sources.
    """
    return ops.cast(ops.arange(time, dtype="int32") >= ops.expand_dims(length - 1, 1), "float32")


def cover(coverage: Any, attention: Any, finished: Any) -> Any:
    """Add a step's attention to the coverage; what is finished keeps its own. `[batch, source time]`

    Args:
        coverage: Before the step. `[batch, source time]`
        attention: The step's. `[batch, source time]`
        finished: Hypotheses that have ended. `[batch]`, bool
    """
    return ops.where(ops.expand_dims(finished, 1), coverage, coverage + attention)


def log_coverage(coverage: Any) -> Any:
    """Return the sum of the logarithms of each source token's coverage, 1 at the most. `[batch]`"""
    return ops.sum(ops.log(ops.clip(coverage, LEAST, 1.0)), axis=1)
