"""Versions that come and go while the server runs, and the first request that each one answers."""

import shutil
import statistics
import threading
import time
from collections import Counter

import pytest

TEXTS = ["let's go", "to eat", "let's sleep now", "to go"]
CLIENTS = 4
ANSWERS = 2
ANSWER_SECONDS = 120


@pytest.fixture(scope="module")
def versions(external, request):
    """A server into whose folder versions can be put, and the versions' folders to put there in turn."""
    if external:
        if external.folder is None:
            pytest.skip("TF_SERVING_MODEL_BASE_PATH is not set")
        served = external.folder / str(max(external.available()))
        yield external, [served, served]
        return
    # A server of its own, so that the others' tests see one version throughout.
    exported, export, make_model = map(request.getfixturevalue, ("exported", "export", "make_model"))
    folder = request.getfixturevalue("tmp_path_factory").mktemp("versions") / "en_es"
    shutil.copytree(exported, folder / "1")
    other = export(make_model(seed=7, spread=3.0))
    yield request.getfixturevalue("run_server")(folder), [other, exported]


@pytest.fixture
def added(versions):
    """Put versions into the folder, each above the last; the server goes back to the first one afterwards."""
    server, _ = versions
    (first,) = server.available()
    mine = []

    def add(source):
        mine.append(server.add(source, max(server.available()) + 1))
        return int(mine[-1].name)

    yield add
    for folder in reversed(mine):
        shutil.rmtree(folder)
    server.wait_for([first])


class Load:
    """Clients that ask without a pause; what they were answered, and what failed."""

    def __init__(self, server):
        self.server = server
        self.answers, self.failures = Counter(), []
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(number % 2 == 0,)) for number in range(CLIENTS)]

    def _ask(self, rest):
        while not self._stop.is_set():
            try:
                if rest:
                    version, answer = None, self.server.translate_rest(TEXTS)
                else:
                    response = self.server.predict(TEXTS)
                    version = response.model_spec.version.value
                    answer = [text.decode() for text in response.outputs["translations"].string_val]
                self.answers[version, tuple(answer)] += 1
            except Exception as error:
                self.failures.append(error)

    def wait_for_more(self, *keys):
        """Wait until each of these has been answered so many times more."""
        before = {key: self.answers[key] for key in keys}
        end = time.monotonic() + ANSWER_SECONDS
        while not all(self.answers[key] >= before[key] + ANSWERS for key in keys):
            assert time.monotonic() < end, f"waited for {keys}: {self.answers}, {self.failures[:3]}"
            time.sleep(0.02)

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join(60)


def test_hot_swap_under_load(versions, added):
    """Not one request fails, and each is answered by exactly one of the versions."""
    server, sources = versions
    expected = {}
    with Load(server) as load:
        for source in [None, *sources]:
            if source is not None:
                server.wait_for([added(source)])
            (number,) = server.available()
            expected[number] = tuple(server.translate(TEXTS, version=number))
            # Over gRPC, which names the version, and over REST, which does not.
            load.wait_for_more((number, expected[number]), (None, expected[number]))
    assert load.failures == []
    assert {key for key in load.answers if key[0] is not None} == set(expected.items())
    assert {answer for version, answer in load.answers if version is None} == set(expected.values())
    assert min(load.answers.values()) >= ANSWERS


def test_the_answers_are_those_of_the_new_version(versions, added, external):
    server, (other, _) = versions
    before = server.translate(TEXTS)
    number = added(other)
    server.wait_for([number])
    assert server.predict(TEXTS).model_spec.version.value == number
    if not external:
        assert server.translate(TEXTS) != before


def test_a_broken_version_changes_nothing(versions, added, tmp_path):
    server, (source, _) = versions
    before, available = server.translate(TEXTS), server.available()
    broken = tmp_path / "broken"
    shutil.copytree(source, broken)
    (broken / "saved_model.pb").write_bytes(b"no graph")
    number = added(broken)
    end = time.monotonic() + 5
    while time.monotonic() < end:
        assert server.available() == available
        assert server.translate(TEXTS) == before
    assert number in server.status()


def test_folders_that_are_no_versions_are_ignored(versions):
    server, _ = versions
    before = set(server.status())
    notes = server.folder / "notes"
    notes.mkdir()
    try:
        time.sleep(2.5)
        assert set(server.status()) == before
    finally:
        notes.rmdir()


def test_the_first_request_is_no_slower(versions, added):
    """Warm-up works: the first request after a load takes no more than twice the time of a later one.

    Over REST for `serving_default`, over gRPC for `beam`: each signature has a warm-up of its own.

    Every request that counts follows a pause, since any server's idle threads and caches cost its next request as much
    again. Of five loads the quickest first request: a single moment on a busy machine says nothing. Without warm-up
    each is some hundred times slower.
    """
    server, sources = versions
    ways = {
        "REST": lambda: server.translate_rest(TEXTS),
        "beam": lambda: server.predict(TEXTS, signature="beam"),
    }
    firsts, later = ({way: [] for way in ways} for _ in range(2))
    for source in [*sources, *sources, sources[0]]:
        server.wait_for([added(source)])
        for seconds in (firsts, later):
            for way, ask in ways.items():
                seconds[way].append(_seconds_after_a_pause(ask))
    for way in ways:
        assert min(firsts[way]) <= 2 * statistics.median(later[way]), (way, firsts, later)


def _seconds_after_a_pause(ask):
    time.sleep(0.5)
    began = time.perf_counter()
    ask()
    return time.perf_counter() - began
