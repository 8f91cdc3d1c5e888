"""Waiting until agents have registered, for scripts that have just started them."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from sparkmesos_core.errors import MesosError, TimedOutError, UnreachableError
from sparkmesos_core.verify.facts.master import leader_http
from sparkmesos_core.verify.known import Known, UnknownFactError
from sparkmesos_core.verify.subject import Subject

_ACTIVE = "master/slaves_active"
_PATH = "/metrics/snapshot"
_SHORTEST_LOOK = 1.0
"""Seconds that a look may take though the time is nearly up."""


def active_agents(subject: Subject, timeout: float) -> int:
    """How many agents are active by the leading master's metrics, whose size is the same for any cluster.

    `timeout` is in seconds, as for Known. Raises what keeps it from being known: UnreachableError or
    TimedOutError if nobody leads or answers, MesosError for a refusal.
    """
    with Known(subject, timeout=timeout) as known:
        try:
            with leader_http(known) as http:
                metrics = http.get_json(_PATH)
                url = f"{http.base_url}{_PATH}"
        except UnknownFactError as unknown:
            raise unknown.error from None
    count = metrics.get(_ACTIVE) if isinstance(metrics, dict) else None
    if isinstance(count, bool) or not isinstance(count, (int, float)):
        raise MesosError(
            f"{url} does not tell how many agents are active ({_ACTIVE})",
            hint="Check that the address is that of a Mesos master",
        )
    return int(count)


def wait_for_agents(
    wanted: int,
    count: Callable[[float], int],
    announce: Callable[[str], None],
    *,
    interval: float,
    timeout: float | None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], object] = time.sleep,
) -> None:
    """Returns as soon as `count` tells of that many agents or more; it is asked every `interval` seconds.

    It is given for how many seconds it may wait for a server, if that is to end in time.
    That no master answers yet, or one that has yet to recover, is waited for as well. `announce` is told
    what there is whenever that changes. Raises TimedOutError after `timeout` seconds (None waits for ever),
    and at once what waiting does not mend, such as refused credentials.
    """
    began = clock()
    deadline = math.inf if timeout is None else began + timeout
    missing = f"--expect-agents {wanted} and --agents-file, without waiting, tell which are missing"
    told = ""
    while True:
        try:
            there = count(max(deadline - clock(), _SHORTEST_LOOK))
            state, hint = f"{there} of {wanted} agents are active", missing
        except (UnreachableError, TimedOutError, MesosError) as error:
            if isinstance(error, MesosError) and not _passes(error):
                raise
            there, state, hint = 0, error.message, error.hint
        if there >= wanted:
            return
        if state != told:
            announce(f"Waiting for agents: {state}")
            told = state
        left = deadline - clock()
        if left <= 0:
            more = "--timeout waits longer"
            raise TimedOutError(f"After {round(clock() - began, 1):g} s: {state}", hint=_joined(hint, more))
        sleep(min(interval, left))


def next_pause(interval: float, left: float | None, took: float) -> float | None:
    """How many seconds to pause before looking again, if a look takes as long as the last one `took`.

    `left` is the time that there is (None: for ever), in seconds. None if another look would not end in it.
    """
    if left is None:
        return interval
    return min(interval, left - took) if left > took else None


def _joined(hint: str, more: str) -> str:
    if hint.endswith("."):
        return f"{hint} {more}."
    return f"{hint}; {more}" if hint else more


def _passes(refusal: MesosError) -> bool:
    """Whether a master answers so while it starts: it has yet to recover (503), or another one leads."""
    return refusal.status is not None and (refusal.status >= 500 or 300 <= refusal.status < 400)
