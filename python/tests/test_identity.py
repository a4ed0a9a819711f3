"""Planted changes: each must change the identity of a step, under the name of what changed, or must not."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from chem_flow._identity import Identity, IdentityError, Watched, of_step

PROJECT = {
    "dock.py": '''
"""A step that scores."""
import math
from lab import scoring
from plain import scale, Model
from many import *
import fastlib


def dock(x: float) -> float:
    """Scores."""
    # twice
    return scoring.score(x) * scale(x) + Model().predict(x) + math.pi
''',
    "plain.py": """
import functools
from starred import *

FACTOR = 2.0

def traced(function):
    @functools.wraps(function)
    def call(*args): return function(*args)
    return call

@traced
def scale(x, by=3.0):
    return x * by * FACTOR

class Model:
    depth = 3
    def predict(self, x): return x + self.depth
    def unused(self): return 0

if FACTOR > 3:
    import conditional
""",
    "starred.py": "import plain\nplain.late = lambda x: x\nOTHER = 1\n",
    "conditional.py": "VALUE = 1\n",
    "lab/__init__.py": "from . import base\n",
    "lab/base.py": "BASE = 1\n",
    "lab/scoring.py": """
from .deep import helper

def score(x):
    from lab.lazy import table
    return helper.half(x) + table[0]
""",
    "lab/lazy.py": "table = [1, 2]\n",
    "lab/deep/__init__.py": "",
    "lab/deep/helper.py": "def half(x):\n    return x / 2\n",
    "many/__init__.py": "__all__ = ['inner']\n",
    "many/inner.py": "X = 1\n",
    "unrelated.py": "X = 1\n",
    "data/weights.csv": "1,2\n",
    "data/other.csv": "1,2\n",
}


class Project:
    """A project with a step, and packages that are installed for it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "project"
        self.site = folder / "site-packages"
        for path, text in PROJECT.items():
            self.write(path, text)
        self.install(
            "fastlib", "1.0", "def f(): return 1\n", requires=["deeplib>=1; python_version >= '3'", "gui; extra == 'x'"]
        )
        self.install("deeplib", "2.0", "")
        self.install("gui", "1.0", "")
        self.install("unused_lib", "1.0", "")

    def write(self, path: str, text: str) -> None:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def replace(self, path: str, old: str, new: str) -> None:
        text = (self.folder / path).read_text()
        assert old in text, text
        self.write(path, text.replace(old, new))

    def install(self, name: str, version: str, code: str, requires: list[str] | None = None, by: str = "pip") -> None:
        for old in self.site.glob(f"{name}-*.dist-info"):
            shutil.rmtree(old)
        package = self.site / name
        package.mkdir(parents=True, exist_ok=True)
        (package / "__init__.py").write_text(code)
        info = self.site / f"{name}-{version}.dist-info"
        info.mkdir()
        required = "".join(f"Requires-Dist: {each}\n" for each in requires or [])
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{required}")
        (info / "INSTALLER").write_text(by)
        digest = abs(hash(code)) if code else 0
        (info / "RECORD").write_text(
            f"{name}/__init__.py,sha256=c{digest},{len(code)}\n{name}-{version}.dist-info/INSTALLER,sha256={by},4\n"
            f"../../bin/{name},sha256={self.folder.name}{by},9\n{name}-{version}.dist-info/RECORD,,\n"
        )

    def identity(self, files: tuple[str, ...] = ("data/weights.csv",), dynamic: list[str] | None = None) -> Identity:
        return of_step(None, self.folder / "dock.py", files=files, dynamic=dynamic)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    made = Project(tmp_path)
    monkeypatch.syspath_prepend(str(made.site))
    return made


def named(before: Identity, after: Identity) -> set[str]:
    """Returns the names of what differs."""

    def facts(identity: Identity) -> dict[str, object]:
        code = {f"{each['module']}:{each['definition'] or ''}": each for each in identity["code"]}
        installed = {each["name"]: each for each in identity["distributions"]}
        files = {each["path"]: each for each in identity["files"]}
        return {**code, **installed, **files, "interpreter": identity["interpreter"]}

    was, now = facts(before), facts(after)
    return {name for name in {*was, *now} if was.get(name) != now.get(name)}


