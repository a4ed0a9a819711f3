"""The process that runs steps for the program.

The program sends requests on the standard input and takes answers on the standard output. A message is the length of its
head in 4 bytes, the head as JSON, and bodies whose lengths the head gives: tables as Arrow IPC streams. What the steps
print goes to the standard error, which the program logs.
"""

from __future__ import annotations

import faulthandler
import io
import json
import operator
import os
import select
import struct
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

try:
    import pyarrow as pa
except ImportError as error:
    raise SystemExit(f"steps in Python need pyarrow, which this interpreter lacks ({error}): `pip install pyarrow`") from None

from ._context import Cancelled, Context, StepFailure
from ._describe import load, steps_of
from ._frames import ROW, any_columns, declared_columns, given, returned
from ._step import Argument, Output, Step


class Ended(Exception):
    """The program has closed its end."""


class Wire:
    """The connection to the program."""

    def __init__(self, incoming: int, outgoing: int) -> None:
        self._in = incoming
        self._out = io.FileIO(outgoing, "w")

    def receive(self) -> tuple[dict[str, Any], list[memoryview]]:
        """Waits for the next request, and returns its head and bodies."""
        (length,) = struct.unpack("<I", self._exactly(4))
        head = json.loads(bytes(self._exactly(length)))
        return head, [self._exactly(size) for size in head.get("bodies", [])]

    def send(self, head: dict[str, Any], bodies: list[pa.Buffer] | None = None) -> None:
        """Sends a message."""
        bodies = bodies or []
        if bodies:
            head = {**head, "bodies": [body.size for body in bodies]}
        text = json.dumps(head, allow_nan=False).encode()
        self._write(struct.pack("<I", len(text)) + text)
        for body in bodies:
            self._write(body)

    def waiting(self) -> bool:
        """Returns whether the program has sent something, which during a request is the wish to stop."""
        return bool(select.select([self._in], [], [], 0)[0])

    def _exactly(self, count: int) -> memoryview:
        buffer = bytearray(count)
        view, filled = memoryview(buffer), 0
        while filled < count:
            read = os.readv(self._in, [view[filled:]])
            if read == 0:
                raise Ended
            filled += read
        return view

    def _write(self, data: Any) -> None:
        view = memoryview(data).cast("B")
        while len(view) > 0:
            view = view[self._out.write(view) or 0 :]


def main() -> int:
    """Answers requests until the program closes its end."""
    faulthandler.enable()
    wire = Wire(os.dup(0), os.dup(1))
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    known: dict[tuple[str, str], Step] = {}
    wire.send({"type": "ready"})
    try:
        while True:
            head, bodies = wire.receive()
            if head["type"] == "run":
                _answer(wire, known, head, bodies)
    except (Ended, KeyboardInterrupt):
        return 0


def _answer(wire: Wire, known: dict[tuple[str, str], Step], head: dict[str, Any], bodies: list[memoryview]) -> None:
    try:
        key = (head["module"], head["step"])
        if key not in known:
            for step in steps_of(load(head["module"])):
                known[head["module"], step.name] = step
        step = known[key]
    except BaseException as error:  # noqa: BLE001  Importing a module may end in any way.
        wire.send({"type": "failed", "error": f"`{head['module']}` cannot be imported: {_said(error)}", "traceback": _trace(error)})
        return
    tables = [pa.ipc.open_stream(pa.py_buffer(body)).read_all() for body in bodies]
    try:
        if step.form == "whole":
            message, answers = _whole(step, head, tables, wire)
        else:
            message, answers = _rows(step, head["params"], tables[0], wire)
        wire.send(message, answers)
    except Cancelled:
        wire.send({"type": "cancelled"})
    except StepFailure as error:
        wire.send({"type": "failed", "error": str(error), "traceback": ""})
    except BaseException as error:  # noqa: BLE001  A step may also call `sys.exit`.
        # In a batch, the program looks for the row.
        kind = "broken" if step.form == "batch" else "failed"
        wire.send({"type": kind, "error": _said(error), "traceback": _trace(error)})


def _rows(step: Step, params: dict[str, Any], table: pa.Table, wire: Wire) -> tuple[dict[str, Any], list[pa.Buffer]]:
    context = Context(wire.send, wire.waiting, rows=True)
    arguments = dict(params)
    if step.context:
        arguments[step.context] = context
    columns = step.outputs[0].columns or []
    if step.form == "batch":
        frame = step.function(given(table, step.arguments[0].form), **arguments)
        if context._counts:
            raise StepFailure("`context.count` counts for a row, and a batch has several; take one row at a time to count")
        result, from_pandas = returned(frame, "the result")
        origin = _origin(frame, result, table.num_rows)
        if ROW in result.column_names:
            result = result.drop_columns([ROW])
        made = declared_columns(result, columns, "the result", from_pandas=from_pandas)
        return {"type": "rows", "from": origin, "rejects": [], "counts": []}, [_stream(made)]
    return _records(step, arguments, table, context, columns)


