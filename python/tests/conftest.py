"""The program under test: the one that is installed with the package, or else the first on the PATH.

Tests that need it are skipped without it. `CHEM_REQUIRE_PROGRAM=1` makes that a failure.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from chem_flow import ProgramNotFound, _program

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def flows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with the repository's flows and snapshots, and a store of its own."""
    try:
        _program.find()
    except ProgramNotFound as error:
        if os.environ.get("CHEM_REQUIRE_PROGRAM") == "1":
            raise
        pytest.skip(f"no program to test with: {error}")
    for folder in ("flows", "snapshots/flows"):
        ignored = shutil.ignore_patterns("out", ".chem")
        shutil.copytree(REPOSITORY / folder, tmp_path / folder, ignore=ignored)
    monkeypatch.chdir(tmp_path)
    for variable in ("CHEM_STORE", "DATABASE_URL", "CHEM_CONFINED", "INSTA_UPDATE"):
        monkeypatch.delenv(variable, raising=False)
    for variable in ("CHEM_WITNESS", "CHEM_IDENTITY"):
        monkeypatch.setenv(variable, str(tmp_path / variable))
    return tmp_path
