"""Corpus figures, each from the library that the field reports with and with its signature.

References are given per sentence: one tuple of right answers for each output. sacreBLEU is imported when a
figure is asked for, so that this module costs nothing to import.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from keras_s2s.extras import explained

References = Sequence[tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Bleu:
    """BLEU of a corpus (Papineni et al. 2002; sacreBLEU, Post 2018).

    Attributes:
        score: From 0 to 100.
        length_ratio: Words of the outputs by words of the references, as BLEU's brevity penalty counts them.
        signature: sacreBLEU's: what it takes to compute the same figure again.
    """

    score: float
    length_ratio: float
    signature: str


@dataclass(frozen=True, slots=True)
class Chrf:
    """Character n-gram F-score of a corpus (Popović 2015), from 0 to 100, with sacreBLEU's signature."""

    score: float
    signature: str


def bleu(outputs: Sequence[str], references: References) -> Bleu:
    """Return sacreBLEU's corpus BLEU with its defaults: mixed case, tokeniser 13a, exponential smoothing.

    Raises:
        ValueError: There is no output, or not as many references as outputs.
        MissingExtraError: sacreBLEU is not installed.
    """
    with explained():
        from sacrebleu.metrics.bleu import BLEU
    metric = BLEU()
    result = metric.corpus_score(list(outputs), _streams(outputs, references))
    ratio = result.sys_len / result.ref_len if result.ref_len else 0.0
    return Bleu(result.score, ratio, str(metric.get_signature()))


def chrf(outputs: Sequence[str], references: References) -> Chrf:
    """Return sacreBLEU's corpus chrF2: character n-grams up to 6, recall counted twice.

    Raises:
        ValueError: There is no output, or not as many references as outputs.
        MissingExtraError: sacreBLEU is not installed.
    """
    with explained():
        from sacrebleu.metrics.chrf import CHRF
    metric = CHRF()
    score = metric.corpus_score(list(outputs), _streams(outputs, references)).score
    return Chrf(score, str(metric.get_signature()))


def exact_match(outputs: Sequence[str], references: References) -> float:
    """Return the share (0 to 1) of outputs that equal one of their references, character by character.

    Raises:
        ValueError: There is no output, or not as many references as outputs.
    """
    check_references(outputs, references)
    return sum(output in right for output, right in zip(outputs, references, strict=True)) / len(outputs)


def _streams(outputs: Sequence[str], references: References) -> Any:  # sacreBLEU's types leave None out
    """Turn references per sentence into sacreBLEU's streams: [number][sentence], `None` is no more."""
    check_references(outputs, references)
    most = max(map(len, references))
    return [[right[n] if n < len(right) else None for right in references] for n in range(most)]


def check_references(outputs: Sequence[str], references: References) -> None:
    """Refuse what no figure can be computed from.

    Raises:
        ValueError: There is no output, not as many references as outputs, or none for one of them.
    """
    if not outputs:
        raise ValueError("no outputs to score: expected at least one sentence.")
    if len(outputs) != len(references):
        raise ValueError(f"{len(outputs)} outputs but references for {len(references)}: expected one each.")
    if not all(references):
        raise ValueError("a sentence has no reference: expected at least one each.")
