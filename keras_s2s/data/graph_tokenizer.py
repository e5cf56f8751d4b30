"""The tokeniser inside a TensorFlow graph: strings to ids and back where no Python runs."""

import hashlib
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_text as text

from keras_s2s.data.tokenizer import CHARACTERS_A_TOKEN, EOS, PAD, UNKNOWN, Tokenizer


class GraphTokenizer(tf.Module):
    """The in-graph form of a `Tokenizer`; equal to it on every text (see the tests).

    `tensorflow_text.SentencepieceTokenizer` runs the library that `Tokenizer` runs; TensorFlow Serving links its op.
    """

    def __init__(self, tokenizer: Tokenizer, name: str | None = None) -> None:
        """Put `tokenizer` into the graph."""
        super().__init__(name=name)
        # A name of its own: in a loaded SavedModel, nodes of one name share one tokeniser, whatever their models
        # (https://github.com/tensorflow/text/issues/1304).
        unique = f"sentencepiece_{hashlib.sha256(tokenizer.model).hexdigest()[:16]}"
        self._tokenizer = text.SentencepieceTokenizer(model=tokenizer.model, out_type=tf.int32, name=unique)
        # Indexed by id; those of padding and `<EOS>` are nothing.
        self._pieces = np.array(["", "", *tokenizer.pieces(range(UNKNOWN, len(tokenizer)))], object)

    def encode(self, texts: Any, limit: int) -> tuple[Any, Any]:
        """Tokenise a batch of strings.

        Args:
            texts: Strings, `[batch]`.
            limit: Longest row, `<EOS>` included; longer ones lose their end and keep `<EOS>`, and no more of a text
                than its first `CHARACTERS_A_TOKEN * limit` characters is read.

        Returns:
            Ids `[batch, time]`, padded with 0 to the longest row, and lengths `[batch]`; both int32.
        """
        texts = _beginning(texts, CHARACTERS_A_TOKEN * limit)
        ragged = self._tokenizer.tokenize(texts)[:, : limit - 1]
        ends = tf.fill([ragged.nrows(), 1], EOS)
        ragged = tf.concat([ragged, ends], axis=1)
        return ragged.to_tensor(PAD), tf.cast(ragged.row_lengths(), tf.int32)

    def decode(self, ids: Any) -> Any:
        """Turn ids `[batch, time]` into strings `[batch]`, each up to its first `<EOS>`."""
        ended = tf.cumsum(tf.cast(ids == EOS, tf.int32), axis=1) > 0
        return self._tokenizer.detokenize(tf.ragged.boolean_mask(ids, ~ended))

    def pieces(self, ids: Any) -> Any:
        """Turn ids `[…, time]` that end in `<EOS>` or padding into their pieces, a space between two. `[…]`, string"""
        joined = tf.strings.reduce_join(tf.gather(self._pieces, ids), axis=-1, separator=" ")
        return tf.strings.regex_replace(joined, " +$", "")


def _beginning(texts: Any, characters: int) -> Any:
    """Return the first characters, code points, of each text. `[batch]`, string"""
    # First by bytes, of which a character has four at the most: where they are no UTF-8, a character has no end.
    return tf.strings.substr(tf.strings.substr(texts, 0, 4 * characters), 0, characters, unit="UTF8_CHAR")
