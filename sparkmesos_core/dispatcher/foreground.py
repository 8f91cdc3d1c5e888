"""A dispatcher in this process, from its start to a signal."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sparkmesos_core import __version__
from sparkmesos_core.dispatcher.drivers.book import Book
from sparkmesos_core.dispatcher.drivers.driver import Driver
from sparkmesos_core.dispatcher.drivers.kind import DRIVERS
from sparkmesos_core.dispatcher.launch import task_info
from sparkmesos_core.dispatcher.server import applications
from sparkmesos_core.dispatcher.server.applications import Leading, Standby
from sparkmesos_core.dispatcher.server.sandboxes import Sandboxes
from sparkmesos_core.dispatcher.server.settings import PagesSettings
from sparkmesos_core.dispatcher.service import DispatcherService
from sparkmesos_core.dispatcher.settings import DispatcherSettings
from sparkmesos_core.durable_framework.foreground import FrameworkState, run
from sparkmesos_core.durable_framework.offers import Offer
from sparkmesos_core.durable_framework.parts import Parts, for_this_machine, scheduler_of, standing_by_of
from sparkmesos_core.durable_framework.store.sqlite import open_sqlite
from sparkmesos_core.durable_framework.terms import OpenStore, Terms
from sparkmesos_core.http_service.access_token import AccessToken
from sparkmesos_core.http_service.http_server import HttpServer, take_port
from sparkmesos_core.http_service.tls import load_identity
from sparkmesos_core.master import MesosMaster
from sparkmesos_core.mesos.pymesos_import import load_pymesos
from sparkmesos_core.open_files import allow_many_files

logger = logging.getLogger(__name__)


def serve(
    settings: DispatcherSettings,
    on_ready: Callable[[FrameworkState], None],
    *,
    subscribe_timeout: float | None = None,
) -> None:
    """Run a dispatcher until SIGTERM, SIGINT or SIGHUP; its drivers run on. To be called in the main thread.

    `on_ready` is called when it takes submissions and, unless `subscribe_timeout` is None, Mesos knows it, or
    when it can pass requests on to the dispatcher that leads. UnreachableError is raised if that takes longer
    than so many seconds. Otherwise Mesos is waited for without end, and submissions with it, and so is, after
    some seconds, a dispatcher to pass requests on to. Its places are `url`, where submissions go, as --master
    takes it, `http_url`, the same for programs that speak HTTP, and `webui_url`.

    Raises DaemonError for a port in use, StoreError, MissingExtraError without pymesos, UsageError.
    """
    load_pymesos()
    allow_many_files()
    # What is wrong with these is said before anything is begun.
    token = None if settings.token is None else AccessToken(settings.token)
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
        context = None if identity is None else identity.context
        # Agents that want to know who asks for files take what the dispatcher is known to Mesos by.
        sandboxes = Sandboxes(principal=settings.principal, secret=settings.secret, ca_file=settings.ca_file)

        def servers(leading: Leading, standby: Standby | None) -> tuple[HttpServer, HttpServer]:
            rest_app = applications.rest(leading, standby, settings.rules, token, settings.spark_version)
            pages = applications.pages(leading, standby, _pages_settings(settings, places), sandboxes, token)
            return (
                HttpServer(rest, for_this_machine(rest_app, settings, "The dispatcher"), context),
                HttpServer(webui, for_this_machine(pages, settings, "The dispatcher"), context),
            )

        asyncio.run(_serve(settings, places, servers, sandboxes, on_ready, subscribe_timeout))


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
    servers: Callable[[Leading, Standby | None], Sequence[HttpServer]],
    sandboxes: Sandboxes,
    on_ready: Callable[[FrameworkState], None],
    subscribe_timeout: float | None,
) -> None:
    terms = _terms(settings, places)
    standing_by = standing_by_of(
        settings,
        terms,
        places.http_url,
        places.webui_url,
        agreed=("user", "principal"),
        patience=subscribe_timeout,
        ca_file=settings.ca_file,
        certificate=settings.tls_certificate,
    )
    standby = None if standing_by is None else Standby(standing_by.state, standing_by.connections)

    def say_serving() -> None:
        logger.info("taking submissions at %s, web UI at %s", places.url, places.webui_url)

    parts = Parts(
        settings,
        terms,
        standing_by,
        open_store=lambda: open_sqlite(Path(settings.database), DRIVERS),
        servers=servers(lambda: terms.service, standby),
        places={"url": places.url, "http_url": places.http_url, "webui_url": places.webui_url},
        on_serving=say_serving,
        on_stopping=sandboxes.close,  # an agent may be silent for longer than last answers may take
    )
    await run(parts, on_ready, subscribe_timeout=subscribe_timeout)


def _terms(settings: DispatcherSettings, places: _Places) -> Terms[DispatcherService]:
    def new_service(open_store: OpenStore) -> DispatcherService:
        launching = _Launching(settings)
        return DispatcherService(
            open_store=open_store,
            new_book=lambda: Book(settings.driver_limits, launching.build),
            master=str(settings.parsed_master),
            on_leader=launching.follow,
        )

    def connect(service: DispatcherService) -> None:
        service.connect(scheduler_of(settings, places.webui_url, service))

    return Terms(DRIVERS, new_service, connect)


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


def _pages_settings(settings: DispatcherSettings, places: _Places) -> PagesSettings:
    return PagesSettings(
        address=places.url,
        max_drivers=settings.driver_limits.max_drivers,
        version=__version__,
        history_server=settings.properties.get("spark.mesos.dispatcher.historyServer.url", ""),
        mesos_ui=settings.properties.get("spark.mesos.proxy.baseURL", ""),
    )
