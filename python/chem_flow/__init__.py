"""Reproducible chemistry flows in Python.

The program ``chem`` runs flows; this package starts it, reads its results, and lets a flow have steps in Python. Importing
it needs no other package.
"""

from ._context import Context
from ._errors import ChemError, ManifestError, ProgramNotFound, RunFailed, StoreError
from ._output import Output
from ._run import Run, run
from ._step import Column, DeclarationError, InputFile, OutputFile, Param, column, param, step
from ._store import Store, open_store

__all__ = [
    "ChemError",
    "Column",
    "Context",
    "DeclarationError",
    "InputFile",
    "ManifestError",
    "Output",
    "OutputFile",
    "Param",
    "ProgramNotFound",
    "Run",
    "RunFailed",
    "Store",
    "StoreError",
    "column",
    "open_store",
    "param",
    "run",
    "step",
]
