"""Stores: where runs and their results are."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from typing import Any

from . import _program
from ._errors import ChemError
from ._run import Run


class Store:
    """A store of runs, read through the program. `store["@last"]` is its newest run."""

    def __init__(self, url: str | None = None) -> None:
        if url is not None and url.startswith("memory:"):
            raise ChemError(
                f"the store `{url}` ends with the program, so nothing could be read from it",
                help="name a file, as in `sqlite:.chem/store.db`",
            )
        self.url = url
        # A relative path keeps its meaning if the notebook changes its directory.
        self._directory = os.getcwd()

    def __getitem__(self, run: str) -> Run:
        """Returns the run with this id, or whose id begins so; `@last` is the newest."""
        return Run(self, self.json(["show", "--", run]))

    def runs(self, flow: str | None = None, *, status: str | None = None, limit: int | None = None) -> list[Run]:
        """Returns the runs, newest last: all, or those of a flow or with a status, or the newest `limit` of them."""
        filters = [*(["--flow", flow] if flow else []), *(["--status", status] if status else [])]
        listed = self.json(["ls", "--all", *filters])
        newest = listed if limit is None else listed[len(listed) - min(limit, len(listed)) :]
        return [self[each["flow_id"]] for each in newest]

    def __iter__(self) -> Iterator[Run]:
        return iter(self.runs())

    def depict(self, smiles: Sequence[str | None]) -> list[str | None]:
        """Returns a drawing of each structure as SVG; `None` where there is none or it cannot be drawn."""
        wanted = "".join(f"{each or ''}\n" for each in smiles)
        answer = self.call(["depict", "--", "-"], stdin=wanted.encode())
        return [each["svg"] for each in answer.json()]

    def json(self, arguments: Sequence[str]) -> Any:
        """Returns the JSON with which a command of the program answers."""
        return self.call(arguments).json()

    def call(
        self,
        arguments: Sequence[str],
        *,
        format: str = "json",
        stdin: bytes | None = None,
        progress: bool = False,
        accept: tuple[int, ...] = (0,),
    ) -> _program.Answer:
        """Runs a command of the program on this store."""
        store = [] if self.url is None else ["--store", self.url]
        options = ["--format", format, *store]
        return _program.call([*options, *arguments], cwd=self._directory, stdin=stdin, progress=progress, accept=accept)

    def __repr__(self) -> str:
        return f"Store({json.dumps(self.url) if self.url else ''})"


def open_store(url: str | None = None) -> Store:
    """Opens a store: `sqlite:PATH` or `postgres://…`.

    Without an address it is that of `CHEM_STORE` or `DATABASE_URL`, or else `.chem/store.db` in the working directory.
    """
    return Store(url)
