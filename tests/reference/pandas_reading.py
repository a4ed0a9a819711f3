"""Prints, as JSON Lines, what pandas reads from texts, and the parameters of `table.read` that read them alike.

    python tests/reference/pandas_reading.py

with pandas 3.1 and Python 3.11 wrote `pandas_reading.jsonl`, which the test `intake` compares with `table.read`. A missing
value is null.
"""

import io
import json

import pandas as pd

COMMA = "name;ic50;n;share\na;1,5;3;0,25\nb;-0,001;4;\nc;1e-9;5;1\n"
BARE = "CCO,ethanol,5\nCC,ethane,6\n"
IC50 = "smiles,ic50,n\nC,>10,1\nCC,< 0.1,2\nCCC,~5,3\nO,≥ 7.5,4\nN,12,5\nF,,6\nS,>>3,7\n"
PLATES = ["well,n\nA1,1\nA2,2\n", "n,well,id\n0.5,A1,x\n"]


def qualified(text: str) -> pd.DataFrame:
    table = pd.read_csv(io.StringIO(text))
    parts = table.ic50.str.extract(r"^\s*([<>~=≥]*)\s*(.*)$")
    relation = parts[0].replace({"": "=", "≥": ">="})
    table.insert(2, "ic50_relation", relation.where(table.ic50.notna()))
    table["ic50"] = pd.to_numeric(parts[1])
    return table


def plates(join: str) -> pd.DataFrame:
    return pd.concat([pd.read_csv(io.StringIO(text)) for text in PLATES], join=join)


def read(text: str, **options) -> pd.DataFrame:
    return pd.read_csv(io.StringIO(text), **options)


for texts, params, table in [
    ([COMMA], {"delimiter": ";", "decimal": ","}, read(COMMA, sep=";", decimal=",")),
    ([BARE], {"header": False}, read(BARE, header=None)),
    (
        [BARE],
        {"header": False, "column_names": ["smiles", "name", "n"]},
        read(BARE, header=None, names=["smiles", "name", "n"]),
    ),
    ([IC50], {"qualified": ["ic50"]}, qualified(IC50)),
    (PLATES, {"columns": "all"}, plates("outer")),
    (PLATES, {"columns": "common"}, plates("inner")),
]:
    columns = [name if isinstance(name, str) else f"column_{name + 1}" for name in table.columns]
    rows = table.astype(object).where(table.notna(), None).values.tolist()
    print(json.dumps({"texts": texts, "params": params, "columns": columns, "rows": rows}, ensure_ascii=False))
