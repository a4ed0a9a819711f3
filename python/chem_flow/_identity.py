"""What the result of a step in Python depends on, besides its inputs and parameters.

That is the code of its file and of every module of the project that it imports, transitively; the distributions that those
import, with what they require; the interpreter; and the data files that the step declares. Comments, formatting and
unrelated files do not count, and nor does the version of `chem_flow`.

`_imports` reads the imports off a module, `_modules` finds where they lead, and `_normal` hashes code.
"""

from __future__ import annotations

import ast
import hashlib
import os.path
import platform
import sys
from collections.abc import Callable, Iterable, Sequence
from importlib.metadata import Distribution
from pathlib import Path
from typing import Any, TypedDict

from ._imports import Dynamic, Import, exported, imports_of
from ._modules import Finder, Module, canonical
from ._normal import definitions


class Code(TypedDict):
    """A definition of a module, or with `None` the rest of it. The path is relative to where the import starts from."""

    module: str
    path: str
    definition: str | None
    sha256: str


class Dist(TypedDict):
    """An installed distribution. The hash is that of the files in its RECORD; `None` if it has none."""

    name: str
    version: str
    record_sha256: str | None


class Interpreter(TypedDict):
    """The Python that runs the step."""

    implementation: str
    version: str


class DataFile(TypedDict):
    """A data file that the step declares, relative to its own folder."""

    path: str
    sha256: str


class Watched(TypedDict, total=False):
    """A file that a description depends on.

    It has a `sha256`, which is `None` if the file must stay missing, or its `mtime_ns` and `size`.
    """

    path: str
    sha256: str | None
    mtime_ns: int
    size: int


class Identity(TypedDict):
    """What a step depends on; every list is sorted."""

    code: list[Code]
    distributions: list[Dist]
    interpreter: Interpreter
    files: list[DataFile]
    watched: list[Watched]


class IdentityError(Exception):
    """Says where the identity of a step cannot be known, and what to do."""


def of_step(
    function: Callable[..., Any] | None,
    file: str | Path,
    *,
    dynamic: Iterable[str] | None = None,
    files: Sequence[str] = (),
) -> Identity:
    """Returns the identity of a step in `file`.

    `dynamic` names the modules that the code may load under names that are not written down, such as those of a plugin; an
    empty list says that it loads none. Without it such code is refused. `files` are data files and folders of them, relative
    to the step's file.

    Raises `IdentityError` if code cannot be read or loads modules without saying which, or if a data file is missing.
    """
    del function  # The whole module counts, since any part of it may change what another does.
    path = Path(file).resolve()
    return _Walk(path, None if dynamic is None else list(dynamic)).identity(files)


