"""The types of parameters, columns, inputs and outputs, from the annotations of a step function."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from typing import Annotated, Any, Literal, NewType, TypeVar, Union, get_args, get_origin

T = TypeVar("T")

#: A parameter of a step: `floor: Param[float] = 0.01`. Every keyword-only argument is one, with or without it.
Param = Annotated[T, "parameter"]

#: A parameter that names a column of the step's input.
Column = NewType("Column", str)

#: A parameter that names a file which the step reads, or an input that is a file of an earlier step. The content is part
#: of the step's identity. The step gets the path.
InputFile = NewType("InputFile", str)

#: A parameter that names a file which the step writes. The step gets a path to write to; the file then becomes an output,
#: under the name of the parameter, and appears at the path of the manifest as a whole or not at all.
OutputFile = NewType("OutputFile", str)


class DeclarationError(TypeError):
    """Says what is wrong with the declaration of a step, and what to write instead."""


@dataclasses.dataclass(frozen=True)
class Facts:
    """What `param` and `column` say about a parameter or a column."""

    min: float | None = None
    max: float | None = None
    one_of: tuple[str, ...] = ()
    unit: str | None = None
    doc: str | None = None
    example: str | None = None


def param(
    *,
    min: float | None = None,
    max: float | None = None,
    one_of: typing.Iterable[str] = (),
    unit: str | None = None,
    doc: str | None = None,
    example: str | None = None,
) -> Facts:
    """Returns the bounds, choices, unit and help of a parameter: `Annotated[float, param(min=0, unit="nM")]`."""
    return Facts(min=min, max=max, one_of=tuple(one_of), unit=unit, doc=doc, example=example)


def column(*, unit: str | None = None) -> Facts:
    """Returns the unit of a column that the step computes: `{"mass": Annotated[float, column(unit="g/mol")]}`."""
    return Facts(unit=unit)


#: The kinds of frames by the module and name of their types. None of these packages is imported to compare.
FRAMES = {
    ("pyarrow.lib", "Table"): "pyarrow",
    ("pyarrow.lib", "RecordBatch"): "batch",
    ("pandas.core.frame", "DataFrame"): "pandas",
    ("pandas", "DataFrame"): "pandas",
    ("polars.dataframe.frame", "DataFrame"): "polars",
}

_SCALARS: dict[Any, str] = {bool: "boolean", int: "integer", float: "number", str: "text"}
_COLUMNS: dict[Any, str] = {bool: "boolean", int: "integer", float: "float", str: "text"}
_SPECIAL = {Column: "column", InputFile: "input_file", OutputFile: "output_file"}


def frame_of(annotation: Any) -> str | None:
    """Returns which frame a type is, or `None` if it is not one."""
    return FRAMES.get((getattr(annotation, "__module__", ""), getattr(annotation, "__qualname__", "")))


def is_molecule(annotation: Any) -> bool:
    """Returns whether a type is RDKit's `Mol`."""
    module = str(getattr(annotation, "__module__", ""))
    return getattr(annotation, "__name__", "") == "Mol" and module.startswith("rdkit.")


def plain(annotation: Any) -> tuple[Any, list[Facts]]:
    """Splits an annotation into the type and what `param` or `column` says of it."""
    if get_origin(annotation) is Annotated:
        inner, *facts = get_args(annotation)
        base, more = plain(inner)
        return base, more + [each for each in facts if isinstance(each, Facts)]
    return annotation, []


def optional(annotation: Any) -> tuple[Any, bool]:
    """Returns the type without `None`, and whether it allows `None`."""
    if get_origin(annotation) in (Union, types.UnionType):
        others = [each for each in get_args(annotation) if each is not type(None)]
        if len(others) == 1 and len(others) < len(get_args(annotation)):
            return others[0], True
    return annotation, False


def param_type(annotation: Any, what: str) -> tuple[Any, tuple[str, ...]]:
    """Returns the type of a parameter as the program knows it, and the texts that it allows."""
    annotation, _ = plain(annotation)
    inner, may_be_none = optional(annotation)
    if may_be_none:
        described, allowed = param_type(inner, what)
        return {"optional": described}, allowed
    if annotation in _SCALARS:
        return _SCALARS[annotation], ()
    if annotation in _SPECIAL:
        return _SPECIAL[annotation], ()
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal and all(isinstance(each, str) for each in arguments):
        return "text", arguments
    if origin is list and len(arguments) == 1:
        described, allowed = param_type(arguments[0], what)
        return {"list": described}, allowed
    if origin is dict and len(arguments) == 2 and arguments[0] is str:
        described, allowed = param_type(arguments[1], what)
        return {"map": described}, allowed
    raise DeclarationError(
        f"{what} has the type `{shown(annotation)}`; use bool, int, float, str, Literal of texts, Column, InputFile, "
        "OutputFile, a list or dict[str, …] of one of these, or one of these with `| None`"
    )


def columns_of(declared: Mapping[str, Any], what: str) -> list[dict[str, Any]]:
    """Returns the columns that a step computes, from a mapping of names to types."""
    found = []
    for name, annotation in declared.items():
        base, facts = plain(annotation)
        base, _ = optional(base)
        base, more = plain(base)
        if is_molecule(base):
            ty, molecule = "text", True
        elif base in _COLUMNS:
            ty, molecule = _COLUMNS[base], False
        else:
            raise DeclarationError(
                f"the column `{name}` of {what} has the type `{shown(base)}`; use bool, int, float, str or rdkit's Mol"
            )
        units = [each.unit for each in facts + more if each.unit]
        found.append({"name": name, "type": ty, "unit": units[0] if units else None, "molecule": molecule})
    return found


def fields_of(annotation: Any) -> dict[str, Any] | None:
    """Returns the fields of a dataclass, a NamedTuple or a TypedDict, or `None` for another type."""
    if dataclasses.is_dataclass(annotation) or (isinstance(annotation, type) and hasattr(annotation, "__annotations__")):
        if dataclasses.is_dataclass(annotation) or issubclass(annotation, dict) or hasattr(annotation, "_fields"):
            return typing.get_type_hints(annotation, include_extras=True)
    return None


def shown(annotation: Any) -> str:
    """Returns a type as text for messages."""
    return annotation.__name__ if isinstance(annotation, type) else str(annotation).replace("typing.", "")
