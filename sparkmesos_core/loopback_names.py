"""What keeps web pages of elsewhere away from servers on this machine's loopback."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send


class OnlyForLoopbackNames:
    """ASGI middleware that refuses requests whose `Host` is a name of elsewhere.

    A server on loopback is meant for this machine alone: it runs commands, or gives out files. A web page in
    the user's browser cannot reach it, unless its own host name is made to point to 127.0.0.1; such requests
    carry that name.
    """

    def __init__(self, app: ASGIApp, names: Iterable[str], server: str) -> None:
        """`names` are those that the server was given; `server` is what it calls itself in the refusal."""
        self._app = app
        self._names = {name.lower() for name in names} | {"localhost"}
        self._server = server

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 403."""
        if scope["type"] == "http" and not self._fine(Headers(scope=scope).get("host", "")):
            answer = PlainTextResponse(
                f"{self._server} answers only to the names of this machine's loopback", status_code=403
            )
            await answer(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _fine(self, host: str) -> bool:
        name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
        name = name.strip("[]").lower()
        if not name or name in self._names or name.endswith(".localhost"):
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True