class _Walk:
    """Follows the imports of a step's file through the project."""

    def __init__(self, file: Path, dynamic: list[str] | None) -> None:
        self.file = file
        self.root = _root(file)
        self.dynamic = dynamic
        self.finder = Finder(self.root)
        self.code: list[Code] = []
        self.hashes: dict[Path, str] = {}
        self.seen: set[str] = set()

    def identity(self, files: Sequence[str]) -> Identity:
        pending = self._step_itself()
        for name in self.dynamic or []:
            pending.extend(self._declared(name))
        while pending:
            module = pending.pop()
            if module.name not in self.seen:
                self.seen.add(module.name)
                pending.extend(self._read(module))
        data = [self._data(file) for name in files for file in _expanded(self.file.parent, name)]
        installed = self.finder.distributions()
        return Identity(
            code=sorted(self.code, key=lambda code: (code["module"], code["definition"] or "")),
            distributions=[_distribution(found) for found in installed],
            interpreter=Interpreter(implementation=platform.python_implementation(), version=platform.python_version()),
            files=sorted(data, key=lambda file: file["path"]),
            watched=self._watched(installed),
        )

    def _step_itself(self) -> list[Module]:
        """Returns the module of the step and its packages."""
        parts = self.file.relative_to(self.root).with_suffix("").parts
        name = ".".join(parts)
        self.finder.note_owner(name, self.file)
        packages = self.finder.find(".".join(parts[:-1])) if len(parts) > 1 else []
        return [*packages, Module(name, self.file, self.root, None)]

    def _declared(self, name: str) -> list[Module]:
        found = self.finder.find(name)
        parts = name.split(".")
        if any(".".join(parts[: depth + 1]) in self.finder.missing for depth in range(len(parts))):
            raise IdentityError(
                f"`dynamic` of a step in `{self.file.name}` names the module `{name}`, which is not found"
            )
        return found

    def _read(self, module: Module) -> list[Module]:
        """Adds the code of a module and returns the modules of the project that it imports."""
        if module.path is None or module.base is None:
            return []
        content = module.path.read_bytes()
        self.hashes[module.path] = hashlib.sha256(content).hexdigest()
        path = module.path.relative_to(module.base).as_posix()
        if module.path.suffix != ".py":
            # A compiled module: its imports are not visible.
            self.code.append(Code(module=module.name, path=path, definition=None, sha256=self.hashes[module.path]))
            return []
        try:
            tree = ast.parse(content, filename=path)
        except (SyntaxError, ValueError) as error:
            line = getattr(error, "lineno", None)
            raise IdentityError(f"`{path}`{f', line {line}' if line else ''}: {error}") from error
        imports = imports_of(tree)
        if imports.dynamic and self.dynamic is None:
            raise IdentityError(_undeclared(path, imports.dynamic[0]))
        found = [imported for each in imports.static for imported in self._imported(module, each)]
        for definition, sha256 in definitions(tree).items():
            self.code.append(Code(module=module.name, path=path, definition=definition, sha256=sha256))
        return found

    def _imported(self, module: Module, found: Import) -> list[Module]:
        name = found.module
        if found.level:
            package = module.name if module.within is not None else module.name.rpartition(".")[0]
            above = package.split(".")[: len(package.split(".")) - found.level + 1] if package else []
            name = ".".join([*above, *([name] if name else [])])
        if not name:
            return []
        modules = self.finder.find(name)
        if not modules or modules[-1].name != name or modules[-1].within is None:
            return modules
        package_found = modules[-1]
        names = found.names
        if "*" in names and package_found.path is not None:
            names = tuple(exported(ast.parse(package_found.path.read_bytes())))
        submodules = [self.finder.submodule(package_found, each) for each in names]
        return [*modules, *(each for each in submodules if each is not None)]

    def _data(self, file: Path) -> DataFile:
        self.hashes[file] = hashlib.sha256(file.read_bytes()).hexdigest()
        return DataFile(path=_relative(file, self.file.parent), sha256=self.hashes[file])

    def _watched(self, installed: list[Distribution]) -> list[Watched]:
        watched = {str(path): Watched(path=str(path), sha256=sha256) for path, sha256 in self.hashes.items()}
        for path in self.finder.absent:
            if not path.exists():
                watched[str(path)] = Watched(path=str(path), sha256=None)
        interpreter = Path(sys.executable).resolve()
        for path in [interpreter, *self.finder.searched, *(_metadata(found) for found in installed)]:
            state = path.stat()
            watched[str(path)] = Watched(path=str(path), mtime_ns=state.st_mtime_ns, size=state.st_size)
        return [watched[path] for path in sorted(watched)]


def _undeclared(path: str, found: Dynamic) -> str:
    return (
        f"`{path}`, line {found.line}: `{found.what}` may load code that is not named here, and a change of that code would "
        'not be seen; name the modules in the decorator, as in `@step(…, dynamic=["plugins.fast"])`, or write `dynamic=[]` '
        "if it loads no code of the project"
    )


def _root(file: Path) -> Path:
    """Returns the folder from which imports of a file's package start."""
    folder = file.parent
    while (folder / "__init__.py").exists():
        folder = folder.parent
    return folder


def _expanded(folder: Path, name: str) -> list[Path]:
    path = (folder / name).resolve()
    if path.is_dir():
        return sorted(file for file in path.rglob("*") if file.is_file() and "__pycache__" not in file.parts)
    if not path.is_file():
        raise IdentityError(f"`files` of a step names `{name}`, which is not found in `{folder}`")
    return [path]


def _relative(file: Path, folder: Path) -> str:
    return Path(os.path.relpath(file, folder)).as_posix()


def _distribution(found: Distribution) -> Dist:
    return Dist(name=canonical(found.metadata["Name"]), version=found.version, record_sha256=_record(found))


def _record(found: Distribution) -> str | None:
    """Returns a hash of what was installed, which does not depend on where and by what program."""
    files = found.files
    if files is None:
        return None
    # What an installer adds differs: its own notes, scripts with the path of the interpreter, compiled files without a hash.
    own = (file for file in files if not (file.parts[0] == ".." or file.parts[0].endswith(".dist-info")))
    lines = sorted(f"{file.as_posix()} {file.hash.mode}={file.hash.value}\n" for file in own if file.hash)
    return hashlib.sha256("".join(lines).encode()).hexdigest() if lines else None


def _metadata(found: Distribution) -> Path:
    """Returns the file that changes when the distribution is installed anew."""
    folder = Path(str(getattr(found, "_path", found.locate_file(""))))
    record = folder / "RECORD"
    return record if record.exists() else folder
