"""Weights that int8 loses little of: rounded with care before the converter rounds them.

The converter rounds each weight to the nearest point of its grid: one grid for each output of a product, one for all of
an embedding. Here each rounding error is made good by the weights that are still to be rounded, in proportion to how
the product's inputs go together (GPTQ; Frantar et al. 2023, https://arxiv.org/abs/2210.17323), and the columns of an
embedding first get one range (Nagel et al. 2019, https://arxiv.org/abs/1906.04721). What comes out lies on the
converter's own grids, so that it changes nothing more; size and speed stay what they were.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

LEVELS = 127
# Share of the mean of a moment's diagonal that is added to it: inputs that the calibration did not show do occur.
DAMPING = 0.01
# The layers that read an embedding and nothing else.
_READERS = {"encoder_embedding": "encoder_lstm_1", "decoder_embedding": "decoder_lstm_1"}


def round_weights(weights: Mapping[str, Array], moments: Mapping[str, Array], *, tied: bool) -> dict[str, Array]:
    """Return weights on int8 grids, as float32; those that are no factor of a product stay as they are.

    Args:
        weights: The trained arrays by `layer/variable`.
        moments: For products, the mean of x · xᵀ over their inputs x. `[inputs, inputs]` each
        tied: Whether the decoder's embedding is also the output layer; it is then left to the converter.
    """
    rounded = {name: np.asarray(array, np.float32) for name, array in weights.items()}
    moments = dict(moments)
    for embedding, reader in _READERS.items():
        if not (tied and embedding == "decoder_embedding"):
            kernels = [f"{half}{reader}/kernel" for half in ("", "forward_", "backward_")]
            _round_embedding(rounded, moments, f"{embedding}/embeddings", [k for k in kernels if k in rounded])
    for name, moment in moments.items():
        weight = rounded[name]
        rounded[name] = compensated(weight, moment, np.abs(weight).max(axis=0))
    return rounded


def _round_embedding(weights: dict[str, Array], moments: dict[str, Array], name: str, kernels: Sequence[str]) -> None:
    """Give an embedding's columns one range, which the kernels that read it take back, and round it."""
    columns = np.maximum(np.abs(weights[name]).max(axis=0), np.finfo(np.float32).tiny)
    columns /= np.exp(np.log(columns).mean())
    embedding = weights[name] / columns
    for kernel in kernels:
        weights[kernel] = weights[kernel] * columns[:, np.newaxis]
        if kernel in moments:
            moments[kernel] = moments[kernel] / np.outer(columns, columns)
    # An error counts as much as the kernels make of it.
    moment = np.sum([weights[kernel] @ weights[kernel].T for kernel in kernels], axis=0)
    weights[name] = compensated(embedding.T, moment, np.abs(embedding).max()).T.copy()


def compensated(weight: Array, moment: Array, largest: Array) -> Array:
    """Return a weight rounded to 127 steps on each side of zero, each error made good by the rows below.

    Args:
        weight: The factor W of a product x · W. `[inputs, outputs]`
        moment: The mean of x · xᵀ. `[inputs, inputs]`
        largest: What 127 steps are: the largest absolute weight, of each output or of all.
    """
    step = np.maximum(largest, np.finfo(np.float32).tiny).astype(np.float64) / LEVELS
    moment = moment + np.eye(len(moment)) * max(DAMPING * np.mean(np.diag(moment)), np.finfo(np.float32).tiny)
    order = np.argsort(-np.diag(moment), kind="stable")  # the inputs that matter most have the most rows to make good
    factor = np.linalg.cholesky(np.linalg.inv(moment[np.ix_(order, order)].astype(np.float64))).T
    # Where the largest weight is rounded away, the converter would choose another grid.
    defines_grid = (np.abs(weight[order]) >= largest) & (largest > 0)
    rest, rounded = weight[order].astype(np.float64), np.empty(weight.shape)
    for row in range(len(rest)):
        steps = np.clip(np.round(rest[row] / step), -LEVELS, LEVELS)
        steps = np.where(defines_grid[row], np.copysign(LEVELS, weight[order[row]]), steps)
        rounded[row] = steps * step
        error = (rest[row] - rounded[row]) / factor[row, row]
        rest[row + 1 :] -= np.outer(factor[row, row + 1 :], error)
    unordered = np.empty(weight.shape, np.float32)
    unordered[order] = rounded
    return unordered
