"""What the programs of chaos have in common: a seed that is printed, a folder, problems, the exit status."""

from __future__ import annotations

import argparse
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Protocol, TypeVar

import pytest


class Report(Protocol):
    """What has come of a run; `str` of it says it for people."""

    @property
    def problems(self) -> Sequence[str]:
        """What was found."""


R = TypeVar("R", bound=Report)
Say = Callable[[str], None]
Run = Callable[[int, Path, Say], R]
"""One run, by its seed, in a folder, which says how far it is."""


@dataclass(frozen=True)
class Outcome(Generic[R]):
    """What has come of one run."""

    seed: int
    report: R | None
    """None if the run itself broke down."""
    problems: Sequence[str]
    seconds: float
    folder: Path | None
    """Logs and records, if they were kept."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options that all of them have."""
    parser.add_argument("--seed", type=int, help="without it, a new one, which is printed")
    parser.add_argument("--runs", type=int, default=1, help="[%(default)s]; each with the next seed")
    parser.add_argument(
        "--keep",
        type=Path,
        help="a new folder for logs and records, which then stays, as that of a failed run",
    )


def add_strike_options(
    parser: argparse.ArgumentParser, *, strikes: int, agents: int, of_agents: str = ""
) -> None:
    """The options of those that strike at a cluster; with how many strikes and agents, unless told so."""
    parser.add_argument("--strikes", type=int, default=strikes, help="[%(default)s]")
    parser.add_argument("--agents", type=int, default=agents, help=f"[%(default)s]{of_agents}")
    parser.add_argument(
        "--masters", type=int, default=1, help="[%(default)s]; several elect their leader with a ZooKeeper"
    )


def first_seed(asked: argparse.Namespace) -> int:
    """The one that was asked for, or a new one."""
    return random.SystemRandom().randrange(2**32) if asked.seed is None else int(asked.seed)


def run_program(asked: argparse.Namespace, name: str, run: Run[R]) -> int:
    """Runs it as the options of `add_options` say, prints what came out, and returns the exit status."""
    first = first_seed(asked)
    failed = []
    for seed in range(first, first + asked.runs):
        folder = None
        if asked.keep is not None:
            folder = asked.keep.absolute() / (f"seed-{seed}" if asked.runs > 1 else "")
        if run_once(name, seed, run, folder).problems:
            failed.append(seed)
    if asked.runs > 1:
        print(f"{name}: {asked.runs} runs, {len(failed)} with problems{': seeds' if failed else ''}", *failed)
    return 1 if failed else 0


def run_once(name: str, seed: int, run: Run[R], keep: Path | None, *, always: bool = True) -> Outcome[R]:
    """One run, whose problems are printed. A run that raises something has that for a problem, as has one that lacks what
    tests would be skipped for.

    Its folder is `keep`, a new one, which stays `always` or if there are problems; None: a temporary one,
    which stays if there are problems.
    """
    print(f"{name}: seed {seed}", flush=True)
    begin = time.monotonic()
    if keep is None:
        folder, always = Path(tempfile.mkdtemp(prefix="sparkmesos-chaos-")), False
    else:
        folder = keep
        folder.mkdir(parents=True)
    report, problems = None, []
    try:
        report = run(seed, folder, lambda text: print(f"{name}: {text}", flush=True))
        problems = list(report.problems)
    except (Exception, pytest.skip.Exception, pytest.fail.Exception) as error:  # noqa: BLE001 - the next run is to be made
        problems = [f"the run broke down: {type(error).__name__}: {error}\n{traceback.format_exc()}"]
    finally:
        stays = always or bool(problems)
        if not stays:
            shutil.rmtree(folder, ignore_errors=True)
    for problem in problems:
        print(f"\nFAILED {problem}", file=sys.stderr)
    if problems:
        (folder / "problems").write_text("\n\n".join(problems), encoding="utf-8")
        print(f"{name}: logs and records are in {folder}", flush=True)
    seconds = time.monotonic() - begin
    print(f"{name}: {report}; {len(problems)} problems, {seconds:.0f} s", flush=True)
    return Outcome(seed, report, problems, seconds, folder if stays else None)


def end_on_sigterm() -> None:
    """As on Ctrl-C: nothing is left running."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
