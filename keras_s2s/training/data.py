"""From a data configuration to splits, and to ids that a resumed run finds again."""

import json
from importlib.metadata import version
from itertools import chain
from pathlib import Path
from typing import Any

from keras_s2s.config import DataConfig, to_dict
from keras_s2s.data.corpus import Corpus, Splits, read_pairs
from keras_s2s.data.datasets import dataset_info, load_dataset, local_folder
from keras_s2s.data.left_out import OverlapCount
from keras_s2s.data.splits import near_keys, with_more
from keras_s2s.data.varied_names import VariedNames
from keras_s2s.whole_file import sha256_of


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
        splits = load_dataset(config.name, folder)
    elif config.train:
        train = read_pairs(config.train, columns=config.columns, max_bad_share=config.max_bad_share)
        splits = divide(train, config, config.valid_size, config.test_size)
    else:
        raise ValueError("data: nothing to train on; set name to a named data set, or train to a file of pairs")
    more = [read_pairs(path, columns=config.columns, max_bad_share=config.max_bad_share) for path in config.also]
    splits = with_more(splits, more, by_target=config.split_by_target) if more else splits
    if config.vary_names:
        varied = VariedNames(splits.train, config.vary_names)
        splits = with_more(splits, [varied], by_target=config.split_by_target)
    return splits


def divide(train: Corpus, config: DataConfig, valid_size: int | None, test_size: int | None) -> Splits:
    """Open the files of valid and test that a configuration names, and split off `train` what it does not.

    What `train` shares with one file of valid or test is kept out of training and of what is split off. With both the
    division is the user's, who may have reasons: what is shared is then only counted, with a warning.

    Args:
        train: The pairs to train on, or to divide.
        config: Files of valid and test, and how to read them.
        valid_size: Sources to split off for valid where no file is named; None for the default of `Corpus.split`.
        test_size: Likewise for test.

    Raises:
        FileNotFoundError: A file is missing.
        ValueError: A file is unreadable, or there are too few pairs.
    """
    valid, test = _held_out(config.valid, config), _held_out(config.test, config)
    given = chain.from_iterable(part for part in (valid, test) if part is not None)
    name = config.train or train.report.name
    if valid is not None and test is not None:
        return Splits(OverlapCount(train, *near_keys(given, config.split_by_target)), valid, test, name=name)
    parts = train.split(
        valid=valid_size if valid is None else 0,
        test=test_size if test is None else 0,
        by_target=config.split_by_target,
        held_out=given,
    )
    return Splits(
        parts.train,
        parts.valid if valid is None else valid,
        parts.test if test is None else test,
        name=name,
        report=parts.report,
    )


def identity(config: DataConfig, folder: str | Path | None = None) -> str:
    """Return what tells these pairs from others: how they are read, and the content of their files.

    Raises:
        OSError: A file cannot be read.
    """
    paths = [Path(path) for path in (config.train, config.valid, config.test, *config.also) if path is not None]
    facts: list[Any] = [to_dict(config)]
    if config.name:
        info = dataset_info(config.name)
        if local := local_folder(info, folder):
            paths += sorted(local.glob("*.tsv"))
        elif info.package:
            facts.append(version(info.package))
    return json.dumps([*facts, *map(sha256_of, paths)])


def _held_out(path: str | None, config: DataConfig) -> Corpus | None:
    """Open a file to measure on, where each row counts, repeated or not."""
    if path is None:
        return None
    return read_pairs(path, columns=config.columns, max_bad_share=config.max_bad_share, deduplicate=False)
