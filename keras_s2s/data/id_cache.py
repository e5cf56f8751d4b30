"""Pairs as token ids in memory-mapped files: written once, read at random, never held in memory."""

import hashlib
import json
import logging
import shutil
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, Self

import numpy as np

from keras_s2s.config import ModelConfig
from keras_s2s.data.corpus import Pair
from keras_s2s.data.tokenizer import Tokenizer

logger = logging.getLogger(__name__)

_CHUNK = 20_000
_WIDTH = np.int32


class IdCache:
    """The ids of a corpus, one row of flat arrays for each pair.

    Attributes:
        source, target: Token ids, `<EOS>` included, all pairs end to end. `[tokens]`
        weights: Weight of each target token, or None where every token counts fully. `[tokens]`
        source_offsets, target_offsets: Where each pair begins, and where the last one ends. `[pairs + 1]`
        left_out: Number of pairs longer than the model's limits, which are not in the cache.
    """

    def __init__(self, folder: Path) -> None:
        """Open the cache in `folder`.

        Raises:
            FileNotFoundError: The folder holds no finished cache.
        """
        meta = json.loads((folder / "meta.json").read_text())
        self.folder = folder
        self.left_out: int = meta["left_out"]
        self.source = _open(folder / "source.ids", _WIDTH)
        self.target = _open(folder / "target.ids", _WIDTH)
        self.source_offsets = _open(folder / "source.offsets", np.int64)
        self.target_offsets = _open(folder / "target.offsets", np.int64)
        self.weights = _open(folder / "target.weights", np.uint8) if meta["weighted"] else None

    def __len__(self) -> int:
        """Return the number of pairs."""
        return len(self.source_offsets) - 1

    @classmethod
    def build(
        cls,
        pairs: Iterable[Pair],
        source_tokenizer: Tokenizer,
        target_tokenizer: Tokenizer,
        config: ModelConfig,
        folder: Path,
        *,
        origin: str = "",
    ) -> Self:
        """Tokenise `pairs` into `folder`, or reuse what an earlier call with the same arguments left there.

        Pairs beyond the model's length limits are left out with a warning: the beginning of a translation is no
        translation of the whole.

        Args:
            pairs: The pairs, read once as a stream.
            source_tokenizer: Tokeniser of the sources.
            target_tokenizer: Tokeniser of the targets.
            config: For the length limits and what to do with longer pairs.
            folder: Where the files go; messages call the pairs by its name.
            origin: What tells these pairs from others; an empty one is never reused.

        Raises:
            ValueError: There is no pair, a pair is too long and `config.overlong` is `error`, or a mask does not
                match its target's tokens.
        """
        key = _fingerprint(source_tokenizer, target_tokenizer, config, origin)
        meta = folder / "meta.json"
        if origin and meta.exists() and json.loads(meta.read_text())["key"] == key:
            return cls(folder)
        unfinished = folder.with_name(folder.name + ".unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        facts = _write(unfinished, pairs, source_tokenizer, target_tokenizer, config, name=folder.name)
        (unfinished / "meta.json").write_text(json.dumps({"key": key, **facts}))
        shutil.rmtree(folder, ignore_errors=True)
        unfinished.rename(folder)
        return cls(folder)


def _write(
    folder: Path,
    pairs: Iterable[Pair],
    source_tokenizer: Tokenizer,
    target_tokenizer: Tokenizer,
    config: ModelConfig,
    name: str,
) -> dict[str, Any]:
    left_out = kept = 0
    weighted = False
    with (
        _Rows(folder / "source", _WIDTH) as sources,
        _Rows(folder / "target", _WIDTH) as targets,
        (folder / "target.weights").open("wb") as weights,
    ):
        for chunk in _chunks(pairs):
            source_ids = source_tokenizer.encode([pair.source for pair in chunk])
            target_ids = target_tokenizer.encode([pair.target for pair in chunk])
            for pair, source, target in zip(chunk, source_ids, target_ids, strict=True):
                if len(source) > config.max_source_length or len(target) > config.max_target_length:
                    _refuse_if_configured(pair, source, target, config)
                    left_out += 1
                    continue
                kept += 1
                sources.append(source)
                targets.append(target)
                weighted = weighted or pair.mask is not None
                weights.write(_token_weights(pair, len(target)).tobytes())
    if not kept:
        raise ValueError(
            f"no pair for {name}: {left_out:,} were read and all are longer than max_source_length="
            f"{config.max_source_length} or max_target_length={config.max_target_length} tokens"
            if left_out
            else f"no pair for {name}: the data is empty"
        )
    if left_out:
        logger.warning(
            "%s: %d of %d pairs are longer than max_source_length=%d or max_target_length=%d tokens and were left out; "
            "raise the model's limits to keep them",
            *(name, left_out, left_out + kept, config.max_source_length, config.max_target_length),
        )
    return {"left_out": left_out, "weighted": weighted}


def _refuse_if_configured(pair: Pair, source: Sequence[int], target: Sequence[int], config: ModelConfig) -> None:
    if config.overlong == "error":
        raise ValueError(
            f"a pair has {len(source)} source and {len(target)} target tokens, more than max_source_length="
            f"{config.max_source_length} or max_target_length={config.max_target_length}: {pair.source[:60]!r}; raise "
            "the limits, or set overlong = 'truncate' to leave such pairs out"
        )


def _token_weights(pair: Pair, tokens: int) -> np.ndarray:
    """Return one weight for each target token; `<EOS>` always counts."""
    if pair.mask is None:
        return np.ones(tokens, np.uint8)
    if len(pair.mask) != tokens - 1:
        raise ValueError(
            f"the mask of {pair.source[:40]!r} has {len(pair.mask)} characters for {tokens - 1} target tokens: a mask "
            "needs one character a token, as a 'char' target tokeniser gives"
        )
    return np.array([*map(int, pair.mask), 1], np.uint8)


class _Rows:
    """Appends rows of ids to a flat file, with their offsets beside it."""

    def __init__(self, path: Path, dtype: type) -> None:
        self._ids: BinaryIO = path.with_suffix(".ids").open("wb")
        self._offsets: BinaryIO = path.with_suffix(".offsets").open("wb")
        self._dtype = dtype
        self._end = 0
        self._offsets.write(np.int64(0).tobytes())

    def append(self, row: Sequence[int]) -> None:
        self._end += len(row)
        self._ids.write(np.asarray(row, self._dtype).tobytes())
        self._offsets.write(np.int64(self._end).tobytes())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._ids.close()
        self._offsets.close()


def _chunks(pairs: Iterable[Pair]) -> Iterator[list[Pair]]:
    iterator = iter(pairs)
    while chunk := [Pair(*pair) for pair in islice(iterator, _CHUNK)]:  # plain tuples are welcome too
        yield chunk


def _open(path: Path, dtype: type) -> np.ndarray:
    return np.memmap(path, dtype=dtype, mode="r")


def _fingerprint(source: Tokenizer, target: Tokenizer, config: ModelConfig, origin: str) -> str:
    limits = f"{config.max_source_length} {config.max_target_length}"
    parts = (source.model, target.model, limits.encode(), origin.encode())
    return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()
