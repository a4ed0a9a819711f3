#!/usr/bin/env python3
"""Writes ten random spellings of every sixth approved drug, each with the drug's name.

    venv/bin/python tests/reference/rdkit_spellings.py flows/data/approved-drugs.csv > tests/reference/spellings.smi
"""

import csv
import sys

from rdkit import Chem, rdBase


def main() -> None:
    rdBase.SeedRandomNumberGenerator(2026)
    with open(sys.argv[1], newline="", encoding="utf-8") as file:
        for record in list(csv.DictReader(file))[::6]:
            molecule = Chem.MolFromSmiles(record["smiles"])
            for kekule in [False] * 7 + [True] * 3:
                spelling = Chem.MolToSmiles(molecule, doRandom=True, canonical=False, kekuleSmiles=kekule)
                print(spelling, record["name"], sep="\t")


if __name__ == "__main__":
    main()
