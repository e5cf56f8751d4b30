"""First weights at which the source already reaches the decoder.

By Keras's defaults (embeddings of ±0.05, Glorot kernels) every layer shrinks its input tenfold, so that at first the
context vectors hardly depend on the source, and the decoder spends its first epochs as a mere language model. Here
signals keep their size through the stack (Glorot & Bengio 2010; Mishkin & Matas 2016, https://arxiv.org/abs/1511.06422):
an upper layer's gates are fed with a variance near one, those of the first layer, which reads the embedding, with one
near five. A tied embedding begins smaller, for the sake of the logits, and the first decoder layer's gates with it.
"""

import keras

_SCALE = 5.0
"""Variance of a kernel times its inputs: an LSTM's outputs have a mean square near one fifth."""


def embedding_initializer(tied: bool = False, size: int = 1) -> keras.initializers.Initializer:
    """Return the standard normal distribution, or one that also suits an output layer.

    Args:
        tied: Whether the embedding is also the output layer, whose logits must begin small.
        size: Numbers in one embedding.
    """
    return keras.initializers.RandomNormal(stddev=size**-0.5 if tied else 1.0)


def kernel_initializer() -> keras.initializers.Initializer:
    """Return the distribution of an LSTM's input kernels."""
    return keras.initializers.VarianceScaling(_SCALE, mode="fan_in", distribution="untruncated_normal")
