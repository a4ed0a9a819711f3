"""Flows as regression tests, with the snapshots that tests in Rust and `chem snapshot` read.

A snapshot has the whole record of a run: what each step was given, its fingerprint and its results. Only what differs from
run to run is left out. One line pins a flow::

    from chem_flow.testing import assert_flow_snapshot

    def test_oral_leads():
        assert_flow_snapshot("flows/oral-leads.yaml")

The snapshot of `flows/NAME.yaml` is `snapshots/flows/NAME.snap`.
"""

from __future__ import annotations

import os

from . import _program
from ._errors import ChemError

#: The values of `INSTA_UPDATE` with which tests in Rust accept every change.
_ACCEPTING = ("always", "force")


def assert_flow_snapshot(manifest: str | os.PathLike[str], *, accept: bool | None = None) -> None:
    """Runs a manifest and fails if its record differs from the snapshot, or if there is none.

    The first line of the failure names the cause: a step that gave another result under the same fingerprint, a parameter,
    an input file. The run leaves nothing behind: its log is in memory, and its files go to a temporary folder. A step that
    fails is part of the record.

    `accept` writes the snapshot instead. Without it, `INSTA_UPDATE=always` in the environment does, as for tests in Rust.

    Raises `AssertionError` if they differ, and `ManifestError` if the manifest has errors.
    """
    __tracebackhide__ = True
    if accept is None:
        accept = os.environ.get("INSTA_UPDATE") in _ACCEPTING
    arguments = ["--format", "json", "snapshot", *(["--accept"] if accept else []), "--", os.fspath(manifest)]
    answer = _program.call(arguments, accept=(0, 1))
    reports = answer.json()
    if not isinstance(reports, list):
        raise ChemError(answer.stderr.strip() or "`chem snapshot` gave no answer", status=answer.status)
    if answer.status != 0:
        raise AssertionError("\n".join(report["text"] for report in reports))
