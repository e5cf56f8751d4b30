"""Source texts that are longer than a model reads: found, told and cut in one way, in Keras and on the device.

The exported graph for servers cuts them likewise, without a word: see `graph_tokenizer`. This module imports neither
TensorFlow nor pydantic; the on-device translator reads with it.
"""

import warnings
from collections.abc import Sequence
from typing import NamedTuple

from keras_s2s.data.tokenizer import CHARACTERS_A_TOKEN, EOS, Tokenizer

SHOWN = 60
"""Characters of a text that an error message shows."""


class Source(NamedTuple):
    """A source text as a model reads it.

    Attributes:
        ids: Its ids, `<EOS>` at the end, within the limit.
        excess: What is too long about the text; None where it fits.
    """

    ids: list[int]
    excess: str | None


def read_sources(tokenizer: Tokenizer, texts: Sequence[str], limit: int) -> list[Source]:
    """Return texts within a limit.

    Args:
        tokenizer: The source side's.
        texts: Unicode texts.
        limit: Longest row of ids, `<EOS>` included. Of a text the first `CHARACTERS_A_TOKEN * limit` characters are
            read, whatever they are: one that has more is too long too.
    """
    most = CHARACTERS_A_TOKEN * limit
    found = []
    for text, ids in zip(texts, tokenizer.encode([text[:most] for text in texts]), strict=True):
        excess = None
        if len(text) > most:
            excess = (
                f"the source has {len(text)} characters, max_source_length = {limit} reads {most}: {text[:SHOWN]!r}"
            )
        elif len(ids) > limit:
            excess = f"the source has {len(ids)} tokens, max_source_length is {limit}: {text[:SHOWN]!r}"
        found.append(Source(ids if len(ids) <= limit else [*ids[: limit - 1], EOS], excess))
    return found


def limited_ids(
    tokenizer: Tokenizer, texts: Sequence[str], limit: int, overlong: str, *, stacklevel: int
) -> list[list[int]]:
    """Return the ids of texts; what is over the limit loses its end, with a warning, or is refused.

    Args:
        tokenizer: The source side's.
        texts: Unicode texts.
        limit: As of `read_sources`.
        overlong: `truncate` or `error`.
        stacklevel: How many calls above this function's body the warning points to, as `warnings.warn` counts.

    Raises:
        ValueError: A text is over the limit, and `overlong` is `error`.
    """
    rows = []
    for ids, excess in read_sources(tokenizer, texts, limit):
        if excess and overlong == "error":
            raise ValueError(f"{excess}; split the text, or train a model with a larger limit")
        if excess:
            warnings.warn(f"{excess}; its end was cut off", stacklevel=stacklevel)
        rows.append(ids)
    return rows
