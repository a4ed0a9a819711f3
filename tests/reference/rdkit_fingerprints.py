#!/usr/bin/env python3
"""Writes fingerprints of every approved drug as RDKit computes them from its canonical SMILES: for each kind, the first 16
hexadecimal digits of the SHA-256 of the indices of the bits that are set, separated by spaces. In columns that end in
`_counts`, each index is followed by `:` and its count. A column that ends in `_1024` is folded to 1024 bits.

The canonical SMILES matters: in some molecules with rings of three atoms, RDKit's topological torsions depend on the order of
the atoms.

    dice, cosine, tversky   the similarity of the ECFP6 fingerprint to that of the molecule before; Tversky's with the
                            weights 0.9 for the one before and 0.1

    venv/bin/python tests/reference/rdkit_fingerprints.py flows/data/approved-drugs.csv \\
        > tests/reference/fingerprints.tsv

The environment is that of `rdkit_reference.py`.
"""

import csv
import hashlib
import sys

import rdkit
from rdkit import Chem, DataStructs
from rdkit.Chem import rdFingerprintGenerator as generators
from rdkit_reference import RDKIT


def generators_of(size: int) -> dict:
    roles = generators.GetMorganFeatureAtomInvGen
    morgan = {f"ecfp{2 * radius}": generators.GetMorganGenerator(radius=radius, fpSize=size) for radius in (1, 2, 3)}
    features = {
        f"fcfp{2 * radius}": generators.GetMorganGenerator(radius=radius, fpSize=size, atomInvariantsGenerator=roles())
        for radius in (1, 2, 3)
    }
    return {
        **morgan,
        **features,
        "atom_pair": generators.GetAtomPairGenerator(fpSize=size),
        "topological_torsion": generators.GetTopologicalTorsionGenerator(fpSize=size),
        "rdkit_path": generators.GetRDKitFPGenerator(fpSize=size),
    }


def short(parts) -> str:
    return hashlib.sha256(" ".join(parts).encode()).hexdigest()[:16]


def bits(generator, molecule) -> str:
    return short(map(str, generator.GetFingerprint(molecule).GetOnBits()))


def counts(generator, molecule) -> str:
    found = generator.GetCountFingerprint(molecule).GetNonzeroElements()
    return short(f"{position}:{count}" for position, count in sorted(found.items()))


def main() -> int:
    if rdkit.__version__ != RDKIT:
        print(f"this is RDKit {rdkit.__version__}, and the reference is RDKit {RDKIT}", file=sys.stderr)
        return 1
    with open(sys.argv[1], newline="", encoding="utf-8") as file:
        molecules = [record["smiles"] for record in csv.DictReader(file)]
    usual, small = generators_of(2048), generators_of(1024)
    columns = {name: (bits, generator) for name, generator in usual.items()}
    columns |= {f"{name}_counts": (counts, usual[name]) for name in usual if name != "rdkit_path"}
    columns |= {f"{name}_1024": (bits, generator) for name, generator in small.items()}
    print("smiles", *columns, "dice", "cosine", "tversky", sep="\t")
    before = None
    for smiles in molecules:
        molecule = Chem.MolFromSmiles(Chem.MolToSmiles(Chem.MolFromSmiles(smiles)))
        ecfp6 = usual["ecfp6"].GetFingerprint(molecule)
        alike = ["", "", ""]
        if before is not None:
            alike = [
                repr(DataStructs.DiceSimilarity(before, ecfp6)),
                repr(DataStructs.CosineSimilarity(before, ecfp6)),
                repr(DataStructs.TverskySimilarity(before, ecfp6, 0.9, 0.1)),
            ]
        before = ecfp6
        print(smiles, *(compute(generator, molecule) for compute, generator in columns.values()), *alike, sep="\t")
    return 0


if __name__ == "__main__":
    sys.exit(main())
