"""A dispatcher in this process, from its start to a signal."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from starlette.types import ASGIApp

from sparkmesos_core import __version__
from sparkmesos_core.dispatcher.access_token import AccessToken, read_token
from sparkmesos_core.dispatcher.drivers.book import Book
from sparkmesos_core.dispatcher.drivers.driver import Driver
from sparkmesos_core.dispatcher.drivers.offers import Offer
from sparkmesos_core.dispatcher.http_server import HttpServer, take_port
from sparkmesos_core.dispatcher.launch import task_info
from sparkmesos_core.dispatcher.rest.application import RestApplication
from sparkmesos_core.dispatcher.scheduler import Scheduler
from sparkmesos_core.dispatcher.server.auth import protected_rest
from sparkmesos_core.dispatcher.server.cross_site import NotFromOtherSites
from sparkmesos_core.dispatcher.server.pages import pages_app
from sparkmesos_core.dispatcher.server.sandboxes import Sandboxes
from sparkmesos_core.dispatcher.server.settings import PagesSettings
from sparkmesos_core.dispatcher.server.tls import load_identity
from sparkmesos_core.dispatcher.service import DispatcherService
from sparkmesos_core.dispatcher.settings import DispatcherSettings
from sparkmesos_core.dispatcher.store.sqlite import open_sqlite
from sparkmesos_core.dispatcher.store.store import Store
from sparkmesos_core.errors import UnreachableError
from sparkmesos_core.loopback_names import OnlyForLoopbackNames
from sparkmesos_core.master import MesosMaster
from sparkmesos_core.mesos.pymesos_import import load_pymesos
from sparkmesos_core.open_files import allow_many_files

logger = logging.getLogger(__name__)

_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


@dataclass(frozen=True)
class DispatcherState:
    """A dispatcher that runs."""

    url: str
    """Where submissions go, as `--master` takes it."""
    http_url: str
    """The same for programs that speak HTTP."""
    webui_url: str
    pid: int
    master: str
    framework_id: str | None
    """None if Mesos does not know it yet."""

    def to_json(self) -> dict[str, Any]:
        """All of it, for `--output json`."""
        return asdict(self)


def serve(
    settings: DispatcherSettings,
    on_ready: Callable[[DispatcherState], None],
    *,
    subscribe_timeout: float | None = None,
) -> None:
    """Run a dispatcher until SIGTERM, SIGINT or SIGHUP; its drivers run on. To be called in the main thread.

    `on_ready` is called when it takes submissions and, unless `subscribe_timeout` is None, Mesos knows it;
    UnreachableError is raised if that takes longer than so many seconds. Otherwise Mesos is waited for
    without end, and submissions with it.

    Raises DaemonError for a port in use, StoreError, MissingExtraError without pymesos, UsageError.
    """
    load_pymesos()
    allow_many_files()
    # What is wrong with these is said before anything is begun.
    token = AccessToken(read_token(Path(settings.token_file))) if settings.token_file is not None else None
    certificate = settings.tls_certificate
    identity = (
        None
        if certificate is None
        else load_identity(Path(certificate), None if settings.tls_key is None else Path(settings.tls_key))
    )
    with ExitStack() as ports:
        rest = ports.enter_context(take_port(settings.host, settings.port, "--port"))
        webui = ports.enter_context(take_port(settings.host, settings.webui_port, "--webui-port"))
        scheme = "http" if identity is None else "https"
        places = _Places(scheme, settings.advertised_host, rest.getsockname()[1], webui.getsockname()[1])

        def servers(service: DispatcherService) -> tuple[HttpServer, HttpServer]:
            context = None if identity is None else identity.context
            return (
                HttpServer(rest, _rest_app(service, settings, token), context),
                HttpServer(webui, _pages(service, settings, places, token), context),
            )

        asyncio.run(_serve(settings, places, servers, on_ready, subscribe_timeout))


@dataclass(frozen=True)
class _Places:
    scheme: str
    host: str
    port: int
    webui_port: int

    @property
    def url(self) -> str:
        prefix = "mesos://https://" if self.scheme == "https" else "mesos://"
        return f"{prefix}{self._shown_host}:{self.port}"

    @property
    def http_url(self) -> str:
        return f"{self.scheme}://{self._shown_host}:{self.port}"

    @property
    def webui_url(self) -> str:
        return f"{self.scheme}://{self._shown_host}:{self.webui_port}"

    @property
    def _shown_host(self) -> str:
        return f"[{self.host}]" if ":" in self.host else self.host


async def _serve(
    settings: DispatcherSettings,
    places: _Places,
    servers: Callable[[DispatcherService], Sequence[HttpServer]],
    on_ready: Callable[[DispatcherState], None],
    subscribe_timeout: float | None,
) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in _SIGNALS:
        if signal.getsignal(number) is signal.SIG_IGN:
            continue  # nohup
        loop.add_signal_handler(number, stopping.set)
    launching = _Launching(settings)
    service = DispatcherService(
        open_store=lambda: _open_store(settings),
        new_book=lambda: Book(settings.driver_limits, launching.build),
        master=str(settings.parsed_master),
        on_leader=launching.follow,
    )
    running: list[HttpServer] = []
    try:
        await service.open()
        service.connect(
            Scheduler(
                settings.parsed_master,
                settings.framework_info(places.webui_url),
                service,
                principal=settings.principal,
                secret=settings.secret,
            )
        )
        for server in servers(service):
            await server.start()
            running.append(server)
        logger.info("taking submissions at %s, web UI at %s", places.url, places.webui_url)
        if subscribe_timeout is not None:
            await _await_subscription(service, stopping, subscribe_timeout)
        if not stopping.is_set():
            condition = service.condition
            on_ready(
                DispatcherState(
                    url=places.url,
                    http_url=places.http_url,
                    webui_url=places.webui_url,
                    pid=os.getpid(),
                    master=condition.master,
                    framework_id=condition.framework_id,
                )
            )
        await stopping.wait()
        logger.info("stopping; drivers run on")
    finally:
        await asyncio.gather(*(server.stop() for server in running))
        await service.close()


async def _await_subscription(service: DispatcherService, stopping: asyncio.Event, timeout: float) -> None:
    waiting = [asyncio.create_task(service.subscribed()), asyncio.create_task(stopping.wait())]
    done, others = await asyncio.wait(waiting, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
    for task in others:
        task.cancel()
    if not done:
        raise UnreachableError(
            f"Mesos has not taken the dispatcher up within {timeout:g} s: {service.condition.reason}",
            hint="Check --master. With --subscribe-timeout 0 the dispatcher starts all the same, and waits.",
        )


class _Launching:
    """Makes TaskInfos, whose drivers register with the master that leads when they are launched."""

    def __init__(self, settings: DispatcherSettings) -> None:
        self._settings = settings
        self._build = task_info.build(settings.cluster())

    def follow(self, leader: str) -> None:
        """From now on this one leads: `HOST:PORT`."""
        if isinstance(self._settings.parsed_master, MesosMaster):
            self._build = task_info.build(self._settings.cluster(leader))

    def build(
        self,
        driver: Driver,
        task_id: str,
        framework_id: str,
        offer: Offer,
        resources: Sequence[Mapping[str, Any]],
    ) -> Mapping[str, Any]:
        """As `Book` wants it."""
        return self._build(driver, task_id, framework_id, offer, resources)


def _open_store(settings: DispatcherSettings) -> Store:
    address = settings.zookeeper_address
    if address is None:
        return open_sqlite(Path(settings.database))
    from sparkmesos_core.dispatcher.store.zookeeper import open_zookeeper  # which most do without

    return open_zookeeper(address)


def _rest_app(service: DispatcherService, settings: DispatcherSettings, token: AccessToken | None) -> ASGIApp:
    app: ASGIApp = RestApplication(service, settings.rules)
    if token is not None:
        app = protected_rest(app, token)
    # A browser posts to any port of this machine for any page: what it would post here are commands.
    return _for_this_machine(NotFromOtherSites(app), settings)


def _pages(
    service: DispatcherService, settings: DispatcherSettings, places: _Places, token: AccessToken | None
) -> ASGIApp:
    shown = PagesSettings(
        address=places.url,
        max_drivers=settings.driver_limits.max_drivers,
        version=__version__,
        history_server=settings.properties.get("spark.mesos.dispatcher.historyServer.url", ""),
        mesos_ui=settings.properties.get("spark.mesos.proxy.baseURL", ""),
    )
    # Agents that want to know who asks for files take what the dispatcher is known to Mesos by.
    sandboxes = Sandboxes(principal=settings.principal, secret=settings.secret)
    return _for_this_machine(pages_app(service, shown, token=token, sandboxes=sandboxes), settings)


def _for_this_machine(app: ASGIApp, settings: DispatcherSettings) -> ASGIApp:
    if not settings.on_loopback:
        return app
    names = [name for name in (settings.host, settings.public_host) if name]
    return OnlyForLoopbackNames(app, names, "The dispatcher")
