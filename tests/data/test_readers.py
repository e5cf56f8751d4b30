"""The file formats, and the errors of files that are something else."""

import csv
import gzip
import json
import re
import tracemalloc
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_s2s.data import text_lines
from keras_s2s.data.corpus import DropReason, Pair, read_pairs
from keras_s2s.data.text_lines import BLOCK, clean

PAIRS = [Pair("Hi.", "Hola."), Pair('She said "no", twice.', "Dijo «no», dos veces.")]
TEXT = st.text(st.characters(blacklist_characters="\0", blacklist_categories=["Cs"]))


def write_tsv(path, pairs=PAIRS):
    path.write_text("".join(f"{p.source}\t{p.target}\n" for p in pairs), encoding="utf-8", newline="")
    return path


def write_csv(path, rows):
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    return path


def write_jsonl(path, records):
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


@pytest.fixture
def files(tmp_path):
    """One file of each format with the same pairs: arguments for `read_pairs` by format."""
    (tmp_path / "train.en").write_text("".join(p.source + "\n" for p in PAIRS))
    (tmp_path / "train.es").write_text("".join(p.target + "\n" for p in PAIRS))
    return {
        "tsv": [write_tsv(tmp_path / "a.tsv")],
        "csv": [write_csv(tmp_path / "a.csv", [p[:2] for p in PAIRS])],
        "jsonl": [write_jsonl(tmp_path / "a.jsonl", [p._asdict() for p in PAIRS])],
        "parallel": [tmp_path / "train.en", tmp_path / "train.es"],
    }


@pytest.mark.parametrize("format", ["tsv", "csv", "jsonl", "parallel"])
@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("bom", [False, True])
@pytest.mark.parametrize("crlf", [False, True])
def test_each_format_reads_the_same(files, format, zipped, bom, crlf):
    for path in files[format]:
        data = path.read_bytes().replace(b"\r\n", b"\n")
        data = b"\xef\xbb\xbf" * bom + (data.replace(b"\n", b"\r\n") if crlf else data)
        # Under the plain name: gzip is known by its first bytes.
        path.write_bytes(gzip.compress(data) if zipped else data)
    assert list(read_pairs(*files[format])) == PAIRS


@pytest.mark.parametrize("name", ["a.tsv", "a.TSV", "a.tsv.gz", "v1.2.tsv"])
def test_the_suffix_tells_the_format(tmp_path, name):
    assert list(read_pairs(write_tsv(tmp_path / name))) == PAIRS
    assert list(read_pairs(write_tsv(tmp_path / "pairs"), format="tsv")) == PAIRS


def test_tsv_takes_quotes_for_text(tmp_path):
    assert list(read_pairs(write_tsv(tmp_path / "a.tsv", [Pair('"a', 'b"')]))) == [Pair('"a', 'b"')]


def test_columns_choose_and_swap(tmp_path):
    path = tmp_path / "a.tsv"
    path.write_text("Go.\tVe.\tCC-BY 2.0 (France) Attribution: tatoeba.org #1\n" * 2)
    assert list(read_pairs(path, columns=(0, 1))) == [Pair("Go.", "Ve.")]
    assert list(read_pairs(path, columns=[1, 0])) == [Pair("Ve.", "Go.")]
    with pytest.raises(ValueError, match=r"columns=\(0, 1\)"):
        list(read_pairs(path))


