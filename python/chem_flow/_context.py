"""What a running step tells the program: signals, counts and progress, and whether it is asked to stop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Cancelled(BaseException):
    """Ends a step that is asked to stop. Not an `Exception`, so that no row is rejected for it."""


class Context:
    """The run of a step. A step function takes it as a parameter of this type."""

    def __init__(self, send: Callable[[dict[str, Any]], None], stopped: Callable[[], bool], *, rows: bool) -> None:
        self._send = send
        self._stopped = stopped
        self._rows = rows
        self._counts: dict[str, int] = {}

    def signal(self, name: str, data: Any) -> None:
        """Records data about the step that is not one of its outputs, as an event of the run.

        A step that works on rows cannot: its signals would depend on how the rows are cut. It counts instead.
        """
        if self._rows:
            raise StepFailure("a step that works on rows has no signals of its own; count with `context.count(name)`")
        self._send({"type": "signal", "name": name, "data": data})

    def count(self, name: str) -> None:
        """Counts something for the current row. The sums of all rows are the signal `counted`."""
        if not self._rows:
            raise StepFailure("only a step that works on rows counts; record a signal instead")
        self._counts[name] = self._counts.get(name, 0) + 1

    def progress(self, done: int, total: int | None = None) -> None:
        """Reports that `done` records are done, of `total` if that is known."""
        if not self._rows:
            self._send({"type": "progress", "done": done, "total": total})

    def check_cancelled(self) -> None:
        """Ends the step if it is asked to stop. A step that works for long calls this from time to time."""
        if self._stopped():
            raise Cancelled


class StepFailure(Exception):
    """Fails the whole step rather than the row: what the step gives is not what it declares."""
