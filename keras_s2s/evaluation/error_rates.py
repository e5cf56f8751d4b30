"""Token and sequence error rates, as the field counts them where a source has several right answers.

Of pronunciations they are the phoneme and the word error rate. Yao & Zweig 2015 (arXiv:1506.00196, section 4) and those
whom they follow, Bisani & Ney 2008 among them, count so: a word is wrong if it equals none of its references, and its
phoneme errors are those against the reference nearest to it.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from keras_s2s.evaluation.metrics import References, check_references
from keras_s2s.extras import explained


@dataclass(frozen=True, slots=True)
class ErrorRates:
    """How far outputs are from their references, in tokens and as wholes.

    Attributes:
        sequences: Number of outputs, one for each source.
        wrong_sequences: Outputs that equal none of their references.
        sequence_error_rate: Their share, 0 to 1.
        tokens: Tokens of the references that the outputs were counted against, one reference for each output.
        token_errors: Least number of tokens to replace, insert or leave out to make those references of the outputs.
        token_error_rate: Token errors by tokens: 0 is perfect, and outputs that are too long can exceed 1.
        signature: What it takes to compute the same figures again.
    """

    sequences: int
    wrong_sequences: int
    sequence_error_rate: float
    tokens: int
    token_errors: int
    token_error_rate: float
    signature: str

    def to_dict(self) -> dict[str, Any]:
        """The counts and both rates as JSON-ready values."""
        return asdict(self)

    def rows(self) -> tuple[tuple[str, str], ...]:
        """The figures for a terminal, as (figure, value)."""
        return (
            ("token error rate", f"{self.token_error_rate:.2%}"),
            ("token errors", f"{self.token_errors:,} of {self.tokens:,}"),
            ("sequence error rate", f"{self.sequence_error_rate:.2%}"),
            ("wrong sequences", f"{self.wrong_sequences:,} of {self.sequences:,}"),
        )


def error_rates(outputs: Sequence[str], references: References) -> ErrorRates:
    """Count the errors of outputs whose tokens are separated by spaces.

    Of references that are equally near the shortest counts, so that the figure depends on no order and flatters nobody.

    Args:
        outputs: One for each source.
        references: All right answers of each source. Pairs that share a source must have been joined, or a word that
            is said in two ways counts twice and is wrong at least once.

    Raises:
        ValueError: There is no output, not as many references as outputs, or no token in any nearest reference.
        MissingExtraError: RapidFuzz is not installed.

    Examples:
        >>> rates = error_rates(["T AH M AA T OW"], [("T AH M EY T OW", "T AH M AA T OW")])
        >>> rates.token_error_rate, rates.sequence_error_rate
        (0.0, 0.0)
    """
    with explained():
        import rapidfuzz
        from rapidfuzz.distance import Levenshtein
    check_references(outputs, references)
    wrong = tokens = errors = 0
    for output, right in zip(outputs, references, strict=True):
        said = output.split()
        distance, length = min((Levenshtein.distance(said, answer), len(answer)) for answer in map(str.split, right))
        wrong += distance > 0
        errors += distance
        tokens += length
    if not tokens:
        raise ValueError("the references nearest to the outputs hold no token: expected words separated by spaces.")
    count = str(len(references[0])) if len(set(map(len, references))) == 1 else "var"
    signature = f"nrefs:{count}|ref:nearest|tok:space|version:rapidfuzz {rapidfuzz.__version__}"
    return ErrorRates(
        sequences=len(outputs),
        wrong_sequences=wrong,
        sequence_error_rate=wrong / len(outputs),
        tokens=tokens,
        token_errors=errors,
        token_error_rate=errors / tokens,
        signature=signature,
    )