@pytest.mark.parametrize("suffix", ["tsv", "csv"])
def test_columns_by_the_names_of_a_header(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    separator = {"tsv": "\t", "csv": ","}[suffix]
    path.write_text("id,Spanish,English,mask\n1,Ve.,Go.,101\n".replace(",", separator))
    assert list(read_pairs(path, columns=("English", "Spanish"))) == [Pair("Go.", "Ve.")]
    assert list(read_pairs(path, columns=("English", "Spanish", "mask"))) == [Pair("Go.", "Ve.", "101")]
    with pytest.raises(ValueError, match=r"no column \['German'\].*which reads \['id', 'Spanish', 'English'"):
        list(read_pairs(path, columns=("English", "German")))


def test_a_plain_header_is_known(tmp_path):
    assert list(read_pairs(write_csv(tmp_path / "a.csv", [("Source", "target"), ("a", "b")]))) == [Pair("a", "b")]


def test_csv_fields_may_hold_line_breaks(tmp_path):
    path = write_csv(tmp_path / "a.csv", [("one\ntwo\tthree", "uno, dos"), (), ("a", "b")])
    corpus = read_pairs(path)
    assert list(corpus) == [Pair("one two three", "uno, dos"), Pair("a", "b")]
    assert corpus.report.dropped == {DropReason.BLANK_LINE: 1}


def test_csv_faults_are_counted_where_they_stand(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b'a,b\n"x"y,z\n\xff,d\n1,2,3,4\n' + b'"' + b"w" * 140_000 + b'",q\ne,f\n"open,to the end\n')
    corpus = read_pairs(path, max_bad_share=1)
    assert list(corpus) == [Pair("a", "b"), Pair("e", "f")]
    assert {reason: places[0].split(" ")[0] for reason, places in corpus.report.examples.items()} == {
        DropReason.BROKEN_QUOTES: "a.csv:2",
        DropReason.INVALID_UTF8: "a.csv:3",
        DropReason.WRONG_COLUMNS: "a.csv:4",
        DropReason.TOO_LONG: "a.csv:5",
    }
    assert corpus.report.dropped[DropReason.BROKEN_QUOTES] == 2


@pytest.mark.parametrize("closed", [True, False])
def test_a_stray_quote_does_not_swallow_the_file(tmp_path, closed):
    path = tmp_path / "a.csv"
    path.write_text('a,b\n"stray,c\n' + "d,e\n" * 500 + 'f",g\n' * closed)
    with pytest.raises(ValueError, match=r"a\.csv:2: a quote is opened here"):
        list(read_pairs(path, max_bad_share=1))


def test_json_keys_and_escapes(tmp_path):
    path = write_jsonl(
        tmp_path / "a.ndjson",
        [{"en": "caf\u0065\u0301\u0000\nbar", "es": "ca\tfé", "m": "11"}, {"en": "a", "es": "b", "m": None}],
    )
    assert list(read_pairs(path, columns=("en", "es"))) == [
        Pair("cafe\u0301 bar".replace("e\u0301", "é"), "ca fé"),
        Pair("a", "b"),
    ]
    assert [pair.mask for pair in read_pairs(path, columns=("en", "es", "m"))] == ["11", None]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", DropReason.INVALID_JSON),
        ("[1, 2]", DropReason.INVALID_JSON),
        ('{"source": "a"}', DropReason.INVALID_JSON),
        ('{"source": "a", "target": 3}', DropReason.INVALID_JSON),
        ('{"source": "a", "target": "b", "mask": [1]}', DropReason.INVALID_JSON),
        ("[" * 100_000, DropReason.INVALID_JSON),
        ('{"source": "a", "target": ' + "9" * 5_000 + "}", DropReason.INVALID_JSON),
        ('{"source": "\\ud800", "target": "b"}', DropReason.INVALID_UTF8),
        ('{"source": " \\n", "target": "b"}', DropReason.EMPTY_SIDE),
        ("  ", DropReason.BLANK_LINE),
    ],
)
def test_json_faults(tmp_path, line, reason):
    path = tmp_path / "a.jsonl"
    path.write_text('{"source": "a", "target": "b"}\n' + line + "\n")
    corpus = read_pairs(path, max_bad_share=1)
    assert list(corpus) == [Pair("a", "b")]
    assert corpus.report.dropped == {reason: 1}


def test_a_missing_key_names_the_keys_there_are(tmp_path):
    path = write_jsonl(tmp_path / "a.jsonl", [{"english": "a", "spanish": "b"}])
    with pytest.raises(ValueError, match="no text under 'source'; the keys are 'english', 'spanish'"):
        list(read_pairs(path))


