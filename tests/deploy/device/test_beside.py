import json
from pathlib import Path

import pytest

from keras_s2s.deploy.device.beside import BESIDE, beside, move_set
from keras_s2s.deploy.device.manifest import read_files


def test_the_files_beside_are_those_inside(tflite):
    assert sorted(child.name for child in tflite.parent.iterdir()) == [
        "tiny.manifest.json",
        "tiny.source.model",
        "tiny.target.model",
        "tiny.tflite",
        "tiny.vectors.json",
    ]
    for name, content in read_files(tflite).contents().items():
        assert beside(tflite, name).read_bytes() == content
    assert json.loads(beside(tflite, "manifest.json").read_bytes()) == read_files(tflite).manifest


def test_a_stem_with_dots():
    assert beside(Path("x/en.es.v2.tflite"), "source.model") == Path("x/en.es.v2.source.model")


def make_set(folder, word):
    folder.mkdir(exist_ok=True)
    path = folder / "m.tflite"
    for file in (path, *(beside(path, name) for name in BESIDE)):
        file.write_text(word)
    return path


STEPS = 2 * len(BESIDE) + 1


@pytest.mark.parametrize("survived", range(STEPS + 1))
def test_a_crash_never_mixes_two_sets(tmp_path, monkeypatch, survived):
    old, new = make_set(tmp_path / "there", "old"), make_set(tmp_path / "elsewhere", "new")
    steps = iter(range(STEPS))

    def counted(method):
        def call(*arguments, **options):
            if next(steps) == survived:
                raise KeyboardInterrupt
            return method(*arguments, **options)

        return call

    with monkeypatch.context() as patch:
        for name in ("unlink", "replace"):
            patch.setattr(Path, name, counted(getattr(Path, name)))
        if survived < STEPS:
            with pytest.raises(KeyboardInterrupt):
                move_set(new, old)
        else:
            move_set(new, old)
    model = old.read_text()
    assert model == ("old" if survived <= len(BESIDE) else "new")
    standing = {name: beside(old, name).read_text() for name in BESIDE if beside(old, name).exists()}
    assert set(standing.values()) <= {model}
    assert "manifest.json" not in standing or len(standing) == len(BESIDE)
    assert len(standing) == {0: len(BESIDE), STEPS: len(BESIDE)}.get(survived, len(standing))
