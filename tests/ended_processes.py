"""Waiting for the end of processes that are not our children."""

from __future__ import annotations

import os
import select


def await_end(number: int) -> None:
    """Waits until a process has ended, whether or not anybody has asked for its status.

    One that was killed ends when it gets a core again, which may be after those who killed it went on.
    """
    try:
        descriptor = os.pidfd_open(number)
    except ProcessLookupError:
        return
    try:
        assert select.select([descriptor], [], [], 30)[0], f"process {number} is still there"
    finally:
        os.close(descriptor)
