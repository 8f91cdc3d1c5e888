"""The command line that all programs have which fuzz something."""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.soak.fuzzing import Case, Report, run_case, run_cases


def run_program(
    name: str,
    description: str,
    targets: Mapping[str, Case],
    arguments: Sequence[str] | None = None,
    *,
    bound: float = 5.0,
) -> int:
    """Runs what the command line asks for, prints what came out, and returns the exit status."""
    parser = argparse.ArgumentParser(prog=name, description=description)
    parser.add_argument("--count", type=int, default=3000, help="how many cases (default: %(default)s)")
    parser.add_argument("--seed", type=int, help="of the cases; without it, a new one, which is printed")
    parser.add_argument("--target", choices=list(targets), help="only this one")
    parser.add_argument(
        "--case", type=int, help="of the target, only the case of this number, and its traceback"
    )
    parser.add_argument(
        "--bound", type=float, default=bound, help="CPU seconds a case may take (default: %(default)s)"
    )
    asked = parser.parse_args(arguments)
    if asked.case is not None and (asked.target is None or asked.seed is None):
        parser.error("--case needs --target and --seed")
    seed = random.SystemRandom().randrange(2**32) if asked.seed is None else asked.seed
    chosen = targets if asked.target is None else {asked.target: targets[asked.target]}
    print(f"{name}: seed {seed}", flush=True)
    begin = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="sparkmesos-fuzz-") as folder:
        if asked.case is not None:
            report = Report(seed)
            case = chosen[asked.target]
            failure = run_case(case, asked.target, asked.case, report, Path(folder), asked.bound)
            report.failures += [failure] if failure else []
        else:
            report = run_cases(chosen, asked.count, seed, Path(folder), bound=asked.bound)
    print("\n".join(report.lines()))
    for failure in report.failures:
        print(f"\nFAILED {failure}", file=sys.stderr)
    seconds = time.monotonic() - begin
    print(f"{name}: {report.cases} cases, {len(report.failures)} failures, {seconds:.0f} s")
    return 1 if report.failures else 0
