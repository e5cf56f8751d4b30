"""Every notebook runs from a clean kernel, and is kept with its outputs."""

import random
import time
from itertools import groupby
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from keras_s2s.data.datasets import FILES

FOLDER = Path(__file__).parents[2] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
LONGEST = 300  # seconds
NEEDS_DATA = {"03_proteins"}  # reads a data set that a clone does not bring; there it has made-up chains

assert NOTEBOOKS, f"no notebooks in {FOLDER}"


def outputs(notebook):
    """All outputs of each cell but what libraries write to standard error as they start."""
    cells = (cell for cell in notebook.cells if cell.cell_type == "code")
    return [[output for output in cell.outputs if output.get("name") != "stderr"] for cell in cells]


def kinds(notebook):
    """What each cell shows; how many pieces a text comes in depends on how busy the machine is."""
    return [[kind for kind, _ in groupby(output.output_type for output in cell)] for cell in outputs(notebook)]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_is_kept_with_its_outputs(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert not any(output.output_type == "error" for cell in outputs(notebook) for output in cell)
    assert [cell.execution_count for cell in notebook.cells if cell.cell_type == "code"] == list(
        range(1, 1 + sum(cell.cell_type == "code" for cell in notebook.cells))
    )
    shown = " ".join(str(output) for cell in outputs(notebook) for output in cell)
    assert "image/png" in shown
    assert "Traceback" not in shown
    assert "/home/" not in shown


LIKELY = {"H": "AELKMQR", "E": "VIFYWTC", "C": "GPDNSH"}


def made_up_chains(folder):
    """Write chains of the form, the lengths and about the numbers that the notebook counts on; return the folder."""
    draw = random.Random(0)

    def chain():
        residues = states = ""
        for _ in range(draw.randint(3, 60)):
            state = draw.choice("HEC")
            piece = draw.choices(8 * LIKELY[state] + "ACDEFGHIKLMNPQRSTVWY", k=draw.randint(4, 14))
            residues, states = residues + "".join(piece), states + state * len(piece)
        return f"{residues}\t{states}\t{draw.choice('01') + '1' * (len(residues) - 1)}\n"

    data = folder / "protein-secondary-structure"
    data.mkdir(parents=True)
    for name, count in zip(FILES, (8000, 500, 500), strict=True):
        (data / name).write_text("".join(chain() for _ in range(count)))
    return folder


@pytest.mark.slow
@pytest.mark.timeout(2 * LONGEST)
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_runs_from_a_clean_kernel(path, tmp_path, monkeypatch, data_folder):
    if path.stem in NEEDS_DATA:  # the kernel has it from here
        data = data_folder if data_folder.is_dir() else made_up_chains(tmp_path / "data")
        monkeypatch.setenv("KERAS_S2S_DATA", str(data))
    notebook = nbformat.read(path, as_version=4)
    kept = kinds(notebook)
    began = time.perf_counter()
    NotebookClient(notebook, timeout=LONGEST, resources={"metadata": {"path": str(tmp_path)}}).execute()
    assert time.perf_counter() - began < LONGEST
    assert kinds(notebook) == kept
