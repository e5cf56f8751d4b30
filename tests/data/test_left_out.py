"""What is told of what reading and dividing left out."""

import warnings

import pytest

from keras_s2s.data.corpus import Pair, read_pairs
from keras_s2s.data.left_out import OverlapCount, left_out
from keras_s2s.data.splits import near_keys, split_pairs

HELD = [Pair("Hello!", "hola"), Pair("bye", "Adiós.")]
TRAIN = [Pair("hello", "buenas"), Pair("see you", "adiós"), Pair("yes", "sí"), Pair("no", "no")]


@pytest.mark.parametrize(("by_target", "more"), [(True, "and 1 more their target"), (False, "in valid or test (up")])
def test_an_overlap_is_counted_once_and_nothing_is_left_out(by_target, more):
    pairs = OverlapCount(TRAIN, *near_keys(HELD, by_target))
    next(iter(pairs))  # a pass that ends early has not counted
    with pytest.warns(UserWarning, match="training pairs") as caught:
        assert list(pairs) == TRAIN
    [message] = [str(warning.message) for warning in caught]
    assert message.startswith("of 4 training pairs 1 have their source in valid or test ")
    assert more in message
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert list(pairs) == TRAIN


def test_parts_that_share_nothing_need_no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert list(OverlapCount(TRAIN[2:], *near_keys(HELD, True))) == TRAIN[2:]


def test_reports_are_shown_where_something_was_dropped(tmp_path):
    clean, dirty = tmp_path / "clean.tsv", tmp_path / "dirty.tsv"
    rows = [f"source {n}\ttarget {n % 50}\n" for n in range(60)]
    clean.write_text("".join(rows))
    dirty.write_text("".join([*rows, rows[0], "one column\n"]))
    corpora = [read_pairs(path, max_bad_share=0.1) for path in (clean, dirty)]
    assert left_out(corpora) == []  # not read yet
    for corpus in corpora:
        list(corpus)
    [report] = left_out([*corpora, TRAIN])
    assert "dirty.tsv: 62 rows" in report
    assert "dirty.tsv:62 (found 1 column)" in report
    splits = split_pairs(corpora[1], valid=9, test=9)
    list(splits.train)
    assert splits.report.dropped
    assert left_out((splits.train, splits.valid, splits.test), splits.report) == [report, str(splits.report)]
    assert left_out([OverlapCount(corpora[1], frozenset(), frozenset())]) == [report]
    undropped = split_pairs(TRAIN, valid=1, test=1)
    assert left_out([undropped.train], undropped.report) == []
