#!/usr/bin/env python3
"""Descriptors from RDKit, for `process.run`: one JSON object a line in, one a line out.

The one argument is the version of RDKit that the manifest declares. A molecule that RDKit does not understand has no
values.
"""

import json
import sys

import rdkit
from rdkit import Chem
from rdkit.Chem import GraphDescriptors, rdMolDescriptors


def describe(smiles):
    molecule = Chem.MolFromSmiles(smiles)
    if molecule is None:
        return {"bertz_ct": None, "labute_asa": None, "stereocenters": None}
    return {
        "bertz_ct": round(GraphDescriptors.BertzCT(molecule), 6),
        "labute_asa": round(rdMolDescriptors.CalcLabuteASA(molecule), 6),
        "stereocenters": rdMolDescriptors.CalcNumAtomStereoCenters(molecule),
    }


def main() -> int:
    if rdkit.__version__ != sys.argv[1]:
        print(f"this is RDKit {rdkit.__version__}, and the manifest declares {sys.argv[1]}", file=sys.stderr)
        return 1
    for line in sys.stdin:
        record = json.loads(line)
        print(json.dumps({"record": record["record"], **describe(record["smiles"])}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
