"""Reproducible chemistry flows in Python.

The program ``chem`` runs flows; this package starts it, reads its results, and lets a flow have steps in Python. Importing
it needs no other package.
"""

from ._errors import ChemError, ManifestError, ProgramNotFound, RunFailed, StoreError
from ._output import Output
from ._run import Run, run
from ._store import Store, open_store

__all__ = [
    "ChemError",
    "ManifestError",
    "Output",
    "ProgramNotFound",
    "Run",
    "RunFailed",
    "Store",
    "StoreError",
    "open_store",
    "run",
]
