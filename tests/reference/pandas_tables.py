"""Writes the tables that pandas computes from `flows/data/assay.csv`, as the flows over it do.

    python tests/reference/pandas_tables.py flows/data tests/reference

with pandas 3.0, NumPy 2.4 and Python 3.11 wrote `potency.csv`, which the test `tables` compares with the flow.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

DATA, OUT = Path(sys.argv[1]), Path(sys.argv[2])
NM = {"nM": 1.0, "uM": 1e3, "µM": 1e3}


def potency(assay: pd.DataFrame) -> pd.DataFrame:
    assay = assay[assay.units.isin(NM) & ~(assay.ic50 <= 0)].copy()
    assay["ic50_nM"] = (assay.ic50 * assay.units.map(NM)).round(3)
    exact = -np.log10(assay.ic50_nM / 1e9)
    assay["pIC50"] = exact.round(2)
    assay["class"] = np.where(assay.pIC50 >= 6, "active", "inactive")
    assay.loc[assay.pIC50.isna(), "class"] = np.nan
    assay["number"] = assay.batch.str.extract(r"-0*([0-9]+)")[0].astype(int)
    assay["series"] = assay.batch.str.split("/").str[1].str.upper()
    assay["ratio"] = np.log(assay.ic50_nM.fillna(1000) / 1000)
    return assay[["compound", "target", "ic50_nM", "pIC50", "class", "number", "series", "ratio"]]


assay = pd.read_csv(DATA / "assay.csv")
potency(assay).to_csv(OUT / "potency.csv", index=False)
