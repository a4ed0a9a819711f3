"""Flows that are pinned in pytest, with the snapshots of the tests in Rust."""

from __future__ import annotations

from pathlib import Path

import pytest

import chem_flow
from chem_flow.testing import assert_flow_snapshot


@pytest.mark.parametrize("name", ["demo", "potency", "oral-leads"])
def test_the_snapshots_of_the_tests_in_rust_are_read(flows: Path, name: str) -> None:
    before = (flows / f"snapshots/flows/{name}.snap").read_bytes()
    assert_flow_snapshot(f"flows/{name}.yaml")
    assert (flows / f"snapshots/flows/{name}.snap").read_bytes() == before
    assert not (flows / "flows/out").exists() and not (flows / ".chem").exists(), "the run left something behind"


def test_a_change_is_named_and_accepted(flows: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    manifest, snapshot = flows / "flows/demo.yaml", flows / "snapshots/flows/demo.snap"
    before = snapshot.read_text()
    manifest.write_text(manifest.read_text().replace("hello, flow", "hello, Python"))
    with pytest.raises(AssertionError) as failed:
        assert_flow_snapshot(manifest)
    text = str(failed.value)
    assert text.startswith('step `seed`: parameter `text` changed: `"hello, flow"` → `"hello, Python"`'), text
    assert "chem snapshot --accept" in text and "cargo" not in text
    assert snapshot.read_text() == before
    monkeypatch.setenv("INSTA_UPDATE", "always")
    assert_flow_snapshot(manifest)
    monkeypatch.delenv("INSTA_UPDATE")
    assert_flow_snapshot(manifest)
    # The header that a test in Rust wrote stays.
    assert snapshot.read_text().splitlines()[:3] == before.splitlines()[:3]
    manifest.write_text(manifest.read_text().replace("hello, Python", "hello, flow"))
    assert_flow_snapshot(manifest, accept=True)
    assert snapshot.read_text() == before, "what Python accepts is not what Rust writes"


def test_a_flow_without_a_snapshot_fails(flows: Path) -> None:
    (flows / "snapshots/flows/demo.snap").unlink()
    with pytest.raises(AssertionError, match="`flows/demo.yaml` has no snapshot yet"):
        assert_flow_snapshot("flows/demo.yaml")
    assert_flow_snapshot("flows/demo.yaml", accept=True)
    assert_flow_snapshot("flows/demo.yaml")


def test_a_wrong_manifest_is_no_failed_comparison(flows: Path) -> None:
    with pytest.raises(chem_flow.ManifestError, match="cannot read `flows/missing.yaml`"):
        assert_flow_snapshot("flows/missing.yaml")
