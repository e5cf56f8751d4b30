from pathlib import Path

import pytest

from keras_s2s.whole_file import replacing, sha256_of


def write(path, text, error=None):
    with replacing(path) as unfinished:
        Path(unfinished).write_text(text, encoding="utf-8")
        if error:
            raise error


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path):
    path = tmp_path / "a.json"
    for text in ("first", "second"):
        write(path, text)
        assert path.read_text(encoding="utf-8") == text
    with pytest.raises(RuntimeError):
        write(path, "half", RuntimeError())
    assert path.read_text(encoding="utf-8") == "second"
    with pytest.raises(FileNotFoundError), replacing(path):
        pass
    assert [file.name for file in tmp_path.iterdir()] == ["a.json"]


def test_the_hash_is_of_the_content(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"abc")  # FIPS 180-4's example
    assert sha256_of(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
