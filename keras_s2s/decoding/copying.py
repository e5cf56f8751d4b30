"""Copying source tokens in place of the unknown one: the token that attention points to.

Luong, Sutskever, Le, Vinyals & Zaremba 2015, https://aclanthology.org/P15-1002; by attention, Jean et al. 2015,
https://aclanthology.org/P15-1001, section 3.4.
"""

from typing import Any

from keras import ops


def copyable(attention: Any, length: Any) -> Any:
    """Return attention that is below nothing where there is nothing to copy: at `<EOS>` and padding.

    Args:
        attention: The share of each source position. `[batch, source time]`
        length: Tokens of each source, `<EOS>` included. `[batch]`
    """
    positions = ops.arange(ops.shape(attention)[1], dtype="int32")
    return ops.where(positions < ops.expand_dims(length - 1, 1), attention, -1.0)


def copies(attention: Any, length: Any, vocabulary: int) -> Any:
    """Return what is written for an unknown token: `vocabulary` + the position of the source token to copy. `[batch]`

    It is the position with most attention; of several the first.

    Args:
        attention: The share of each source position. `[batch, source time]`
        length: Tokens of each source, `<EOS>` included. `[batch]`
        vocabulary: How many ids the target has.
    """
    _, position = ops.top_k(copyable(attention, length), 1)  # top_k, as argmax does not convert to TFLite
    return vocabulary + ops.cast(position[:, 0], "int32")
