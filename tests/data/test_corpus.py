"""Cleaning, counting and refusing: what a pass over a corpus keeps and what it says of the rest."""

import json
import pickle
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_s2s.data.corpus import Corpus, DropReason, Pair, read_pairs
from keras_s2s.data.hash_set import HashSet
from keras_s2s.data.text_lines import clean


def tsv(folder, *rows, name="pairs.tsv"):
    path = folder / name
    path.write_bytes(b"".join((row if isinstance(row, bytes) else row.encode()) + b"\n" for row in rows))
    return path


def good(count):
    return [f"source {n}\ttarget {n}" for n in range(count)]


def test_a_corpus_can_be_read_again_and_again(tmp_path):
    corpus = read_pairs(tsv(tmp_path, "Hi.\tHola.", "Go!\t¡Ve!"))
    assert list(corpus) == [Pair("Hi.", "Hola."), Pair("Go!", "¡Ve!")]
    assert list(corpus) == list(corpus)
    assert list(pickle.loads(pickle.dumps(corpus))) == list(corpus)


def test_sides_are_normalised_and_stripped(tmp_path):
    [pair] = read_pairs(tsv(tmp_path, "  Cafe\u0301\u00a0\t\u2003si\u0301\0 \r"))
    assert pair == Pair("Café", "sí")


def test_only_a_line_feed_ends_a_row(tmp_path):
    [pair] = read_pairs(tsv(tmp_path, "one\u2028two\u0085three\x0bfour\x1cfive\tuno\u2029dos"))
    assert pair == Pair("one\u2028two\u0085three\x0bfour\x1cfive", "uno\u2029dos")


def test_every_reason_is_counted_with_its_first_places(tmp_path):
    path = tsv(
        tmp_path,
        *good(10),
        "source 1\ttarget 1",
        "",
        "a\t ",
        b"\xff\xfe\tb",
        "one column",
        "a\tb\t01x",
        "a\tbcd\t01",
        "long" * 10 + "\tshort",
        *good(3),
    )
    corpus = read_pairs(path, max_bad_share=0.5, max_characters=30)
    assert len(list(corpus)) == 10
    report = corpus.report
    assert report.dropped == {
        DropReason.DUPLICATE: 4,
        DropReason.BLANK_LINE: 1,
        DropReason.EMPTY_SIDE: 1,
        DropReason.INVALID_UTF8: 1,
        DropReason.WRONG_COLUMNS: 1,
        DropReason.INVALID_MASK: 2,
        DropReason.TOO_LONG: 1,
    }
    assert (report.rows, report.kept, report.bad, report.complete) == (21, 10, 6, True)
    assert report.bad_share == 6 / 21
    assert report.examples[DropReason.DUPLICATE] == ["pairs.tsv:11", "pairs.tsv:19", "pairs.tsv:20"]
    assert report.examples[DropReason.INVALID_UTF8] == ["pairs.tsv:14 (byte 0xff at column 1)"]
    assert report.examples[DropReason.WRONG_COLUMNS] == ["pairs.tsv:15 (found 1 column)"]
    assert "columns=(0, 1)" in report.examples[DropReason.INVALID_MASK][0]
    assert "mask of 2, target of 3 characters and 1 words" in report.examples[DropReason.INVALID_MASK][1]


def test_the_report_prints_as_a_table_and_goes_into_json(tmp_path):
    corpus = read_pairs(tsv(tmp_path, *good(300), "source 0\ttarget 0", "x"))
    list(corpus)
    assert str(corpus.report).splitlines()[0].endswith("pairs.tsv: 302 rows")
    assert "dropped: duplicate pair" in str(corpus.report)
    stored = json.loads(json.dumps(corpus.report.to_dict()))
    assert stored["dropped"] == {"duplicate": 1, "wrong_columns": 1}
    assert stored["kept"] == 300
    assert stored["examples"]["wrong_columns"] == ["pairs.tsv:302 (found 1 column)"]


def test_the_report_is_that_of_the_latest_pass(tmp_path):
    corpus = read_pairs(tsv(tmp_path, *good(5)))
    assert corpus.report.rows == 0
    list(corpus)
    list(corpus)
    assert corpus.report.rows == 5
    next(iter(corpus))
    assert (corpus.report.rows, corpus.report.complete) == (1, False)
    assert "so far" in str(corpus.report)


def test_duplicates_and_blank_lines_are_not_bad(tmp_path):
    corpus = read_pairs(tsv(tmp_path, *["a\tb", ""] * 50))
    assert list(corpus) == [Pair("a", "b")]
    assert len(list(read_pairs(tmp_path / "pairs.tsv", deduplicate=False))) == 50


def test_a_mask_counts_characters_or_words(tmp_path):
    path = tsv(tmp_path, "MKV\tHHC\t011", "a b\tun dos tres\t101", "x\ty\t")
    assert [pair.mask for pair in read_pairs(path)] == ["011", "101", None]


def test_too_many_bad_rows_are_refused_with_counts_places_and_ways_out(tmp_path):
    corpus = read_pairs(tsv(tmp_path, *good(97), "x", "y", "z"))
    with pytest.raises(ValueError, match=r"3 of 100 rows are bad \(3\.0%\); at most 1\.0%") as error:
        list(corpus)
    for part in ("pairs.tsv:98 (found 1 column)", "source<TAB>target", "max_bad_share=", "columns="):
        assert part in str(error.value)
    assert len(list(read_pairs(tmp_path / "pairs.tsv", max_bad_share=0.03))) == 97


