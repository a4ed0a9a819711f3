#!/usr/bin/env python3
"""Writes what searching and comparing are compared with: for every approved drug, as RDKit has it,

    scaffold   its Murcko scaffold without stereochemistry; empty without a ring
    patterns   which of the patterns of `patterns.smarts` it has: the numbers of their lines from 1
    ecfp4      the Tanimoto coefficients of Morgan fingerprints (radius 2, 2048 bits) with the four drugs before it
    maccs      the same with MACCS keys
    hydrogens  which of the patterns of `hydrogens.smarts` it has once their hydrogens are merged (`MergeQueryHs`)

    venv/bin/python tests/reference/rdkit_search.py flows/data/approved-drugs.csv tests/reference/patterns.smarts \\
        tests/reference/hydrogens.smarts > tests/reference/approved-drugs-search.tsv

The environment is that of `rdkit_reference.py`.
"""

import csv
import sys

import rdkit
from rdkit import Chem, DataStructs
from rdkit.Chem import MACCSkeys, rdFingerprintGenerator
from rdkit.Chem.Scaffolds import MurckoScaffold

RDKIT = "2026.09.1"
BEFORE = 4


def scaffold(molecule) -> str:
    spelled = MurckoScaffold.MurckoScaffoldSmiles(mol=molecule, includeChirality=False)
    # What is left, spelled as a molecule of its own.
    return Chem.MolToSmiles(Chem.MolFromSmiles(spelled)) if spelled else ""


def like_those_before(prints) -> list[str]:
    return [
        " ".join(repr(DataStructs.TanimotoSimilarity(print_, other)) for other in prints[max(0, row - BEFORE) : row])
        for row, print_ in enumerate(prints)
    ]


def main() -> int:
    if rdkit.__version__ != RDKIT:
        print(f"this is RDKit {rdkit.__version__}, and the reference is RDKit {RDKIT}", file=sys.stderr)
        return 1
    with open(sys.argv[1], newline="", encoding="utf-8") as file:
        records = list(csv.DictReader(file))
    with open(sys.argv[2], encoding="utf-8") as file:
        patterns = [Chem.MolFromSmarts(line.split()[0]) for line in file]
    with open(sys.argv[3], encoding="utf-8") as file:
        merged = [Chem.MergeQueryHs(Chem.MolFromSmarts(line.split()[0])) for line in file]
    molecules = [Chem.MolFromSmiles(record["smiles"]) for record in records]
    morgan = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=2048)
    ecfp4 = like_those_before([morgan.GetFingerprint(molecule) for molecule in molecules])
    maccs = like_those_before([MACCSkeys.GenMACCSKeys(molecule) for molecule in molecules])
    out = csv.writer(sys.stdout, delimiter="\t", lineterminator="\n")
    out.writerow(["name", "scaffold", "patterns", "ecfp4", "maccs", "hydrogens"])
    for record, molecule, alike, keys in zip(records, molecules, ecfp4, maccs):
        has, counts = (
            " ".join(str(number) for number, pattern in enumerate(some, 1) if molecule.HasSubstructMatch(pattern))
            for some in (patterns, merged)
        )
        out.writerow([record["name"], scaffold(molecule), has, alike, keys, counts])
    return 0


if __name__ == "__main__":
    sys.exit(main())
