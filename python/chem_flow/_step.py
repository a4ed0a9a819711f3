"""The decorator that declares a step, and what it finds out about the function."""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar, get_args, get_origin

from ._context import Context
from ._types import (
    Column,
    DeclarationError,
    InputFile,
    OutputFile,
    Param,
    column,
    columns_of,
    fields_of,
    frame_of,
    is_molecule,
    optional,
    param,
    param_type,
    plain,
    shown,
)

__all__ = ["Column", "DeclarationError", "InputFile", "OutputFile", "Param", "Step", "column", "param", "step"]

F = TypeVar("F", bound=Callable[..., Any])

#: The attribute of a function that holds its declaration.
ATTRIBUTE = "__chem_step__"

_NAME = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+")


@dataclasses.dataclass
class Argument:
    """A positional argument of a step function: a column of a row, or an input."""

    name: str
    #: The column that a row gives, or the port.
    source: str
    #: For a column its type; for an input the kind of frame, or `file`.
    form: str
    molecule: bool = False
    optional: bool = False


@dataclasses.dataclass
class Output:
    """An output of a step: a table, with its columns if they are declared."""

    name: str
    columns: list[dict[str, Any]] | None = None


@dataclasses.dataclass
class Step:
    """A declared step."""

    name: str
    version: int
    function: Callable[..., Any]
    #: `record`, `batch` or `whole`.
    form: str
    arguments: list[Argument]
    #: The columns that a step which works on rows reads; `None` for all.
    reads: list[str] | None
    outputs: list[Output]
    params: list[dict[str, Any]]
    #: The name of the argument that takes the context, if there is one.
    context: str | None
    effects: bool
    cache: bool
    approximate: bool
    dynamic: Sequence[str] | None
    files: Sequence[str]

    @property
    def kind(self) -> str:
        """`source`, `transform` or `sink`."""
        if self.form != "whole":
            return "transform"
        if not self.arguments:
            return "source"
        return "transform" if self.outputs else "sink"

    @property
    def written(self) -> list[str]:
        """The parameters that name files which the step writes."""
        return [each["name"] for each in self.params if each["type"] == "output_file"]


def step(
    name: str,
    *,
    version: int,
    rows: bool = False,
    columns: Sequence[str] | Mapping[str, str] | None = None,
    outputs: Mapping[str, Any] | None = None,
    effects: bool = False,
    cache: bool = True,
    approximate: bool = False,
    dynamic: Iterable[str] | None = None,
    files: Sequence[str] = (),
) -> Callable[[F], F]:
    """Declares a function as the step type `name`, such as `lab.pic50`.

    `version` grows when the same inputs and parameters would give another result for a reason that the code does not show.
    With `rows`, what comes out for a row depends on its columns and the parameters alone: the function takes one row, each
    positional argument being a column, or a batch of rows, if its positional argument is a frame; `columns` then names the
    columns of the batch. For one row, `columns` maps arguments to columns of other names. Without `rows` each positional
    argument is an input, and the function takes all of it. Keyword-only arguments are the parameters of the step.

    The annotation of the result, or `outputs`, declares what the step gives: names and types of the columns that it computes.
    A step without `rows` may declare several outputs by their names, of which the first is `main`.

    `effects` says that the step does more than give outputs, `cache=False` that its result must not be reused,
    `approximate` that results may differ within a tolerance. `dynamic` and `files` name modules and data files that the
    code loads in a way that does not show.
    """

    def declare(function: F) -> F:
        if not _NAME.fullmatch(name):
            raise DeclarationError(f"`{name}` cannot name a step type; write `family.verb` in lower case, such as `lab.dock`")
        if isinstance(version, bool) or not isinstance(version, int) or version < 1:
            raise DeclarationError(f"the version of `{name}` is a number from 1 on")
        declared = _declared(name, function, rows=rows, columns=columns, outputs=outputs)
        found = Step(
            name=name,
            version=version,
            function=function,
            effects=effects,
            cache=cache and not (effects and not declared["outputs"]),
            approximate=approximate,
            dynamic=None if dynamic is None else list(dynamic),
            files=list(files),
            **declared,
        )
        setattr(function, ATTRIBUTE, found)
        return function

    return declare


