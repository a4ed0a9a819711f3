"""What a notebook shows of runs and results."""

from __future__ import annotations

import base64
import re
from pathlib import Path

import pytest

import chem_flow


def test_molecules_are_shown_with_their_structures(flows: Path) -> None:
    pytest.importorskip("pyarrow")
    run = chem_flow.run("flows/oral-leads.yaml")
    html = run["keep"]._repr_html_()
    pictures = re.findall(r'src="data:image/svg\+xml;base64,([^"]+)"', html)
    assert len(pictures) == 20 and all(b"<svg" in base64.b64decode(each) for each in pictures)
    assert "227 rows (the first 20)" in html and "molecular_weight (g/mol)" in html and "abacavir" in html
    rejects = run["read.rejects"]._repr_html_()
    assert "0 rows" in rejects and "<img" not in rejects
    assert "&quot;path&quot;" in run["report"]._repr_html_()


def test_a_run_is_shown_with_its_steps(flows: Path) -> None:
    run = chem_flow.run("flows/demo.yaml")
    html = run._repr_html_()
    assert "<b>demo</b> completed" in html and "demo.characters@1" in html and run.id in html
    again = chem_flow.run("flows/demo.yaml")
    assert "reused" in again._repr_html_()
    assert repr(run) == f"<run of `demo` completed, {run.id}>"
    assert re.fullmatch(r"<text `seed.main` [0-9a-f]{12}>", repr(run["seed"]))


def test_what_a_flow_says_is_escaped(flows: Path) -> None:
    run = chem_flow.run("flows/demo.yaml", text="<script>alert(1)</script>")
    assert "<script>" not in run["seed"]._repr_html_()
    Path("odd.yaml").write_text(
        "flow: odd\nsteps:\n  - id: one\n    uses: molecules.inline\n"
        "    with: { molecules: ['CCO <img src=x onerror=y>'] }\n"
    )
    molecules = chem_flow.run("odd.yaml")["one"]
    assert "<img src=x" not in molecules._repr_html_()


def test_a_structure_that_cannot_be_drawn_is_left_out(flows: Path) -> None:
    drawn = chem_flow.open_store().depict(["CCO", None, "not a smiles", "c1ccccc1"])
    assert [each is not None for each in drawn] == [True, False, False, True]
    assert chem_flow.open_store().depict([]) == []
