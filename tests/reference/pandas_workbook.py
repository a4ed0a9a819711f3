"""Prints, as JSON Lines, what pandas reads from the sheets of `workbook.xlsx`, and the parameters of `table.read` that read them
alike.

    python tests/reference/pandas_workbook.py

with pandas 3.1, openpyxl 3.1 and Python 3.11 wrote `workbook.jsonl`, which the test `workbooks` compares with `table.read`. With the
argument `write` it wrote the workbook. A missing value is null, dates, times and durations are texts, and white space around a text
does not belong to it.
"""

import datetime
import json
import pathlib
import sys

import openpyxl
import pandas as pd

PATH = pathlib.Path(__file__).parent / "workbook.xlsx"


def write() -> None:
    book = openpyxl.Workbook()
    assay = book.active
    assay.title = "Assay 1"
    assay.append([None, None])
    assay.append(["smiles", "name", "n", "ic50", "batch", "measured", "at", "took", "ok", "note", None])
    day, noon = datetime.datetime(2023, 2, 1), datetime.time(12, 30)
    took, precise = datetime.timedelta(hours=26, minutes=30), datetime.datetime(2023, 2, 1, 12, 30, 5)
    assay.append(["CCO", "ethanol", 1, 0.5, "007", day, noon, took, True, "a", None])
    assay.append(["CC", " ethane ", 2.0, 12, "8", precise, None, None, False, None, None])
    assay.append([None] * 11)
    assay.append(["C", "méthane & co", None, 1e-9, None, None, datetime.time(0, 0), None, None, "n/a", None])
    march = datetime.datetime(1900, 3, 1)
    assay.append(["C1", "unclosed", 123456789012, -1.5e17, "+5", march, None, None, True, "<b>", None])
    merged = book.create_sheet("Merged")
    for row in [["plate", "well"], ["p1", "A1"], [None, "A2"], ["p2", "A1"]]:
        merged.append(row)
    merged.merge_cells("A2:A3")
    errors = book.create_sheet("Errors")
    for row in [["x", "y"], [1, "#DIV/0!"], [2, 5], [3, "#N/A"]]:
        errors.append(row)
    formulas = book.create_sheet("Formulas")
    for row in [["x", "y"], [1, "=A2+1"], [2, 5]]:
        formulas.append(row)
    bare = book.create_sheet("Bare")
    for row in [["A1", 1, True], ["A2", None, False]]:
        bare.append(row)
    book.create_sheet("Empty")
    book.save(PATH)


def text(value):
    if pd.isna(value):
        return None
    if isinstance(value, datetime.timedelta):
        seconds = int(value.total_seconds())
        return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    if isinstance(value, datetime.datetime) and value.time() == datetime.time():
        value = value.date()
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    return value.strip() if isinstance(value, str) else value


def read(sheet: str, **options) -> pd.DataFrame:
    table = pd.read_excel(PATH, sheet_name=sheet, dtype=object, keep_default_na=False, **options)
    return table.dropna(how="all").dropna(how="all", axis=1)


if sys.argv[1:] == ["write"]:
    write()
    sys.exit()
for params, table in [
    ({"sheet": "Assay 1"}, read("Assay 1", skiprows=1, na_values=[""])),
    ({"sheet": "Assay 1", "missing": ["n/a", "8"]}, read("Assay 1", skiprows=1, na_values=["", "n/a", "8"])),
    ({"sheet": "Merged", "merged_cells": "first"}, read("Merged", na_values=[""])),
    ({"sheet": "Merged", "merged_cells": "fill"}, read("Merged", na_values=[""]).ffill()),
    ({"sheet": "Errors", "missing": ["#DIV/0!", "#N/A"]}, read("Errors")),
    ({"sheet": "Bare", "header": False}, read("Bare", header=None, na_values=[""])),
    (
        {"sheet": "Bare", "header": False, "column_names": ["a", "b", "c"]},
        read("Bare", header=None, names=["a", "b", "c"], na_values=[""]),
    ),
    ({"sheet": "Empty"}, read("Empty")),
]:
    columns = [name if isinstance(name, str) else f"column_{name + 1}" for name in table.columns]
    rows = [[text(value) for value in row] for row in table.values.tolist()]
    print(json.dumps({"params": params, "columns": columns, "rows": rows}, ensure_ascii=False))
