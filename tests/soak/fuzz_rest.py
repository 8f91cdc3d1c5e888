"""Fuzzes the REST server of the dispatcher with malformed requests. Exits 1 if one of them gets a 500.

Runs as `python -m tests.soak.fuzz_rest`, or by scripts/soak.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from tests.soak.program import run_program
from tests.soak.rest_targets import TARGETS

_BOUND = 1.0
"""Seconds of CPU: a dispatcher does nothing else meanwhile."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs what the command line asks for and prints what came out."""
    return run_program("fuzz_rest", __doc__.partition("\n")[0], TARGETS, arguments, bound=_BOUND)


if __name__ == "__main__":
    sys.exit(main())
