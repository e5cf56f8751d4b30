"""Which searches an export carries: one for its plain answer, one beam for its n-best."""

from dataclasses import replace
from typing import NamedTuple

from keras_s2s.config import SearchConfig


class ExportSearch(NamedTuple):
    """The searches that are built into an export.

    Attributes:
        default: The search of the plain answer, greedy or beam.
        beam: The search of the n-best.
        n_best: Hypotheses that the n-best has.
    """

    default: SearchConfig
    beam: SearchConfig
    n_best: int


def choose_searches(search: SearchConfig, n_best: int) -> ExportSearch:
    """Choose the searches as `Seq2Seq.translate` and `Seq2Seq.n_best` do.

    Raises:
        ValueError: The search draws at random, or `n_best` is not positive.
    """
    if search.method == "sample":
        raise ValueError(
            "an export gives the same answer each time, so it cannot sample: export with "
            "search=SearchConfig(method='greedy') or 'beam'"
        )
    if n_best < 1:
        raise ValueError(f"n_best is the number of hypotheses, at least 1; got {n_best}")
    return ExportSearch(search, replace(search, method="beam", beam_size=max(search.beam_size, n_best)), n_best)
