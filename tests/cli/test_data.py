import pytest


def test_list_shows_names_and_licences(invoke):
    text = invoke("data", "list", env={"COLUMNS": "200"}).stdout
    for part in ("phrasebook-en-es", "tatoeba-en-es", "Apache-2.0"):
        assert part in text


def test_show(invoke, tmp_path, monkeypatch):
    folder = tmp_path / "tatoeba-en-es"
    folder.mkdir()
    for name, rows in (("train", 3), ("valid", 2), ("devtest", 1)):
        text = "".join(f"hello {name} {i}\thola {name} {i}\n" for i in range(rows))
        (folder / f"{name}.tsv").write_text(text, encoding="utf-8")
    text = invoke("data", "show", "tatoeba-en-es", "--data", tmp_path).stdout
    for part in (
        "CC BY 2.0 FR",
        "manythings.org",
        "train        3 pairs",
        "test         1 pairs",
        "hola devtest 0",
    ):
        assert part in text


def test_show_prints_what_was_dropped(invoke, tmp_path):
    folder = tmp_path / "tatoeba-en-es"
    folder.mkdir()
    good = "".join(f"hello {i}\thola {i}\n" for i in range(200))
    for name in ("train", "valid", "devtest"):
        (folder / f"{name}.tsv").write_text(good + ("one column\n" if name == "devtest" else ""), encoding="utf-8")
    error = invoke("data", "show", "tatoeba-en-es", "--data", tmp_path).stderr
    assert "devtest.tsv: 201 rows\n" in error
    assert "devtest.tsv:201 (found 1 column)" in error
    assert "train.tsv" not in error


def test_show_of_an_unknown_name_suggests_one(fail):
    line, code = fail("data", "show", "tatoeba")
    assert code == 1
    assert "'tatoeba-en-es'" in line


def test_check_prints_the_report(invoke, tmp_path):
    path = tmp_path / "pairs.tsv"
    path.write_text("a\tb\na\tb\n\tempty\nc\td\n", encoding="utf-8")
    text = invoke("data", "check", path, "--max-bad-share", "0.5").stdout
    longest = "longest source 1 characters, longest target 1"
    for part in ("4 rows", "duplicate pair", "empty source or target", "pairs.tsv:3", "the first: 'a' → 'b'", longest):
        assert part in text


def test_check_of_a_bad_file_prints_the_report_and_fails(capsys, tmp_path):
    from keras_s2s.cli.main import run

    path = tmp_path / "pairs.tsv"
    path.write_text("only one column\na\tb\n", encoding="utf-8")
    with pytest.raises(SystemExit) as stop:
        run(["data", "check", str(path)])
    printed = capsys.readouterr()
    assert stop.value.code == 1
    assert "pairs.tsv:1" in printed.out
    assert printed.err.startswith("error: ")
    assert printed.err.count("\n") == 1


def test_check_of_parallel_files_and_of_columns(invoke, tmp_path):
    (tmp_path / "s.txt").write_text("a\nb\n", encoding="utf-8")
    (tmp_path / "t.txt").write_text("c\nd\n", encoding="utf-8")
    assert "2 rows" in invoke("data", "check", tmp_path / "s.txt", tmp_path / "t.txt").stdout
    (tmp_path / "x.csv").write_text("id,es,en\n1,hola,hi\n", encoding="utf-8")
    assert "1 rows" in invoke("data", "check", tmp_path / "x.csv", "--columns", "en,es").stdout
    (tmp_path / "y.txt").write_text("hi\thola\tby someone\n", encoding="utf-8")
    arguments = ("data", "check", tmp_path / "y.txt", "--format", "tsv", "--columns", "0,1")
    assert "1 rows" in invoke(*arguments).stdout


BINARY = bytes(range(256)) * 20


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("empty.tsv", b""),
        ("one-column.tsv", b"a\nb\nc\n"),
        ("binary.tsv", BINARY),
        ("broken.tsv.gz", b"\x1f\x8b\x08\x00garbage"),
        ("unknown.xyz", b"a\tb\n"),
    ],
)
def test_bad_files_end_in_one_line(capsys, tmp_path, name, content):
    from keras_s2s.cli.main import run

    path = tmp_path / name
    path.write_bytes(content)
    for command in (["data", "check", str(path)], ["build", str(path), "-o", str(tmp_path / "out")]):
        with pytest.raises(SystemExit) as stop:
            run(command)
        error = capsys.readouterr().err
        assert stop.value.code == 1
        assert error.startswith("error: ")
        assert error.count("\n") == 1
        assert name in error
        if name == "one-column.tsv":
            mend = "--set data.max_bad_share=SHARE" if command[0] == "build" else "--max-bad-share"
            for part in ("found 1 column", "source<TAB>target", "the right --format or --columns", mend):
                assert part in error


def test_a_missing_file(fail, tmp_path):
    line, _ = fail("data", "check", tmp_path / "none.tsv")
    assert "none.tsv" in line
