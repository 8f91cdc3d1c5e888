"""Fuzzes everything that reads a configuration. Exits 1 if anything breaks the contract.

Runs as `python -m tests.soak.fuzz_configuration`, or by scripts/soak.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from tests.soak.configuration_targets import TARGETS
from tests.soak.program import run_program


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs what the command line asks for and prints what came out."""
    return run_program("fuzz_configuration", __doc__.partition("\n")[0], TARGETS, arguments)


if __name__ == "__main__":
    sys.exit(main())
