"""What the programs of chaos have in common: a seed that is printed, a folder, problems, the exit status."""

from __future__ import annotations

import argparse
import contextlib
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol


class Report(Protocol):
    """What has come of a run; `str` of it says it for people."""

    @property
    def problems(self) -> Sequence[str]:
        """What was found."""


Say = Callable[[str], None]
Run = Callable[[int, Path, Say], Report]
"""One run, by its seed, in a folder, which says how far it is."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options that all of them have."""
    parser.add_argument("--seed", type=int, help="without it, a new one, which is printed")
    parser.add_argument("--runs", type=int, default=1, help="[%(default)s]; each with the next seed")
    parser.add_argument("--keep", type=Path, help="a new folder for logs and records, which then stays")


def run_program(asked: argparse.Namespace, name: str, run: Run) -> int:
    """Runs it as the options of `add_options` say, prints what came out, and returns the exit status."""
    first = random.SystemRandom().randrange(2**32) if asked.seed is None else asked.seed
    failed = [seed for seed in range(first, first + asked.runs) if not _run_well(asked, name, run, seed)]
    if asked.runs > 1:
        print(f"{name}: {asked.runs} runs, {len(failed)} with problems{': seeds' if failed else ''}", *failed)
    return 1 if failed else 0


def _run_well(asked: argparse.Namespace, name: str, run: Run, seed: int) -> bool:
    print(f"{name}: seed {seed}", flush=True)
    begin = time.monotonic()
    with contextlib.ExitStack() as stack:
        if asked.keep is None:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sparkmesos-chaos-")))
        else:
            folder = asked.keep.absolute() / (f"seed-{seed}" if asked.runs > 1 else "")
            folder.mkdir(parents=True)
        report = run(seed, folder, lambda text: print(f"{name}: {text}", flush=True))
    for problem in report.problems:
        print(f"\nFAILED {problem}", file=sys.stderr)
    seconds = time.monotonic() - begin
    print(f"{name}: {report}; {len(report.problems)} problems, {seconds:.0f} s", flush=True)
    return not report.problems


def end_on_sigterm() -> None:
    """As on Ctrl-C: nothing is left running."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
