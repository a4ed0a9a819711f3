"""Hashes of code that ignore comments and formatting.

A module is compared as its syntax tree, definition by definition, so that a change can be named. The text that is hashed is
that of this file and not of `ast.dump`, whose form differs between versions of Python.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator

#: Fields that say how code was written and not what it does.
_IGNORED = frozenset({"ctx", "kind", "type_comment", "type_ignores"})

_Function = (ast.FunctionDef, ast.AsyncFunctionDef)


def definitions(tree: ast.Module) -> dict[str | None, str]:
    """Returns the hash of each function, class and method of a module by its name, and under ``None`` that of the rest.

    A class counts without its methods, which have entries of their own such as ``Model.predict``. The rest has the names of the
    definitions in their order. Docstrings count only in a module that reads a ``__doc__``. The definitions of one name share an
    entry.
    """
    if not _reads_docs(tree):
        _drop_docs(tree)
    found: dict[str | None, list[ast.AST]] = {}
    rest = _lift(tree.body, "", found)
    if rest or not found:
        found[None] = [ast.Module(body=rest, type_ignores=[])]
    return {name: _hash(nodes) for name, nodes in found.items()}


def _lift(body: list[ast.stmt], prefix: str, found: dict[str | None, list[ast.AST]]) -> list[ast.stmt]:
    """Returns the statements with each definition replaced by its name, and adds the definitions to `found`."""
    rest: list[ast.stmt] = []
    for statement in body:
        if isinstance(statement, (*_Function, ast.ClassDef)):
            name = prefix + statement.name
            found.setdefault(name, []).append(statement)
            if isinstance(statement, ast.ClassDef):
                statement.body = _lift(statement.body, f"{name}.", found)
            rest.append(ast.Expr(ast.Name(f"definition of {name}", ast.Load())))
        else:
            rest.append(statement)
    return rest


def _reads_docs(tree: ast.Module) -> bool:
    names = (node.attr if isinstance(node, ast.Attribute) else node.id for node in _named(tree))
    return "__doc__" in names


def _named(tree: ast.Module) -> Iterator[ast.Attribute | ast.Name]:
    return (node for node in ast.walk(tree) if isinstance(node, (ast.Attribute, ast.Name)))


def _drop_docs(tree: ast.Module) -> None:
    for node in ast.walk(tree):
        if (
            isinstance(node, (*_Function, ast.ClassDef, ast.Module))
            and ast.get_docstring(node, clean=False) is not None
        ):
            node.body = node.body[1:]


def _hash(nodes: list[ast.AST]) -> str:
    digest = hashlib.sha256()
    for text in _texts(nodes):
        digest.update(text.encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def _texts(nodes: list[ast.AST]) -> Iterator[str]:
    """Yields the tree as text. Holds its own stack: an expression may be nested more deeply than calls may be."""
    stack: list[object] = list(reversed(nodes))
    while stack:
        item = stack.pop()
        if isinstance(item, _Text):
            yield item.text
        elif isinstance(item, ast.AST):
            yield f"({type(item).__name__}"
            stack.append(_Text(")"))
            fields = [(name, value) for name, value in ast.iter_fields(item) if _counts(name, value)]
            for name, value in reversed(fields):
                stack.extend((value, _Text(f" {name}=")))
        elif isinstance(item, list):
            yield "["
            stack.append(_Text("]"))
            stack.extend(reversed(item))
        else:
            # `1`, `1.0` and `True` are equal and have different types.
            yield f"{type(item).__name__}:{item!r},"


def _counts(name: str, value: object) -> bool:
    # A version of Python that adds a field leaves it empty where the code does not use it. `None` as a value is kept.
    return name not in _IGNORED and not (value is None and name != "value") and value != []


class _Text:
    """Text that is yielded as it is."""

    def __init__(self, text: str) -> None:
        self.text = text