Change = Callable[[Project], object]

MUST_CHANGE: dict[str, tuple[Change, set[str]]] = {
    "the step": (lambda p: p.replace("dock.py", "math.pi", "math.e"), {"dock:dock"}),
    "a helper two imports away": (
        lambda p: p.replace("lab/deep/helper.py", "x / 2", "x / 3"),
        {"lab.deep.helper:half"},
    ),
    "a constant": (lambda p: p.replace("plain.py", "FACTOR = 2.0", "FACTOR = 2.5"), {"plain:"}),
    "a constant of another type": (lambda p: p.replace("lab/base.py", "BASE = 1", "BASE = 1.0"), {"lab.base:"}),
    "a default argument": (lambda p: p.replace("plain.py", "by=3.0", "by=4.0"), {"plain:scale"}),
    "a decorator": (lambda p: p.replace("plain.py", "return call", "return function"), {"plain:traced"}),
    "a use of a decorator": (lambda p: p.replace("plain.py", "@traced\ndef scale", "def scale"), {"plain:scale"}),
    "a class method": (lambda p: p.replace("plain.py", "x + self.depth", "x - self.depth"), {"plain:Model.predict"}),
    "a class attribute": (lambda p: p.replace("plain.py", "depth = 3", "depth = 4"), {"plain:Model"}),
    "a monkey-patched name": (lambda p: p.replace("starred.py", "lambda x: x", "lambda x: -x"), {"starred:"}),
    "a relative import of a package": (lambda p: p.write("lab/base.py", "BASE = 2\n"), {"lab.base:"}),
    "a package's own file": (lambda p: p.write("lab/deep/__init__.py", "import os\n"), {"lab.deep:"}),
    "a star import": (lambda p: p.replace("starred.py", "OTHER = 1", "OTHER = 2"), {"starred:"}),
    "a module that a package exports": (lambda p: p.write("many/inner.py", "X = 2\n"), {"many.inner:"}),
    "an import in a function": (lambda p: p.write("lab/lazy.py", "table = [3]\n"), {"lab.lazy:"}),
    "a conditional import": (lambda p: p.write("conditional.py", "VALUE = 2\n"), {"conditional:"}),
    "an added import that is not used": (
        lambda p: p.replace("dock.py", "import math", "import math, unrelated"),
        {"dock:", "unrelated:"},
    ),
    "the order of definitions": (
        lambda p: p.replace("lab/deep/helper.py", "def half", "def other(): pass\ndef half"),
        {"lab.deep.helper:", "lab.deep.helper:other"},
    ),
    "an upgraded package": (lambda p: p.install("fastlib", "1.1", "", ["deeplib"]), {"fastlib"}),
    "a rebuilt package": (lambda p: p.install("fastlib", "1.0", "def f(): return 2\n", ["deeplib"]), {"fastlib"}),
    "a package that a package requires": (lambda p: p.install("deeplib", "2.1", ""), {"deeplib"}),
    "a declared data file": (lambda p: p.write("data/weights.csv", "3\n"), {"data/weights.csv"}),
    "a module that hides an installed one": (lambda p: p.write("fastlib.py", ""), {"fastlib:", "fastlib", "deeplib"}),
    "a module that hides one of Python": (lambda p: p.write("math.py", "pi = 3\n"), {"math:"}),
}

MUST_NOT_CHANGE: dict[str, Change] = {
    "an unrelated file": lambda p: p.write("unrelated.py", "X = 2\n"),
    "a comment": lambda p: p.replace("dock.py", "# twice", "# three times"),
    "formatting": lambda p: p.replace("plain.py", "x * by * FACTOR", "(\n        x * by\n        * FACTOR\n    )"),
    "quotes": lambda p: p.replace("dock.py", '"""Scores."""', "'''Scores.'''"),
    "a docstring": lambda p: p.replace("dock.py", "Scores.", "Scores well."),
    "a module's docstring": lambda p: p.replace("dock.py", "A step that", "One that"),
    "a file that is not declared": lambda p: p.write("data/other.csv", "3\n"),
    "a package that is not imported": lambda p: p.install("unused_lib", "2.0", ""),
    "an extra that is not required": lambda p: p.install("gui", "2.0", ""),
    "another installer": lambda p: p.install("deeplib", "2.0", "", by="uv"),
    "an import for types": lambda p: p.replace("unrelated.py", "X = 1", "X = 3"),
    "the time of a file": lambda p: os.utime(p.folder / "dock.py", (0, 0)),
    "a new file beside it": lambda p: p.write("fresh.py", ""),
}


