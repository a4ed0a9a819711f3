"""Descriptors that chem does not have."""

from rdkit.Chem import GraphDescriptors, Mol, rdMolDescriptors

from chem_flow import step


@step("lab.descriptors", version=1, rows=True)
def descriptors(mol: Mol) -> {"fraction_sp3": float, "complexity": float, "ring_systems": int}:
    """Computes the fraction of sp3 carbon atoms, Bertz's complexity, and the number of separate ring systems."""
    return {
        "fraction_sp3": rdMolDescriptors.CalcFractionCSP3(mol),
        "complexity": GraphDescriptors.BertzCT(mol),
        "ring_systems": len(ring_systems(mol)),
    }


def ring_systems(mol: Mol) -> list[set[int]]:
    """Joins the rings that share an atom."""
    systems: list[set[int]] = []
    for ring in map(set, mol.GetRingInfo().AtomRings()):
        joined = [system for system in systems if system & ring]
        systems = [system for system in systems if not system & ring]
        systems.append(ring.union(*joined))
    return systems
