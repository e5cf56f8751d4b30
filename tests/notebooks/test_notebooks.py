"""Every notebook runs from a clean kernel, and is kept with its outputs."""

import time
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

FOLDER = Path(__file__).parents[2] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
LONGEST = 300  # seconds

assert NOTEBOOKS, f"no notebooks in {FOLDER}"


def outputs(notebook):
    """All outputs but what libraries write to standard error as they start."""
    cells = (cell for cell in notebook.cells if cell.cell_type == "code")
    return [output for cell in cells for output in cell.outputs if output.get("name") != "stderr"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_is_kept_with_its_outputs(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert not any(output.output_type == "error" for output in outputs(notebook))
    assert [cell.execution_count for cell in notebook.cells if cell.cell_type == "code"] == list(
        range(1, 1 + sum(cell.cell_type == "code" for cell in notebook.cells))
    )
    shown = " ".join(str(output) for output in outputs(notebook))
    assert "image/png" in shown
    assert "Traceback" not in shown
    assert "/home/" not in shown


@pytest.mark.slow
@pytest.mark.timeout(2 * LONGEST)
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_runs_from_a_clean_kernel(path, tmp_path):
    notebook = nbformat.read(path, as_version=4)
    kept = outputs(notebook)
    began = time.perf_counter()
    NotebookClient(notebook, timeout=LONGEST, resources={"metadata": {"path": str(tmp_path)}}).execute()
    assert time.perf_counter() - began < LONGEST
    assert [output.output_type for output in outputs(notebook)] == [output.output_type for output in kept]
