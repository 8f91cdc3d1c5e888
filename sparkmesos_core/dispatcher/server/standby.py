"""The servers of a dispatcher that stands by while another one leads: they pass requests on to that one.

Only `/health` and `/metrics` are its own: whoever watches it wants to know about itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from sparkmesos_core.dispatcher.drivers.kind import DRIVERS
from sparkmesos_core.dispatcher.rest import answers
from sparkmesos_core.dispatcher.rest.answers import Answer
from sparkmesos_core.dispatcher.rest.application import LARGEST_BODY
from sparkmesos_core.dispatcher.rest.problems import RequestError
from sparkmesos_core.dispatcher.server.auth import protected_rest
from sparkmesos_core.dispatcher.server.forwarding import FAILURE, Failure, Forwarding
from sparkmesos_core.dispatcher.server.leader_check import LeaderCheck
from sparkmesos_core.dispatcher.server.metrics import standby_metrics_text
from sparkmesos_core.dispatcher.server.pages import HEALTH_PATH, METRICS_PATH
from sparkmesos_core.dispatcher.server.settings import PagesSettings
from sparkmesos_core.durable_framework.standing_by import StandbyState, nobody_leads
from sparkmesos_core.html_pages import html_page
from sparkmesos_core.http_service.access_token import AccessToken
from sparkmesos_core.http_service.auth import KNOWN, protected_pages
from sparkmesos_core.http_service.cross_site import NotFromOtherSites
from sparkmesos_core.http_service.leader_connections import LeaderConnections
from sparkmesos_core.http_service.passed_on import has_passed_on
from sparkmesos_core.http_service.prometheus_text import CONTENT_TYPE

_PACKAGE = "sparkmesos_core.dispatcher.server"
_PAGE_SECONDS = 30.0
"""How long the leader may think about a page: it may have to wait for agents."""
_TITLES = {400: "Malformed", 413: "Too large", 502: "No answer", 503: "Not possible now"}


def standby_rest(
    state: Callable[[], StandbyState],
    *,
    connections: LeaderConnections,
    token: AccessToken | None = None,
    spark_version: str = answers.SPARK_VERSION,
) -> ASGIApp:
    """The REST server of a standby; what is in front of a leader's belongs in front of this one, too.

    The token is checked here already: a leader is not to be bothered by those who have none.
    """
    unavailable = _RestUnavailable(state, spark_version)
    app: ASGIApp = Forwarding(lambda: state().rest_url, unavailable, connections=connections)
    return app if token is None else protected_rest(app, token, spark_version)


def standby_pages(
    state: Callable[[], StandbyState],
    settings: PagesSettings,
    *,
    connections: LeaderConnections,
    token: AccessToken | None = None,
) -> ASGIApp:
    """The web UI of a standby, as protected as `pages_app`."""
    own = _Own(state, settings, connections)
    passed_on = Forwarding(
        lambda: state().webui_url,
        own.unavailable,
        connections=connections,
        seconds=_PAGE_SECONDS,
        answers=LeaderCheck(connections).answers,
    )
    app = Starlette(routes=[Route(HEALTH_PATH, own.health), Route(METRICS_PATH, own.metrics)])
    app.router.redirect_slashes = False
    app.router.default = passed_on
    guarded: ASGIApp = NotFromOtherSites(app)
    return guarded if token is None else protected_pages(guarded, token, {HEALTH_PATH}, DRIVERS.holder)


class _Own:
    """What a standby says of itself."""

    def __init__(
        self, state: Callable[[], StandbyState], settings: PagesSettings, connections: LeaderConnections
    ) -> None:
        self._state = state
        self._settings = settings
        self._check = LeaderCheck(connections)

    async def health(self, request: Request) -> Response:
        """Whether submissions are taken when passed on: 200 or 503, and why not to those who may know."""
        state = self._state()
        if has_passed_on(request.scope):  # by one that takes this one for the leader
            reason = "" if state.rest_url is not None else _nobody(state)
        else:
            reason = await self._obstacle(state)
        body: dict[str, Any] = {"ready": not reason, "leads": False, "subscribed": False}
        if request.scope.get(KNOWN, True):
            body |= {
                "leader": state.rest_url,
                "reason": reason,
                "started_at": state.started_at,
                "version": self._settings.version,
            }
        return JSONResponse(body, status_code=503 if reason else 200, headers={"Cache-Control": "no-store"})

    async def metrics(self, request: Request) -> Response:
        """The numbers."""
        text = standby_metrics_text(self._settings, ready=not await self._obstacle(self._state()))
        return Response(text, headers={"Content-Type": CONTENT_TYPE, "Cache-Control": "no-store"})

    async def unavailable(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The page that stands where the leader's cannot be shown; it tries again by itself."""
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1000})
            return
        failure: Failure = scope[FAILURE]
        content = {
            "settings": self._settings,
            "title": _TITLES[failure.status],
            "text": _why(failure, self._state()),
            "status": failure.status,
            # A form is not sent again, and what is said of it has to be read.
            "again": failure.status == 503 and scope["method"] in ("GET", "HEAD"),
        }
        page = html_page(_PACKAGE, "standby.html", content, status=failure.status)
        if failure.status == 503:
            page.headers["Retry-After"] = "1"
        await page(scope, receive, send)

    async def _obstacle(self, state: StandbyState) -> str:
        """Why requests cannot be passed on now; empty if they can."""
        if state.rest_url is None:
            return _nobody(state)
        return await self._check.obstacle(state.rest_url, state.webui_url)


class _RestUnavailable:
    """Answers with an ErrorResponse of the protocol."""

    def __init__(self, state: Callable[[], StandbyState], spark_version: str) -> None:
        self._state = state
        self._spark_version = spark_version

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1000})
            return
        answer = _rest_answer(scope[FAILURE], self._state())
        response = Response(
            answer.body(self._spark_version),
            answer.status,
            headers=dict(answer.headers),
            media_type="application/json;charset=utf-8",
        )
        await response(scope, receive, send)


def _rest_answer(failure: Failure, state: StandbyState) -> Answer:
    match failure.status:
        case 413:
            return answers.too_large(LARGEST_BODY)
        case 502:
            return answers.in_doubt(f"{failure.reason}. The request may have been carried out.")
        case 503:
            return answers.unavailable(f"{_why(failure, state)}. The request has not been carried out.")
    return answers.refused(RequestError(failure.reason))


def _why(failure: Failure, state: StandbyState) -> str:
    return _nobody(state) if failure.status == 503 and state.rest_url is None else failure.reason


def _nobody(state: StandbyState) -> str:
    verdict = state.verdict or nobody_leads(DRIVERS.holder)
    return f"{verdict}: {state.reason}" if state.reason else verdict
