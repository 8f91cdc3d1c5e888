"""Programs that the fetcher runs, and ends when the fetch is given up."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from typing import IO

from sparkmesos_core.localcluster.agent.fetcher.errors import FetchCancelled

_LOOK_SECONDS = 0.05


def run(
    arguments: Sequence[str],
    cancelled: threading.Event,
    *,
    stdout: IO[bytes],
    stderr: IO[bytes],
    environment: Mapping[str, str],
) -> int:
    """Run a program to its end; its status as `waitpid` gives it, which is what Mesos prints.

    Raises OSError if it cannot be started, and FetchCancelled soon after the event is set: then it, and what
    it started, has ended.
    """
    if cancelled.is_set():
        raise FetchCancelled
    with subprocess.Popen(
        arguments,
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=stderr,
        env=environment,
        start_new_session=True,
    ) as process:
        while True:
            try:
                status = process.wait(_LOOK_SECONDS)
            except subprocess.TimeoutExpired:
                if not cancelled.is_set():
                    continue
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                raise FetchCancelled from None
            return status << 8 if status >= 0 else -status


def program_environment(**additional: str) -> dict[str, str]:
    """Our environment without what is meant for Mesos' own programs, as its fetcher gets it."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("MESOS_", "LIBPROCESS_"))}
    return {**environment, **additional}
