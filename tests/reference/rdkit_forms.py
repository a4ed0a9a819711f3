#!/usr/bin/env python3
"""Writes what RDKit's Normalizer, MetalDisconnector and Reionizer make of molecules that they change, and of others.

    python3 -m venv venv && venv/bin/pip install rdkit==2026.9.1
    venv/bin/python tests/reference/rdkit_forms.py > tests/reference/forms.tsv

The molecules are groups that are drawn in several ways, metals with ligands, acids beside anions of other acids, and those of
`salts.smi` and `odd.smi`. Each operation starts from the canonical SMILES, as a flow does. A column is empty where RDKit
raises an exception or makes a molecule that it cannot read.
"""

import csv
import sys
from pathlib import Path

import rdkit
from rdkit import Chem, RDLogger
from rdkit.Chem.MolStandardize import rdMolStandardize

RDKIT = "2026.09.1"
HERE = Path(__file__).parent

GROUPS = """
CS(=O)C CC[S@@](=O)c1ccccc1 C[S@](=O)CC O=S1CCCC1 CS(=O)CS(=O)C CS(=O)O C[S+]([O-])C C[S+2]([O-])([O-])C CS(=O)(=O)C
C[S+2]([O-])([O-])c1ccc([S+2]([O-])([O-])N)cc1 CN=S(=O)(C)C CS(=O)N(C)C OS(=O)O O=S=O CN(=O)=O O=N(=O)c1ccccc1 CP(=O)=O
O=[As](=O)C CN(=S)=O C[N](=O)=[Se] On1ccccc1 O=n1ccccc1 C1=CC=CC=[N]1=O CN=[N]#N CN=N#N C=[N]#N CC=[N+]=[N-] C=N#N
CC(=[N+]=[N-])C(=O)OCC [N-]=[N+]=NCc1ccccc1 C[P+]([O-])(O)O C[P+]([O-])([O-])O C[P+]([O-])([O-])OC C[P+]([S-])([O-])C
C[P+]([O-])([O-])[O-] O[P+]([O-])([O-])OCC C[As+]([O-])([O-])C C[C+](N)N C[C+](NC)N(C)C CN[C+](C)N [CH+](N)N N[C+](N)N
C[S+](N)N C[S+](NC)N(C)C C[S+](N)[O-] C[P+](N)(N)C C[P+](N)(NC)N(C)C CCNNCC[N+]#N CNNC[N+]#N CC(C)NNC(C)[N+]#N
CNN(C)C[N+]#N [O-]C=[NH2+] [O-]C(C)=[N+](C)C [NH-]C(C)=[O+]C C[N-]C(C)=[NH+]C [S-]C(C)=[NH2+] [O-]C(c1ccccc1)=[NH2+]
[n-]1cccc1=[NH2+] [O-]c1cccc[nH+]1 [O-]c1cc[nH+]cc1 [NH-]c1cc[nH+]cc1 C[n+]1ccccc1[O-] C[n+]1ccc([O-])cc1 C[n+]1cccc([O-])c1
[O-]C=CC=[NH2+] [O-]C(C)=CC(C)=[N+](C)C [O-]C1=CC(=[NH2+])CCC1 [N-]C(C)=CC=[O+]C [n-]1cccc1C=[NH2+] [n-]1ccc(=[NH2+])cc1
[O-]c1ccc(=[NH2+])cc1 [O-]C=CC=CC=[NH2+] CN(C)C=[NH2+] CN(C)C=[N+](C)C NC=[N+](C)C CNC(C)=[N+](C)C OC=[NH2+] OC(C)=[OH+]
NC(=[OH+])C N=C[NH3+] CNC=CC=[N+](C)C NC=CC=[OH+] NC1=CC(=[N+](C)C)CCC1 NC=CC=[N+](C)C OC=CC=[O+]C [nH]1cccc1=[N+](C)C
[nH]1ccc(=[N+](C)C)cc1 [nH]1cccc1C=[N+](C)C CONC=[N+](C)C NN=C[N+]=C [Cl-]=O C[I-]=O [Cl-](=O)=O [F-]=O C[N-][C+]C
[N-]=[C+]C C[C+]=[N-] [P-]=[C+]C C[N+]#[C-] [C-]#[N+]c1ccccc1 c1cc[n+]([O-])cc1 C[N+](C)(C)[O-] C[n+]1ccccc1.[Cl-]
CS(=O)C.C[S+2]([O-])([O-])C CS(=O)C[C@H](N)C(=O)O CS(=O)CC[C@H](N)C(=O)O.O C[C@@H](O)S(=O)C C/C=C/S(=O)C C/C=C/C([O-])=[NH2+]
[O-]/C=C/C=[NH2+] [O-]/C(C)=C/C=[N+](C)C NC(=[NH2+])N NC(=[NH2+])c1ccccc1 CN(C)c1ccc(C=[N+](C)C)cc1 O=C([O-])C=[NH2+]
CN(C)c1ccc(C(c2ccc(N(C)C)cc2)=C2C=CC(=[N+](C)C)C=C2)cc1 NC1=NC(=[NH2+])N=C1 C[NH+]=C1C=CNC=C1 C[n+]1c[nH]c2ccccc21
c1c[nH]c[nH+]1 Cn1cc[n+](C)c1 [O-][n+]1ccccc1S(=O)C [2H]S(=O)C OS(O)=O N=S=O CS(=O)F CS(Cl)=O O=S(Cl)Cl CS(=O)SC
O=[Cl+] O=Cl(=O)(=O)O CN(C)N=O CC(=O)[N-][N+](C)(C)C C[N-][N+]#N CC(=[N+](C)[O-])C C=[N+](C)[O-] CC#[N+][O-] c1ccccc1[N+]#N
[NH2+]=c1cccc[n-]1 CC[NH+]=c1cccc[n-]1 C[N+](C)=c1cccc[nH]1 CC[N+](C)=c1nc[nH]cc1 C[N+](C)=c1cc[nH]c(C)c1 [O-][I+]C Br=O C[Br-]=O
[NH2+]=c1ccc(=[NH2+])[n-][n-]1 C[C+](N)NCS(C)=O.C[S+2]([O-])([O-])C CC(=[NH2+])[O-].CC([O-])=[NH+]C O=c1cc(N)[nH]cc1S(=O)C
""".split()

