"""Where the modules that code imports come from: the project, a distribution, or Python itself.

Nothing is imported to find out. A module belongs to a distribution if one of its files is; what is found elsewhere outside
the standard library is the project's, which includes distributions that were installed as editable.
"""

from __future__ import annotations

import importlib
import importlib.machinery
import importlib.metadata
import re
import sys
import sysconfig
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import Distribution
from pathlib import Path

#: This package and the distribution that brings it: a new release of it changes no step.
_OURS = "chem_flow"


@dataclass(frozen=True)
class Module:
    """A module of the project. `path` is its file, or `None` for a namespace package; `within` are its submodules' folders."""

    name: str
    path: Path | None
    base: Path | None
    within: tuple[str, ...] | None


class Finder:
    """Finds modules as code in `root` finds them, and notes the distributions that they belong to."""

    def __init__(self, root: Path) -> None:
        # A file that was added a moment ago is not in Python's listing of its folder yet.
        importlib.invalidate_caches()
        self.root = root
        #: Names that were not found.
        self.missing: set[str] = set()
        #: Files that would change what an import means if they appeared.
        self.absent: set[Path] = set()
        #: Folders of installed packages in which a name was not found.
        self.searched: set[Path] = set()
        self._installed = Installed()
        self._noted: set[str] = set()

    def find(self, name: str) -> list[Module]:
        """Returns the modules of the project that `import name` runs: its packages and itself."""
        modules: list[Module] = []
        within: tuple[str, ...] | None = None
        parts = name.split(".")
        for depth in range(1, len(parts) + 1):
            module = self._find_one(".".join(parts[:depth]), within)
            if module is None:
                break
            modules.append(module)
            within = module.within
            if within is None:
                break
        return modules

    def submodule(self, package: Module, name: str) -> Module | None:
        """Returns the module `name` within a package of the project, if there is one."""
        return None if package.within is None else self._find_one(f"{package.name}.{name}", package.within)

    def note_owner(self, name: str, file: Path) -> bool:
        """Notes the distribution to which the file of module `name` belongs, and returns whether there is one."""
        owner = self._installed.owner(name.split(".")[0], file)
        if owner is not None:
            self._noted.add(owner)
        return owner is not None

    def distributions(self) -> list[Distribution]:
        """Returns the distributions that were noted and, transitively, those that they require, by name."""
        return self._installed.closure(self._noted)

    def _find_one(self, name: str, within: tuple[str, ...] | None) -> Module | None:
        top = within is None
        if name.split(".")[0] == _OURS or (top and name in sys.builtin_module_names):
            return None
        path = [str(self.root), *(entry or "." for entry in sys.path)] if within is None else list(within)
        spec = importlib.machinery.PathFinder.find_spec(name, path) or (_by_other_finders(name) if top else None)
        if spec is None:
            self._miss(name, path)
            return None
        locations = spec.submodule_search_locations
        folders = None if locations is None else tuple(str(Path(location).resolve()) for location in locations)
        if spec.origin is None or not spec.has_location:
            # A package without a file: parts of it may be the project's and others those of distributions.
            return None if folders is None else Module(name, None, None, folders)
        origin = Path(spec.origin).resolve()
        if top:
            self._note_shadowing(name, path, origin)
        if self.note_owner(name, origin) or _is_standard(origin):
            return None
        return Module(name, origin, _base(origin, name), folders)

    def _miss(self, name: str, path: Iterable[str]) -> None:
        self.missing.add(name)
        for folder in (Path(entry).resolve() for entry in path):
            if _is_installation(folder):
                self.searched.add(folder)
            elif folder.is_dir() and not _is_standard(folder):
                self.absent.update(_candidates(folder, name.rpartition(".")[2]))

    def _note_shadowing(self, name: str, path: Iterable[str], origin: Path) -> None:
        """Notes the files that would be imported instead if they appeared, earlier on the path."""
        for folder in (Path(entry).resolve() for entry in path):
            if origin.is_relative_to(folder):
                return
            if folder.is_dir() and not _is_standard(folder):
                self.absent.update(_candidates(folder, name))


