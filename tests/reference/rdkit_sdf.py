#!/usr/bin/env python3
"""Writes an SD file as RDKit writes them, and under `expected` the SMILES that RDKit reads from each block.

    python3 -m venv venv && venv/bin/pip install rdkit==2026.9.1
    venv/bin/python tests/reference/rdkit_sdf.py > tests/reference/drawn.sdf

Of every four drugs one is laid out in space, and one written as V3000. The spellings are written in both formats.
"""

import csv
import sys
from pathlib import Path

import rdkit
from rdkit import Chem
from rdkit.Chem import AllChem

RDKIT = "2026.09.1"

# Stereocentres and double bonds of each kind, dummies, isotopes, charges, metals. `*` with an R group is written as `R#`.
SPELLINGS = """
C/C=C/C=C\\C F/C(Cl)=C(/Br)I CC(=N/O)/C=C/C C/C=C=C=C/C C/N=N/C O/N=C1/CC[C@H](C)CC1 [H]/N=C(/N)C C1CCCCCC/C=C/1
C[S@](=O)CC C[S@@+]([O-])CC C[P@](CC)c1ccccc1 C[P@@](=O)(O)CC C[N@+]([O-])(CC)CCC C[N@@]1CC1C C[Si@H](F)Cl [2H][C@H](C)F
C[C@H]1CC[C@@H](C)CC1 C[C@]12CC[C@H](CC1)C2 [C@](F)(Cl)(Br)I O[C@@H]1[C@H](O)[C@@H](O)[C@H](O)CO1 C[C@@H]1CCCN1[C@H](C)F
[1*]/C=C/[2*] *C[C@H](N)* CC[*:3] [13CH3]C [CH2]C [O][O] [Na+].[O-]C [NH3]->[Pt](<-[NH3])(Cl)Cl [Cl-].C[n+]1ccccc1
[Fe+2].c1cc[cH-]c1.c1cc[cH-]c1 O=[N+]([O-])c1ccccc1 C[N+]#[C-] [3H]OC
""".split()

# Atoms with the R groups 1 and 2.
R_GROUPS = ["*CC*", "*c1ccc(*)cc1", "C[C@H](*)O*"]


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
        write(molecule, drug["name"], number % 4 == 2)
    for smiles in SPELLINGS + R_GROUPS:
        molecule = Chem.MolFromSmiles(smiles)
        if smiles in R_GROUPS:
            for label, atom in enumerate((atom for atom in molecule.GetAtoms() if atom.GetAtomicNum() == 0), 1):
                atom.SetIntProp("_MolFileRLabel", label)
        AllChem.Compute2DCoords(molecule)
        for v3000 in (False, True):
            write(molecule, smiles, v3000)
    return 0


def write(molecule: Chem.Mol, name: str, v3000: bool) -> None:
    molecule.SetProp("_Name", name)
    block = Chem.MolToMolBlock(molecule, forceV3000=v3000)
    read = Chem.MolToSmiles(Chem.MolFromSmiles(Chem.MolToSmiles(Chem.MolFromMolBlock(block))))
    print(f"{block}>  <expected>\n{read}\n\n>  <atoms>\n{molecule.GetNumAtoms()}\n\n$$$$")


if __name__ == "__main__":
    sys.exit(main())
