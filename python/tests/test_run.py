"""Flows that are run from Python, and their results."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import chem_flow
from chem_flow import _run


def test_a_run_has_its_steps_and_their_outputs(flows: Path) -> None:
    run = chem_flow.run("flows/screen.yaml", max_weight=400, store="sqlite:my.db")
    assert run.status == "completed" and list(run)[:2] == ["read", "describe"] and "read" in run
    assert run.fingerprint and run.steps[0].uses == "molecules.read"
    kept = run["within-limits"]
    assert kept.is_table and 0 < len(kept) < len(run["describe"]) == 304
    assert run["read.rejects"].name == "rejects" and run["read.rejects"].is_table
    written = run["report"]
    assert not written.is_table and written.value["path"].endswith(".html")
    with pytest.raises(TypeError, match="is `file`, which has no rows"):
        written.to_arrow()
    with pytest.raises(KeyError, match="no step `keep`; it has `read`"):
        run["keep"]
    with pytest.raises(KeyError, match="no output `lost`; it has `main`, `rejects`"):
        run["read.lost"]
    again = chem_flow.run("flows/screen.yaml", max_weight=400, store="sqlite:my.db")
    assert again.steps[0].reused and again.fingerprint == run.fingerprint
    fresh = chem_flow.run("flows/screen.yaml", set={"max_weight": 400}, store="sqlite:my.db", cache=False)
    assert not fresh.steps[0].reused and fresh.fingerprint == run.fingerprint


def test_a_table_goes_to_arrow_pandas_and_polars(flows: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    output = chem_flow.run("flows/oral-leads.yaml")["describe"]
    table = output.to_arrow()
    assert table.num_rows == len(output) == 304
    types = {field.name: str(field.type) for field in table.schema}
    assert types["smiles"] == "large_string" and types["molecular_weight"] == "double" and types["hbd"] == "int64"
    assert (table.schema.field("molecular_weight").metadata or {})[b"unit"] == b"g/mol"
    rows = output._store.json(["artifact", output.hash, "--rows"])["rows"]
    assert [list(row.values()) for row in table.to_pylist()] == rows
    # Any library takes it through the capsule.
    reader = pyarrow.RecordBatchReader.from_stream(output)
    assert reader.read_all().equals(table)
    pytest.importorskip("pandas")
    frame = output.to_pandas()
    assert list(frame.columns) == table.column_names and frame["hbd"].dtype == "int64"
    assert frame["molecular_weight"].tolist() == table["molecular_weight"].to_pylist()
    polars = pytest.importorskip("polars")
    assert output.to_polars().equals(polars.DataFrame(output))


def test_a_table_without_rows_has_its_columns(flows: Path) -> None:
    pytest.importorskip("pyarrow")
    rejects = chem_flow.run("flows/oral-leads.yaml")["read.rejects"]
    assert len(rejects) == 0 and rejects
    assert rejects.to_arrow().num_rows == 0 and rejects.to_arrow().num_columns == len(rejects.columns) > 0


def test_a_store_has_its_runs_wherever_the_program_is(flows: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = chem_flow.run("flows/demo.yaml", text="one")
    second = chem_flow.run("flows/potency.yaml")
    store = chem_flow.open_store()
    monkeypatch.chdir("/")
    assert [run.id for run in store] == [first.id, second.id]
    assert store["@last"].id == second.id and store[first.id[:-4]].id == first.id
    assert [run.id for run in store.runs(flow="demo")] == [first.id]
    assert [run.id for run in store.runs(limit=1)] == [second.id] and store.runs(limit=0) == []
    assert first["count"].value == {"characters": 3}
    with pytest.raises(chem_flow.ChemError, match="no run `nothing` in this store"):
        store["nothing"]
    with pytest.raises(chem_flow.StoreError, match="there is no store") as raised:
        chem_flow.open_store("sqlite:missing.db")["@last"]
    assert raised.value.status == 3 and raised.value.help
    with pytest.raises(chem_flow.ChemError, match="ends with the program"):
        chem_flow.run(str(flows / "flows/demo.yaml"), store="memory:")


def test_parameters_are_written_as_the_program_reads_them(flows: Path) -> None:
    for text in ("a b", '"quoted"', "5", "true", "", "tab\there", "ü"):
        assert chem_flow.run("flows/demo.yaml", text=text)["seed"].value == text
    assert _run.spelled("x", 1.5) == "1.5" and _run.spelled("x", True) == "true"
    assert _run.spelled("x", ["a", 1]) == '["a", 1]' == _run.spelled("x", ("a", 1))
    assert _run.spelled("x", Path("a/b")) == "a/b"
    for wrong in (float("nan"), {1, 2}, object()):
        with pytest.raises(chem_flow.ChemError, match="parameter `x` cannot be"):
            _run.spelled("x", wrong)


def test_numbers_of_numpy_are_parameters(flows: Path) -> None:
    numpy = pytest.importorskip("numpy")
    assert _run.spelled("x", numpy.float64(0.5)) == "0.5" and _run.spelled("x", numpy.arange(2)) == "[0, 1]"


def test_the_errors_of_the_program_are_exceptions(flows: Path) -> None:
    with pytest.raises(chem_flow.ManifestError, match="no parameter `tex`") as wrong:
        chem_flow.run("flows/demo.yaml", tex="one")
    assert wrong.value.diagnostics[0]["code"] == "E0306" and "did you mean `text`?" in str(wrong.value)
    with pytest.raises(chem_flow.ManifestError, match="cannot read `missing.yaml`"):
        chem_flow.run("missing.yaml")
    Path("fails.yaml").write_text(
        "flow: fails\nsteps:\n  - id: one\n    uses: molecules.inline\n    with: { molecules: [CCO ethanol] }\n"
        "  - id: two\n    uses: process.run\n    with: { command: ['false'], version: 'false@1' }\n"
    )
    with pytest.raises(chem_flow.RunFailed, match="step `two` failed: `false` exited with status 1") as failed:
        chem_flow.run("fails.yaml")
    assert failed.value.step == "two" and failed.value.run.status == "failed"
    assert len(failed.value.run["one"]) == 1
    with pytest.raises(KeyError, match="has no outputs: it is failed"):
        failed.value.run["two"]


def test_a_run_that_waits_is_returned(flows: Path) -> None:
    Path("gated.yaml").write_text(
        "flow: gated\nsteps:\n  - { id: seed, uses: demo.seed, with: { text: CCO } }\n"
        "  - { id: characters, uses: demo.characters, gate: { message: Go on? } }\n"
    )
    run = chem_flow.run("gated.yaml")
    assert run.status == "waiting" and run.question and run.question["message"] == "Go on?"
    assert run["seed"].value == "CCO"
    with pytest.raises(KeyError, match="step `characters` has no outputs"):
        run["characters"]


def test_progress_is_written_as_it_happens(flows: Path, capsys: pytest.CaptureFixture[str]) -> None:
    chem_flow.run("flows/demo.yaml", progress=True)
    assert "[1/3] seed: demo.seed@1" in capsys.readouterr().err
    chem_flow.run("flows/demo.yaml")
    assert capsys.readouterr().err == ""


def test_an_option_cannot_be_smuggled_in(flows: Path) -> None:
    with pytest.raises(chem_flow.ManifestError, match="cannot read `--help`"):
        chem_flow.run("--help")
    with pytest.raises(chem_flow.ChemError, match="no run `--all`"):
        chem_flow.run("flows/demo.yaml").store["--all"]


def test_an_interrupt_reaches_the_program(flows: Path) -> None:
    Path("slow.yaml").write_text(
        "flow: slow\nsteps:\n  - id: one\n    uses: molecules.inline\n    with: { molecules: [CCO ethanol] }\n"
        "  - id: two\n    uses: process.run\n    with: { command: [sleep, '60'], version: 'sleep@1' }\n"
    )
    code = (
        "import chem_flow\ntry: chem_flow.run('slow.yaml', progress=True)\nexcept KeyboardInterrupt: print('stopped')"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    # A shell makes background processes ignore Ctrl-C, which Python respects, so the signal is reset first.
    python = subprocess.Popen(
        [sys.executable, "-c", code],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert python.stderr is not None
    for line in python.stderr:
        if "two" in line:
            break
    # As the interrupt of a notebook's kernel, it reaches Python alone.
    python.send_signal(signal.SIGINT)
    began = time.monotonic()
    out, _ = python.communicate(timeout=30)
    assert out == "stopped\n" and time.monotonic() - began < 20
    assert chem_flow.open_store()["@last"].status == "interrupted"


def test_a_missing_program_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(chem_flow._program, "_folders", lambda: iter([tmp_path]))
    with pytest.raises(
        chem_flow.ProgramNotFound, match="neither in .* nor on the PATH\n  help: `pip install chem-flow`"
    ):
        chem_flow.run("flows/demo.yaml")
    # The program of this installation comes before that of the PATH.
    (tmp_path / "bin").mkdir()
    for program in (tmp_path / "chem", tmp_path / "bin/chem"):
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert chem_flow._program.find() == str(tmp_path / "chem")
