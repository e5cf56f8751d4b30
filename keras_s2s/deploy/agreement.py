"""Whether an export answers as its model does: sample texts, and the comparison."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from keras_s2s.config import SearchConfig
from keras_s2s.data.source_limit import read_sources
from keras_s2s.data.tokenizer import UNKNOWN, Tokenizer
from keras_s2s.decoding.inference import inference_weights
from keras_s2s.decoding.scoring import closest_decisions

if TYPE_CHECKING:
    from keras_s2s.seq2seq import Seq2Seq

TIE = 1e-4
"""Two hypotheses whose scores are nearer than this are a tie: float32 additions in another order may choose either."""

SAMPLES = 40
LONGEST_SAMPLE = 16
AWKWARD = ("", "   ", "😀 😀", "Привет, ﬁancé", "one\ttwo\nthree", "a" * 300)

LEAST_SHARE: Final = {"float16": 0.75, "int8": 0.25}
"""Share of sample texts that a file of rounded weights has to answer as its model does.

Rounding alone costs a trained model far less, a hardly trained one that is asked for random pieces may lose this much,
and a faulty file answers next to nothing alike. What the share is stands in the file's manifest.
"""

_Difference = tuple[str, list[int], str, str]  # text, its ids, the model's answer, the export's


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
    return [
        text for text, source in zip(texts, read_sources(tokenizer, texts, limit), strict=True) if not source.excess
    ]


def agreement(expected: Sequence[str], received: Sequence[str]) -> float:
    """Return the share of equal answers; 1 where there are none."""
    pairs = list(zip(expected, received, strict=True))
    return sum(a == b for a, b in pairs) / len(pairs) if pairs else 1.0


def require_agreement(
    model: "Seq2Seq",
    search: SearchConfig,
    texts: Sequence[str],
    expected: Sequence[str],
    received: Sequence[str],
    export: str,
    weights: str = "float32",
) -> None:
    """Check that an export answers as its model.

    With the model's own weights each difference has to be a tie: rounding in another order of the same additions may
    decide those otherwise, and the search goes on from there. With rounded weights `LEAST_SHARE` of the answers have to
    be the same. In neither case may a text without tokens, such as a blank one, be answered otherwise.

    Args:
        model: The model.
        search: The search of it that the export stands for.
        texts: Source texts within the model's limit.
        expected: What the model answers.
        received: What the export answers.
        export: What the export is called.
        weights: How its weights are stored: `float32`, `float16` or `int8`.

    Raises:
        ValueError: It answers otherwise; the message shows a difference.
    """
    rows = model.source_tokenizer.encode(texts, model.config.max_source_length)
    different = [d for d in zip(texts, rows, expected, received, strict=True) if d[2] != d[3]]
    if weights == "float32":
        faults = _no_ties(model, search, different)
        reason = f"a tie is a margin under {TIE:g}"
    else:
        least = LEAST_SHARE[weights]
        faults = [d for d in different if len(d[1]) == 1]
        if agreement(expected, received) < least:
            faults += different
        reason = f"at least {least:.0%} of {weights} answers have to be the model's, and all to blank texts"
    if faults:
        text, _, wanted, got = faults[0]
        raise ValueError(
            f"{export} differs from the model on {len(different)} of {len(texts)} sample texts, and was not kept: "
            f"{text[:60]!r} gave {got[:60]!r}, expected {wanted[:60]!r} ({reason})"
        )


def _no_ties(model: "Seq2Seq", search: SearchConfig, different: Sequence[_Difference]) -> list[_Difference]:
    """Return the differences that rounding does not explain: the model's own search was nowhere near another answer."""
    rows = [row for _, row, _, _ in different]
    margins = closest_decisions(inference_weights(model), rows, model.config, search)
    wanted = model.target_tokenizer.encode([d[2] for d in different])
    got = model.target_tokenizer.encode([d[3] for d in different])
    # Where the tokens are the same, the fault is in the text that was made of them, unless another word was copied.
    found = zip(different, margins, wanted, got, strict=True)
    return [d for d, margin, ours, theirs in found if margin >= TIE or (ours == theirs and UNKNOWN not in ours)]
