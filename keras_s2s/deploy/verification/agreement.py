"""Whether an export answers as its model does: sample texts, and the comparison."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from keras_s2s.data.tokenizer import UNKNOWN, Tokenizer

if TYPE_CHECKING:
    from keras_s2s.seq2seq import Seq2Seq

SAMPLES = 40
LONGEST_SAMPLE = 16
AWKWARD = ("", "   ", "😀 😀", "Привет, ﬁancé", "one\ttwo\nthree", "a" * 300)

# Another order of the same additions may decide a tie between two tokens otherwise, and the search goes on from there:
# so many texts, or this share, may differ. A faulty export differs in far more.
MOST_TIES = 2
MOST_TIES_SHARE = 0.05


def sample_texts(model: "Seq2Seq", own: Sequence[str] | None = None, count: int = SAMPLES) -> list[str]:
    """Return source texts that fit the model, to compare its exports on.

    Args:
        model: The model.
        own: The user's texts. Where they are fewer than `count`, some awkward texts and random pieces of the source
            tokeniser, of all lengths, are put behind them.
        count: How many texts are enough.
    """
    tokenizer, limit = model.source_tokenizer, model.config.max_source_length
    texts = _fitting(own or (), tokenizer, limit)
    return texts if len(texts) >= count else texts + _drawn(tokenizer, limit, count)


def _drawn(tokenizer: Tokenizer, limit: int, count: int) -> list[str]:
    random = np.random.default_rng(0)
    lengths = random.integers(1, min(limit, LONGEST_SAMPLE + 1), size=count)
    rows = [random.integers(min(UNKNOWN + 1, len(tokenizer) - 1), len(tokenizer), size=n).tolist() for n in lengths]
    return _fitting([*AWKWARD, *tokenizer.decode(rows)], tokenizer, limit)


def _fitting(texts: Sequence[str], tokenizer: Tokenizer, limit: int) -> list[str]:
    return [text for text, ids in zip(texts, tokenizer.encode(texts), strict=True) if len(ids) <= limit]


def agreement(expected: Sequence[str], received: Sequence[str]) -> float:
    """Return the share of equal answers; 1 where there are none."""
    pairs = list(zip(expected, received, strict=True))
    return sum(a == b for a, b in pairs) / len(pairs) if pairs else 1.0


def require_agreement(texts: Sequence[str], expected: Sequence[str], received: Sequence[str], export: str) -> None:
    """Check that an export's answers are the model's.

    Raises:
        ValueError: They differ in more than a tie or two; the message shows the first difference.
    """
    different = [t for t in zip(texts, expected, received, strict=True) if t[1] != t[2]]
    if len(different) <= max(MOST_TIES, MOST_TIES_SHARE * len(texts)):
        return
    text, wanted, got = different[0]
    raise ValueError(
        f"{export} differs from the model on {len(different)} of {len(texts)} sample texts, and was not kept: "
        f"{text[:60]!r} gave {got[:60]!r}, expected {wanted[:60]!r}"
    )
