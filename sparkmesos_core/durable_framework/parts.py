"""What a durable framework's process is made of, and what of that its settings say."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic

from starlette.types import ASGIApp

from sparkmesos_core.durable_framework.framework_settings import FrameworkSettings
from sparkmesos_core.durable_framework.scheduler import Listener, Scheduler
from sparkmesos_core.durable_framework.terms import OpenStore, S, Terms
from sparkmesos_core.http_service.http_server import HttpServer
from sparkmesos_core.loopback_names import OnlyForLoopbackNames

if TYPE_CHECKING:
    from sparkmesos_core.durable_framework.standing_by import StandingBy


async def _for_ever() -> None:
    await asyncio.Event().wait()


@dataclass(frozen=True)
class Parts(Generic[S]):
    """What a durable framework is made of. All belong to one event loop."""

    settings: FrameworkSettings
    terms: Terms[S]
    standing_by: StandingBy[S] | None
    """Its part in an election, if there is one."""
    open_store: OpenStore
    """Opens the store of one that takes part in none."""
    servers: Sequence[HttpServer]
    places: Mapping[str, str] = field(default_factory=dict)
    """Where they answer, by the names that programs know these URLs by."""
    on_serving: Callable[[], None] = lambda: None
    """Called when the servers answer."""
    on_stopping: Callable[[], None] = lambda: None
    """Called when the servers have had a moment for their last answers: has to end what they may wait for."""
    until: Callable[[], Coroutine[Any, Any, None]] = _for_ever
    """Runs beside all that, from the beginning of a term or a standing; the process stops when it returns."""


def scheduler_of(settings: FrameworkSettings, webui_url: str, listener: Listener) -> Scheduler:
    """What speaks to Mesos for a framework whose pages are at this URL; made in the event loop.

    Raises MasterUrlError and UsageError for a master that it cannot go to.
    """
    return Scheduler(
        settings.parsed_master,
        settings.framework_info(webui_url),
        listener,
        principal=settings.principal,
        secret=settings.secret,
    )


def standing_by_of(
    settings: FrameworkSettings,
    terms: Terms[S],
    http_url: str,
    webui_url: str,
    *,
    agreed: Sequence[str],
    patience: float | None,
    ca_file: str | None = None,
    certificate: str | None = None,
) -> StandingBy[S] | None:
    """Its part in the election, None if records are in no ZooKeeper.

    `agreed` are the fields of the FrameworkInfo that all processes have to have the same; the rest is as in
    `StandingBy`.
    """
    address = settings.zookeeper_address
    if address is None:
        return None
    from sparkmesos_core.durable_framework.standing_by import StandingBy  # which most do without

    info = settings.framework_info(webui_url)
    return StandingBy(
        address,
        terms,
        http_url,
        webui_url,
        session_timeout=settings.zookeeper_session,
        ca_file=ca_file,
        certificate=certificate,
        agreed={name: str(info.get(name, "")) for name in agreed},
        patience=patience,
    )


def for_this_machine(app: ASGIApp, settings: FrameworkSettings, title: str) -> ASGIApp:
    """An app that refuses pages of elsewhere, if its server is for this machine alone.

    `title` is what the server calls itself in the refusal.
    """
    if not settings.on_loopback:
        return app
    names = [name for name in (settings.host, settings.public_host) if name]
    return OnlyForLoopbackNames(app, names, title)