def _origin(frame: Any, result: pa.Table, rows: int) -> list[int] | None:
    """Returns the row of the batch that each row of the result comes from, or `None` if each came out once."""
    if ROW in result.column_names:
        origin = result.column(ROW).to_pylist()
    elif result.num_rows == rows:
        return None
    elif type(frame).__module__.partition(".")[0] == "pandas":
        origin = frame.index.tolist()
    else:
        raise StepFailure(
            f"the result has {result.num_rows} rows for a batch of {rows}; add a column `{ROW}` with the number of the row of the "
            "batch, from 0, that each comes from"
        )
    fits = all(isinstance(row, int) and 0 <= row < rows for row in origin)
    if not fits or any(one > other for one, other in zip(origin, origin[1:])):
        raise StepFailure(f"the result does not say from which rows of the batch it comes: expected ascending numbers below {rows}")
    return list(origin)


def _records(
    step: Step, arguments: dict[str, Any], table: pa.Table, context: Context, columns: list[dict[str, Any]]
) -> tuple[dict[str, Any], list[pa.Buffer]]:
    cells = [_cells(table, argument) for argument in step.arguments]
    required = [(index, argument) for index, argument in enumerate(step.arguments) if not argument.optional]
    names = [column["name"] for column in columns]
    pick = _picker(names)
    function, counts = step.function, context._counts
    origin: list[int] = []
    values: list[Any] = []
    rejects: list[tuple[int, str]] = []
    counted: list[tuple[str, int, int]] = []
    for row, record in enumerate(zip(*cells)):
        try:
            for index, argument in required:
                if record[index] is None:
                    raise _missing(argument, table, row)
            result = function(*record, **arguments)
        except StepFailure:
            raise
        except Exception as error:  # noqa: BLE001  Whatever it is, it is about this row.
            rejects.append((row, str(error) if isinstance(error, _NoValue) else _said(error)))
            counts.clear()
            continue
        if counts:
            counted.extend((name, row, count) for name, count in counts.items())
            counts.clear()
        if result is None:
            continue
        for each in result if type(result) is list else (result,):
            values.append(pick(each))
            origin.append(row)
    same = len(origin) == table.num_rows and not rejects and origin == list(range(table.num_rows))
    given_columns = list(zip(*values)) if values else [()] * len(names)
    made = pa.table([_array(list(each), column) for each, column in zip(given_columns, columns)], names=names)
    made = declared_columns(made, columns, "the result", from_pandas=False)
    message = {"type": "rows", "from": None if same else origin, "rejects": rejects, "counts": counted}
    return message, [_stream(made)]


class _NoValue(Exception):
    """A value that the function cannot do without is missing."""


def _missing(argument: Argument, table: pa.Table, row: int) -> Exception:
    text = table.column(argument.source)[row].as_py() if argument.molecule else None
    if text is not None:
        return _NoValue(f"RDKit cannot read `{text}`")
    return _NoValue(f"`{argument.source}` is missing")


def _cells(table: pa.Table, argument: Argument) -> list[Any]:
    """Returns the values of a column, as the function takes them."""
    values = table.column(argument.source)
    found = {"string": "text", "large_string": "text", "int64": "integer", "double": "float", "bool": "boolean"}[str(values.type)]
    if found != argument.form and not (found == "integer" and argument.form == "float"):
        raise StepFailure(f"the column `{argument.source}` is {found}; the step takes {argument.form}")
    cells: list[Any] = values.to_pylist()
    if argument.molecule:
        from rdkit import Chem

        return [None if text is None else Chem.MolFromSmiles(text) for text in cells]
    if found != argument.form:
        return [None if value is None else float(value) for value in cells]
    return cells


def _picker(names: list[str]) -> Callable[[Any], tuple[Any, ...]]:
    """Returns a function that takes the declared values out of what a step returns for a row."""
    count = len(names)
    get = operator.itemgetter(*names) if count > 1 else (lambda result, name=names[0]: (result[name],))
    fields = operator.attrgetter(*names) if count > 1 else (lambda result, name=names[0]: (getattr(result, name),))

    def pick(result: Any) -> tuple[Any, ...]:
        if isinstance(result, dict):
            if len(result) == count:
                try:
                    return get(result)
                except KeyError:
                    pass
            for name in names:
                if name not in result:
                    raise StepFailure(f"the result lacks the column `{name}`, which the step declares")
            unknown = next(name for name in result if name not in names)
            raise StepFailure(f"the result has the column `{unknown}`, which the step does not declare")
        try:
            return fields(result)
        except AttributeError:
            raise StepFailure(
                f"the step returns a `{type(result).__name__}` for a row; return a dict of the declared columns, a list of these, "
                "or None for no row"
            ) from None

    return pick


