#!/usr/bin/env python3
"""Writes the table that the chemistry is compared with: every property, of every approved drug, as RDKit has it.

    python3 -m venv venv && venv/bin/pip install rdkit==2026.9.1
    venv/bin/python tests/reference/rdkit_reference.py flows/data/approved-drugs.csv > tests/reference/approved-drugs.tsv

Numbers stand as Python prints them, which reads back to the same bits. Donors and acceptors are Lipinski's counts.
"""

import csv
import sys

import rdkit
from rdkit import Chem
from rdkit.Chem import Crippen, Descriptors, QED, rdMolDescriptors

RDKIT = "2026.09.1"

PROPERTIES = {
    "canonical_smiles": Chem.MolToSmiles,
    "molecular_weight": Descriptors.MolWt,
    "logp": Crippen.MolLogP,
    "tpsa": rdMolDescriptors.CalcTPSA,
    "hbd": rdMolDescriptors.CalcNumLipinskiHBD,
    "hba": rdMolDescriptors.CalcNumLipinskiHBA,
    "rotatable_bonds": rdMolDescriptors.CalcNumRotatableBonds,
    "exact_mass": Descriptors.ExactMolWt,
    "formula": rdMolDescriptors.CalcMolFormula,
    "heavy_atoms": rdMolDescriptors.CalcNumHeavyAtoms,
    "molar_refractivity": Crippen.MolMR,
    "rings": rdMolDescriptors.CalcNumRings,
    "aromatic_rings": rdMolDescriptors.CalcNumAromaticRings,
    "fraction_csp3": rdMolDescriptors.CalcFractionCSP3,
    "formal_charge": Chem.GetFormalCharge,
    "qed": QED.qed,
    "inchi_key": Chem.MolToInchiKey,
}


def main() -> int:
    if rdkit.__version__ != RDKIT:
        print(f"this is RDKit {rdkit.__version__}, and the reference is RDKit {RDKIT}", file=sys.stderr)
        return 1
    out = csv.writer(sys.stdout, delimiter="\t", lineterminator="\n")
    out.writerow(["name", *PROPERTIES])
    with open(sys.argv[1], newline="", encoding="utf-8") as file:
        for record in csv.DictReader(file):
            molecule = Chem.MolFromSmiles(record["smiles"])
            out.writerow([record["name"], *(compute(molecule) for compute in PROPERTIES.values())])
    return 0


if __name__ == "__main__":
    sys.exit(main())
