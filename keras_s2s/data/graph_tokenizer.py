"""The tokeniser inside a TensorFlow graph: strings to ids and back where no Python runs."""

import copy
import hashlib
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_text as text

from keras_s2s.data.tokenizer import CHARACTERS_A_TOKEN, EOS, PAD, SPACE, UNKNOWN, Tokenizer


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
        # Words begin with a space, which a text does not. What an unknown token is written as stands in no piece.
        self._space = SPACE if tokenizer.writes_words else ""
        (self._unknown,) = tokenizer.decode([[UNKNOWN]])

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

    def surfaces(self, texts: Any, limit: int) -> Any:
        """Return the pieces of texts as they are copied into an output, `""` for `<EOS>` and padding.

        Arguments are those of `encode`; as `Tokenizer.surfaces`.

        Returns:
            Strings. `[batch, time]`
        """
        in_pieces = copy.copy(self._tokenizer)  # over the same resource
        in_pieces.out_type = tf.string
        ragged = in_pieces.tokenize(_beginning(texts, CHARACTERS_A_TOKEN * limit))[:, : limit - 1]
        dense = tf.concat([ragged, tf.fill([ragged.nrows(), 1], "")], axis=1).to_tensor("")
        return tf.strings.regex_replace(dense, f"^{self._space}", "") if self._space else dense

    def decode(self, ids: Any) -> Any:
        """Turn ids `[batch, time]` into strings `[batch]`, each up to its first `<EOS>`."""
        ended = tf.cumsum(tf.cast(ids == EOS, tf.int32), axis=1) > 0
        return self._tokenizer.detokenize(tf.ragged.boolean_mask(ids, ~ended))

    def pieces(self, ids: Any) -> Any:
        """Turn ids `[…, time]` that end in `<EOS>` or padding into their pieces, a space between two. `[…]`, string"""
        return _join(tf.gather(self._pieces, ids))

    def decode_copies(self, ids: Any, surfaces: Any) -> Any:
        """Turn ids, copies of source tokens among them, into strings, as `Tokenizer.decode` does. `[batch]`

        Args:
            ids: Each row up to its first `<EOS>` counts. `[batch, time]`
            surfaces: The sources', as their tokeniser's `surfaces` gives them. `[batch, source time]`
        """
        known, copied = self._copied(ids, surfaces)
        goes_on = tf.cumsum(tf.cast(ids == EOS, tf.int32), axis=1) == 0
        copied = tf.ragged.boolean_mask(copied, goes_on & (known != ids))
        copied = tf.concat([copied, tf.fill([copied.nrows(), 1], "")], axis=1)
        copied = tf.strings.regex_replace(copied.flat_values, SPACE, " ")
        parts = tf.strings.split(self.decode(known), self._unknown)
        whole = tf.strings.reduce_join(parts.with_flat_values(parts.flat_values + copied), axis=-1)
        return tf.strings.regex_replace(whole, "^ ", "") if self._space else whole

    def pieces_with_copies(self, ids: Any, surfaces: Any) -> Any:
        """As `pieces`, with copies of source tokens. `[batch]`, string

        Args:
            ids: They end in `<EOS>` or padding. `[batch, time]`
            surfaces: The sources', as their tokeniser's `surfaces` gives them. `[batch, source time]`
        """
        known, copied = self._copied(ids, surfaces)
        return _join(tf.where(known != ids, copied, tf.gather(self._pieces, known)))

    def _copied(self, ids: Any, surfaces: Any) -> tuple[Any, Any]:
        """Return ids, the unknown one for each copy, and the pieces that copies stand for. `[batch, time]` each"""
        is_copy = ids >= len(self._pieces)
        position = tf.where(is_copy, ids - len(self._pieces), 0)
        return tf.where(is_copy, UNKNOWN, ids), self._space + tf.gather(surfaces, position, batch_dims=1)


def _join(pieces: Any) -> Any:
    return tf.strings.regex_replace(tf.strings.reduce_join(pieces, axis=-1, separator=" "), " +$", "")


def _beginning(texts: Any, characters: int) -> Any:
    """Return the first characters, code points, of each text. `[batch]`, string"""
    # First by bytes, of which a character has four at the most: where they are no UTF-8, a character has no end.
    return tf.strings.substr(tf.strings.substr(texts, 0, 4 * characters), 0, characters, unit="UTF8_CHAR")
