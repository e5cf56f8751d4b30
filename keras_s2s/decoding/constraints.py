"""What a search may not write, whatever the model holds likely."""

from typing import Any

from keras import ops

from keras_s2s.data.tokenizer import EOS
from keras_s2s.decoding.outputs import NEVER


def match_length(logits: Any, position: Any, length: Any) -> Any:
    """Forbid `<EOS>` before an output has as many tokens as its source, and everything else after that.

    Args:
        logits: Of the next token. `[batch, vocabulary]`
        position: The number of the step, from 0. `[batch]`
        length: Tokens of each source, `<EOS>` included. `[batch]`

    Returns:
        The logits, so that a softmax divides the probability among what is allowed. `[batch, vocabulary]`
    """
    is_eos = ops.equal(ops.arange(logits.shape[-1], dtype="int32"), EOS)
    complete = ops.expand_dims(position >= length - 1, 1)
    return ops.where(ops.equal(is_eos, complete), logits, ops.cast(NEVER, logits.dtype))
