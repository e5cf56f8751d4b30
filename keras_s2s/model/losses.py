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


class TokenMean(keras.metrics.Mean):
    """A mean over all tokens of an epoch, each as heavy as its weight.

    Keras's own `Mean` first takes the mean over each row's time steps, so that a token in a short batch would count
    more than one in a long batch.
    """

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add a batch. Labels and weights `[batch, time]`, logits `[batch, time, vocabulary]`"""
        weights = None if sample_weight is None else ops.reshape(sample_weight, (-1,))
        super().update_state(ops.reshape(self.of_tokens(y_true, y_pred), (-1,)), weights)

    def of_tokens(self, labels: Any, logits: Any) -> Any:
        """Return the figure of each token. `[batch, time]`"""
        raise NotImplementedError


@keras.saving.register_keras_serializable("keras_s2s")
class Perplexity(TokenMean):
    """The exponential of the mean cross-entropy, without smoothing."""

    def __init__(self, name: str = "perplexity", **options: Any) -> None:
        """Name the metric."""
        super().__init__(name=name, **options)

    def of_tokens(self, labels: Any, logits: Any) -> Any:
        """Return the cross-entropy of each token in nats. `[batch, time]`"""
        return token_crossentropy(labels, logits)

    def result(self) -> Any:
        """Return the perplexity so far."""
        return ops.exp(super().result())


@keras.saving.register_keras_serializable("keras_s2s")
class TokenAccuracy(TokenMean):
    """The share of tokens whose label has the highest logit.

    Where Keras's own accuracy takes an argmax, this compares with the maximum, which the loss needs anyway: under XLA
    on a CPU an argmax over the vocabulary costs as much as a tenth of a training step.
    """

    def __init__(self, name: str = "accuracy", **options: Any) -> None:
        """Name the metric."""
        super().__init__(name=name, **options)

    def of_tokens(self, labels: Any, logits: Any) -> Any:
        """Return 1 where the label has the highest logit, else 0. `[batch, time]`"""
        label = ops.take_along_axis(logits, ops.expand_dims(ops.cast(labels, "int32"), -1), axis=-1)[..., 0]
        return ops.cast(label >= ops.max(logits, axis=-1), "float32")


def token_crossentropy(labels: Any, logits: Any) -> Any:
    """Return minus the log-probability of each label in nats. `[batch, time]`"""
    return keras.losses.sparse_categorical_crossentropy(labels, logits, from_logits=True)