def _declared(
    name: str,
    function: Callable[..., Any],
    *,
    rows: bool,
    columns: Sequence[str] | Mapping[str, str] | None,
    outputs: Mapping[str, Any] | None,
) -> dict[str, Any]:
    signature = inspect.signature(function, eval_str=True)
    positional, params, context = [], [], None
    for argument in signature.parameters.values():
        what = f"the argument `{argument.name}` of `{name}`"
        if argument.annotation is Context:
            context = argument.name
        elif argument.kind in (argument.VAR_POSITIONAL, argument.VAR_KEYWORD):
            raise DeclarationError(f"{what} collects arguments; name each of them")
        elif argument.annotation is argument.empty:
            raise DeclarationError(f"{what} has no type; annotate it, such as `{argument.name}: float`")
        elif argument.kind is argument.KEYWORD_ONLY:
            params.append(_param(argument, what, function))
        else:
            positional.append(argument)
    result = _result(signature.return_annotation, outputs)
    if not rows:
        if columns is not None:
            raise DeclarationError(f"`{name}` declares `columns`, which a step without `rows=True` does not have")
        arguments = [_input(argument, name) for argument in positional]
        found = _outputs(result, name)
        return dict(form="whole", arguments=arguments, reads=None, outputs=found, params=params, context=context)
    given = columns_of(result, f"`{name}`") if isinstance(result, Mapping) else None
    if given is None:
        raise DeclarationError(
            f"`{name}` does not declare the columns that it gives; annotate the result, such as `-> {{\"score\": float}}`, "
            "or write `outputs={…}` in the decorator"
        )
    frames = [frame_of(plain(argument.annotation)[0]) for argument in positional]
    if any(frames):
        if len(frames) > 1:
            raise DeclarationError(f"`{name}` works on batches of rows, and takes one frame")
        if isinstance(columns, Mapping):
            raise DeclarationError(f"`columns` of `{name}` is a list of the columns of its batch")
        if columns is None:
            raise DeclarationError(
                f"`{name}` takes batches of rows and does not say which columns it reads; write `columns=[\"…\"]` in the "
                "decorator"
            )
        batch = Argument(positional[0].name, positional[0].name, str(frames[0]))
        form, arguments, reads = "batch", [batch], list(columns)
    else:
        names = columns if isinstance(columns, Mapping) else {}
        if columns is not None and not isinstance(columns, Mapping):
            raise DeclarationError(f"`columns` of `{name}` maps arguments to columns, such as `{{\"mass\": \"MW (g/mol)\"}}`")
        known = {argument.name for argument in positional}
        for unknown in [each for each in names if each not in known]:
            raise DeclarationError(f"`columns` of `{name}` names `{unknown}`, which is not an argument")
        arguments = [_cell(argument, names.get(argument.name), name) for argument in positional]
        if not arguments:
            raise DeclarationError(f"`{name}` works on rows and takes no column; a positional argument is a column")
        form, reads = "record", list(dict.fromkeys(argument.source for argument in arguments))
    return dict(
        form=form, arguments=arguments, reads=reads, outputs=[Output("main", given)], params=params, context=context
    )


