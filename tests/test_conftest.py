import os
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

SKIPS = """
import pytest

def test_passes():
    pass

def test_skips():
    pytest.skip("just because")

@pytest.mark.needs_data
def test_reads_data():
    raise AssertionError("must not run")

@pytest.mark.xfail(reason="known")
def test_expected_failure():
    raise AssertionError
"""

GROUP = """
import os, time, pytest

@pytest.mark.xdist_group("one")
@pytest.mark.parametrize("number", range(4))
def test_it(number):
    time.sleep(0.2)  # for the other worker to take one, where it may
    print("ran by", os.environ["PYTEST_XDIST_WORKER"])
"""


@pytest.fixture(autouse=True)
def uncovered(monkeypatch):
    """Free of the outer run's coverage settings, which do not apply to the files that pytester writes."""
    for name in [name for name in os.environ if name.startswith("SLIPCOVER")]:
        monkeypatch.delenv(name)


@pytest.fixture
def run(pytester, monkeypatch):
    pytester.makeconftest((Path(__file__).parent / "conftest.py").read_text(encoding="utf-8"))
    pytester.makeini("[pytest]\nmarkers = needs_data: reads the data folder")
    monkeypatch.setenv("KERAS_S2S_DATA", str(pytester.path / "nowhere"))

    def run(**files: str):
        pytester.makepyfile(**files)
        return pytester.runpytest_subprocess("-p", "no:cacheprovider", "-p", "no:xdist")

    return run


def test_skips_pass_outside_ci(run, monkeypatch):
    monkeypatch.delenv("CI", raising=False)
    run(test_it=SKIPS).assert_outcomes(passed=1, skipped=2, xfailed=1)


def test_a_skip_fails_in_ci_unless_the_data_folder_is_missing(run, monkeypatch):
    monkeypatch.setenv("CI", "true")
    result = run(test_it=SKIPS)
    result.assert_outcomes(passed=1, failed=1, skipped=1, xfailed=1)
    result.stdout.fnmatch_lines(["*a skip is a failure in CI: *just because*", "1 tests did not run: no data folder*"])


def test_a_skipped_module_fails_in_ci(run, monkeypatch):
    monkeypatch.setenv("CI", "true")
    result = run(test_module="import pytest\npytest.importorskip('no_such_module')\n")
    assert result.ret != 0
    result.stdout.fnmatch_lines(["*a skip is a failure in CI: *no_such_module*"])


def test_a_group_of_tests_has_one_worker(pytester):
    """On which `make verify` relies, for models that take minutes to be made once."""
    pytester.makepyfile(GROUP)
    result = pytester.runpytest_subprocess("-n", "2", "--dist", "loadgroup", "-rP", "-p", "no:cacheprovider")
    result.assert_outcomes(passed=4)
    ran_by = [line for line in result.outlines if line.startswith("ran by")]
    assert len(ran_by) == 4
    assert len(set(ran_by)) == 1, ran_by
