"""How right labels are, place by place: for outputs exactly as long as their sources, such as a protein's structure.

The share of places with the right label is what the field calls Q3 where there are three labels: per cent of residues
whose state - helix, strand or coil - is right (Rost & Sander 1993, J. Mol. Biol. 232:584-599). It is taken over the
places of all outputs together, so that a long output counts for more than a short one.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.table import Table

# A confusion matrix of more labels than this is left out of the table; `to_dict` has it.
WIDEST_MATRIX = 12


@dataclass(frozen=True, slots=True)
class LabelFigures:
    """How right one label is.

    Attributes:
        label: The label.
        count: Scored places where it is right.
        given: Scored places where it was given.
        precision: Share of the places where it was given that are right; 0 where it was never given.
        recall: Share of the places where it is right that were given it; 0 where it is never right.
        f1: Harmonic mean of the two.
    """

    label: str
    count: int
    given: int
    precision: float
    recall: float
    f1: float


@dataclass(frozen=True, slots=True)
class Labels:
    """How right the labels of a set of outputs are.

    Attributes:
        positions: Places that were scored.
        masked: Places that a mask left out.
        accuracy: Share of scored places with the right label, 0 to 1; Q3 where there are three labels.
        by_label: Figures of each label, in alphabetical order.
        confusion: Scored places by right label (row) and given label (column), in the order of `by_label`.
    """

    positions: int
    masked: int
    accuracy: float
    by_label: tuple[LabelFigures, ...]
    confusion: tuple[tuple[int, ...], ...]

    @property
    def title(self) -> str:
        """What the field calls the accuracy."""
        return f"accuracy (Q{len(self.by_label)})" if len(self.by_label) == 3 else "accuracy"

    def to_dict(self) -> dict[str, Any]:
        """The figures as JSON-ready values."""
        return asdict(self)

    def table(self) -> Table:
        """The figures of each label for a terminal, with the confusion matrix: rows right, columns given."""
        matrix = len(self.by_label) <= WIDEST_MATRIX
        given = [f"given {figures.label}" for figures in self.by_label] if matrix else []
        table = Table("label", "count", "precision", "recall", "F1", *given, title="label by label")
        for column in table.columns[1:]:
            column.justify = "right"
        for figures, row in zip(self.by_label, self.confusion, strict=True):
            shares = (f"{share:.1%}" for share in (figures.precision, figures.recall, figures.f1))
            table.add_row(figures.label, f"{figures.count:,}", *shares, *(f"{n:,}" for n in row if matrix))
        return table


def score_labels(
    outputs: Sequence[str], references: Sequence[str], masks: Sequence[str | None] | None = None
) -> Labels:
    """Compare outputs with references place by place.

    A label is a character; where a reference has white space, a label is a word, in all of them.

    Args:
        outputs: What was given.
        references: What is right.
        masks: "1" (scored) or "0" (left out) for each place of a reference, or `None`: all of it is scored.

    Raises:
        ValueError: There is not one reference, and one mask, for each output; an output or a mask is not as long as
            its reference; or nothing is scored.

    Examples:
        >>> score_labels(["HHC"], ["HCC"], ["111"]).accuracy
        0.6666666666666666
    """
    masks = [None] * len(references) if masks is None else masks
    if not len(outputs) == len(references) == len(masks):
        raise ValueError(
            f"{len(outputs)} outputs, {len(references)} references and {len(masks)} masks: expected as many of each."
        )
    words = any(len(reference.split()) > 1 for reference in references)
    counts: Counter[tuple[str, str]] = Counter()  # by right label and given label
    total = 0
    for number, (output, reference, mask) in enumerate(zip(outputs, references, masks, strict=True), start=1):
        right, given = (text.split() if words else list(text) for text in (reference, output))
        total += len(right)
        counts.update(_scored(right, given, mask, number))
    if not counts:
        raise ValueError("no place to score: expected at least one label that no mask leaves out.")
    return _figures(counts, total)


def _scored(right: list[str], given: list[str], mask: str | None, number: int) -> Iterator[tuple[str, str]]:
    """Return the right and the given label of each place that is scored."""
    if len(given) != len(right):
        raise ValueError(
            f"output {number} has {len(given):,} labels and its reference {len(right):,}, where labels are compared "
            f"place by place: {''.join(given)[:40]!r} beside {''.join(right)[:40]!r}. Search with match_length = true, "
            "on pairs whose sides are equally long and within the model's limits."
        )
    if mask is not None and len(mask) != len(right):
        raise ValueError(f"mask {number} has {len(mask):,} marks for {len(right):,} labels: expected one for each.")
    places = zip(right, given, mask or "1" * len(right), strict=True)
    return ((label, answer) for label, answer, mark in places if mark == "1")


def _figures(counts: Counter[tuple[str, str]], total: int) -> Labels:
    labels = sorted({label for pair in counts for label in pair})
    confusion = tuple(tuple(counts[right, given] for given in labels) for right in labels)
    by_label = []
    for label, row, column in zip(labels, confusion, zip(*confusion, strict=True), strict=True):
        hits, count, given = counts[label, label], sum(row), sum(column)
        precision, recall, f1 = (hits / n if n else 0.0 for n in (given, count, (given + count) / 2))
        by_label.append(LabelFigures(label, count, given, precision, recall, f1))
    positions = counts.total()
    accuracy = sum(counts[label, label] for label in labels) / positions
    return Labels(positions, total - positions, accuracy, tuple(by_label), confusion)
