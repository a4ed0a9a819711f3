"""Conformers and their energies."""

from typing import Annotated

from rdkit.Chem import AddHs, Mol, rdDistGeom, rdForceFieldHelpers

from chem_flow import column, param, step

Energy = Annotated[float, column(unit="kcal/mol")]


@step("lab.conformers", version=1, rows=True)
def conformers(
    mol: Mol,
    *,
    number: Annotated[int, param(min=1, max=1000)] = 20,
    seed: int = 7,
) -> {"conformers": int, "lowest_energy": Energy, "energy_range": Energy}:
    """Embeds conformers with ETKDG, relaxes them with MMFF94, and compares their energies.

    number: How many conformers to embed.
    seed: What the random numbers begin with.
    """
    mol = AddHs(mol)
    settings = rdDistGeom.ETKDGv3()
    settings.randomSeed = seed
    # The rows of a step are spread over the cores already.
    settings.numThreads = 1
    found = list(rdDistGeom.EmbedMultipleConfs(mol, number, settings))
    if not found:
        raise ValueError("no conformer could be embedded")
    relaxed = rdForceFieldHelpers.MMFFOptimizeMoleculeConfs(mol, numThreads=1, maxIters=500)
    # MMFF94 marks what it has no parameters for with -1.
    energies = [energy for status, energy in relaxed if status >= 0]
    if not energies:
        raise ValueError("MMFF94 has no parameters for this molecule")
    return {
        "conformers": len(found),
        "lowest_energy": min(energies),
        "energy_range": max(energies) - min(energies),
    }
