"""The imports of a module, read off its syntax tree.

Every import counts wherever it is written: in a function, in a branch, in a `try`. Only what `TYPE_CHECKING` guards does not,
since it never runs. What loads code whose name is not written down is listed apart.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field

#: What loads or runs code that its arguments name, by where the argument with a module's name may be written down.
_LOADERS = {
    "__import__": "module",
    "builtins.__import__": "module",
    "importlib.__import__": "module",
    "importlib.import_module": "module",
    "runpy.run_module": "module",
    "runpy.run_path": "code",
    "importlib.machinery.SourceFileLoader": "code",
    "importlib.machinery.SourcelessFileLoader": "code",
    "importlib.util.spec_from_file_location": "code",
    "importlib.util.spec_from_loader": "code",
    "eval": "code",
    "exec": "code",
    "builtins.eval": "code",
    "builtins.exec": "code",
}


@dataclass(frozen=True)
class Import:
    """An import of `module`; `level` counts the dots before it. `names` may be modules within it, `*` is all of them."""

    module: str
    names: tuple[str, ...] = ()
    level: int = 0


@dataclass(frozen=True)
class Dynamic:
    """Something that loads code whose name is not written down."""

    what: str
    line: int


@dataclass
class Imports:
    """What a module imports."""

    static: list[Import] = field(default_factory=list)
    dynamic: list[Dynamic] = field(default_factory=list)


def imports_of(tree: ast.Module) -> Imports:
    """Returns the imports of a module in the order in which they are written."""
    found = Imports()
    nodes = list(_running(tree))
    aliases: dict[str, str] = {}
    for node in nodes:
        if isinstance(node, ast.Import):
            for name in node.names:
                found.static.append(Import(name.name))
                bound = name.asname or name.name.split(".")[0]
                aliases[bound] = name.name if name.asname else bound
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            found.static.append(Import(module, tuple(name.name for name in node.names), node.level))
            if not node.level:
                aliases.update({name.asname or name.name: f"{module}.{name.name}" for name in node.names})
    _find_dynamic(nodes, aliases, found)
    return found


def exported(tree: ast.Module) -> list[str]:
    """Returns the names that a package lists in `__all__`, which `import *` imports as modules if they are."""
    names: list[str] = []
    for node in ast.walk(tree):
        targets = node.targets if isinstance(node, ast.Assign) else []
        if isinstance(node, ast.AugAssign):
            targets = [node.target]
        if any(isinstance(target, ast.Name) and target.id == "__all__" for target in targets):
            constants = (item.value for item in ast.walk(node) if isinstance(item, ast.Constant))
            names.extend(value for value in constants if isinstance(value, str))
    return names


def _running(tree: ast.AST) -> Iterator[ast.AST]:
    """Yields the nodes of a tree except what `if TYPE_CHECKING:` guards."""
    stack: list[ast.AST] = [tree]
    while stack:
        node = stack.pop()
        yield node
        if isinstance(node, ast.If) and _is_type_checking(node.test):
            stack.extend(reversed(node.orelse))
        else:
            stack.extend(reversed(list(ast.iter_child_nodes(node))))


def _is_type_checking(test: ast.expr) -> bool:
    name = test.attr if isinstance(test, ast.Attribute) else test.id if isinstance(test, ast.Name) else None
    return name == "TYPE_CHECKING"


def _find_dynamic(nodes: list[ast.AST], aliases: dict[str, str], found: Imports) -> None:
    written: set[int] = set()
    for node in nodes:
        if isinstance(node, ast.Call) and _LOADERS.get(_dotted(node.func, aliases)) == "module":
            name = _literal(node)
            if name is not None:
                found.static.append(Import(name))
                written.add(id(node.func))
    for node in nodes:
        if isinstance(node, (ast.Name, ast.Attribute)) and isinstance(node.ctx, ast.Load) and id(node) not in written:
            what = _dotted(node, aliases)
            if what in _LOADERS:
                found.dynamic.append(Dynamic(what, node.lineno))


def _dotted(node: ast.expr, aliases: dict[str, str]) -> str:
    """Returns the full name of what is called, such as `importlib.import_module`; empty if it is no name."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return ""
    return ".".join([aliases.get(node.id, node.id), *reversed(parts)])


def _literal(call: ast.Call) -> str | None:
    """Returns the absolute module name that the first argument of a call is, if it is written down."""
    named = [keyword.value for keyword in call.keywords if keyword.arg in ("name", "mod_name")]
    first = call.args[0] if call.args else named[0] if named else None
    if isinstance(first, ast.Constant) and isinstance(first.value, str) and not first.value.startswith("."):
        return first.value
    return None
