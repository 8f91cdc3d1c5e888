"""The dispatcher's web UI: drivers, their sandboxes, a way to kill them, and what monitoring asks for."""

from __future__ import annotations

import time
from collections.abc import Callable
from importlib import resources
from typing import Any
from urllib.parse import parse_qs

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from sparkmesos_core.dispatcher.dispatcher import Dispatcher
from sparkmesos_core.dispatcher.drivers.kind import DRIVERS
from sparkmesos_core.dispatcher.server.metrics import metrics_text
from sparkmesos_core.dispatcher.server.pages_data import (
    View,
    driver_address,
    driver_content,
    frame_content,
    list_content,
)
from sparkmesos_core.dispatcher.server.sandbox_pages import SandboxPages, known_driver
from sparkmesos_core.dispatcher.server.sandboxes import Sandboxes
from sparkmesos_core.dispatcher.server.settings import PagesSettings
from sparkmesos_core.durable_framework.condition import InDoubtError
from sparkmesos_core.errors import FrameworkError, SparkMesosError
from sparkmesos_core.html_pages import html_page
from sparkmesos_core.http_service.access_token import AccessToken
from sparkmesos_core.http_service.auth import KNOWN, protected_pages
from sparkmesos_core.http_service.cross_site import FormTokens, NotFromOtherSites
from sparkmesos_core.http_service.passed_on import NotesPassing
from sparkmesos_core.http_service.prometheus_text import CONTENT_TYPE
from sparkmesos_core.redaction import redact_text

HEALTH_PATH = "/health"
METRICS_PATH = "/metrics"

_PACKAGE = "sparkmesos_core.dispatcher.server"
_LARGEST_FORM = 4096
_TITLES = {403: "Refused", 404: "Not found", 405: "Not possible", 409: "Not possible"}


def pages_app(
    dispatcher: Dispatcher,
    settings: PagesSettings,
    *,
    token: AccessToken | None = None,
    sandboxes: Sandboxes | None = None,
    clock: Callable[[], float] = time.time,
) -> ASGIApp:
    """The ASGI application of the web UI, to be run in the dispatcher's event loop.

    With a `token` all but `/health` is behind it. Agents are asked for `sandboxes` without credentials unless
    told otherwise. `clock` gives seconds since 1970.
    """
    pages = _Pages(dispatcher, settings, clock)
    files = SandboxPages(dispatcher, settings, sandboxes or Sandboxes(), clock)
    app = Starlette(
        routes=[
            Route("/", pages.drivers),
            Route("/driver", pages.driver_by_query),
            Route("/driver/{driver_id}", pages.driver),
            Route("/driver/{driver_id}/kill", pages.kill, methods=["GET", "POST"]),
            Route("/driver/{driver_id}/files", files.root),
            Route("/driver/{driver_id}/files/{path:path}", files.show),
            Route("/driver/{driver_id}/read/{path:path}", files.read),
            Route("/driver/{driver_id}/download/{path:path}", files.download),
            Route("/assets/live.js", _script),
            Route(METRICS_PATH, pages.metrics),
            Route(HEALTH_PATH, pages.health),
        ],
        exception_handlers={HTTPException: pages.refusal, SparkMesosError: pages.failure},
    )
    # Slashes at the end mean something here: folders.
    app.router.redirect_slashes = False
    guarded: ASGIApp = NotFromOtherSites(NotesPassing(app))
    return guarded if token is None else protected_pages(guarded, token, {HEALTH_PATH}, DRIVERS.holder)


