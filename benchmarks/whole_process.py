"""One process from start to exit: how long it took, what it computed, and the most memory it had."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sparkmesos_core.errors import SparkMesosError


@dataclass(frozen=True)
class Run:
    """One run of a command that ended well."""

    seconds: float
    cpu_seconds: float
    """Of the command and what it has started. Other work on the machine changes them less."""
    peak_bytes: int
    """Of resident memory; of the command itself, not of what it starts."""


def run(command: Sequence[str], environment: Mapping[str, str], *, prints_seconds: bool = False) -> Run:
    """Run a command; with `prints_seconds` the time is what it prints. Raises SparkMesosError if it fails."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
        began = time.perf_counter()
        process = subprocess.Popen(
            command, env=dict(environment), stdin=subprocess.DEVNULL, stdout=out, stderr=errors
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            errors.seek(0)
            raise SparkMesosError(
                f"{' '.join(command)} has failed ({process.returncode})",
                hint=errors.read().decode(errors="replace"),
            )
        out.seek(0)
        if prints_seconds:
            seconds = float(out.read())
    # Linux counts kibibytes, macOS bytes.
    cpu_seconds = usage.ru_utime + usage.ru_stime
    return Run(seconds, cpu_seconds, usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024))
