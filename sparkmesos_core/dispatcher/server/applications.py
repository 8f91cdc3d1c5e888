"""What answers on a dispatcher's two ports: the service of its term, or, while it stands by, the leader."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.types import ASGIApp, Receive, Scope, Send

from sparkmesos_core.dispatcher.dispatcher import Dispatcher
from sparkmesos_core.dispatcher.rest.application import RestApplication
from sparkmesos_core.dispatcher.rest.rules import Rules
from sparkmesos_core.dispatcher.server.auth import protected_rest
from sparkmesos_core.dispatcher.server.pages import pages_app
from sparkmesos_core.dispatcher.server.sandboxes import Sandboxes
from sparkmesos_core.dispatcher.server.settings import PagesSettings
from sparkmesos_core.http_service.access_token import AccessToken
from sparkmesos_core.http_service.cross_site import NotFromOtherSites

if TYPE_CHECKING:
    from sparkmesos_core.durable_framework.standing_by import StandbyState
    from sparkmesos_core.http_service.leader_connections import LeaderConnections

Leading = Callable[[], Dispatcher | None]
"""Gives the dispatcher that answers at this moment; None while another one leads."""


@dataclass(frozen=True)
class Standby:
    """What is needed besides by dispatchers that can stand by."""

    state: Callable[[], StandbyState]
    connections: LeaderConnections


def rest(
    leading: Leading,
    standby: Standby | None,
    rules: Rules,
    token: AccessToken | None,
    spark_version: str,
) -> ASGIApp:
    """The REST server, which says that it is of this Spark. Without `standby` it always leads."""

    def of(dispatcher: Dispatcher) -> ASGIApp:
        app = RestApplication(dispatcher, rules, spark_version=spark_version)
        return app if token is None else protected_rest(app, token, spark_version)

    # A browser posts to any port of this machine for any page: what it would post here are commands.
    return NotFromOtherSites(_OfTerm(leading, of, _standby_rest(standby, token, spark_version)))


def pages(
    leading: Leading,
    standby: Standby | None,
    settings: PagesSettings,
    sandboxes: Sandboxes,
    token: AccessToken | None,
) -> ASGIApp:
    """The web UI. Without `standby` it always leads."""

    def of(dispatcher: Dispatcher) -> ASGIApp:
        return pages_app(dispatcher, settings, token=token, sandboxes=sandboxes)

    return _OfTerm(leading, of, _standby_pages(standby, settings, token))


class _OfTerm:
    """ASGI application that is another one for each term, and one between terms."""

    def __init__(
        self, leading: Leading, of: Callable[[Dispatcher], ASGIApp], between: ASGIApp | None
    ) -> None:
        self._leading = leading
        self._of = of
        self._between = between
        self._dispatcher: Dispatcher | None = None
        self._app: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        await self._current()(scope, receive, send)

    def _current(self) -> ASGIApp:
        dispatcher = self._leading()
        if dispatcher is None:
            assert self._between is not None, "a dispatcher that cannot stand by always leads"
            self._dispatcher = self._app = None  # a term's drivers are many, and are not kept beyond it
            return self._between
        if self._app is None or dispatcher is not self._dispatcher:
            self._dispatcher, self._app = dispatcher, self._of(dispatcher)
        return self._app


def _standby_rest(standby: Standby | None, token: AccessToken | None, spark_version: str) -> ASGIApp | None:
    if standby is None:
        return None
    from sparkmesos_core.dispatcher.server.standby import standby_rest  # which most do without

    return standby_rest(
        standby.state, connections=standby.connections, token=token, spark_version=spark_version
    )


def _standby_pages(
    standby: Standby | None, settings: PagesSettings, token: AccessToken | None
) -> ASGIApp | None:
    if standby is None:
        return None
    from sparkmesos_core.dispatcher.server.standby import standby_pages

    return standby_pages(standby.state, settings, connections=standby.connections, token=token)
