"""The framework of the shuffle services in this process: from its start to a signal, or to their end."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from sparkmesos_core.durable_framework.foreground import FrameworkState, run
from sparkmesos_core.durable_framework.parts import Parts, for_this_machine
from sparkmesos_core.durable_framework.store.sqlite import open_sqlite
from sparkmesos_core.errors import DaemonError
from sparkmesos_core.http_service.access_token import AccessToken
from sparkmesos_core.http_service.http_server import HttpServer, take_port
from sparkmesos_core.master import HostPort
from sparkmesos_core.mesos.pymesos_import import load_pymesos
from sparkmesos_core.open_files import allow_many_files
from sparkmesos_core.shuffle_service.on_agents.care import Care
from sparkmesos_core.shuffle_service.on_agents.client import ServicesClient
from sparkmesos_core.shuffle_service.on_agents.kind import SERVICES
from sparkmesos_core.shuffle_service.on_agents.place_file import noted_place
from sparkmesos_core.shuffle_service.on_agents.server import Stopped, services_app
from sparkmesos_core.shuffle_service.on_agents.settings import ServicesSettings

logger = logging.getLogger(__name__)


def serve(
    settings: ServicesSettings,
    on_ready: Callable[[FrameworkState], None],
    *,
    subscribe_timeout: float | None = None,
) -> None:
    """Care for services on all agents until SIGTERM, SIGINT or SIGHUP; they run on then. Or to their end.

    To be called in the main thread. `on_ready` is called when Mesos knows the framework, unless
    `subscribe_timeout` is None, or when another process leads that can be reached; its one place is `url`.
    UnreachableError is raised if that takes longer than so many seconds.

    Raises DaemonError for a port in use, StoreError, MissingExtraError without pymesos, UsageError.
    """
    load_pymesos()
    allow_many_files()
    token = None if settings.token is None else AccessToken(settings.token)
    with take_port(settings.host, settings.port, "--port") as taken:
        seen = _stops_seen(settings, subscribe_timeout)
        asyncio.run(_serve(settings, token, taken, on_ready, subscribe_timeout, seen))


def stop_alone(settings: ServicesSettings) -> Stopped:
    """End all services and the framework where no process here cares for them.

    To be called in the main thread. Raises StoreError, UnreachableError and DaemonError.
    """
    load_pymesos()
    stopped, leader = asyncio.run(_stop_alone(settings, _stops_seen(settings)))
    if stopped is not None:
        return stopped
    if leader is None:
        raise DaemonError("The end was asked for before the services were stopped")
    return ServicesClient(leader, token=settings.token).stop()


def keeps_framework(database: Path) -> bool:
    """Whether a database knows of a framework that may have services. Raises StoreError if it is in use."""
    if not database.exists():
        return False
    store = open_sqlite(database, SERVICES)
    try:
        return store.load().framework_id is not None
    finally:
        store.close()


async def _serve(
    settings: ServicesSettings,
    token: AccessToken | None,
    taken: socket.socket,
    on_ready: Callable[[FrameworkState], None],
    subscribe_timeout: float | None,
    stops_seen: int,
) -> None:
    url = f"http://{HostPort(settings.advertised_host, taken.getsockname()[1])}"
    care = Care(settings, url, stops_seen=stops_seen, patience=subscribe_timeout)
    with ExitStack() as place:

        def serving() -> None:
            place.enter_context(noted_place(Path(settings.folder), url))
            logger.info("answering at %s", url)

        app = for_this_machine(services_app(care, token), settings, "The framework of the shuffle services")
        parts = Parts(
            settings,
            care.terms,
            care.standing_by,
            open_store=care.open_own,
            servers=[HttpServer(taken, app)],
            places={"url": url},
            on_serving=serving,
            on_stopping=care.close,
            until=care.stopped,
        )
        await run(parts, on_ready, subscribe_timeout=subscribe_timeout)


async def _stop_alone(settings: ServicesSettings, stops_seen: int) -> tuple[Stopped | None, str | None]:
    """What came of it, or where the process answers that leads."""
    care = Care(settings, "http://localhost", stops_seen=stops_seen, only_to_stop=True)
    ended: list[tuple[Stopped | None, str | None]] = [(None, None)]

    async def stop() -> None:
        ended[0] = await care.stop_at_once(), care.standing().leader

    parts = Parts(
        settings,
        care.terms,
        care.standing_by,
        open_store=care.open_own,
        servers=[],
        on_stopping=care.close,
        until=stop,
    )
    await run(parts, lambda _: None)
    return ended[0]


def _stops_seen(settings: ServicesSettings, patience: float | None = None) -> int:
    address = settings.zookeeper_address
    if address is None:
        return 0  # what the database holds is read when it is opened
    # Which most do without.
    from sparkmesos_core.durable_framework.store.zookeeper_requests import PATIENCE
    from sparkmesos_core.shuffle_service.on_agents.stops import stops_so_far

    patience = PATIENCE if patience is None else min(PATIENCE, patience)
    return stops_so_far(address, session_timeout=settings.zookeeper_session, patience=patience)
