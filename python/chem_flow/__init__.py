"""Reproducible chemistry flows in Python.

The program ``chem`` runs flows; this package starts it, reads its results, and lets a flow have steps in Python. Importing
it needs no other package.
"""
