"""The outputs of steps: tables as Arrow, pandas or polars, and other results as values."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from . import _html

if TYPE_CHECKING:
    import pandas
    import polars
    import pyarrow

    from ._store import Store

#: The rows that a notebook shows of a table.
_SHOWN = 20


class Output:
    """An output of a step, named by its hash. Its content is read from the store when it is asked for.

    A table is handed to other libraries through the Arrow PyCapsule interface: `polars.DataFrame(output)`,
    `pyarrow.table(output)`, `duckdb.sql("from output")`.
    """

    def __init__(self, store: Store, step: str, name: str, kind: str, hash: str) -> None:
        self._store = store
        self._artifact: dict[str, Any] | None = None
        self._table: pyarrow.Table | None = None
        self.step = step
        self.name = name
        self.kind = kind
        self.hash = hash

    @property
    def value(self) -> Any:
        """The payload as JSON values: for a text its text, for a written file its path, size and hash."""
        if self._artifact is None:
            self._artifact = self._store.json(["artifact", self.hash])
        return self._artifact["payload"]

    @property
    def is_table(self) -> bool:
        """Whether it has rows and columns, as molecules have."""
        payload = self.value
        return isinstance(payload, dict) and {"chunks", "columns", "rows"} <= payload.keys()

    @property
    def columns(self) -> list[dict[str, Any]]:
        """The columns of a table: name, type, and if known unit and what computed them."""
        return list(self._table_payload()["columns"])

    def __len__(self) -> int:
        """Returns the number of rows of a table."""
        return int(self._table_payload()["rows"])

    def __bool__(self) -> bool:
        # An output is there even if it has no rows.
        return True

    def to_arrow(self) -> pyarrow.Table:
        """Returns the table with pyarrow. Units and providers are in the metadata of the fields."""
        if self._table is None:
            try:
                import pyarrow
            except ImportError as error:
                raise ImportError("tables need pyarrow, which is not installed: `pip install pyarrow`") from error

            self._table_payload()
            stream = self._store.call(["artifact", self.hash], format="arrow").stdout
            self._table = pyarrow.ipc.open_stream(stream).read_all()
        return self._table

    def to_pandas(self, **options: Any) -> pandas.DataFrame:
        """Returns the table with pandas; the options are those of `pyarrow.Table.to_pandas`."""
        return self.to_arrow().to_pandas(**options)

    def to_polars(self) -> polars.DataFrame:
        """Returns the table with polars."""
        import polars

        frame = polars.from_arrow(self.to_arrow())
        assert isinstance(frame, polars.DataFrame)
        return frame

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Exports the table through the Arrow PyCapsule interface."""
        table: Any = self.to_arrow()
        capsule: object = table.__arrow_c_stream__(requested_schema)
        return capsule

    def __repr__(self) -> str:
        rows = f", {len(self)} rows" if self.is_table else ""
        return f"<{self.kind} `{self.step}.{self.name}` {self.hash[:12]}{rows}>"

    def _repr_html_(self) -> str:
        if not self.is_table:
            return _html.value(self.kind, self.hash, self.value)
        table = self.to_arrow()
        names = [column["name"] for column in self.columns]
        units = {column["name"]: column["unit"] for column in self.columns if "unit" in column}
        rows = table.slice(0, _SHOWN).to_pylist()
        pictures = self._store.depict([row["smiles"] for row in rows]) if self._has_structures(names) else []
        return _html.table(self.kind, names, units, rows, pictures, len(self))

    def _has_structures(self, names: Iterable[str]) -> bool:
        return self.kind == "molecules" and "smiles" in names

    def _table_payload(self) -> dict[str, Any]:
        if not self.is_table:
            raise TypeError(
                f"output `{self.step}.{self.name}` is `{self.kind}`, which has no rows; `value` has its content"
            )
        payload: dict[str, Any] = self.value
        return payload
