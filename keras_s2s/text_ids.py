"""Texts to the ids that a model reads and writes, within its limits."""

from collections.abc import Sequence

from keras_s2s.config import ModelConfig, SearchConfig
from keras_s2s.data.source_limit import SHOWN, limited_ids
from keras_s2s.data.tokenizer import UNKNOWN, Tokenizer
from keras_s2s.decoding.search import output_limit
from keras_s2s.translation import require_texts

Rows = list[list[int]]


def source_ids(tokenizer: Tokenizer, texts: Sequence[str], config: ModelConfig) -> Rows:
    """Return the ids of source texts, `<EOS>` included; what is over the limit loses its end, with a warning.

    Raises:
        ValueError: `texts` is no list of texts, or one is over the limit and `config.overlong` is `error`.
    """
    # The warning points to the caller of whoever called `_search` or `_pairs` of the model.
    return limited_ids(tokenizer, require_texts(texts), config.max_source_length, config.overlong, stacklevel=5)


def source_surfaces(
    tokenizer: Tokenizer, texts: Sequence[str], config: ModelConfig, search: SearchConfig
) -> Sequence[Sequence[str]]:
    """Return what a search may copy of each source text, as `Tokenizer.decode` takes it; nothing where it does not."""
    return tokenizer.surfaces(texts, config.max_source_length) if search.copy_unknown else [()] * len(texts)


def target_ids(tokenizer: Tokenizer, texts: Sequence[str], sources: Rows, config: ModelConfig) -> Rows:
    """Return the ids of the sources' targets as a search writes them: `<EOS>` at the end unless they fill the limit.

    Raises:
        ValueError: `texts` is no list of as many texts as there are sources, or one is over the limit.
    """
    texts, limit = require_texts(texts), config.max_target_length
    if len(texts) != len(sources):
        raise ValueError(f"expected a target for each source, got {len(sources)} sources and {len(texts)} targets")
    rows = tokenizer.encode(texts)
    for ids, text in zip(rows, texts, strict=True):
        if len(ids) > limit + 1:
            raise ValueError(
                f"the target has {len(ids) - 1} tokens, max_target_length is {limit}: {text[:SHOWN]!r}; shorten it, or "
                "train a model with a larger limit"
            )
    return [ids[:limit] for ids in rows]


def prefix_ids(
    tokenizer: Tokenizer, texts: Sequence[str], sources: Rows, config: ModelConfig, search: SearchConfig
) -> Rows:
    """Return the ids that the sources' outputs begin with, without `<EOS>`.

    Raises:
        ValueError: `texts` is no list of as many texts as there are sources, or one of them cannot begin an output.
    """
    texts = require_texts(texts)
    if len(texts) != len(sources):
        raise ValueError(f"expected a prefix for each text, got {len(sources)} texts and {len(texts)} prefixes")
    rows = [ids[:-1] for ids in tokenizer.encode(texts)]
    for ids, text, source in zip(rows, texts, sources, strict=True):
        limit = output_limit(config, search) - 1
        if search.match_length:
            limit = min(limit, len(source) - 1)
        if len(ids) > limit:
            raise ValueError(
                f"the prefix has {len(ids)} tokens, the output at most {limit}: {text[:SHOWN]!r}; shorten the prefix, "
                "or raise the search's max_length where it is below the model's"
            )
        if UNKNOWN in ids:
            raise ValueError(
                f"the prefix has a character that the target tokeniser does not know: {text[:SHOWN]!r}; leave it out"
            )
    return rows
