"""Waiting until agents have registered, for scripts that have just started them."""

from __future__ import annotations

import time
from collections.abc import Callable

from sparkmesos_core.errors import MesosError, TimedOutError, UnreachableError
from sparkmesos_core.verify.facts.master import leader_http
from sparkmesos_core.verify.known import Known, UnknownFactError
from sparkmesos_core.verify.subject import Subject

_ACTIVE = "master/slaves_active"
_PATH = "/metrics/snapshot"


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
    count: Callable[[], int],
    announce: Callable[[str], None],
    *,
    interval: float,
    timeout: float | None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], object] = time.sleep,
) -> None:
    """Returns as soon as `count` tells of that many agents or more; it is asked every `interval` seconds.

    That no master answers yet, or one that has yet to recover, is waited for as well. `announce` is told
    what there is whenever that changes. Raises TimedOutError after `timeout` seconds (None waits for ever),
    and at once what waiting does not mend, such as refused credentials.
    """
    deadline = None if timeout is None else clock() + timeout
    missing = f"--expect-agents {wanted} and --agents-file, without waiting, tell which are missing"
    told = ""
    while True:
        try:
            there = count()
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
        left = interval if deadline is None else deadline - clock()
        if timeout is not None and left <= 0:
            more = "--timeout waits longer"
            raise TimedOutError(f"After {timeout:g} s: {state}", hint=f"{hint}; {more}" if hint else more)
        sleep(min(interval, left))


def _passes(refusal: MesosError) -> bool:
    """Whether a master answers so while it starts: it has yet to recover (503), or another one leads."""
    return refusal.status is not None and (refusal.status >= 500 or 300 <= refusal.status < 400)
