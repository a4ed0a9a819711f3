#!/usr/bin/env python3
"""Writes which alerts of RDKit's FilterCatalog occur in approved drugs and in odd molecules.

    smiles     the molecule as its file has it
    alerts     the alerts, as `CATALOGUE:NAME`, separated by `; `; a name that a catalogue has several times is numbered

    venv/bin/python tests/reference/rdkit_alerts.py flows/data/approved-drugs.csv tests/reference/odd.smi \\
        > tests/reference/alerts.tsv

The environment is that of `rdkit_reference.py`.
"""

import csv
import sys

import rdkit
from rdkit import Chem
from rdkit.Chem.FilterCatalog import FilterCatalog, FilterCatalogParams
from rdkit_reference import RDKIT

CATALOGUES = {
    "pains_a": "PAINS_A",
    "pains_b": "PAINS_B",
    "pains_c": "PAINS_C",
    "brenk": "BRENK",
    "nih": "NIH",
    "zinc": "ZINC",
    "chembl_bms": "CHEMBL_BMS",
    "chembl_dundee": "CHEMBL_Dundee",
    "chembl_glaxo": "CHEMBL_Glaxo",
    "chembl_inpharmatica": "CHEMBL_Inpharmatica",
    "chembl_lint": "CHEMBL_LINT",
    "chembl_mlsmr": "CHEMBL_MLSMR",
    "chembl_surechembl": "CHEMBL_SureChEMBL",
}


def entries():
    """Returns each alert of each catalogue with its name here."""
    for here, there in CATALOGUES.items():
        params = FilterCatalogParams()
        params.AddCatalog(getattr(FilterCatalogParams.FilterCatalogs, there))
        catalogue, names = FilterCatalog(params), set()
        for index in range(catalogue.GetNumEntries()):
            entry = catalogue.GetEntry(index)
            plain = name = entry.GetDescription().replace("; ", ", ")
            number = 1
            while name in names:
                number += 1
                name = f"{plain} #{number}"
            names.add(name)
            yield f"{here}:{name}", entry


def main() -> int:
    if rdkit.__version__ != RDKIT:
        print(f"this is RDKit {rdkit.__version__}, and the reference is RDKit {RDKIT}", file=sys.stderr)
        return 1
    with open(sys.argv[1], newline="", encoding="utf-8") as file:
        molecules = [record["smiles"] for record in csv.DictReader(file)]
    with open(sys.argv[2], encoding="utf-8") as file:
        molecules += [line.split()[0] for line in file]
    alerts = list(entries())
    print("smiles\talerts")
    for smiles in molecules:
        molecule = Chem.MolFromSmiles(smiles)
        print(smiles, "; ".join(name for name, entry in alerts if entry.HasFilterMatch(molecule)), sep="\t")
    return 0


if __name__ == "__main__":
    sys.exit(main())
