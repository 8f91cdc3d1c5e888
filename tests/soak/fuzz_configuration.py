"""Fuzzes everything that reads a configuration. Exits 1 if anything breaks the contract.

Runs as `python -m tests.soak.fuzz_configuration`, or by scripts/soak.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.soak.configuration_targets import TARGETS
from tests.soak.fuzzing import Report, run_case, run_cases


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs what the command line asks for and prints what came out."""
    parser = argparse.ArgumentParser(prog="fuzz_configuration", description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=3000, help="how many cases (default: %(default)s)")
    parser.add_argument("--seed", type=int, help="of the cases; without it, a new one, which is printed")
    parser.add_argument("--target", choices=list(TARGETS), help="only this one")
    parser.add_argument(
        "--case", type=int, help="of the target, only the case of this number, and its traceback"
    )
    parser.add_argument(
        "--bound", type=float, default=5.0, help="CPU seconds a case may take (default: %(default)s)"
    )
    asked = parser.parse_args(arguments)
    if asked.case is not None and (asked.target is None or asked.seed is None):
        parser.error("--case needs --target and --seed")
    seed = random.SystemRandom().randrange(2**32) if asked.seed is None else asked.seed
    targets = TARGETS if asked.target is None else {asked.target: TARGETS[asked.target]}
    print(f"fuzz_configuration: seed {seed}", flush=True)
    begin = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="sparkmesos-fuzz-") as folder:
        if asked.case is not None:
            report = Report(seed)
            case = targets[asked.target]
            failure = run_case(case, asked.target, asked.case, report, Path(folder), asked.bound)
            report.failures += [failure] if failure else []
        else:
            report = run_cases(targets, asked.count, seed, Path(folder), bound=asked.bound)
    print("\n".join(report.lines()))
    for failure in report.failures:
        print(f"\nFAILED {failure}", file=sys.stderr)
    seconds = time.monotonic() - begin
    print(f"fuzz_configuration: {report.cases} cases, {len(report.failures)} failures, {seconds:.0f} s")
    return 1 if report.failures else 0


if __name__ == "__main__":
    sys.exit(main())
