"""A disk that is soon full, for a server of a test."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest


def small_disk(folder: Path, kibibytes: int) -> list[str]:
    """A command to put before that of a server: for it alone, `folder` is a disk of this size.

    Skips the test where that is not allowed (it takes a Linux that lets everybody have namespaces).
    """
    prefix = [
        *("unshare", "--map-root-user", "--mount", "sh", "-c"),
        'mount -t tmpfs -o "size=$1k" none "$2" && shift 2 && exec "$@"',
        *("sh", str(kibibytes), str(folder)),
    ]
    try:
        subprocess.run([*prefix, "true"], check=True, capture_output=True, timeout=60)
    except (OSError, subprocess.CalledProcessError) as error:
        # Also with CI=true: the answers of full disks are tested with stand-ins, too.
        pytest.skip(f"no disk of our own: {error}")
    return prefix