@pytest.mark.parametrize(("sources", "targets"), [(3, 5), (5, 3), (2, 3)])
def test_parallel_files_of_different_length(tmp_path, sources, targets):
    (tmp_path / "a.txt").write_text("x\n" * sources)
    (tmp_path / "b.txt").write_text("y\n" * targets)
    with pytest.raises(ValueError, match=rf"a\.txt has {sources} lines and .*b\.txt has {targets}"):
        list(read_pairs(tmp_path / "a.txt", tmp_path / "b.txt"))


def test_parallel_rows_stay_side_by_side(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"one\ttab\n\n\xff\nfour\nfive\n")
    (tmp_path / "b.txt").write_bytes("uno\n\ntres\n\xe9\ncinco".encode("latin-1"))
    corpus = read_pairs(tmp_path / "a.txt", tmp_path / "b.txt", max_bad_share=1)
    assert list(corpus) == [Pair("one tab", "uno"), Pair("five", "cinco")]
    assert corpus.report.dropped == {DropReason.BLANK_LINE: 1, DropReason.INVALID_UTF8: 2}
    assert "b.txt: byte 0xe9" in corpus.report.examples[DropReason.INVALID_UTF8][1]


def zip_bytes(folder):
    with zipfile.ZipFile(folder / "z", "w") as archive:
        archive.writestr("a.txt", "a\tb\n")
    return (folder / "z").read_bytes()


BAD_FILES = {
    "empty": (lambda _: b"", "a.tsv", "is empty"),
    "only white space": (lambda _: b"\n \r\n", "a.tsv", "is empty"),
    "empty gzip": (lambda _: gzip.compress(b""), "a.tsv.gz", "is empty"),
    "one column": (lambda _: b"Hi.\nGo.\n", "a.tsv", r"found 1 column\).*source<TAB>target"),
    "CSV under the name of TSV": (lambda _: b"a,b\nc,d\n", "a.tsv", "found 1 column"),
    "zip": (zip_bytes, "a.tsv", "zip archive: unzip it first"),
    "binary": (lambda _: bytes(range(256)) * 40, "a.tsv", "binary"),
    "NUL bytes": (lambda _: b"\0" * 1000, "a.tsv", "NUL"),
    "UTF-16 with BOM": (lambda _: "a\tb\n".encode("utf-16"), "a.tsv", "UTF-16.*iconv"),
    "UTF-16 without BOM": (lambda _: ("ab\tcd\n" * 50).encode("utf-16-le"), "a.tsv", "UTF-16"),
    "Latin-1": (lambda _: "año\tyear\n".encode("latin-1") * 9, "a.tsv", "invalid UTF-8.*a.tsv:1 .byte 0xf1"),
    "old Macintosh": (lambda _: b"a\tb\rc\td\r", "a.tsv", "CR alone"),
    "truncated gzip": (lambda _: gzip.compress(b"a\tb\n" * 9)[:-9], "a.tsv.gz", "truncated gzip"),
    "broken gzip": (lambda _: b"\x1f\x8bnot gzip at all", "a.tsv", "broken"),
    "JSON array": (lambda _: b'[{"source": "a", "target": "b"}]', "a.json", "one JSON array.*jq"),
    "unknown suffix": (lambda _: b"a\tb\n", "a.xlsx", "does not tell its format.*format="),
    "text without targets": (lambda _: b"a\tb\n", "a.txt", "target_path="),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_FILES)
def test_wrong_files_are_named_for_what_they_are(tmp_path, case):
    content, name, message = BAD_FILES[case]
    path = tmp_path / name
    path.write_bytes(content(tmp_path))
    with pytest.raises(ValueError, match=re.compile(message, re.DOTALL)) as error:
        list(read_pairs(path))
    assert name in str(error.value)


def test_a_gzip_file_that_breaks_late_fails_during_the_pass(tmp_path):
    path = tmp_path / "a.tsv.gz"
    rows = b"".join(b"source %d\ttarget %d\n" % (n, n * n) for n in range(100_000))
    path.write_bytes(gzip.compress(rows)[:-1000])
    with pytest.raises(ValueError, match="broken or truncated gzip"):
        list(read_pairs(path))


