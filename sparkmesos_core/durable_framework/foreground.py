"""A durable framework in this process, from its start to a signal."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sparkmesos_core.durable_framework.parts import Parts
from sparkmesos_core.durable_framework.terms import S, Terms
from sparkmesos_core.errors import SparkMesosError, UnreachableError
from sparkmesos_core.http_service.http_server import HttpServer

if TYPE_CHECKING:
    from sparkmesos_core.durable_framework.standing_by import StandingBy

logger = logging.getLogger(__name__)

_SECONDS_FOR_LAST_ANSWERS = 1.0
_SECONDS_BETWEEN_TRIALS = 0.5
_SECONDS_FOR_THE_LEADER = 10.0
"""How long who does not wait for Mesos waits for the process that leads: it may be about to be there."""
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


@dataclass(frozen=True)
class FrameworkState:
    """A durable framework's process that has just become ready."""

    places: Mapping[str, str]
    """Where it answers, as `Parts` has it."""
    pid: int
    master: str
    """The leading master's http URL if known, else what was configured; without passwords."""
    framework_id: str | None
    """None if Mesos does not know it yet, or it does not lead."""
    leader: str | None = None
    """The http URL where the process that leads takes requests, if that is another one and can be reached."""
    problem: str = ""
    """Why it takes no requests yet, as it neither leads nor reaches who does; for people."""

    def to_json(self) -> dict[str, Any]:
        """All of it, for `--output json`."""
        return {
            **self.places,
            "pid": self.pid,
            "master": self.master,
            "framework_id": self.framework_id,
            "leader": self.leader,
            "problem": self.problem,
        }


async def run(
    parts: Parts[S], on_ready: Callable[[FrameworkState], None], *, subscribe_timeout: float | None = None
) -> None:
    """Run until SIGTERM, SIGINT or SIGHUP, or the end of `until`; tasks run on. In the main thread.

    `on_ready` is called when requests are taken and, unless `subscribe_timeout` is None, Mesos knows the
    framework, or when the process that leads can be reached. UnreachableError is raised if that takes longer
    than so many seconds. Otherwise Mesos is waited for without end, and so is, after some seconds, a leader.

    Raises DaemonError for a port in use, StoreError, what else opening the store does, and what `until` does.
    """
    terms, standing_by = parts.terms, parts.standing_by
    stopping = asyncio.Event()
    _stop_on_signals(stopping)
    running: list[HttpServer] = []
    terms_run: asyncio.Task[None] | None = None
    until: asyncio.Task[None] | None = None
    try:
        if standing_by is None:
            await terms.begin_endless(parts.open_store)
        elif not await _stand(standing_by, terms, stopping):
            return
        for server in parts.servers:
            await server.start()
            running.append(server)
        parts.on_serving()
        terms_run = asyncio.create_task(terms.run(stopping))
        until = asyncio.create_task(parts.until())
        until.add_done_callback(lambda _: stopping.set())
        leader = await _await_ready(terms, standing_by, stopping, subscribe_timeout)
        if not stopping.is_set():
            on_ready(_state(parts, leader))
        await terms_run
        if until.done():
            until.result()
        else:
            logger.info("stopping; %s run on", terms.kind.plural)
    finally:
        stopping.set()
        if until is not None:
            until.cancel()
        # Another one is to lead soon, even if somebody still downloads something here.
        last_answers = [asyncio.create_task(server.stop()) for server in running]
        if last_answers:
            await asyncio.wait(last_answers, timeout=_SECONDS_FOR_LAST_ANSWERS)
        parts.on_stopping()
        if terms_run is not None:
            await asyncio.wait({terms_run})
        await terms.close()
        await asyncio.gather(*last_answers)
        if standing_by is not None:
            await standing_by.connections.close()


