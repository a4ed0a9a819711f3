#!/usr/bin/env python3
"""Writes an SD file as RDKit writes them, and under `expected` the SMILES that RDKit reads from each block.

    python3 -m venv venv && venv/bin/pip install rdkit==2026.9.1
    venv/bin/python tests/reference/rdkit_sdf.py > tests/reference/drawn.sdf

Of every four drugs one is laid out in space, and one written as V3000.
"""

import csv
import sys
from pathlib import Path

import rdkit
from rdkit import Chem
from rdkit.Chem import AllChem

RDKIT = "2026.09.1"


def main() -> int:
    if rdkit.__version__ != RDKIT:
        print(f"this is RDKit {rdkit.__version__}, and the reference is RDKit {RDKIT}", file=sys.stderr)
        return 1
    with open(Path(__file__).parent / "../../flows/data/approved-drugs.csv", newline="", encoding="utf-8") as file:
        drugs = [record for record in csv.DictReader(file)][::12]
    for number, drug in enumerate(drugs):
        molecule = Chem.MolFromSmiles(drug["smiles"])
        if number % 4 == 1:
            solid = Chem.AddHs(molecule)
            if AllChem.EmbedMolecule(solid, randomSeed=7) == 0:
                molecule = solid
        if molecule.GetNumConformers() == 0:
            AllChem.Compute2DCoords(molecule)
        molecule.SetProp("_Name", drug["name"])
        block = Chem.MolToMolBlock(molecule, forceV3000=number % 4 == 2)
        read = Chem.MolToSmiles(Chem.MolFromSmiles(Chem.MolToSmiles(Chem.MolFromMolBlock(block))))
        print(f"{block}>  <expected>\n{read}\n\n>  <atoms>\n{molecule.GetNumAtoms()}\n\n$$$$")
    return 0


if __name__ == "__main__":
    sys.exit(main())
