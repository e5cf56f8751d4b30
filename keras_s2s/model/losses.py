"""The loss and the metrics of next-token prediction; padding is left out by its weight of 0."""

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable("keras_s2s")
class SmoothedCrossentropy(keras.losses.Loss):
    """Cross-entropy with label smoothing (Szegedy et al. 2016, https://arxiv.org/abs/1512.00567, section 7).

    The target distribution is `1 - smoothing` on the label plus `smoothing` spread evenly over the vocabulary. The
    mean is over the tokens' weights, so that padding counts neither above nor below the line.

    Args:
        smoothing: Share of the probability that is spread, from 0 (plain cross-entropy) to below 1.
    """

    def __init__(self, smoothing: float = 0.0, name: str = "crossentropy", **options: Any) -> None:
        """Set the smoothing."""
        options.setdefault("reduction", "mean_with_sample_weight")
        super().__init__(name=name, **options)
        self.smoothing = smoothing

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return the loss of each token in nats. Labels `[batch, time]`, logits `[batch, time, vocabulary]`"""
        loss = token_crossentropy(y_true, y_pred)
        if self.smoothing:
            uniform = ops.logsumexp(y_pred, axis=-1) - ops.mean(y_pred, axis=-1)
            loss = (1 - self.smoothing) * loss + self.smoothing * uniform
        return loss

    def get_config(self) -> dict[str, Any]:
        """Return what rebuilds the loss."""
        return {**super().get_config(), "smoothing": self.smoothing}


@keras.saving.register_keras_serializable("keras_s2s")
class Perplexity(keras.metrics.Mean):
    """The exponential of the mean cross-entropy over all tokens of an epoch, without smoothing."""

    def __init__(self, name: str = "perplexity", **options: Any) -> None:
        """Name the metric."""
        super().__init__(name=name, **options)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add a batch. Labels and weights `[batch, time]`, logits `[batch, time, vocabulary]`"""
        super().update_state(token_crossentropy(y_true, y_pred), sample_weight=sample_weight)

    def result(self) -> Any:
        """Return the perplexity so far."""
        return ops.exp(super().result())


@keras.saving.register_keras_serializable("keras_s2s")
class TokenAccuracy(keras.metrics.Mean):
    """The share of tokens whose label has the highest logit.

    Where Keras's own accuracy takes an argmax, this compares with the maximum, which the loss needs anyway: under XLA
    on a CPU an argmax over the vocabulary costs as much as a tenth of a training step.
    """

    def __init__(self, name: str = "accuracy", **options: Any) -> None:
        """Name the metric."""
        super().__init__(name=name, **options)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add a batch. Labels and weights `[batch, time]`, logits `[batch, time, vocabulary]`"""
        label = ops.take_along_axis(y_pred, ops.expand_dims(ops.cast(y_true, "int32"), -1), axis=-1)[..., 0]
        super().update_state(ops.cast(label >= ops.max(y_pred, axis=-1), "float32"), sample_weight=sample_weight)


def token_crossentropy(labels: Any, logits: Any) -> Any:
    """Return minus the log-probability of each label in nats. `[batch, time]`"""
    return keras.losses.sparse_categorical_crossentropy(labels, logits, from_logits=True)