def _state(parts: Parts[S], leader: str | None) -> FrameworkState:
    service, standing_by = parts.terms.service, parts.standing_by
    condition = None if service is None else service.condition
    waits = service is None and leader is None
    return FrameworkState(
        places=parts.places,
        pid=os.getpid(),
        master=str(parts.settings.parsed_master) if condition is None else condition.master,
        framework_id=None if condition is None else condition.framework_id,
        leader=leader,
        problem=standing_by.obstacle if waits and standing_by is not None else "",
    )


def _stop_on_signals(stopping: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    for number in _SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:  # as under nohup
            loop.add_signal_handler(number, stopping.set)


async def _stand(standing_by: StandingBy[S], terms: Terms[S], stopping: asyncio.Event) -> bool:
    """Begin to stand, which may have to wait for ZooKeeper; whether it was done before the end was asked for.

    Raises what `StandingBy.stand` does.
    """
    standing = asyncio.create_task(standing_by.stand())
    stop = asyncio.create_task(stopping.wait())
    await asyncio.wait({standing, stop}, return_when=asyncio.FIRST_COMPLETED)
    stop.cancel()
    if not standing.done():
        await terms.close()  # which ends the waiting
        with suppress(SparkMesosError):
            await standing
        return False
    await standing
    return True


async def _await_ready(
    terms: Terms[S], standing_by: StandingBy[S] | None, stopping: asyncio.Event, timeout: float | None
) -> str | None:
    """Return when it leads and, with a `timeout` in seconds, Mesos knows it, or when it reaches who leads.

    The URL of the leader, if it is another one and can be reached. Raises UnreachableError if it takes longer
    than that; without `timeout` it starts all the same.
    """
    ready = asyncio.create_task(_ready(terms, standing_by, timeout is not None))
    stop = asyncio.create_task(stopping.wait())
    patience = _SECONDS_FOR_THE_LEADER if timeout is None else timeout
    done, others = await asyncio.wait([ready, stop], timeout=patience, return_when=asyncio.FIRST_COMPLETED)
    for task in others:
        task.cancel()
    if ready in done:
        return ready.result()
    if stop in done:
        return None
    if timeout is None:
        obstacle = "" if standing_by is None else standing_by.obstacle
        logger.warning("it takes no requests yet, and goes on waiting: %s", obstacle)
        return None
    holder = terms.kind.holder
    if terms.service is None and standing_by is not None:
        standing = terms.standing
        if standing is None or standing.leader is None or standing.node is not None:
            raise UnreachableError(
                f"No {holder} leads after {timeout:g} s: {standing_by.obstacle}",
                hint=f"Check the ZooKeeper servers. With --subscribe-timeout 0 the {holder} starts all the"
                " same, and waits.",
            )
        raise UnreachableError(
            f"Another {holder} leads, and requests cannot be passed on to it: {standing_by.obstacle}",
            hint=f"Check that the {holder}s can reach each other (--host, SPARK_PUBLIC_DNS)."
            " With --subscribe-timeout 0 it starts all the same.",
        )
    reason = terms.service.condition.reason if terms.service is not None else ""
    raise UnreachableError(
        f"Mesos has not taken the {holder} up within {timeout:g} s: {reason}",
        hint=f"Check --master. With --subscribe-timeout 0 the {holder} starts all the same, and waits.",
    )


async def _ready(terms: Terms[S], standing_by: StandingBy[S] | None, subscribed: bool) -> str | None:
    while True:
        changed = asyncio.create_task(terms.changed())
        try:
            if (service := terms.service) is not None:
                if not subscribed:
                    return None
                known = asyncio.create_task(service.subscribed())
                await asyncio.wait({known, changed}, return_when=asyncio.FIRST_COMPLETED)
                if known.done():
                    return None
                known.cancel()
                continue
            if standing_by is not None and (leader := await standing_by.reach()) is not None:
                return leader
            await asyncio.wait({changed}, timeout=_SECONDS_BETWEEN_TRIALS)
        finally:
            changed.cancel()
