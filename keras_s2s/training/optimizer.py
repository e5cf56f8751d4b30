"""Adam, and how its learning rate rises and falls over a run."""

import keras

from keras_s2s.config import TrainingConfig


def make_optimizer(settings: TrainingConfig, steps: int) -> keras.optimizers.Optimizer:
    """Return AdamW (Loshchilov & Hutter 2019) with a warm-up and what follows it.

    Args:
        settings: The rate's peak, warm-up and decay, the gradient's bound, and the weight decay.
        steps: Steps of the whole run. A longer warm-up ends one step before them.
    """
    warmup = min(settings.warmup_steps, steps - 1)
    schedule = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0 if warmup else settings.learning_rate,
        warmup_target=settings.learning_rate if warmup else None,
        warmup_steps=warmup,
        decay_steps=steps - warmup,
        alpha=1.0 if settings.decay == "constant" else settings.final_learning_rate,
    )
    return keras.optimizers.AdamW(
        schedule, weight_decay=settings.weight_decay, global_clipnorm=settings.clip_norm or None
    )