METALS = "Li Na K Mg Ca Ba Al Ga Sn Pb Bi Sc Ti V Cr Mn Fe Co Ni Cu Zn Zr Mo Ru Rh Pd Ag Cd Pt Au Hg Tl Ge Sb U La".split()
LIGANDS = """
[M]C C[M]C c1ccccc1[M] [M]OC [M]OC(=O)C CC(=O)O[M]OC(C)=O [M](Cl)Cl [M]Cl Br[M](Br)(Br)Br O=[M] O=[M]=O [M]NC CN([M])C
N->[M](<-N)(Cl)Cl C[S][M] C[S][M][S]C CP(C)(C)->[M]Cl [M]#N [C-]#[O+]->[M] [M]([C]=O)([C]=O) [M+]OC(C)=O [M+2](OC)OC
C1CO[M]O1 CC1=O[M]OC(C)=C1 C[M](O[M]C)O [M]1ccccc1 C[Si](C)(C)[M] F[M](F)F CC#C[M] C=C[M] [M]n1cccc1 [M]1Oc2ccccc2O1
[MH] C[MH2] [M][M] CC(=O)[C]([M])C [M]B(C)C [O][M] [M]S(=O)(=O)C
""".split()

# An acid of each of RDKit's pairs, and its anion.
ACIDS = """
COS(=O)(=O)O COS(=O)(=O)[O-]
CS(=O)(=O)O CS(=O)(=O)[O-]
COS(=O)O COS(=O)[O-]
CS(=O)O CS(=O)[O-]
COP(=O)(O)O COP(=O)(O)[O-]
CP(=O)(O)O CP(=O)(O)[O-]
CC(=O)O CC(=O)[O-]
c1ccccc1S c1ccccc1[S-]
COP(=O)([O-])O COP(=O)([O-])[O-]
CP(=O)([O-])O CP(=O)([O-])[O-]
O=C1NC(=O)c2ccccc21 O=C1[N-]C(=O)c2ccccc21
CC(=O)OO CC(=O)O[O-]
C[N+](=O)[O-] [CH2-][N+](=O)[O-]
CS(=O)(=O)N CS(=O)(=O)[NH-]
COB(O)O COB(O)[O-]
CB(O)O CB(O)[O-]
Oc1ccccc1 [O-]c1ccccc1
CS C[S-]
COB([O-])O COB([O-])[O-]
CB([O-])O CB([O-])[O-]
C1=CCC=C1 c1cc[cH-]c1
CC(=O)N CC(=O)[NH-]
c1c[nH]cn1 c1c[n-]cn1
CO C[O-]
CC(=O)C CC(=O)[CH2-]
CC(=O)OC [CH2-]C(=O)OC
C#C C#[C-]
CS(=O)(=O)C CS(=O)(=O)[CH2-]
C[S+](C)[O-] C[S+]([CH2-])[O-]
CN C[NH-]
Cc1ccccc1 [CH2-]c1ccccc1
C=C C=[CH-]
C [CH3-]
"""

