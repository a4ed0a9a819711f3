"""Frames: conversions between Arrow, and what a step function takes and gives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ._context import StepFailure

_TYPES = {"text": pa.string(), "integer": pa.int64(), "float": pa.float64(), "boolean": pa.bool_()}

#: The column of a frame that a batch step returns with the row of the batch that each of its rows comes from.
ROW = "chem_row"


def given(table: pa.Table, form: str) -> Any:
    """Returns a table as the frame that a function takes."""
    if form == "pandas":
        return table.to_pandas()
    if form == "polars":
        import polars

        return polars.from_arrow(table)
    if form == "batch":
        batches = table.combine_chunks().to_batches()
        return batches[0] if batches else pa.RecordBatch.from_pylist([], schema=table.schema)
    return table


def returned(frame: Any, what: str) -> tuple[pa.Table, bool]:
    """Returns a frame that a function gave as a table, and whether NaN means a missing value in it."""
    if isinstance(frame, pa.Table):
        return frame, False
    if isinstance(frame, pa.RecordBatch):
        return pa.Table.from_batches([frame]), False
    kind = type(frame).__module__.partition(".")[0]
    if kind == "pandas" and type(frame).__name__ == "DataFrame":
        if any(not isinstance(name, str) for name in frame.columns):
            raise StepFailure(f"{what} has a column whose name is not text: {list(frame.columns)[:5]}")
        return pa.Table.from_pandas(frame, preserve_index=False), True
    if hasattr(frame, "__arrow_c_stream__"):
        return pa.table(frame), False
    raise StepFailure(
        f"{what} is a `{type(frame).__name__}`; return a pyarrow Table, or a pandas or polars DataFrame"
    )


def declared_columns(
    table: pa.Table, columns: Sequence[dict[str, Any]], what: str, *, from_pandas: bool
) -> pa.Table:
    """Returns the declared columns of a table, with their types.

    Raises `StepFailure` if one is missing, if there is another, or if values do not have the type.
    """
    names = [column["name"] for column in columns]
    missing = [name for name in names if name not in table.column_names]
    unknown = [name for name in table.column_names if name not in names]
    if missing:
        raise StepFailure(f"{what} lacks the column `{missing[0]}`, which the step declares")
    if unknown:
        raise StepFailure(f"{what} has the column `{unknown[0]}`, which the step does not declare")
    arrays = [_typed(table.column(each["name"]), each, what, from_pandas=from_pandas) for each in columns]
    return pa.table(arrays, schema=schema_of(columns))


def schema_of(columns: Sequence[dict[str, Any]]) -> pa.Schema:
    """Returns the columns as an Arrow schema, with their units."""
    fields = []
    for column in columns:
        unit = column.get("unit")
        fields.append(pa.field(column["name"], _TYPES[column["type"]], metadata={"unit": unit} if unit else None))
    return pa.schema(fields)


def any_columns(table: pa.Table, what: str, *, from_pandas: bool) -> pa.Table:
    """Returns a table whose columns are not declared, each with the type that its values have."""
    columns = []
    for field in table.schema:
        ty, unit = field.type, (field.metadata or {}).get(b"unit")
        if pa.types.is_dictionary(ty):
            ty = ty.value_type
        if pa.types.is_integer(ty):
            found = "integer"
        elif pa.types.is_floating(ty):
            found = "float"
        elif pa.types.is_boolean(ty):
            found = "boolean"
        elif _is_text(ty) or pa.types.is_null(ty):
            found = "text"
        else:
            raise StepFailure(
                f"the column `{field.name}` of {what} is `{ty}`; a table holds text, int64, float64 and boolean columns"
            )
        columns.append({"name": field.name, "type": found, "unit": unit.decode() if unit else None})
    return declared_columns(table, columns, what, from_pandas=from_pandas)


def _is_text(ty: pa.DataType) -> bool:
    view = getattr(pa.types, "is_string_view", lambda _: False)
    return pa.types.is_string(ty) or pa.types.is_large_string(ty) or view(ty)


def _typed(values: pa.ChunkedArray, column: dict[str, Any], what: str, *, from_pandas: bool) -> pa.ChunkedArray:
    name, wanted, ty = column["name"], column["type"], values.type
    if pa.types.is_dictionary(ty):
        values, ty = values.cast(ty.value_type), ty.value_type
    fits = {
        "text": _is_text(ty),
        "integer": pa.types.is_integer(ty) or (from_pandas and pa.types.is_float64(ty)),
        "float": pa.types.is_float64(ty) or pa.types.is_integer(ty),
        "boolean": pa.types.is_boolean(ty),
    }[wanted]
    if not (fits or pa.types.is_null(ty)):
        example = next((value.as_py() for value in values if value.is_valid), None)
        help = "; cast it to float64, which the step then does knowingly" if pa.types.is_floating(ty) else ""
        raise StepFailure(
            f"the column `{name}` of {what} is declared {wanted}, but holds {ty} values, such as `{example!r}`{help}"
        )
    try:
        values = values.cast(_TYPES[wanted])
    except pa.ArrowInvalid as error:
        raise StepFailure(f"the column `{name}` of {what} is declared {wanted}: {error}") from error
    if wanted == "float":
        finite = pc.all(pc.is_finite(values), skip_nulls=True).as_py()
        if finite is False:
            row = pc.index(pc.fill_null(pc.is_finite(values), True), pa.scalar(False)).as_py()
            raise StepFailure(
                f"the column `{name}` of {what} has the value `{values[row].as_py()}` in row {row + 1}, which no table can hold; "
                "give None for a missing value"
            )
    return values
