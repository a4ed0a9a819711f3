"""Runs, and how to start one."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import _html
from ._errors import ChemError, RunFailed
from ._output import Output

if TYPE_CHECKING:
    from ._store import Store


@dataclass(frozen=True)
class Step:
    """A step of a run, with the outputs that it has so far."""

    id: str
    uses: str
    version: int
    status: str
    reused: bool
    fingerprint: str | None
    outputs: tuple[Output, ...]


class Run:
    """A run in a store. `run["keep"]` is the main output of its step `keep`, `run["read.rejects"]` another one."""

    def __init__(self, store: Store, report: Mapping[str, Any]) -> None:
        self.store = store
        self.report = report
        self.id: str = report["flow_id"]
        self.flow: str = report["flow"]
        self.status: str = report["status"]
        self.fingerprint: str | None = report["flow_fingerprint"]
        self.steps = tuple(_step(store, each) for each in report["steps"])
        self.warnings: list[str] = [each["message"] for each in report.get("warnings") or []]

    @property
    def question(self) -> dict[str, Any] | None:
        """What a person is asked, if the run waits for a decision."""
        asked: dict[str, Any] | None = self.report.get("question")
        return asked

    def __getitem__(self, name: str) -> Output:
        """Returns the output with this name, as `inputs:` of a manifest writes it: `step` or `step.output`."""
        step_id, _, output_name = name.partition(".")
        step = next((step for step in self.steps if step.id == step_id), None)
        if step is None:
            raise KeyError(f"the run has no step `{step_id}`; it has {_listed(step.id for step in self.steps)}")
        outputs = {output.name: output for output in step.outputs}
        if not outputs:
            raise KeyError(f"step `{step_id}` has no outputs: it is {step.status}")
        # A step with one output may call it otherwise.
        found = outputs.get(output_name) if output_name else outputs.get("main", step.outputs[0])
        if found is None:
            raise KeyError(f"step `{step_id}` has no output `{output_name}`; it has {_listed(outputs)}")
        return found

    def __iter__(self) -> Iterator[str]:
        """Yields the ids of the steps in their order."""
        return (step.id for step in self.steps)

    def __contains__(self, name: object) -> bool:
        return any(step.id == name for step in self.steps)

    def __len__(self) -> int:
        return len(self.steps)

    def __repr__(self) -> str:
        return f"<run of `{self.flow}` {self.status}, {self.id}>"

    def _repr_html_(self) -> str:
        return _html.run(self.flow, self.status, self.id, self.fingerprint, self.steps)


def run(
    manifest: str | os.PathLike[str],
    /,
    *,
    store: str | None = None,
    set: Mapping[str, object] | None = None,
    refresh: Sequence[str] = (),
    cache: bool = True,
    progress: bool = False,
    **params: object,
) -> Run:
    """Checks a manifest and runs it, as `chem run` does.

    The parameters of the flow are keyword arguments, or members of `set` if their name is that of an option here. `store` is
    that of `open_store`. `refresh` names steps whose stored results are not reused; without `cache` none is. `progress`
    writes what happens to `sys.stderr`. Relative paths start where they do for the program: a manifest's own at the
    manifest, and the store at the working directory.

    Returns the run, which may wait for a person (`status` is then `waiting`).

    Raises `ManifestError` if the manifest has errors, `RunFailed` if a step fails, and another `ChemError` if the program
    cannot do its work.
    """
    from ._store import Store

    opened = Store(store)
    values = {**(set or {}), **params}
    settings = [part for name, value in values.items() for part in ("--set", f"{name}={spelled(name, value)}")]
    refreshed = [part for step in refresh for part in ("--refresh", step)]
    uncached = [] if cache else ["--no-cache"]
    quiet = [] if progress else ["--quiet"]
    # A run that failed or waits for a person is a run, too.
    arguments = ["run", *settings, *refreshed, *uncached, *quiet, "--", str(Path(manifest))]
    answer = opened.call(arguments, progress=progress, accept=(0, 1, 4))
    found = Run(opened, answer.json())
    failed = found.report.get("error")
    if failed:
        raise RunFailed(found, failed["step"], failed["message"], tuple(failed["causes"]))
    return found


def spelled(name: str, value: object) -> str:
    """Returns a value as `--set` reads it: text as it is, anything else as JSON, which YAML includes."""
    if isinstance(value, (str, os.PathLike)):
        return os.fspath(value) if not isinstance(value, str) else value
    # numpy's numbers and arrays have Python's within them.
    for convert in ("tolist", "item"):
        if hasattr(value, convert):
            value = getattr(value, convert)()
            break
    try:
        return json.dumps(list(value) if isinstance(value, (tuple, frozenset)) else value, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ChemError(
            f"parameter `{name}` cannot be {value!r}",
            help="a parameter is a text, a number, true or false, or a list of these",
        ) from error


def _step(store: Store, report: Mapping[str, Any]) -> Step:
    outputs = tuple(Output(store, report["id"], each["name"], each["kind"], each["hash"]) for each in report["outputs"])
    return Step(
        id=report["id"],
        uses=report["uses"],
        version=report["version"],
        status=report["status"],
        reused=report["cached"],
        fingerprint=report["fingerprint"],
        outputs=outputs,
    )


def _listed(names: Iterator[str] | Mapping[str, object]) -> str:
    return ", ".join(f"`{name}`" for name in names)
