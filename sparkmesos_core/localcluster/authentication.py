"""Basic authentication over HTTP as Mesos' masters and agents do it.

Who asks is checked before anything else is looked at, also by a master that does not lead.
"""

from __future__ import annotations

import logging

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from sparkmesos_core.localcluster.credentials import Authentication, Realm

logger = logging.getLogger(__name__)

PRINCIPAL = "mesos.principal"
"""The key in the scope of a request under which it is said who asks; there is none if nobody was checked."""


def realm_of(path: str) -> Realm | None:
    """The realm of an endpoint of masters or agents, by its path without `/master` or `/slave(1)` in front.

    None for what is always open: pages, `/health`, `/version`, `/redirect`, the executors' API, and what is
    not there.
    """
    return Realm.READONLY if path.startswith("/files/") else _REALMS.get(path)


_REALMS = {
    "/api/v1": Realm.READWRITE,
    "/api/v1/scheduler": Realm.SCHEDULER,
    "/containers": Realm.READONLY,
    "/flags": Realm.READONLY,
    "/frameworks": Realm.READONLY,
    "/machine/down": Realm.READWRITE,
    "/machine/up": Realm.READWRITE,
    "/maintenance/schedule": Realm.READWRITE,
    "/maintenance/status": Realm.READONLY,
    "/metrics/snapshot": Realm.READONLY,
    "/monitor/statistics": Realm.READONLY,
    "/monitor/statistics.json": Realm.READONLY,
    "/roles": Realm.READONLY,
    "/sandbox": Realm.READONLY,
    "/slaves": Realm.READONLY,
    "/state": Realm.READONLY,
    "/state-summary": Realm.READONLY,
    "/state.json": Realm.READONLY,
    "/tasks": Realm.READONLY,
    "/teardown": Realm.READWRITE,
}


class Authenticated:
    """ASGI middleware which lets requests through whose sender is known, and asks the rest who they are.

    `owner` is `master` or `agent`; `prefix` is the name of the process that paths can have in front.
    """

    def __init__(self, app: ASGIApp, authentication: Authentication, owner: str, prefix: str) -> None:
        self._app = app
        self._authentication = authentication
        self._owner = owner
        self._prefix = prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 401."""
        if scope["type"] == "http":
            path: str = scope["path"]
            if path.startswith(f"{self._prefix}/"):
                path = path.removeprefix(self._prefix)
            realm = realm_of(path)
            if realm is None or self._authentication.wanted_in(realm):
                principal = self._authentication.principal_of(Headers(scope=scope).get("authorization"))
                if principal is not None:
                    scope = {**scope, PRINCIPAL: principal}
                elif realm is not None:
                    given = "wrong" if "authorization" in Headers(scope=scope) else "no"
                    client = (scope.get("client") or ("somebody",))[0]
                    # Who asks without is only told that credentials are wanted, and mostly comes back with
                    # them; libprocess logs no 401 at all (`ProcessBase::_consume`).
                    logger.info(
                        "Refused %s with %s credentials: %s",
                        client,
                        given,
                        path.encode("unicode_escape").decode(),
                    )
                    await unauthorized(self._owner, realm)(scope, receive, send)
                    return
        await self._app(scope, receive, send)


def unauthorized(owner: str, realm: Realm) -> PlainTextResponse:
    """Mesos' 401 of a master or an agent (`owner`)."""
    headers = {"WWW-Authenticate": f'Basic realm="mesos-{owner}-{realm.value}"'}
    return PlainTextResponse("401 Unauthorized.", status_code=401, headers=headers)
