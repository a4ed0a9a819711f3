"""The errors of the program `chem` as exceptions, with its text and its data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._run import Run


class ChemError(Exception):
    """A failure of the program: its message, what caused it, what to do, and its exit status."""

    def __init__(self, message: str, *, causes: tuple[str, ...] = (), help: str | None = None, status: int = 2) -> None:
        super().__init__(message)
        self.message = message
        self.causes = causes
        self.help = help
        self.status = status

    def __str__(self) -> str:
        causes = "".join(f"\n  caused by: {cause}" for cause in self.causes)
        return f"{self.message}{causes}" + (f"\n  help: {self.help}" if self.help else "")


class ManifestError(ChemError):
    """A manifest with errors. `diagnostics` has them as `chem check --format json` prints them."""

    def __init__(self, text: str, diagnostics: list[dict[str, Any]]) -> None:
        super().__init__(text)
        self.diagnostics = diagnostics


class RunFailed(ChemError):
    """A run with a failed step. `run` has what came before it, and the store has all of it."""

    def __init__(self, run: Run, step: str, message: str, causes: tuple[str, ...]) -> None:
        super().__init__(f"step `{step}` failed: {message}", causes=causes, status=1)
        self.run = run
        self.step = step


class StoreError(ChemError):
    """A store that cannot be used, or part of which cannot be read."""


class ProgramNotFound(ChemError):
    """The program `chem` is not installed."""