@pytest.mark.parametrize("case", MUST_CHANGE)
def test_what_may_change_a_result_is_named(project: Project, case: str) -> None:
    before = project.identity()
    change, expected = MUST_CHANGE[case]
    change(project)
    assert named(before, project.identity()) == expected
    assert any(is_stale(each) for each in before["watched"]), "a cached description would be used"


@pytest.mark.parametrize("case", MUST_NOT_CHANGE)
def test_what_cannot_change_a_result_does_not_count(project: Project, case: str) -> None:
    before = project.identity()
    MUST_NOT_CHANGE[case](project)
    assert named(before, project.identity()) == set()


def is_stale(watched: Watched) -> bool:
    path = Path(str(watched["path"]))
    if "sha256" in watched:
        now = hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else None
        return now != watched["sha256"]
    return not path.exists() or (path.stat().st_mtime_ns, path.stat().st_size) != (watched["mtime_ns"], watched["size"])


def test_another_place_is_no_change(project: Project, tmp_path: Path) -> None:
    before = project.identity()
    shutil.move(project.folder, tmp_path / "moved")
    project.folder = tmp_path / "moved"
    assert named(before, project.identity()) == set()


def test_a_renamed_module_is_a_change(project: Project) -> None:
    before = project.identity()
    (project.folder / "starred.py").rename(project.folder / "stars.py")
    project.replace("plain.py", "from starred", "from stars")
    assert named(before, project.identity()) == {"starred:", "stars:", "plain:"}


def test_docstrings_count_where_they_are_read(project: Project) -> None:
    project.replace("dock.py", "* scale(x)", "* len(dock.__doc__)")
    before = project.identity()
    project.replace("dock.py", "Scores.", "Scores well.")
    assert named(before, project.identity()) == {"dock:dock"}


def test_an_import_for_types_is_not_followed(project: Project) -> None:
    project.replace(
        "dock.py",
        "import fastlib",
        "import fastlib\nfrom typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import unrelated\n",
    )
    before = project.identity()
    project.write("unrelated.py", "X = 2\n")
    assert named(before, project.identity()) == set()


@pytest.mark.parametrize(
    ("code", "what"),
    [
        ("import importlib\nname = 'a'\nimportlib.import_module(name)", "importlib.import_module"),
        ("from importlib import import_module as load\nload('a' + 'b')", "importlib.import_module"),
        ("import importlib as il\nlist(map(il.import_module, []))", "importlib.import_module"),
        ("__import__(str())", "__import__"),
        ("exec(open('x').read())", "exec"),
        ("eval(input())", "eval"),
        ("import runpy\nrunpy.run_path('x.py')", "runpy.run_path"),
        (
            "import importlib.util\nimportlib.util.spec_from_file_location('a', 'b')",
            "importlib.util.spec_from_file_location",
        ),
    ],
)
def test_a_dynamic_import_must_be_declared(project: Project, code: str, what: str) -> None:
    project.write("plain.py", PROJECT["plain.py"] + "\n" + code + "\n")
    line = len(PROJECT["plain.py"].splitlines()) + code.count("\n") + 2
    with pytest.raises(IdentityError) as raised:
        project.identity()
    assert f"`plain.py`, line {line}: `{what}`" in str(raised.value) and "dynamic=[" in str(raised.value)
    project.identity(dynamic=[])
    before = project.identity(dynamic=["unrelated"])
    project.write("unrelated.py", "X = 2\n")
    assert named(before, project.identity(dynamic=["unrelated"])) == {"unrelated:"}
    with pytest.raises(IdentityError, match="`nothing_here`, which is not found"):
        project.identity(dynamic=["nothing_here"])


