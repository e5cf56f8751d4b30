"""From a data configuration to splits, and to ids that a resumed run finds again."""

import json
import os
from pathlib import Path

from keras_s2s.config import DataConfig, to_dict
from keras_s2s.data.corpus import Corpus, Splits, read_pairs
from keras_s2s.data.datasets import load_dataset


def open_splits(config: DataConfig, folder: str | Path | None = None) -> Splits:
    """Open the pairs that a configuration names.

    Args:
        config: A named data set or files.
        folder: Where to look for a named data set first; see `load_dataset`.

    Raises:
        FileNotFoundError: A file is missing.
        ValueError: Neither a data set nor a file is named, or a file is unreadable.
    """
    if config.name:
        return load_dataset(config.name, folder)
    if not config.train:
        raise ValueError("data: nothing to train on; set name to a named data set, or train to a file of pairs")
    train = _read(config.train, config)
    valid = _read(config.valid, config) if config.valid else None
    test = _read(config.test, config) if config.test else None
    if valid and test:
        return Splits(train, valid, test, name=config.train)
    parts = train.split(valid=config.valid_size, test=config.test_size, by_target=config.split_by_target)
    return Splits(parts.train, valid or parts.valid, test or parts.test, name=config.train, report=parts.report)


def identity(config: DataConfig, folder: str | Path | None = None) -> str:
    """Return what tells these pairs from others without reading them: names, sizes and times of change."""
    paths = [Path(path) for path in (config.train, config.valid, config.test) if path is not None]
    for parent in (folder, os.environ.get("KERAS_S2S_DATA")):
        if parent and config.name:
            paths += sorted(Path(parent, config.name).glob("*.tsv"))
    stats = [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in paths if path.exists()]
    return json.dumps([to_dict(config), stats])


def _read(path: str, config: DataConfig) -> Corpus:
    return read_pairs(path, columns=config.columns, max_bad_share=config.max_bad_share)
