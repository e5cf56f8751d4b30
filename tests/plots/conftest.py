"""Models to draw, the same on every machine."""

import os
from pathlib import Path

import pytest
from matplotlib.testing.compare import compare_images
from matplotlib.testing.exceptions import ImageComparisonFailure

BASELINE = Path(__file__).with_name("baseline")
TOLERANCE = 4  # root mean square of the differences of pixels, of 255; letters rendered otherwise stay below it


@pytest.fixture
def looks_like(tmp_path):
    """A function that compares a picture with the one of its name that has been looked at and kept."""

    def looks_like(figure, name, *, keep=False):
        drawn = tmp_path / f"{name}.png"
        figure.savefig(drawn)
        if keep and os.environ.get("KEEP_PICTURES"):  # after looking at what is drawn now
            BASELINE.mkdir(exist_ok=True)
            (BASELINE / drawn.name).write_bytes(drawn.read_bytes())
        try:
            return compare_images(str(BASELINE / drawn.name), str(drawn), TOLERANCE) is None
        except ImageComparisonFailure:  # of another size
            return False

    return looks_like


@pytest.fixture(scope="session")
def plain(make_model):
    return make_model(spread=2.0)


@pytest.fixture(scope="session")
def attentive(make_model):
    return make_model(spread=2.0, attention="dot")