@pytest.mark.parametrize("max_bad_share", [0.01, 1.0])
def test_the_first_line_of_an_error_says_where_what_and_how_to_mend_it(tmp_path, max_bad_share):
    with pytest.raises(ValueError) as error:
        list(read_pairs(tsv(tmp_path, "", "x", "y"), max_bad_share=max_bad_share))
    first, *table = str(error.value).splitlines()
    for part in ("The first: wrong number of columns, pairs.tsv:2 (found 1 column)", "source<TAB>target", "columns="):
        assert part in first
    assert ("max_bad_share=" in first) == (max_bad_share < 1)
    assert "3 rows" in table[0]


def test_a_file_of_a_header_alone_has_no_first_bad_row(tmp_path):
    with pytest.raises(ValueError, match=r"no usable pair\. Expected tab-separated"):
        list(read_pairs(tsv(tmp_path, "en\tes"), columns=("en", "es")))


def test_a_wrong_file_fails_before_its_end(tmp_path):
    corpus = read_pairs(tsv(tmp_path, *["one column"] * 5_000))
    with pytest.raises(ValueError, match="1,000 of 1,000 rows are bad"):
        list(corpus)


def test_a_file_without_a_pair_is_refused_even_if_bad_rows_are_welcome(tmp_path):
    with pytest.raises(ValueError, match="no usable pair"):
        list(read_pairs(tsv(tmp_path, "x", "y"), max_bad_share=1.0))


@pytest.mark.parametrize("options", [{"max_characters": 0}, {"max_bad_share": 1.1}, {"max_bad_share": -0.1}])
def test_senseless_limits_are_refused(tmp_path, options):
    with pytest.raises(ValueError, match="expected"):
        read_pairs(tsv(tmp_path, "a\tb"), **options)


def test_a_pass_over_many_pairs_takes_little_memory(tmp_path):
    """Held in memory, these pairs would take 80 MB; the hashes that find repeated ones take 6 at most."""
    count = 200_000
    path = tmp_path / "many.tsv"
    with path.open("w") as stream:
        stream.writelines(f"{n:0120}\t{n:0120}\n" for n in range(count))
    tracemalloc.start()
    try:
        assert sum(1 for _ in read_pairs(path)) == count
        assert tracemalloc.get_traced_memory()[1] < 25e6
    finally:
        tracemalloc.stop()


TEXT = st.text(st.characters(blacklist_characters="\t\n\0", blacklist_categories=["Cs"]))


@given(st.lists(st.tuples(TEXT, TEXT), min_size=1))
def test_what_is_written_is_read_back_cleaned(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("rows") / "rows.tsv"
    path.write_bytes(b"header\tcolumns\n" + "".join(f"{a}\t{b}\n" for a, b in rows).encode())
    corpus = read_pairs(path, columns=("header", "columns"), deduplicate=False, max_bad_share=1.0)
    expected = [Pair(clean(a), clean(b)) for a, b in rows if clean(a) and clean(b)]
    if expected:
        assert list(corpus) == expected
    else:
        with pytest.raises(ValueError, match="no usable pair"):
            list(corpus)
    assert corpus.report.rows == len(rows)
    assert corpus.report.kept == len(expected)


@given(st.lists(st.binary(max_size=30), min_size=1, max_size=30))
def test_every_row_is_kept_or_counted(tmp_path_factory, lines):
    path = tmp_path_factory.mktemp("rows") / "rows.tsv"
    # The long first row keeps the file from being taken for a binary one.
    path.write_bytes(b"\n".join([b"s" * 9_000 + b"\t" + b"t" * 9_000, *lines]))
    corpus = read_pairs(path, max_bad_share=1.0)
    kept = list(corpus)
    text = path.read_bytes()
    assert corpus.report.rows == text.count(b"\n") + (not text.endswith(b"\n"))
    assert corpus.report.kept == len(kept) == len(set(kept))
    for pair in kept:
        assert pair[:2] == (clean(pair.source), clean(pair.target))


@given(st.lists(st.integers(0, 2**64 - 1) | st.integers(0, 5) | st.just(1 << 63), max_size=300))
def test_the_hash_set_agrees_with_a_set(values):
    hashes, reference = HashSet(), set()
    for value in values:
        assert hashes.add(value) == ((value or 1) not in reference)
        reference.add(value or 1)
    assert len(hashes) == len(reference)


def test_the_hash_set_grows():
    hashes = HashSet()
    values = [hash(("pair", n)) for n in range(20_000)]
    assert all(map(hashes.add, values))
    assert not any(map(hashes.add, values))


@pytest.mark.needs_data
@pytest.mark.parametrize(("name", "count"), [("tatoeba-en-es", 106_259), ("protein-secondary-structure", 9_710)])
def test_real_files_are_clean(data_folder, name, count):
    corpus = read_pairs(data_folder / name / "train.tsv")
    assert isinstance(corpus, Corpus)
    assert sum(1 for _ in corpus) == count
    assert not corpus.report.dropped
