"""Prints the standard InChIs of molecules, and the SMILES of the molecules that RDKit reads from them.

    python tests/reference/rdkit_inchi.py flows/data/approved-drugs.csv tests/reference/salts.smi tests/reference/odd.smi

with RDKit 2026.09.1 wrote `inchi.tsv`, which the test `intake` compares with `molecules.from_table`. A molecule of which RDKit
writes no InChI, or reads none, is left out.
"""

import csv
import sys

from rdkit import Chem, RDLogger

RDLogger.DisableLog("rdApp.*")


def smiles_in(path: str) -> list[str]:
    with open(path, encoding="utf-8") as file:
        if path.endswith(".csv"):
            return [row["smiles"] for row in csv.DictReader(file)]
        return [line.split()[0] for line in file if line.strip() and not line.startswith("#")]


seen = set()
print("inchi\tsmiles")
for path in sys.argv[1:]:
    for smiles in smiles_in(path):
        molecule = Chem.MolFromSmiles(smiles)
        inchi = Chem.MolToInchi(molecule) if molecule else ""
        again = Chem.MolFromInchi(inchi) if inchi and inchi not in seen else None
        if again is not None:
            seen.add(inchi)
            print(f"{inchi}\t{Chem.MolToSmiles(again)}")
