"""Describes the steps of modules, for the program: names, parameters, inputs, outputs, and identity."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import json
import os
import platform
import sys
import traceback
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from ._identity import IdentityError, of_step
from ._step import ATTRIBUTE, Step

#: Raised when a change of this format would make an older program misread it.
PROTOCOL = 1

GROUP = "chem_flow.steps"


class NoSteps(Exception):
    """Says why a module has no steps."""


def describe(modules: list[str]) -> dict[str, Any]:
    """Describes the steps of each of `modules`: the path of a file, or the name of an installed package."""
    return {
        "protocol": PROTOCOL,
        "interpreter": {"implementation": platform.python_implementation(), "version": platform.python_version()},
        "modules": [_module(module) for module in modules],
    }


def _module(name: str) -> dict[str, Any]:
    try:
        steps = [_step(step) for step in steps_of(load(name))]
        if not steps:
            raise NoSteps("it declares no step; write `@step(\"family.verb\", version=1)` above a function")
        return {"module": name, "steps": steps}
    except (NoSteps, IdentityError) as error:
        return {"module": name, "error": str(error)}
    except BaseException as error:  # noqa: BLE001  Importing a module may end in any way, such as `sys.exit`.
        return {"module": name, "error": _said(error), "traceback": _trace(error)}


def load(name: str) -> ModuleType:
    """Imports the module at the path `name`, or the steps of the installed package `name`."""
    return _load_file(Path(name)) if name.endswith(".py") else _load_package(name)


def _load_file(path: Path) -> ModuleType:
    path = path.resolve()
    if not path.is_file():
        raise NoSteps(f"there is no file `{path}`")
    folder = path.parent
    while (folder / "__init__.py").exists():
        folder = folder.parent
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    name = ".".join(path.relative_to(folder).with_suffix("").parts)
    loaded = sys.modules.get(name)
    if loaded is not None and getattr(loaded, "__file__", None) == str(path):
        return loaded
    if loaded is not None and name != "__main__":
        raise NoSteps(f"another module is called `{name}`: `{getattr(loaded, '__file__', 'built in')}`; rename the file")
    found = importlib.util.spec_from_file_location(name, path)
    if found is None or found.loader is None:
        raise NoSteps("it is not a Python module")
    if "." in name:
        importlib.import_module(name.rpartition(".")[0])
    module = importlib.util.module_from_spec(found)
    sys.modules[name] = module
    try:
        found.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _load_package(name: str) -> ModuleType:
    def is_meant(point: Any) -> bool:
        return name in (point.name, getattr(point.dist, "name", None))

    found = [point for point in entry_points(group=GROUP) if is_meant(point)]
    if not found:
        known = sorted({point.dist.name for point in entry_points(group=GROUP) if point.dist})
        others = f"; these do: {', '.join(known)}" if known else ""
        raise NoSteps(f"no installed package has steps under this name{others}; a file ends in `.py`")
    module = found[0].load()
    if not isinstance(module, ModuleType):
        raise NoSteps(f"its entry point `{found[0].value}` is not a module")
    return module


def steps_of(module: ModuleType) -> list[Step]:
    """Returns the steps that a module, or a module of its package, declares."""
    own = module.__name__
    steps = [getattr(value, ATTRIBUTE, None) for value in vars(module).values() if callable(value)]
    found: dict[str, Step] = {}
    for step in steps:
        if not isinstance(step, Step):
            continue
        if step.function.__module__ != own and not step.function.__module__.startswith(f"{own}."):
            continue
        if found.setdefault(step.name, step) is not step:
            raise NoSteps(f"it declares the step `{step.name}` twice")
    return list(found.values())


def _step(step: Step) -> dict[str, Any]:
    function = inspect.unwrap(step.function)
    file = inspect.getfile(function)
    rows = None if step.form == "whole" else {"columns": step.reads}
    inputs = [
        {"name": each.source, "kind": "file" if each.form == "file" else "table", "optional": each.optional}
        for each in step.arguments
    ]
    return {
        "name": step.name,
        "version": step.version,
        "kind": step.kind,
        "doc": inspect.cleandoc(function.__doc__ or ""),
        "function": function.__qualname__,
        "file": file,
        "line": function.__code__.co_firstlineno,
        "rows": rows,
        "inputs": inputs if rows is None else [{"name": "table", "kind": "table", "optional": False}],
        "outputs": [{"name": each.name, "columns": each.columns} for each in step.outputs],
        "params": step.params,
        "effects": step.effects,
        "cache": step.cache,
        "approximate": step.approximate,
        "identity": of_step(function, file, dynamic=step.dynamic, files=step.files),
    }


def _said(error: BaseException) -> str:
    return "".join(traceback.format_exception_only(type(error), error)).strip()


def _trace(error: BaseException) -> str:
    """Returns where the user's own code failed, without the frames of this package and of the import system."""
    own = os.path.dirname(__file__)
    everything = traceback.extract_tb(error.__traceback__)
    frames = [each for each in everything if not each.filename.startswith((own, "<frozen"))]
    return "".join(traceback.format_list(frames)).rstrip()


def main(modules: list[str]) -> int:
    """Prints the description as JSON. What the modules print goes to the standard error."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    json.dump(describe(modules), out)
    out.write("\n")
    out.flush()
    return 0