def test_missing_files_and_folders(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.tsv"):
        read_pairs(tmp_path / "none.tsv")
    (tmp_path / "folder.tsv").mkdir()
    with pytest.raises(ValueError, match="not a folder"):
        read_pairs(tmp_path / "folder.tsv")
    with pytest.raises(FileNotFoundError, match=r"none\.es"):
        read_pairs(write_tsv(tmp_path / "a.en"), tmp_path / "none.es")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"format": "xml"}, "Unknown format 'xml'. Expected one of tsv"),
        ({"format": "parallel"}, "needs target_path="),
        ({"format": "tsv", "target_path": "b.txt"}, "both sides in one"),
        ({"columns": (0,)}, "columns="),
        ({"columns": (0, "b")}, "columns="),
        ({"columns": (0, -1)}, "columns="),
        ({"columns": (True, 0)}, "columns="),
        ({"columns": "ab"}, "columns="),
        ({"columns": (0, 1), "format": "jsonl"}, "as keys"),
        ({"columns": (0, 1), "target_path": "b.txt"}, "parallel files have no columns"),
    ],
)
def test_options_that_do_not_fit(tmp_path, options, message):
    with pytest.raises(ValueError, match=message):
        read_pairs(write_tsv(tmp_path / "a.tsv"), **options)


@pytest.mark.parametrize("limit", [BLOCK - 7, BLOCK, 2 * BLOCK + 3])
def test_an_over_long_line_is_dropped_and_the_next_one_read(tmp_path, limit):
    for length in (limit - 20, 3 * BLOCK, 5 * BLOCK + 1):
        path = tmp_path / "a.tsv"
        path.write_bytes(b"a\tb\n" + b"x" * length + b"\ty\nc\td\n" + b"z" * length)
        corpus = read_pairs(path, max_bad_share=1, max_characters=1000)
        assert list(corpus) == [Pair("a", "b"), Pair("c", "d")]
        assert corpus.report.rows == 4


def test_a_huge_line_is_never_held(tmp_path):
    path = tmp_path / "a.tsv.gz"
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(b"a\tb\n")
        for _ in range(64):
            file.write(b"x" * BLOCK)
        file.write(b"\nc\td\n")
    corpus = read_pairs(path, max_bad_share=1)
    tracemalloc.start()
    assert list(corpus) == [Pair("a", "b"), Pair("c", "d")]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10 * BLOCK
    assert corpus.report.dropped == {DropReason.TOO_LONG: 1}


@given(
    st.lists(
        st.tuples(TEXT, TEXT).map(lambda row: (row[0].replace("\n", ""), row[1].replace("\n", ""))),
        min_size=1,
    ),
    st.integers(1, 40),
)
def test_where_the_blocks_fall_decides_nothing(tmp_path_factory, rows, block):
    path = tmp_path_factory.mktemp("rows") / "a.tsv"
    path.write_bytes("".join(f"s{a}\tt{b}\n" for a, b in rows).encode())
    whole = list(read_pairs(path, max_bad_share=1, columns=(0, 1)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text_lines, "BLOCK", block)
        assert list(read_pairs(path, max_bad_share=1, columns=(0, 1))) == whole


@given(st.lists(st.tuples(TEXT, TEXT), min_size=1))
def test_csv_and_json_lines_read_back_what_was_written(tmp_path_factory, rows):
    folder = tmp_path_factory.mktemp("rows")
    rows = [("a", "b"), *rows]
    expected = [Pair(clean(a), clean(b)) for a, b in rows if clean(a) and clean(b)]
    with (folder / "a.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, quoting=csv.QUOTE_ALL).writerows(rows)
    write_jsonl(folder / "a.jsonl", [{"source": a, "target": b} for a, b in rows])
    for name in ("a.csv", "a.jsonl"):
        assert list(read_pairs(folder / name, deduplicate=False, max_bad_share=1)) == expected
