#!/usr/bin/env python3
"""Writes what is known of odd molecules, one a line in `odd.smi`, as RDKit has it: radicals, dummies and odd elements in
aromatic rings, triple bonds in rings, bonds of unusual kinds, metals, hydrogens that stay atoms. None has an unspecified bond (`~`) where RDKit would close a scaffold's ring with it: it
reads that bond as a single one.

    smiles     the molecule as `odd.smi` has it
    …          the properties of `rdkit_reference.py`
    scaffold   its Murcko scaffold without stereochemistry; empty without a ring
    patterns   which of the patterns of `patterns.smarts` it has: the numbers of their lines from 1
    ecfp4      the bits of its Morgan fingerprint (radius 2, 2048 bits)
    maccs      its MACCS keys, from 0; RDKit has an unused bit before them

    venv/bin/python tests/reference/rdkit_odd.py tests/reference/odd.smi tests/reference/patterns.smarts \\
        > tests/reference/odd.tsv

The environment is that of `rdkit_reference.py`.
"""

import csv
import sys

import rdkit
from rdkit import Chem
from rdkit.Chem import MACCSkeys, rdFingerprintGenerator
from rdkit_reference import PROPERTIES, RDKIT
from rdkit_search import scaffold


def bits(fingerprint, first=0) -> str:
    return " ".join(str(bit - first) for bit in fingerprint.GetOnBits())


def main() -> int:
    if rdkit.__version__ != RDKIT:
        print(f"this is RDKit {rdkit.__version__}, and the reference is RDKit {RDKIT}", file=sys.stderr)
        return 1
    with open(sys.argv[1], encoding="utf-8") as file:
        lines = [line.split()[0] for line in file]
    with open(sys.argv[2], encoding="utf-8") as file:
        patterns = [Chem.MolFromSmarts(line.split()[0]) for line in file]
    morgan = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=2048)
    out = csv.writer(sys.stdout, delimiter="\t", lineterminator="\n")
    out.writerow(["smiles", *PROPERTIES, "scaffold", "patterns", "ecfp4", "maccs"])
    for smiles in lines:
        molecule = Chem.MolFromSmiles(smiles)
        has = " ".join(str(number) for number, pattern in enumerate(patterns, 1) if molecule.HasSubstructMatch(pattern))
        values = [compute(molecule) for compute in PROPERTIES.values()]
        prints = [bits(morgan.GetFingerprint(molecule)), bits(MACCSkeys.GenMACCSKeys(molecule), first=1)]
        out.writerow([smiles, *values, scaffold(molecule), has, *prints])
    return 0


if __name__ == "__main__":
    sys.exit(main())