def _param(argument: inspect.Parameter, what: str, function: Callable[..., Any]) -> dict[str, Any]:
    described, allowed = param_type(argument.annotation, what)
    _, facts = plain(argument.annotation)
    known: dict[str, Any] = {"unit": None, "min": None, "max": None, "one_of": list(allowed), "example": None, "doc": None}
    for each in facts:
        said = {key: value for key, value in dataclasses.asdict(each).items() if value not in (None, ())}
        known.update(said)
    known["one_of"] = list(known["one_of"])
    known["doc"] = known["doc"] or _documented(function).get(argument.name, "")
    has_default = argument.default is not argument.empty and argument.default is not None
    if argument.default is None and not (isinstance(described, dict) and "optional" in described):
        raise DeclarationError(f"{what} has the default None; add `| None` to its type")
    return {"name": argument.name, "type": described, "default": argument.default if has_default else None, **known}


def _documented(function: Callable[..., Any]) -> dict[str, str]:
    """Returns what the docstring says of arguments, in lines such as `floor: The smallest value.`"""
    found: dict[str, str] = {}
    for line in inspect.cleandoc(function.__doc__ or "").splitlines():
        match = re.fullmatch(r"\s*(?::param )?([a-z_][a-z0-9_]*)(?: \(.*\))?:\s+(.*\S)\s*", line)
        if match and match[1] in inspect.signature(function).parameters:
            found[match[1]] = match[2]
    return found


def _cell(argument: inspect.Parameter, source: str | None, name: str) -> Argument:
    base, may_be_none = optional(plain(argument.annotation)[0])
    if is_molecule(base):
        return Argument(argument.name, source or "smiles", "text", molecule=True, optional=may_be_none)
    try:
        (described,) = columns_of({argument.name: base}, f"`{name}`")
    except DeclarationError as error:
        raise DeclarationError(
            f"the argument `{argument.name}` of `{name}` has the type `{shown(base)}`; a row gives bool, int, float, str or "
            "rdkit's Mol, and a parameter of the step is keyword-only: put it behind `*`"
        ) from error
    return Argument(argument.name, source or argument.name, described["type"], optional=may_be_none)


def _input(argument: inspect.Parameter, name: str) -> Argument:
    base, may_be_none = optional(plain(argument.annotation)[0])
    form = "file" if base is InputFile else frame_of(base)
    if form is None:
        raise DeclarationError(
            f"the argument `{argument.name}` of `{name}` has the type `{shown(base)}`; an input is a pyarrow Table, a pandas "
            "or polars DataFrame, or an InputFile, and a parameter of the step is keyword-only: put it behind `*`"
        )
    return Argument(argument.name, argument.name, form, optional=may_be_none)


def _result(annotation: Any, outputs: Mapping[str, Any] | None) -> Any:
    if outputs is not None:
        return dict(outputs)
    if annotation is inspect.Signature.empty or isinstance(annotation, Mapping):
        return annotation
    base, _ = optional(plain(annotation)[0])
    if get_origin(base) is list and len(get_args(base)) == 1:
        base = get_args(base)[0]
    return base if isinstance(base, Mapping) else (fields_of(base) or base)


def _outputs(result: Any, name: str) -> list[Output]:
    if result is None or result is type(None):
        return []
    if result is inspect.Signature.empty:
        raise DeclarationError(f"`{name}` does not say what it returns; annotate the result, with `-> None` for nothing")
    if frame_of(result):
        return [Output("main")]
    if not isinstance(result, Mapping):
        raise DeclarationError(
            f"`{name}` returns `{shown(result)}`; a step returns a pyarrow Table, a pandas or polars DataFrame, several of them "
            "by name, or None"
        )
    tables = {key: value for key, value in result.items() if isinstance(value, Mapping) or frame_of(plain(value)[0])}
    if not tables:
        return [Output("main", columns_of(result, f"`{name}`"))]
    if len(tables) < len(result):
        raise DeclarationError(f"`{name}` declares outputs and columns side by side; write the columns as `\"main\": {{…}}`")
    if next(iter(tables)) != "main":
        raise DeclarationError(f"the first output of `{name}` is called `main`, since later steps take it by default")
    return [
        Output(key, columns_of(value, f"`{name}`") if isinstance(value, Mapping) else None) for key, value in tables.items()
    ]
