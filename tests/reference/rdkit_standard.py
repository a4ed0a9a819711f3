#!/usr/bin/env python3
"""Writes what RDKit's rdMolStandardize makes of salts, zwitterions and tautomers, and of the approved drugs.

    python3 -m venv venv && venv/bin/pip install rdkit==2026.9.1
    venv/bin/python tests/reference/rdkit_standard.py > tests/reference/standardized.tsv

`neutralized` is of the whole record, `parent` the largest fragment neutralized, `tautomer` the parent's canonical one.
"""

import csv
import sys
from pathlib import Path

import rdkit
from rdkit import Chem, RDLogger
from rdkit.Chem.MolStandardize import rdMolStandardize

RDKIT = "2026.09.1"
HERE = Path(__file__).parent


def records():
    for line in (HERE / "salts.smi").read_text(encoding="utf-8").splitlines():
        smiles, name = line.split(maxsplit=1)
        yield name, smiles
    with open(HERE / "../../flows/data/approved-drugs.csv", newline="", encoding="utf-8") as file:
        for record in csv.DictReader(file):
            yield record["name"], record["smiles"]


def main() -> int:
    if rdkit.__version__ != RDKIT:
        print(f"this is RDKit {rdkit.__version__}, and the reference is RDKit {RDKIT}", file=sys.stderr)
        return 1
    RDLogger.DisableLog("rdApp.*")
    chooser = rdMolStandardize.LargestFragmentChooser()
    uncharger = rdMolStandardize.Uncharger()
    tautomers = rdMolStandardize.TautomerEnumerator()
    # Each step starts from a SMILES, as a flow does.
    smiles = lambda molecule: Chem.MolToSmiles(Chem.MolFromSmiles(Chem.MolToSmiles(molecule)))
    out = csv.writer(sys.stdout, delimiter="\t", lineterminator="\n")
    out.writerow(["name", "smiles", "neutralized", "largest_fragment", "parent", "tautomer"])
    for name, text in records():
        molecule = Chem.MolFromSmiles(text)
        neutral = smiles(uncharger.uncharge(molecule))
        largest = smiles(chooser.choose(molecule))
        parent = smiles(uncharger.uncharge(Chem.MolFromSmiles(largest)))
        tautomer = smiles(tautomers.Canonicalize(Chem.MolFromSmiles(parent)))
        out.writerow([name, text, neutral, largest, parent, tautomer])
    return 0


if __name__ == "__main__":
    sys.exit(main())