def test_a_name_that_is_written_down_is_no_dynamic_import(project: Project) -> None:
    project.replace(
        "dock.py", "import fastlib", "import fastlib, importlib\nother = importlib.import_module('unrelated')"
    )
    project.replace("dock.py", "math.pi", "other.model.eval()")
    before = project.identity()
    project.write("unrelated.py", "X = 2\n")
    assert named(before, project.identity()) == {"unrelated:"}


def test_a_folder_of_data_files_counts_file_by_file(project: Project) -> None:
    before = project.identity(files=("data",))
    project.write("data/more/new.csv", "")
    assert named(before, project.identity(files=("data",))) == {"data/more/new.csv"}
    with pytest.raises(IdentityError, match="`missing.csv`, which is not found"):
        project.identity(files=("missing.csv",))


def test_an_editable_installation_is_part_of_the_project(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    source = project.folder.parent / "elsewhere"
    source.mkdir()
    (source / "edited.py").write_text("X = 1\n")
    project.install("edited", "0.1", "")
    shutil.rmtree(project.site / "edited")
    (project.site / "edited-0.1.dist-info/RECORD").write_text("edited.pth,sha256=1,1\n")
    (project.site / "edited-0.1.dist-info/top_level.txt").write_text("edited\n")
    monkeypatch.syspath_prepend(str(source))
    project.replace("dock.py", "import fastlib", "import fastlib, edited")
    before = project.identity()
    (source / "edited.py").write_text("X = 2\n")
    assert named(before, project.identity()) == {"edited:"}


def test_a_namespace_package_may_be_of_several(project: Project) -> None:
    project.write("space/ours.py", "X = 1\n")
    theirs = project.site / "space"
    theirs.mkdir()
    (theirs / "theirs.py").write_text("")
    info = project.site / "space_theirs-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: space-theirs\nVersion: 1.0\n")
    (info / "RECORD").write_text("space/theirs.py,sha256=1,0\n")
    project.replace("dock.py", "import fastlib", "import fastlib\nfrom space import ours, theirs")
    before = project.identity()
    assert "space-theirs" in {each["name"] for each in before["distributions"]}
    project.write("space/ours.py", "X = 2\n")
    assert named(before, project.identity()) == {"space.ours:"}


def test_a_step_within_a_package_may_import_from_it(project: Project) -> None:
    project.write("lab/step.py", "from . import scoring\nfrom .. import unrelated\n")
    found = of_step(None, project.folder / "lab/step.py")
    assert {each["module"] for each in found["code"]} == {
        "lab",
        "lab.base",
        "lab.scoring",
        "lab.step",
        "lab.lazy",
        "lab.deep",
        "lab.deep.helper",
    }


def test_the_answer_is_sorted_json(project: Project) -> None:
    found = project.identity(files=("data",))
    assert json.loads(json.dumps(found)) == found
    keys = {"code": ("module", "definition"), "distributions": ("name",), "files": ("path",), "watched": ("path",)}
    for member, names in keys.items():
        listed = [[each[name] or "" for name in names] for each in found[member]]  # type: ignore[literal-required]
        assert listed == sorted(listed) and listed, member
    assert found["interpreter"] == {"implementation": "CPython", "version": sys.version.split()[0]}
    assert importlib.metadata.distribution("fastlib").version == "1.0"


def test_code_is_the_same_code_in_every_version_of_python(tmp_path: Path) -> None:
    code = "def f(x: int = 1, *a: int, **k: str) -> float:\n    return f'{x!r:>{a}} {k}' + 'ü' + str(-0.0) + repr([*a, ..., 1j])\n"
    (tmp_path / "m.py").write_text(
        code + "async def g():\n    async with f(1) as y: await y\n    return {**{}, None: b'x'}\n"
    )
    ask = "import json,sys; from chem_flow import _identity; print(json.dumps(_identity.of_step(None, sys.argv[1])['code']))"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    found = [shutil.which(f"python{version}") for version in ("3.10", "3.11", "3.12", "3.13", "3.14")]
    answers = set()
    for program in [sys.executable, *(program for program in found if program is not None)]:
        # A shim may be there for a version that is not.
        if subprocess.run([program, "--version"], capture_output=True).returncode == 0:
            asked = [program, "-c", ask, str(tmp_path / "m.py")]
            answers.add(subprocess.run(asked, check=True, capture_output=True, env=environment).stdout)
    assert len(answers) == 1
