"""The figures of decoded validation outputs by which the best epoch is chosen."""

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

from keras_s2s.config import ModelConfig, RunConfig
from keras_s2s.data.corpus import Pair
from keras_s2s.data.tokenizer import Tokenizer
from keras_s2s.evaluation.labels import score_labels
from keras_s2s.evaluation.metrics import bleu, exact_match

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure of a model's outputs; more is better.

    Attributes:
        name: What people call it.
        column: Its name among the logs. Keras's own `val_accuracy` is another figure: of one token, the right ones
            before it given.
        form: How its value is printed.
        score: From outputs, and the pairs whose sources they answer, to the value.
    """

    name: str
    column: str
    form: str
    score: Callable[[Sequence[str], Sequence[Pair]], float]

    @property
    def text(self) -> str:
        """A format of name and value."""
        return f"{self.name} {self.form}"


def _bleu(outputs: Sequence[str], pairs: Sequence[Pair]) -> float:
    return bleu(outputs, [(pair.target,) for pair in pairs]).score


def _exact_match(outputs: Sequence[str], pairs: Sequence[Pair]) -> float:
    """Of a source with several targets each is right."""
    targets = defaultdict[str, tuple[str, ...]](tuple)
    for pair in pairs:
        targets[pair.source] += (pair.target,)
    return exact_match(outputs, [targets[pair.source] for pair in pairs])


def _accuracy(outputs: Sequence[str], pairs: Sequence[Pair]) -> float:
    return score_labels(outputs, [pair.target for pair in pairs], [pair.mask for pair in pairs]).accuracy


FIGURES = {
    "bleu": Figure("BLEU", "val_bleu", "{:.1f}", _bleu),
    "exact_match": Figure("exact match", "val_exact_match", "{:.1%}", _exact_match),
    "accuracy": Figure("decoded accuracy", "val_decoded_accuracy", "{:.1%}", _accuracy),
}
"""By the value of `TrainingConfig.select_by`."""


def fits(pair: Pair, source: Tokenizer, target: Tokenizer, config: ModelConfig, *, labels: bool) -> bool:
    """Return whether an output for a pair can be right: it is within the model's limits, and labels are as many.

    Args:
        pair: The pair.
        source: The tokeniser of its source.
        target: The tokeniser of its target.
        config: The model's.
        labels: The target has a label for each token of the source.
    """
    (read,), (written,) = source.encode([pair.source]), target.encode([pair.target])
    within = len(read) <= config.max_source_length and len(written) <= config.max_target_length
    return within and (not labels or len(read) == len(written))


def validation_pairs(pairs: Iterable[Pair], source: Tokenizer, target: Tokenizer, config: RunConfig) -> list[Pair]:
    """Return the first validation pairs that can be decoded and scored, `bleu_sentences` of them.

    Left out are pairs beyond the model's limits, as in the validation loss; and, where labels are compared, those whose
    sides differ in tokens, since no output of the source's length can be right.

    Raises:
        ValueError: None is left.
    """
    left_out = 0
    labels = config.training.select_by == "accuracy"

    def chosen(pair: Pair) -> bool:
        nonlocal left_out
        fit = fits(pair, source, target, config.model, labels=labels)
        left_out += not fit
        return fit

    found = list(islice(filter(chosen, pairs), config.training.bleu_sentences))
    if not found:
        raise ValueError(
            f"no validation pair to select by {config.training.select_by}: of {left_out:,}, all are longer than "
            f"max_source_length={config.model.max_source_length} or max_target_length={config.model.max_target_length} "
            "tokens, or have sides of different lengths where labels are compared"
        )
    if left_out:
        logger.warning("%d validation pairs are too long or cannot be scored, and take no part in selection", left_out)
    return found
