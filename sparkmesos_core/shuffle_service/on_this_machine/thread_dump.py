"""Asking a JVM of this user for a dump of its threads, in the way that jstack does, without any Java.

HotSpot takes SIGQUIT for the wish to be asked if there is a file of its user, `/tmp/.attach_pidN`: it opens a
socket, `/tmp/.java_pidN`, and nothing is written where its log goes. (`AttachListener::is_init_trigger`,
`attachListener_linux.cpp`; the folder is always /tmp.) The request is the version of the protocol, a command
and three arguments, each with a NUL behind it; the answer begins with a line with a number, 0 if all is well.
"""

from __future__ import annotations

import os
import signal
import socket
import time
from pathlib import Path

_FOLDER = Path("/tmp")  # noqa: S108 - where HotSpot has it
_REQUEST = b"1\0threaddump\0\0\0\0"
_POLL_SECONDS = 0.02
_LONGEST = 16 * 1024 * 1024


def thread_dump(pid: int, patience: float) -> str | None:
    """What the threads of a process do, as its JVM tells within `patience` seconds; None if it does not.

    It is left alone where it cannot be seen that it expects SIGQUIT, which would end it else.
    """
    if not expects_sigquit(pid):
        return None
    deadline = time.monotonic() + patience
    address = _FOLDER / f".java_pid{pid}"
    try:
        if not address.exists():  # a JVM removes what one before it left there
            _wake(pid, address, deadline)
        if address.stat().st_uid != os.geteuid():
            return None
        return _ask(address, deadline)
    except OSError:
        return None


def expects_sigquit(pid: int) -> bool:
    """Whether a process has a handler for SIGQUIT; False where there is no /proc."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
        (caught,) = [line.partition(":")[2] for line in status.splitlines() if line.startswith("SigCgt:")]
        return bool(int(caught, 16) >> (signal.SIGQUIT - 1) & 1)
    except (OSError, ValueError):
        return False


def _wake(pid: int, address: Path, deadline: float) -> None:
    """Have the JVM open its socket. One that may not, by its options, writes a dump to its log instead."""
    wish = _FOLDER / f".attach_pid{pid}"
    os.close(os.open(wish, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
    try:
        os.kill(pid, signal.SIGQUIT)
        while not address.exists() and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
    finally:
        wish.unlink(missing_ok=True)


def _ask(address: Path, deadline: float) -> str | None:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(max(deadline - time.monotonic(), _POLL_SECONDS))
        connection.connect(str(address))
        connection.sendall(_REQUEST)
        answer = b""
        while len(answer) < _LONGEST and (part := connection.recv(65536)):
            answer += part
    status, _, dump = answer.decode(errors="replace").partition("\n")
    return dump if status.strip() == "0" else None
