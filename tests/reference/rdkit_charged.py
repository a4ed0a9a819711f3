#!/usr/bin/env python3
"""Writes what RDKit's Uncharger makes of charged stereocentres and of molecules of which only some charges can go.

    python3 -m venv venv && venv/bin/pip install rdkit==2026.9.1
    venv/bin/python tests/reference/rdkit_charged.py > tests/reference/charged.tsv

The molecules are made of the approved drugs and of some skeletons: amines (in some of them phosphines or arsines)
protonated, in every configuration, spelled from a random atom on; acids deprotonated beside a cation that has to be
balanced, or with an amine made quaternary.
"""

import csv
import random
import sys
from pathlib import Path

import rdkit
from rdkit import Chem, RDLogger
from rdkit.Chem.EnumerateStereoisomers import EnumerateStereoisomers, StereoEnumerationOptions
from rdkit.Chem.MolStandardize import rdMolStandardize

RDKIT = "2026.09.1"
HERE = Path(__file__).parent
AMINE = Chem.MolFromSmarts("[NX3;H0;!$(N-[C,S,P]=[O,N,S]);!$(N-[a]);!$(N-[!#6])]")
ACID = Chem.MolFromSmarts(
    "[$([OX2H]C(=O)),$([OX2H]c),$([OX2H]S(=O)=O),$([OX2H]P=O),$([OX2H][CX4]),$([SX2H]),$([nH]1nnnc1),$([NX3;H1,H2]S(=O)=O)]"
)
CATIONS = ["[Na+]", "[Ca+2]", "C[N+](C)(C)C", "[Na+].[K+]", "[NH4+].[Na+]", "C[n+]1ccccc1"]
SKELETONS = """
CN1CCCC1C(F)Cl CC1CN2CCC1CC2 CN1C2CCC1CC(O)C2 C=CC1CN2CCC1CC2C(O)c1ccccc1 CN1CCOC1C C1CC2CCCN2C1 CC1CCN2CCCC2C1
CN1CC2CC1C(O)C2 CC1CCCN1C CN1CC1C CC1CC2CN(C)C1C2 CCC(C)N(C)CC C1CN2CCC1C2 CN1C2CCC1C(C(=O)O)C(O)C2 CC1OCCN1CC
""".split()
HAND_MADE = """
COc1ccc2nccc([C@@H](O)[C@H]3C[C@@H]4CC[N@H+]3C[C@@H]4C=C)c2c1 C[C@@H]1CCC[P@@H+]1C C[B@H-](F)Cl C[B@@H-](F)OC C[S@H+]CC
CC[Se@H+]C C[P@H+](CC)CCC.[Cl-] CC([O-])C[O-].[Na+] C[N+](C)(C)CC(CC(=O)[O-])OC(=O)CCC(=O)[O-] C[N+](C)(C)CC([O-])C[O-]
C[N+](C)(C)CC(CC([O-])=O)OC(=O)CCCC([O-])=O C[n+]1cccc(C(=O)[O-])c1CCC(=O)[O-] C[N+](C)(C)CCC(C(=O)[O-])CC(=O)[O-]
C[N+](C)(CC(=O)[O-])CCC(=O)[O-] C[N+](C)(CCS(=O)(=O)[O-])CCC(=O)[O-] C[N+](C)(CCCC(=O)[O-])Cc1ccc(C(=O)[O-])cc1
Cl[Au-]Cl [H-].[Na+] [BH4-].[Na+] [O-][Cl+3]([O-])([O-])[O-].CC(=O)[O-].[K+] [I-](I)I [CH2-]C [SiH3-].C[O-].[Na+]
""".split()


def drugs():
    with open(HERE / "../../flows/data/approved-drugs.csv", newline="", encoding="utf-8") as file:
        molecules = [Chem.MolFromSmiles(record["smiles"]) for record in csv.DictReader(file)]
    return [molecule for molecule in molecules if molecule.GetNumHeavyAtoms() <= 40]


def sanitized(molecule):
    try:
        Chem.SanitizeMol(molecule)
    except Chem.MolSanitizeException:
        return None
    return molecule


def protonated(molecules):
    options = StereoEnumerationOptions(maxIsomers=4, onlyUnassigned=False, unique=True, rand=3)
    for molecule in molecules:
        for (index,) in molecule.GetSubstructMatches(AMINE):
            for element in (7, 15, 33) if random.random() < 0.4 else (7,):
                ion = Chem.RWMol(molecule)
                atom = ion.GetAtomWithIdx(index)
                atom.SetAtomicNum(element)
                atom.SetFormalCharge(1)
                atom.SetNumExplicitHs(1)
                atom.SetNoImplicit(True)
                if sanitized(ion) is None:
                    continue
                for isomer in EnumerateStereoisomers(ion, options=options):
                    spelling = Chem.MolToSmiles(isomer, doRandom=True)
                    if any(
                        atom.GetFormalCharge() == 1 and atom.GetChiralTag() != Chem.ChiralType.CHI_UNSPECIFIED
                        for atom in Chem.MolFromSmiles(spelling).GetAtoms()
                    ):
                        yield spelling


def salts(molecules):
    for molecule in molecules:
        acids = [index for (index,) in molecule.GetSubstructMatches(ACID)]
        if not 2 <= len(acids) <= 6:
            continue
        ion = Chem.RWMol(molecule)
        for index in random.sample(acids, random.randint(2, min(4, len(acids)))):
            atom = ion.GetAtomWithIdx(index)
            hydrogens = atom.GetTotalNumHs() - 1
            atom.SetFormalCharge(-1)
            atom.SetNumExplicitHs(hydrogens)
            atom.SetNoImplicit(True)
        if sanitized(ion) is None:
            continue
        for cation in random.sample(CATIONS, 2):
            yield f"{Chem.MolToSmiles(ion)}.{cation}"
        for (index,) in molecule.GetSubstructMatches(AMINE)[:1]:
            ion.AddBond(index, ion.AddAtom(Chem.Atom(6)), Chem.BondType.SINGLE)
            ion.GetAtomWithIdx(index).SetFormalCharge(1)
            if sanitized(ion) is not None:
                yield Chem.MolToSmiles(ion)


def main() -> int:
    if rdkit.__version__ != RDKIT:
        print(f"this is RDKit {rdkit.__version__}, and the reference is RDKit {RDKIT}", file=sys.stderr)
        return 1
    RDLogger.DisableLog("rdApp.*")
    random.seed(20)
    uncharger = rdMolStandardize.Uncharger()
    smiles = lambda molecule: Chem.MolToSmiles(Chem.MolFromSmiles(Chem.MolToSmiles(molecule)))
    skeletons = [Chem.MolFromSmiles(text) for text in SKELETONS]
    records = [*HAND_MADE, *protonated(skeletons + drugs()), *salts(drugs())]
    out = csv.writer(sys.stdout, delimiter="\t", lineterminator="\n")
    out.writerow(["smiles", "before", "neutralized"])
    seen = set()
    for text in records:
        before = smiles(Chem.MolFromSmiles(text))
        if before not in seen:
            seen.add(before)
            out.writerow([text, before, smiles(uncharger.uncharge(Chem.MolFromSmiles(before)))])
    return 0


if __name__ == "__main__":
    sys.exit(main())
