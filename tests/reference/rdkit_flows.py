#!/usr/bin/env python3
"""Writes the table that a flow over molecules writes, as RDKit (and for `chembl-potency` pandas) computes it.

    python3 -m venv venv && venv/bin/pip install rdkit==2026.9.1 pandas==3.1.1
    venv/bin/python tests/reference/rdkit_flows.py path-clusters > tests/reference/path-clusters.csv

and so on for the other names in `TABLES`.
"""

import csv
import sys
from pathlib import Path
from statistics import fmean

import rdkit
from rdkit import Chem, DataStructs, RDLogger
from rdkit.Chem import Crippen, Descriptors, rdFingerprintGenerator, rdMolDescriptors
from rdkit.ML.Cluster import Butina

RDKIT = "2026.09.1"
DATA = Path(__file__).parent / "../../flows/data"


def drugs():
    with open(DATA / "approved-drugs.csv", newline="", encoding="utf-8") as file:
        return [(record["name"], Chem.MolFromSmiles(record["smiles"])) for record in csv.DictReader(file)]


def rule_of_five():
    for name, molecule in drugs():
        values = [
            Descriptors.MolWt(molecule),
            Crippen.MolLogP(molecule),
            rdMolDescriptors.CalcNumHBD(molecule),
            rdMolDescriptors.CalcNumHBA(molecule),
        ]
        violations = sum(value > limit for value, limit in zip(values, [500, 5, 5, 10]))
        yield [name, *(round(value, 6) for value in values), violations]


def kept_by_rule_of_five():
    yield ["name", "molecular_weight", "logp", "hb_donors", "hb_acceptors", "violations"]
    yield from (row for row in rule_of_five() if row[-1] <= 1)


def violations():
    yield ["violations", "drugs", "mean_molecular_weight"]
    groups = {}
    for row in rule_of_five():
        groups.setdefault(row[-1], []).append(row[1])
    yield from ([count, len(weights), fmean(weights)] for count, weights in sorted(groups.items()))


def path_clusters():
    # Of molecules with as many neighbours RDKit takes the last as the centre.
    molecules = drugs()[::-1]
    generator = rdFingerprintGenerator.GetRDKitFPGenerator(maxPath=7, fpSize=2048)
    prints = [generator.GetFingerprint(molecule) for _, molecule in molecules]
    distances = []
    for index, fingerprint in enumerate(prints):
        distances.extend(1 - like for like in DataStructs.BulkTanimotoSimilarity(fingerprint, prints[:index]))
    yield ["cluster", "cluster_size", "centre", "name"]
    for number, members in enumerate(Butina.ClusterData(distances, len(prints), 0.4, isDistData=True), 1):
        centre, *others = (molecules[member][0] for member in members)
        if others:
            yield [number, len(members), "true", centre]
            yield from ([number, len(members), "false", name] for name in sorted(others))


def registry():
    yield ["name", "smiles", "stereo_groups", "BATCH", "PURITY", "stereocentres", "unspecified_stereocentres"]
    for molecule in Chem.SDMolSupplier(str(DATA / "registry.sdf")):
        smiles = Chem.MolToSmiles(molecule)
        again = Chem.MolFromSmiles(smiles)
        groups = Chem.MolToCXSmiles(molecule, Chem.SmilesWriteParams(), Chem.CXSmilesFields.CX_ENHANCEDSTEREO)
        yield [
            molecule.GetProp("_Name"),
            smiles,
            groups if "|" in groups else "",
            molecule.GetProp("BATCH"),
            molecule.GetProp("PURITY") if molecule.HasProp("PURITY") else "",
            rdMolDescriptors.CalcNumAtomStereoCenters(again),
            rdMolDescriptors.CalcNumUnspecifiedAtomStereoCenters(again),
        ]


def chembl_potency():
    import numpy as np
    import pandas as pd

    export = pd.read_csv(DATA / "chembl-export.csv", sep=";")
    molar = {"nM": 1e-9, "uM": 1e-6, "pM": 1e-12}
    chosen = (export["Standard Type"] == "IC50") & (export["Standard Relation"] == "'='")
    export = export[chosen & export["Standard Units"].isin(molar) & (export["Standard Value"] > 0)].copy()
    export["pIC50"] = -np.log10(export["Standard Value"] * export["Standard Units"].map(molar))
    table = export.groupby("Molecule ChEMBL ID", sort=False).agg(
        name=("Molecule Name", "first"),
        smiles=("Smiles", "first"),
        pIC50=("pIC50", "median"),
        measurements=("pIC50", "count"),
    )
    table["class"] = np.where(table.pIC50 >= 6.5, "active", "inactive")
    table = table[table.smiles.notna()].reset_index()
    molecules = table.smiles.map(Chem.MolFromSmiles)
    table["smiles"] = molecules.map(Chem.MolToSmiles)
    table["molecular_weight"] = molecules.map(Descriptors.MolWt).round(6)
    table["logp"] = molecules.map(Crippen.MolLogP).round(6)
    table = table.sort_values(["pIC50", "Molecule ChEMBL ID"], ascending=[False, True])
    yield list(table.columns)
    yield from table.astype(object).values.tolist()


TABLES = {
    "rule-of-five": kept_by_rule_of_five,
    "violations": violations,
    "path-clusters": path_clusters,
    "registry": registry,
    "chembl-potency": chembl_potency,
}


def main() -> int:
    if rdkit.__version__ != RDKIT:
        print(f"this is RDKit {rdkit.__version__}, and the reference is RDKit {RDKIT}", file=sys.stderr)
        return 1
    RDLogger.DisableLog("rdApp.*")
    csv.writer(sys.stdout, lineterminator="\n").writerows(TABLES[sys.argv[1]]())
    return 0


if __name__ == "__main__":
    sys.exit(main())
