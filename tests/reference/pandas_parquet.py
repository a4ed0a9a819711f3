"""Writes `tests/reference/pandas.parquet`, which the test `intake` reads.

    python tests/reference/pandas_parquet.py tests/reference

with pandas 3.1 and pyarrow. pandas compresses with snappy, and encodes repeated texts with a dictionary.
"""

import sys
from pathlib import Path

import pandas as pd

table = pd.DataFrame(
    {
        "smiles": ["CCO", "CC", "C1"],
        "name": ["ethanol", None, "ethanol"],
        "n": pd.array([1, None, 3], dtype="Int32"),
        "ic50": [0.5, float("nan"), 1e-9],
        "active": pd.array([True, False, None], dtype="boolean"),
        "measured": pd.to_datetime(["2023-02-01", "1969-12-31", None]).date,
    }
)
table.to_parquet(Path(sys.argv[1]) / "pandas.parquet", index=False)
