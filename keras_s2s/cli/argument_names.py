"""Messages of the library name its arguments; here they get the names that the user of a command knows them by."""

import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

_AS_OPTIONS = {
    "format= (tsv, csv or jsonl)": "--format tsv, csv or jsonl",
    "format=": "--format",
    "columns=(0, 1)": "--columns 0,1",
    "columns=(": "--columns (",
    "columns=[": "--columns [",
    "columns=": "--columns",
    "folder=": "--data",
}

OF_BUILD = {
    **_AS_OPTIONS,
    "max_bad_share=": "--set data.max_bad_share=SHARE",
    "pass by_target=False": "pass --no-split-by-target",
    "target_path=": "TARGET",
    "smaller valid= and test= (0 leaves a split empty)": "a smaller --set data.valid_size=N and data.test_size=N",
}

OF_CHECK = {**_AS_OPTIONS, "max_bad_share=": "--max-bad-share", "target_path=": "TARGET"}

OF_EVALUATE = {
    **_AS_OPTIONS,
    "max_bad_share=": "--max-bad-share",
    ", or target_path= with the file of the targets if this one holds the sources only": "",
}

_FOUND_BY_CHECK = "; `keras-s2s data check` finds them"

OF_VERIFY = {
    ", or choose the right format= or columns=, or accept more with max_bad_share=": _FOUND_BY_CHECK,
    ", or choose the right format= or columns=": _FOUND_BY_CHECK,
    "Give format= (tsv, csv or jsonl), or target_path= with the file of the targets if this one holds the sources "
    "only": "Call it .tsv, .csv or .jsonl, as it is",
    "folder=": "--data",
}

AS_KEYS = {
    "the right format= or columns=": "the right data.columns",
    "Give format= (tsv, csv or jsonl), or target_path= with the file of the targets if this one holds the sources "
    "only": "Call it .tsv, .csv or .jsonl, as it is",
    "columns=(0, 1)": "data.columns = [0, 1]",
    "columns=": "data.columns = ",
    "folder=": "--data",
    "max_bad_share=": "data.max_bad_share = SHARE",
    "pass by_target=False": "set data.split_by_target = false",
    "smaller valid= and test= (0 leaves a split empty)": "a smaller data.valid_size and data.test_size",
}
"""For a configuration file."""


@contextmanager
def named_as_typed(names: Mapping[str, str]) -> Iterator[None]:
    """Rename arguments in the errors and warnings that the block raises.

    Args:
        names: For each piece of a message what replaces it; the longest one that fits counts.
    """
    pieces = re.compile("|".join(rf"(?<!\w){re.escape(name)}" for name in sorted(names, key=len, reverse=True)))

    def rename(text: str) -> str:
        return pieces.sub(lambda found: names[found[0]], text)

    def show(message: Warning | str, *rest: Any, **more: Any) -> None:
        previous(rename(str(message)), *rest, **more)

    previous = warnings.showwarning
    warnings.showwarning = show
    try:
        yield
    except (ValueError, FileNotFoundError, ConnectionError) as error:
        if len(error.args) == 1 and isinstance(error.args[0], str):  # not one with a number, or with parts of its own
            error.args = (rename(error.args[0]),)
        raise
    finally:
        warnings.showwarning = previous
