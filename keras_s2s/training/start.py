"""Runs that go on from a trained model: fine-tuning."""

import warnings
from dataclasses import replace
from itertools import islice

from keras_s2s.config import ModelConfig, RunConfig, to_dict
from keras_s2s.data.corpus import Splits
from keras_s2s.data.tokenizer import UNKNOWN
from keras_s2s.seq2seq import Seq2Seq, load

_LOOKED_AT, _MANY = 1000, 0.02
"""Pairs whose unknown tokens are counted, and the share of them that is worth a warning."""


def take_over(config: RunConfig) -> tuple[RunConfig, Seq2Seq | None]:
    """Load the model that a run starts from, and take from it the tables `[model]` and `[search]` that are left out.

    Returns:
        The whole configuration, and the model; None where the run starts from fresh weights.

    Raises:
        FileNotFoundError: `training.start_from` names no file.
        ValueError: It names no model of this package, or `[model]` says something else than that has.
    """
    path = config.training.start_from
    if path is None:
        return config, None
    start = load(path, compile=False)
    if config.model not in (ModelConfig(), start.config):
        said, has = to_dict(config.model), to_dict(start.config)
        other = sorted(name for name in said.keys() | has.keys() if said.get(name) != has.get(name))
        raise ValueError(
            f"model: training.start_from={path} has another {', '.join(other)} than was set: leave [model] out, and it "
            "is the one of that file"
        )
    search = start.search if config.search == RunConfig().search else config.search
    return replace(config, model=start.config, search=search), start


def warn_of_unknown(splits: Splits, start: Seq2Seq) -> None:
    """Warn where the model's tokenisers have no ids for much of the text that is to be learned."""
    pairs = list(islice(splits.train, _LOOKED_AT))
    for side, tokenizer in (("source", start.source_tokenizer), ("target", start.target_tokenizer)):
        ids = [i for row in tokenizer.encode([getattr(pair, side) for pair in pairs]) for i in row]
        share = ids.count(UNKNOWN) / len(ids) if ids else 0.0
        if share > _MANY:
            warnings.warn(
                f"{share:.0%} of the {side} tokens are unknown to the model that training starts from, which learns no "
                "new pieces: text of another kind or script wants a model of its own, without training.start_from",
                stacklevel=2,
            )
