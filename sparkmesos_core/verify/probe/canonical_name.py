"""The name that Java makes of an address, which is what Spark tells executors of a driver's address."""

from __future__ import annotations

import queue
import socket
import threading
import time

from sparkmesos_core.preflight.name_lookup import look_up


def canonical_name(address: str, deadline: float) -> str:
    """The name that the resolver has for an address, if that name leads back to it; else the address.

    As `InetAddress.getCanonicalHostName`, which `Utils.localCanonicalHostName` calls. Also the address if the
    resolver has not answered at the `deadline` (of `time.monotonic`): then Java would wait for longer.
    """
    answers: queue.SimpleQueue[str] = queue.SimpleQueue()

    def work() -> None:
        try:
            answers.put(socket.gethostbyaddr(address)[0])
        except (OSError, UnicodeError):
            answers.put("")

    threading.Thread(target=work, name="canonical-name", daemon=True).start()
    try:
        name = answers.get(timeout=max(deadline - time.monotonic(), 0.0))
    except queue.Empty:
        return address
    found = look_up([name], deadline).get(name) if name else None
    return name if found is not None and address in found.addresses else address
