"""Writes the tables that pandas computes from `flows/data/assay.csv`, as the flows over it do.

    python tests/reference/pandas_tables.py flows/data tests/reference

with pandas 3.1, NumPy 2.4, RDKit 2026.09.1 and Python 3.11 wrote `potency.csv`, `train-test.csv`, `train-test-long.csv`,
`extremes.csv`, `selectivity.csv`, `pivots.csv`, `two-libraries.csv` and `only-theirs.csv`, which the test `tables` compares with the flows. Which rows are training rows depends on the random numbers of the flow.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from rdkit import Chem
from rdkit.Chem import Crippen, Descriptors
from rdkit.Chem.Scaffolds import MurckoScaffold

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


def train_test(assay: pd.DataFrame) -> pd.DataFrame:
    assay = assay[(assay.target == "COX-2") & (assay.ic50 > 0)]
    molecules = [Chem.MolFromSmiles(smiles) for smiles in assay.smiles]
    return pd.DataFrame(
        {
            "name": assay.compound.values,
            "smiles": [Chem.MolToSmiles(molecule) for molecule in molecules],
            "pIC50": (-np.log10(assay.ic50 * assay.units.map(NM) / 1e9)).round(2).values,
            "scaffold": [MurckoScaffold.MurckoScaffoldSmiles(mol=molecule, includeChirality=False) for molecule in molecules],
            "logp": [round(Crippen.MolLogP(molecule), 6) for molecule in molecules],
        }
    )


def selectivity(assay: pd.DataFrame, drugs: pd.DataFrame) -> pd.DataFrame:
    assay = assay[assay.units.isin(NM) & (assay.ic50 > 0)].copy()
    assay["drug"] = assay.compound.str.lower()
    assay["pIC50"] = (-np.log10(assay.ic50 * assay.units.map(NM) / 1e9)).round(2)
    wide = assay.pivot(index="drug", columns="target", values="pIC50")
    wide["selectivity"] = (wide["COX-2"] - wide["COX-1"]).round(2)
    joined = wide.reset_index().merge(drugs, how="left", left_on="drug", right_on="name")
    joined = joined.sort_values(["selectivity", "drug"], ascending=[False, True])
    return joined[["drug", "formula", "COX-1", "COX-2", "selectivity"]]


def pivots(assay: pd.DataFrame) -> pd.DataFrame:
    blocks = {}
    for measure in ["count", "sum", "mean", "median", "min", "max", "std", "first"]:
        how = {"index": "units", "columns": "target", "values": "ic50", "sort": False, "dropna": False}
        blocks[measure] = assay.pivot_table(aggfunc=measure, **how)
    # A cell without rows counts 0.
    blocks["count"] = blocks["count"].fillna(0)
    return pd.concat(blocks, names=["measure"]).reset_index()


def two_libraries(ours: pd.DataFrame, theirs: pd.DataFrame) -> pd.DataFrame:
    libraries = {"ours": ours, "theirs": theirs.rename(columns={"compound": "name"})}
    united = pd.concat([rows[["name", "smiles"]].assign(library=library) for library, rows in libraries.items()])
    molecules = united.smiles.map(Chem.MolFromSmiles)
    keys = molecules.map(Chem.MolToInchiKey)
    united["smiles"] = molecules.map(Chem.MolToSmiles)
    united["copies"] = keys.map(keys.value_counts())
    united["molecular_weight"] = molecules.map(Descriptors.MolWt)
    united["logp"] = molecules.map(Crippen.MolLogP)
    return united[~keys.duplicated()]


assay = pd.read_csv(DATA / "assay.csv")
potency(assay).to_csv(OUT / "potency.csv", index=False)
molecules = train_test(assay)
molecules.drop(columns="logp").to_csv(OUT / "train-test.csv", index=False)
# The rows of one molecule stay together.
long = molecules.melt("name", ["pIC50", "logp"], "quantity", ignore_index=False).sort_index(kind="stable")
long.to_csv(OUT / "train-test-long.csv", index=False)
measured = assay[assay.units.isin(NM) & (assay.ic50 > 0)].copy()
measured["pIC50"] = (-np.log10(measured.ic50 * measured.units.map(NM) / 1e9)).round(2)
measured = measured[["compound", "target", "pIC50"]]
ends = {"most potent": measured.nlargest(3, "pIC50"), "least potent": measured.nsmallest(3, "pIC50")}
pd.concat([rows.assign(end=end) for end, rows in ends.items()]).to_csv(OUT / "extremes.csv", index=False)
united = two_libraries(pd.read_csv(DATA / "approved-drugs.csv"), assay)
united.to_csv(OUT / "two-libraries.csv", index=False)
united[united.library == "theirs"][["name", "smiles", "copies"]].to_csv(OUT / "only-theirs.csv", index=False)
selectivity(assay, pd.read_csv(DATA / "approved-drugs.csv")).to_csv(OUT / "selectivity.csv", index=False)
pivots(assay).to_csv(OUT / "pivots.csv", index=False)