_ACCEPTED: dict[str, tuple[type, ...]] = {"float": (float, int), "integer": (int,), "text": (str,), "boolean": (bool,)}
_ARROW = {"text": pa.string(), "integer": pa.int64(), "float": pa.float64(), "boolean": pa.bool_()}


def _array(values: list[Any], column: dict[str, Any]) -> pa.Array:
    """Returns the values of a column, all of which must have its type."""
    if column.get("molecule"):
        from rdkit import Chem

        values = [Chem.MolToSmiles(value) if isinstance(value, Chem.Mol) else value for value in values]
    accepted = _ACCEPTED[column["type"]]
    if not set(map(type, values)) <= {*accepted, type(None)}:
        values = [_plain(value, accepted, column) for value in values]
    try:
        return pa.array(values, type=_ARROW[column["type"]], from_pandas=False)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError) as error:
        raise StepFailure(f"the column `{column['name']}` is declared {column['type']}: {error}") from error


def _plain(value: Any, accepted: tuple[type, ...], column: dict[str, Any]) -> Any:
    """Returns a value of a subclass, such as numpy's float64, as the type itself."""
    if value is None or type(value) in accepted:
        return value
    if isinstance(value, accepted) and not (isinstance(value, bool) and bool not in accepted):
        return accepted[0](value)
    if bool in accepted and type(value).__name__ in ("bool", "bool_"):
        return bool(value)
    if int in accepted and not isinstance(value, bool) and hasattr(value, "__index__"):
        return operator.index(value)
    help = "; write `float(…)`, which the step then does knowingly" if type(value).__name__ in ("float32", "float16") else ""
    raise StepFailure(
        f"the column `{column['name']}` is declared {column['type']}, but the step gives `{value!r}`, a `{type(value).__name__}`{help}"
    )


def _whole(
    step: Step, head: dict[str, Any], tables: list[pa.Table], wire: Wire
) -> tuple[dict[str, Any], list[pa.Buffer]]:
    context = Context(wire.send, wire.waiting, rows=False)
    arguments = {**head["params"], **head["written"]}
    if step.context:
        arguments[step.context] = context
    inputs: list[Any] = []
    remaining = iter(tables)
    for argument, wired in zip(step.arguments, head["inputs"]):
        if wired is None:
            inputs.append(None)
        elif argument.form == "file":
            inputs.append(wired)
        else:
            inputs.append(given(next(remaining), argument.form))
    result = step.function(*inputs, **arguments)
    missing = [name for name, path in head["written"].items() if not Path(path).is_file()]
    if missing:
        raise StepFailure(f"the step did not write the file `{missing[0]}`")
    if not step.outputs:
        if result is not None:
            raise StepFailure(f"the step returns a `{type(result).__name__}`, but declares that it returns nothing")
        return {"type": "tables"}, []
    if len(step.outputs) == 1 and not isinstance(result, dict):
        result = {"main": result}
    if not isinstance(result, dict):
        raise StepFailure(f"the step returns a `{type(result).__name__}`; return a dict of its outputs by name")
    known = [output.name for output in step.outputs]
    unknown = [name for name in result if name not in known]
    if unknown:
        raise StepFailure(f"the step returns the output `{unknown[0]}`, which it does not declare")
    return {"type": "tables"}, [_stream(_output(each, result)) for each in step.outputs]


def _output(output: Output, result: dict[str, Any]) -> pa.Table:
    if output.name not in result:
        raise StepFailure(f"the step does not return its output `{output.name}`")
    what = "the result" if output.name == "main" else f"the output `{output.name}`"
    table, from_pandas = returned(result[output.name], what)
    if output.columns is None:
        return any_columns(table, what, from_pandas=from_pandas)
    return declared_columns(table, output.columns, what, from_pandas=from_pandas)


def _stream(table: pa.Table) -> pa.Buffer:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=65_536)
    return sink.getvalue()


def _said(error: BaseException) -> str:
    return "".join(traceback.format_exception_only(type(error), error)).strip()


def _trace(error: BaseException) -> str:
    """Returns where the user's code failed, without the frames of this package."""
    own = os.path.dirname(__file__)
    frames = [each for each in traceback.extract_tb(error.__traceback__) if not each.filename.startswith((own, "<frozen"))]
    return "".join(traceback.format_list(frames)).rstrip()
