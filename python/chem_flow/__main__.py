"""What the program starts: `python -m chem_flow describe FILE…` and `python -m chem_flow worker`."""

from __future__ import annotations

import sys


def main() -> int:
    """Runs a command of the program."""
    command, *arguments = sys.argv[1:] or [""]
    if command == "describe":
        from ._describe import main as describe

        return describe(arguments)
    if command == "worker":
        from ._worker import main as worker

        return worker()
    print("usage: python -m chem_flow describe FILE…  (the program `chem` starts this)", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
