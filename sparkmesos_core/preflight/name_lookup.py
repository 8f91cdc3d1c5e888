"""What this machine's resolver says of host names, side by side and as long as there is time."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Collection
from dataclasses import dataclass
from queue import Empty, SimpleQueue

_MOST_THREADS = 32
_UNKNOWN = frozenset(
    code
    for name in ("EAI_NONAME", "EAI_NODATA", "EAI_ADDRFAMILY")
    if (code := getattr(socket, name, None)) is not None
)
"""What the resolver says of a name that there is not; all else may be otherwise in a moment."""


@dataclass(frozen=True)
class Lookup:
    """What became of one name."""

    addresses: tuple[str, ...]
    """IPv4 before IPv6, as Java has them by default; empty if the name cannot be resolved."""
    lasting: bool = True
    """False if it cannot be resolved just now: no name server answers."""


def look_up(names: Collection[str], deadline: float) -> dict[str, Lookup]:
    """What is known of each name at the `deadline` (of `time.monotonic`), or before that, of all of them.

    In the order of the names; one on which the resolver is still at work is left out. A question to it cannot
    be taken back, so its thread, a daemon, may live on for as long as the system's resolver is patient.
    """
    waiting: SimpleQueue[str] = SimpleQueue()
    answers: SimpleQueue[tuple[str, Lookup]] = SimpleQueue()
    distinct = list(dict.fromkeys(names))
    for name in distinct:
        waiting.put(name)

    def work() -> None:
        while time.monotonic() < deadline:
            try:
                name = waiting.get_nowait()
            except Empty:
                return
            answers.put((name, _look_up(name)))

    for _ in range(min(len(distinct), _MOST_THREADS)):
        threading.Thread(target=work, name="name-lookup", daemon=True).start()
    known: dict[str, Lookup] = {}
    while len(known) < len(distinct):
        try:
            name, lookup = answers.get(timeout=max(0.0, deadline - time.monotonic()))
        except Empty:
            break
        known[name] = lookup
    return {name: known[name] for name in distinct if name in known}


def _look_up(name: str) -> Lookup:
    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        return Lookup((), lasting=error.errno in _UNKNOWN)
    except OSError:
        return Lookup((), lasting=False)
    except UnicodeError:
        return Lookup(())  # a label that is empty or too long: no name at all
    ordered = sorted(found, key=lambda one: one[0] != socket.AF_INET)
    return Lookup(tuple(dict.fromkeys(str(one[4][0]) for one in ordered)))