class Installed:
    """The distributions that are installed for this interpreter."""

    def __init__(self) -> None:
        self._files: dict[str, frozenset[str] | None] = {}

    @cached_property
    def _by_import(self) -> dict[str, list[str]]:
        # `packages_distributions` of Python 3.10 knows only those that list their packages apart.
        owners: dict[str, set[str]] = {}
        for distribution in importlib.metadata.distributions():
            for top in _tops(distribution):
                owners.setdefault(top, set()).add(distribution.metadata["Name"])
        return {top: sorted(names) for top, names in owners.items()}

    def owner(self, top: str, origin: Path) -> str | None:
        """Returns the name of the distribution with the file `origin`, whose first package or module is `top`."""
        return next((name for name in self._by_import.get(top, []) if self._has(name, origin)), None)

    def _has(self, name: str, origin: Path) -> bool:
        distribution = importlib.metadata.distribution(name)
        base = Path(str(distribution.locate_file(""))).resolve()
        if not origin.is_relative_to(base):
            return False
        if name not in self._files:
            files = distribution.files
            self._files[name] = None if files is None else frozenset(file.as_posix() for file in files)
        known = self._files[name]
        # Without a list of its files, a distribution has what is installed beside its metadata.
        return known is None or origin.relative_to(base).as_posix() in known

    def closure(self, names: Iterable[str]) -> list[Distribution]:
        """Returns the named distributions and, transitively, those that they require, by name."""
        found: dict[str, Distribution] = {}
        pending = list(names)
        while pending:
            name = canonical(pending.pop())
            if name in found or name == canonical(_OURS):
                continue
            try:
                distribution = importlib.metadata.distribution(name)
            except importlib.metadata.PackageNotFoundError:
                # A requirement of another platform.
                continue
            found[name] = distribution
            pending.extend(_required(distribution))
        return [found[name] for name in sorted(found)]


def _tops(distribution: Distribution) -> set[str]:
    """Returns the names of the packages and modules of a distribution that no package contains."""
    listed = (distribution.read_text("top_level.txt") or "").split()
    code = (file for file in distribution.files or [] if file.suffix in (".py", ".so", ".pyd"))
    return {*listed, *(file.parts[0] if len(file.parts) > 1 else file.name.split(".")[0] for file in code)}


def canonical(name: str) -> str:
    """Returns the name of a distribution as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _required(distribution: Distribution) -> list[str]:
    """Returns the names of what a distribution requires without its extras."""
    required = (line for line in distribution.requires or [] if "extra ==" not in line)
    matches = (re.match(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)", line) for line in required)
    return [match.group(1) for match in matches if match]


_PYTHONS_FINDERS = (
    importlib.machinery.PathFinder,
    importlib.machinery.BuiltinImporter,
    importlib.machinery.FrozenImporter,
)


def _by_other_finders(name: str) -> importlib.machinery.ModuleSpec | None:
    """Asks the finders that an editable installation has put beside those of Python."""
    for finder in sys.meta_path:
        if finder in _PYTHONS_FINDERS:
            continue
        spec = finder.find_spec(name, None, None)
        if spec is not None:
            return spec
    return None


def _candidates(folder: Path, name: str) -> list[Path]:
    return [folder / f"{name}.py", folder / name / "__init__.py"]


def _base(origin: Path, name: str) -> Path:
    """Returns the folder from which the import of `name` was resolved."""
    levels = name.count(".") + (1 if origin.stem == "__init__" else 0)
    return origin.parents[levels]


_STANDARD = tuple(
    Path(sysconfig.get_paths()[key]).resolve() for key in ("stdlib", "platstdlib") if key in sysconfig.get_paths()
)


def _is_standard(path: Path) -> bool:
    """Whether the file or folder is part of the standard library; what is installed lies within its folder and is not."""
    path = path.resolve()
    inside = any(path.is_relative_to(standard) for standard in _STANDARD) or path.suffix == ".zip"
    return inside and not _is_installation(path)


def _is_installation(path: Path) -> bool:
    """Whether the path lies where distributions are installed."""
    return not {"site-packages", "dist-packages"}.isdisjoint(path.parts)
