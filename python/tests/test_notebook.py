"""The notebook of the documentation, executed by a kernel of its own."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from conftest import REPOSITORY


def test_the_notebook_runs(flows: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    for package in ("ipykernel", "pandas", "polars", "pyarrow"):
        pytest.importorskip(package)
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY / "python"), prepend=os.pathsep)
    # The kernel writes its own files, such as a history.
    monkeypatch.setenv("IPYTHONDIR", str(flows / "ipython"))
    notebook = nbformat.read(REPOSITORY / "docs/notebook.ipynb", as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells), "commit the notebook without its outputs"
    client = nbclient.NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(flows)}})
    client.execute()
    run, clean, frame, sorted_frame, reused, counts, error = [
        cell["outputs"] for cell in notebook.cells if cell["cell_type"] == "code"
    ]
    assert "<b>screen</b> completed" in html(run)
    assert html(clean).count("data:image/svg+xml;base64,") == 20
    assert "<table" in html(frame) and "qed" in html(sorted_frame)
    assert "'read', 'describe'" in reused[0]["data"]["text/plain"]
    assert counts[0]["data"]["text/plain"].count(":") == 2
    assert error[0]["text"].startswith("error[E0306]: the flow has no parameter `max_wait`\n  --> --set:1:1\n  help: ")


def html(outputs: list[Any]) -> str:
    text = outputs[0]["data"]["text/html"]
    return text if isinstance(text, str) else "".join(text)
