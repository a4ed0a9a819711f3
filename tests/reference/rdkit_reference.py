#!/usr/bin/env python3
"""Writes the table that the chemistry is compared with: every property, of every approved drug, as RDKit has it.

    python3 -m venv venv && venv/bin/pip install rdkit==2026.9.1
    venv/bin/python tests/reference/rdkit_reference.py flows/data/approved-drugs.csv > tests/reference/approved-drugs.tsv

Numbers stand as Python prints them, which reads back to the same bits. Donors and acceptors are Lipinski's counts.
"""

import csv
import math
import os
import sys

import rdkit
from rdkit import Chem
from rdkit.Chem import Crippen, Descriptors, Fragments, GraphDescriptors, QED, RDConfig
from rdkit.Chem import rdMolDescriptors, rdPartialCharges
from rdkit.Chem.EState import EState, EState_VSA

sys.path.append(os.path.join(RDConfig.RDContribDir, "SA_Score"))
import sascorer

RDKIT = "2026.09.1"

def charges(molecule) -> list[float]:
    """The partial charges; with one that is undefined, RDKit's extremes depend on the order of the atoms."""
    rdPartialCharges.ComputeGasteigerCharges(molecule)
    found = [atom.GetDoubleProp("_GasteigerCharge") for atom in molecule.GetAtoms()]
    return found if all(map(math.isfinite, found)) else [math.nan]


def of_small(molecule, compute) -> float:
    """What follows from the characteristic polynomial, which has few correct digits for more than 64 atoms."""
    return compute(molecule) if molecule.GetNumAtoms() <= 64 else math.nan


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
    "hb_donors": rdMolDescriptors.CalcNumHBD,
    "hb_acceptors": rdMolDescriptors.CalcNumHBA,
    "stereocentres": rdMolDescriptors.CalcNumAtomStereoCenters,
    "unspecified_stereocentres": rdMolDescriptors.CalcNumUnspecifiedAtomStereoCenters,
    "atoms": rdMolDescriptors.CalcNumAtoms,
    "heteroatoms": rdMolDescriptors.CalcNumHeteroatoms,
    "amide_bonds": rdMolDescriptors.CalcNumAmideBonds,
    "heterocycles": rdMolDescriptors.CalcNumHeterocycles,
    "aromatic_carbocycles": rdMolDescriptors.CalcNumAromaticCarbocycles,
    "aromatic_heterocycles": rdMolDescriptors.CalcNumAromaticHeterocycles,
    "aliphatic_rings": rdMolDescriptors.CalcNumAliphaticRings,
    "aliphatic_carbocycles": rdMolDescriptors.CalcNumAliphaticCarbocycles,
    "aliphatic_heterocycles": rdMolDescriptors.CalcNumAliphaticHeterocycles,
    "saturated_rings": rdMolDescriptors.CalcNumSaturatedRings,
    "saturated_carbocycles": rdMolDescriptors.CalcNumSaturatedCarbocycles,
    "saturated_heterocycles": rdMolDescriptors.CalcNumSaturatedHeterocycles,
    "spiro_atoms": rdMolDescriptors.CalcNumSpiroAtoms,
    "bridgehead_atoms": rdMolDescriptors.CalcNumBridgeheadAtoms,
    "sa_score": sascorer.calculateScore,
    "labute_asa": rdMolDescriptors.CalcLabuteASA,
    "chi0": lambda molecule: float(GraphDescriptors.Chi0(molecule)),
    "chi1": lambda molecule: float(GraphDescriptors.Chi1(molecule)),
    "chi0v": rdMolDescriptors.CalcChi0v,
    "chi1v": rdMolDescriptors.CalcChi1v,
    "chi2v": rdMolDescriptors.CalcChi2v,
    "chi3v": rdMolDescriptors.CalcChi3v,
    "chi4v": rdMolDescriptors.CalcChi4v,
    "chi0n": rdMolDescriptors.CalcChi0n,
    "chi1n": rdMolDescriptors.CalcChi1n,
    "chi2n": rdMolDescriptors.CalcChi2n,
    "chi3n": rdMolDescriptors.CalcChi3n,
    "chi4n": rdMolDescriptors.CalcChi4n,
    "hall_kier_alpha": rdMolDescriptors.CalcHallKierAlpha,
    "kappa1": rdMolDescriptors.CalcKappa1,
    "kappa2": rdMolDescriptors.CalcKappa2,
    "kappa3": rdMolDescriptors.CalcKappa3,
    "phi": rdMolDescriptors.CalcPhi,
    "heavy_atom_weight": Descriptors.HeavyAtomMolWt,
    "valence_electrons": Descriptors.NumValenceElectrons,
    "radical_electrons": Descriptors.NumRadicalElectrons,
    "balaban_j": lambda molecule: float(GraphDescriptors.BalabanJ(molecule)),
    "bertz_ct": lambda molecule: float(GraphDescriptors.BertzCT(molecule)),
    "max_estate": lambda molecule: float(max(EState.EStateIndices(molecule))),
    "min_estate": lambda molecule: float(min(EState.EStateIndices(molecule))),
    "max_abs_estate": lambda molecule: float(max(map(abs, EState.EStateIndices(molecule)))),
    "min_abs_estate": lambda molecule: float(min(map(abs, EState.EStateIndices(molecule)))),
    "max_partial_charge": lambda molecule: max(charges(molecule)),
    "min_partial_charge": lambda molecule: min(charges(molecule)),
    "max_abs_partial_charge": lambda molecule: max(abs(max(charges(molecule))), abs(min(charges(molecule)))),
    "min_abs_partial_charge": lambda molecule: min(abs(max(charges(molecule))), abs(min(charges(molecule)))),
    "fp_density_morgan1": Descriptors.FpDensityMorgan1,
    "fp_density_morgan2": Descriptors.FpDensityMorgan2,
    "fp_density_morgan3": Descriptors.FpDensityMorgan3,
    "ipc": lambda molecule: float(f"{of_small(molecule, GraphDescriptors.Ipc):.11e}"),
    "avg_ipc": lambda molecule: float(of_small(molecule, GraphDescriptors.AvgIpc)),
}
PROPERTIES |= {name.lower(): count for name, count in Fragments.fns}


def part_of(compute, index):
    return lambda molecule: list(compute(molecule))[index]


for name, compute, count in [
    ("slogp_vsa", rdMolDescriptors.SlogP_VSA_, 12),
    ("smr_vsa", rdMolDescriptors.SMR_VSA_, 10),
    ("estate_vsa", lambda molecule: map(float, EState_VSA.EState_VSA_(molecule)), 11),
    ("vsa_estate", lambda molecule: map(float, EState_VSA.VSA_EState_(molecule)), 10),
    ("mqn", rdMolDescriptors.MQNs_, 42),
    ("peoe_vsa", rdMolDescriptors.PEOE_VSA_, 14),
]:
    PROPERTIES |= {f"{name}{index + 1}": part_of(compute, index) for index in range(count)}


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
