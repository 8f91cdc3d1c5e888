"""How many files a process may have open."""

from __future__ import annotations

import resource

_MANY_FILES = 65536


def allow_many_files() -> None:
    """Raise the number of files that this process, and those that it starts, may have open.

    1024 is a common limit. Each connection of a server takes one or two.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MANY_FILES if hard == resource.RLIM_INFINITY else min(_MANY_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