MIXED = """
[Na] [Na].Cl [K].CC(=O)O [Mg].CC(=O)O.CC(=O)O [Ca].OC(=O)C(=O)O [Li].CO [Cl] [Cl].[Na] [Cl].CN [Na].[Na].OS(=O)(=O)O [Na].CCO
[Na].[Cl-] [Mg].[Cl].[Cl] [NaH] [Na+].[Cl] [Mg].c1ccccc1O [Ca].OP(=O)(O)O [Na].[O-]C(=O)C [Na].Cc1ccccc1 [Li].C=C [K].C
[O-]C(=O)c1ccc(S(=O)(=O)O)cc1 OC(=O)c1cc(S(=O)(=O)[O-])ccc1[O-] [O-]c1ccc(C(=O)O)cc1 [NH-]C(=O)CC(=O)O OCC([O-])CC(=O)O
[O-]CC[NH3+] [O-]c1ccccc1C(=O)O [S-]CC(N)C(=O)O C[C@H]([NH-])C(=O)O N[C@@H](Cc1c[n-]cn1)C(=O)O N[C@@H](CO)C(=O)[O-].CS(=O)(=O)O
OP(=O)([O-])OP(=O)(O)[O-].C[O-] c1cc2c(cc1O)[n-]cn2 [O-]c1cc[nH]c(=O)c1 O=C1[N-]C(=O)NC(=O)C1C(=O)O O=c1[n-]c(=O)[nH]cc1C(=O)O
C[C@@H]([CH2-])C(=O)O C/C=C/[CH-]C(=O)O [CH2-]C(=O)CC(=O)O CC(=O)[CH-]C(=O)C.OC=O [C-]#CCO [C-]#CC(=O)O F[C-](F)F.CO
OB(O)c1ccccc1.[O-]c1ccccc1 OB([O-])c1ccccc1.SC [O-]N=O.CC(=O)O [OH-].CC(=O)O [OH-].c1ccccc1O CC(=O)O.CC(=O)O.[O-]c1ccccc1
CC(=O)O.CC(=O)O.C[O-].C[O-].[Na+].[Na+] OS(=O)(=O)O.[O-]S(=O)(=O)[O-] [O-]S(=O)(=O)[O-].CC(=O)O OC(=O)CCC(=O)[O-].[O-]c1ccccc1
""".split()


def records():
    yield from GROUPS
    for metal in METALS:
        for ligand in LIGANDS:
            yield ligand.replace("M", metal, 1).replace("[M", f"[{metal}")
    pairs = [line.split() for line in ACIDS.split("\n") if line]
    for rank, (acid, _) in enumerate(pairs):
        for other, (_, base) in enumerate(pairs):
            if (rank + other) % 2:
                yield f"{acid}.{base}"
    yield from MIXED
    for file in ("salts.smi", "odd.smi"):
        for line in (HERE / file).read_text(encoding="utf-8").splitlines():
            yield line.split()[0]


def main() -> int:
    if rdkit.__version__ != RDKIT:
        print(f"this is RDKit {rdkit.__version__}, and the reference is RDKit {RDKIT}", file=sys.stderr)
        return 1
    RDLogger.DisableLog("rdApp.*")
    operations = {
        "normalized": rdMolStandardize.Normalizer().normalize,
        "disconnected": rdMolStandardize.MetalDisconnector().Disconnect,
        "reionized": rdMolStandardize.Reionizer().reionize,
    }

    def canonical(molecule):
        molecule = Chem.MolFromSmiles(Chem.MolToSmiles(molecule))
        return molecule and Chem.MolToSmiles(molecule)

    def after(operation, smiles):
        try:
            return canonical(operation(Chem.MolFromSmiles(smiles)))
        except (Chem.MolSanitizeException, RuntimeError):
            return None

    out = csv.writer(sys.stdout, delimiter="\t", lineterminator="\n")
    out.writerow(["smiles", *operations])
    seen = {None}
    for text in records():
        molecule = Chem.MolFromSmiles(text)
        smiles = molecule and canonical(molecule)
        if smiles not in seen:
            seen.add(smiles)
            out.writerow([smiles, *(after(operation, smiles) for operation in operations.values())])
    return 0


if __name__ == "__main__":
    sys.exit(main())
