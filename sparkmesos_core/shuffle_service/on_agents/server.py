"""The HTTP server of the process that cares for the services: their status, their end, its health.

    GET  /v1/status   what `--status` tells (`status.ServicesStatus`)
    POST /v1/stop     end all services, the framework, and this process
    GET  /health      whether this process works: 200 or 503
    GET  /ready       whether it cares for services now, or stands by for one that does: 200 or 503
    GET  /metrics     numbers for Prometheus

One that stands by points to the one that leads, with 307. All but `/health` and `/ready` want the token, if
there is one.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any, Protocol

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from sparkmesos_core import __version__
from sparkmesos_core.errors import SparkMesosError
from sparkmesos_core.http_service.access_token import AccessToken
from sparkmesos_core.http_service.auth import TokenRequired
from sparkmesos_core.http_service.cross_site import NotFromOtherSites
from sparkmesos_core.http_service.prometheus_text import CONTENT_TYPE, metric, process_metrics
from sparkmesos_core.shuffle_service.on_agents.status import ServicesStatus, State

STATUS_PATH = "/v1/status"
STOP_PATH = "/v1/stop"
HEALTH_PATH = "/health"
READY_PATH = "/ready"
METRICS_PATH = "/metrics"

_PREFIX = "sparkmesos_shuffle_services"
_OPEN = {HEALTH_PATH, READY_PATH}


@dataclass(frozen=True)
class Standing:
    """How a process is."""

    leads: bool
    """Whether it is the one that cares for the services."""
    subscribed: bool
    """Whether Mesos knows it now; false for one that does not lead."""
    reason: str = ""
    """Why it neither leads nor knows who does, or is not subscribed."""
    leader: str | None = None
    """Where the one answers that leads, if it is another one, and that is known."""
    usable: bool = True
    """Whether it works: it has its store, or waits for its turn."""

    @property
    def ready(self) -> bool:
        """Whether it does what it is there for."""
        return self.subscribed if self.leads else self.leader is not None


@dataclass(frozen=True)
class Stopped:
    """What has become of the services that were to end."""

    complete: bool
    """Whether Mesos has ended them all, and the framework."""
    services: int
    """How many there were."""
    reason: str = ""
    """Why it is not complete: it goes on."""


class Caretaker(Protocol):
    """What the server needs of the process. Raises SparkMesosError where it cannot do it now."""

    def standing(self) -> Standing:
        """How it is."""

    async def status(self) -> ServicesStatus:
        """All services; of one that leads."""

    async def stop(self) -> Stopped:
        """End them all; of one that leads."""


def services_app(caretaker: Caretaker, token: AccessToken | None) -> ASGIApp:
    """The application that answers."""
    answers = _Answers(caretaker)
    app: ASGIApp = Starlette(
        routes=[
            Route(STATUS_PATH, answers.status, methods=["GET"]),
            Route(STOP_PATH, answers.stop, methods=["POST"]),
            Route(HEALTH_PATH, answers.health),
            Route(READY_PATH, answers.ready),
            Route(METRICS_PATH, answers.metrics),
        ]
    )
    if token is not None:
        refusal = JSONResponse(
            {"error": "A token is wanted here, and the request had none or a wrong one"},
            status_code=401,
            headers={"WWW-Authenticate": 'Bearer realm="sparkmesos"', "Cache-Control": "no-store"},
        )
        app = TokenRequired(app, token, refusal, _OPEN)
    # A browser posts to any port of this machine for any page: what it would post here ends services.
    return NotFromOtherSites(app)


class _Answers:
    def __init__(self, caretaker: Caretaker) -> None:
        self._caretaker = caretaker

    async def status(self, request: Request) -> Response:
        standing = self._caretaker.standing()
        if not standing.leads:
            return _elsewhere(standing, request.url.path)
        try:
            return _json((await self._caretaker.status()).to_json())
        except SparkMesosError as error:
            return _json({"error": error.message, "hint": error.hint}, 503)

    async def stop(self, request: Request) -> Response:
        standing = self._caretaker.standing()
        if not standing.leads:
            return _elsewhere(standing, request.url.path)
        try:
            stopped = await self._caretaker.stop()
        except SparkMesosError as error:
            return _json({"error": error.message, "hint": error.hint}, 503)
        content = {"complete": stopped.complete, "services": stopped.services, "reason": stopped.reason}
        return _json(content, 200 if stopped.complete else 202)

    async def health(self, _request: Request) -> Response:
        standing = self._caretaker.standing()
        return _json(_told(standing), 200 if standing.usable else 503)

    async def ready(self, _request: Request) -> Response:
        standing = self._caretaker.standing()
        return _json(_told(standing), 200 if standing.ready else 503)

    async def metrics(self, _request: Request) -> Response:
        standing = self._caretaker.standing()
        status = None
        if standing.leads:
            try:
                status = await self._caretaker.status()
            except SparkMesosError:
                status = None  # which the metric `ready` tells
        text = metrics_text(standing, status)
        return Response(text, headers={"Content-Type": CONTENT_TYPE, "Cache-Control": "no-store"})


def metrics_text(standing: Standing, status: ServicesStatus | None) -> str:
    """All metrics as they are now; `status` is None of one that does not lead."""
    blocks = [
        metric(f"{_PREFIX}_info", "What runs here; always 1.", [({"version": __version__}, 1)]),
        metric(
            f"{_PREFIX}_leads", "Whether it cares for services, or else stands by.", [({}, standing.leads)]
        ),
        metric(f"{_PREFIX}_ready", "Whether it does what it is there for.", [({}, standing.ready)]),
    ]
    if status is not None:
        states = Counter(agent.state for agent in status.agents)
        blocks += [
            metric(
                f"{_PREFIX}_subscribed", "Whether Mesos knows the framework now.", [({}, status.subscribed)]
            ),
            metric(
                f"{_PREFIX}_agents",
                "Agents that meet the constraints, by the state of their service.",
                [({"state": state.value}, states[state.value]) for state in State],
            ),
            metric(
                f"{_PREFIX}_answering",
                "Agents at whose port a shuffle service answers.",
                [({}, sum(agent.answers for agent in status.agents))],
            ),
            metric(
                f"{_PREFIX}_failures",
                "How often the service of an agent has ended since it ran well last.",
                [({"host": agent.host}, agent.failures) for agent in status.agents if agent.failures],
            ),
        ]
    return "".join([*blocks, *process_metrics()])


def _told(standing: Standing) -> dict[str, Any]:
    return {
        "ready": standing.ready,
        "leads": standing.leads,
        "subscribed": standing.subscribed,
        "leader": standing.leader,
        "reason": standing.reason,
        "version": __version__,
    }


def _elsewhere(standing: Standing, path: str) -> Response:
    if standing.leader is None:
        reason = standing.reason or "nobody leads at the moment"
        return _json({"error": f"This process does not lead: {reason}", "hint": "Try again soon."}, 503)
    answer = _json({"error": "Another process leads", "leader": standing.leader}, 307)
    answer.headers["Location"] = standing.leader + path
    return answer


def _json(content: dict[str, Any], status: int = 200) -> Response:
    return JSONResponse(content, status_code=status, headers={"Cache-Control": "no-store"})