class _Pages:
    def __init__(self, dispatcher: Dispatcher, settings: PagesSettings, clock: Callable[[], float]) -> None:
        self._dispatcher = dispatcher
        self._settings = settings
        self._clock = clock
        self._tokens = FormTokens()

    async def drivers(self, request: Request) -> Response:
        """The lists of drivers."""
        view = View.from_query(request.query_params)
        content = list_content(self._dispatcher, self._settings, view, self._clock())
        await self._dispatcher.settled()
        return html_page(_PACKAGE, "drivers.html", content, scripts=True)

    async def driver_by_query(self, request: Request) -> Response:
        """Where the page of Spark's dispatcher would be."""
        return RedirectResponse(driver_address(request.query_params.get("id", "")), status_code=302)

    async def driver(self, request: Request) -> Response:
        """One driver."""
        driver = known_driver(self._dispatcher, request.path_params["driver_id"])
        content = driver_content(self._dispatcher, self._settings, driver, self._clock())
        content["refresh"] = request.query_params.get("refresh") != "off"
        await self._dispatcher.settled()
        return html_page(_PACKAGE, "driver.html", content, scripts=True)

    async def kill(self, request: Request) -> Response:
        """Ask whether a driver is to be killed, and do it if that is answered."""
        driver = known_driver(self._dispatcher, request.path_params["driver_id"])
        if request.method != "POST":
            content = driver_content(self._dispatcher, self._settings, driver, self._clock())
            content["token"] = self._tokens.make(driver.id)
            await self._dispatcher.settled()
            return html_page(_PACKAGE, "kill.html", content)
        form = await _form(request)
        if not self._tokens.fits(form.get("token", ""), driver.id):
            raise HTTPException(
                403, "This form is not one of this dispatcher's, or it has been restarted since."
            )
        answer = await self._dispatcher.kill(driver.id)
        if not answer.success:
            raise HTTPException(409, answer.message)
        return RedirectResponse(driver_address(driver.id), status_code=303)

    async def metrics(self, request: Request) -> Response:
        """The numbers."""
        text = metrics_text(self._dispatcher, self._settings, self._clock())
        return Response(text, headers={"Content-Type": CONTENT_TYPE, "Cache-Control": "no-store"})

    async def health(self, request: Request) -> Response:
        """Whether the dispatcher takes submissions: 200 or 503, and why to those who may know."""
        condition = self._dispatcher.condition
        body: dict[str, Any] = {
            "ready": condition.ready,
            "leads": True,
            "subscribed": condition.subscribed,
        }
        if request.scope.get(KNOWN, True):
            body |= {
                "reason": redact_text(condition.reason),
                "framework_id": condition.framework_id,
                "master": condition.master,
                "address": self._settings.address,
                "started_at": condition.started_at,
                "version": self._settings.version,
            }
        return JSONResponse(
            body, status_code=200 if condition.ready else 503, headers={"Cache-Control": "no-store"}
        )

    async def refusal(self, request: Request, error: Exception) -> Response:
        """The page for what is not there or not possible."""
        if not isinstance(error, HTTPException):
            raise error
        page = self._problem(error.status_code, _TITLES.get(error.status_code, ""), error.detail, "")
        page.headers.update(error.headers or {})
        return page

    async def failure(self, request: Request, error: Exception) -> Response:
        """The page for what the dispatcher, or an agent, cannot do now."""
        if not isinstance(error, SparkMesosError):
            raise error
        if isinstance(error, InDoubtError):
            return self._problem(502, "Perhaps done", error.message, error.hint)
        status = 503 if isinstance(error, FrameworkError) else 502
        again = status == 503 and request.method == "GET"
        return self._problem(status, "Not possible now", error.message, error.hint, again=again)

    def _problem(self, status: int, title: str, text: str, hint: str, *, again: bool = False) -> Response:
        content = {
            **frame_content(self._dispatcher, self._settings, self._clock()),
            "title": title or "Not possible",
            "text": text,
            "hint": hint,
            "again": again,
        }
        return html_page(_PACKAGE, "problem.html", content, status=status)


async def _form(request: Request) -> dict[str, str]:
    """The fields of a small form, the first of each name."""
    body = b""
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > _LARGEST_FORM:
                raise HTTPException(413, "This form is too large.")
    except ClientDisconnect:
        raise HTTPException(400, "The form did not arrive completely.") from None
    try:
        return {name: values[0] for name, values in parse_qs(body.decode(), max_num_fields=20).items()}
    except ValueError:
        raise HTTPException(400, "This form cannot be understood.") from None


async def _script(request: Request) -> Response:
    text = (resources.files(_PACKAGE) / "templates" / "live.js").read_text(encoding="utf-8")
    return Response(
        text, headers={"Content-Type": "text/javascript; charset=utf-8", "Cache-Control": "no-cache"}
    )
