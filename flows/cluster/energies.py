#!/usr/bin/env python3
"""Conformers and their energies from RDKit, for `process.run`: one JSON object a line in, one a line out.

The arguments are the version of RDKit that the manifest declares, and `--conformers=NUMBER`. A molecule without conformers
or without MMFF94 parameters has no values.
"""

import json
import sys

import rdkit
from rdkit import Chem
from rdkit.Chem import rdDistGeom, rdForceFieldHelpers


def energies(smiles, number):
    nothing = {"conformers": 0, "lowest_energy": None, "energy_range": None}
    molecule = Chem.MolFromSmiles(smiles)
    if molecule is None:
        return nothing
    molecule = Chem.AddHs(molecule)
    settings = rdDistGeom.ETKDGv3()
    settings.randomSeed = 7
    # A child has the cores that its manifest asks for, and the worker runs one child at a time.
    settings.numThreads = 1
    found = list(rdDistGeom.EmbedMultipleConfs(molecule, number, settings))
    relaxed = rdForceFieldHelpers.MMFFOptimizeMoleculeConfs(molecule, numThreads=1, maxIters=500) if found else []
    # MMFF94 marks what it has no parameters for with -1.
    known = [energy for status, energy in relaxed if status >= 0]
    if not known:
        return nothing
    lowest = min(known)
    return {
        "conformers": len(found),
        "lowest_energy": round(lowest, 4),
        "energy_range": round(max(known) - lowest, 4),
    }


def main() -> int:
    declared, number = sys.argv[1], int(sys.argv[2].removeprefix("--conformers="))
    if rdkit.__version__ != declared:
        print(f"this is RDKit {rdkit.__version__}, and the manifest declares {declared}", file=sys.stderr)
        return 1
    for line in sys.stdin:
        record = json.loads(line)
        print(json.dumps({"record": record["record"], **energies(record["smiles"], number)}), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
