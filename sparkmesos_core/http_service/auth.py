"""Servers that want to be shown a token.

Programs send it as a bearer token (RFC 6750). Browsers cannot; for them it is the password of basic
authentication (RFC 7617), with any user name. Both ways are open on every path.
"""

from __future__ import annotations

import base64
import binascii
import logging
from collections.abc import Collection

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from sparkmesos_core.http_service.access_token import AccessToken

logger = logging.getLogger(__name__)

KNOWN = "sparkmesos.known"
"""The key in the scope of a request that says whether it came with the token."""

_LONGEST_PATH_IN_LOG = 200


class TokenRequired:
    """ASGI middleware that answers 401 to requests without the token, but for those on open paths.

    What it lets through says under `KNOWN` whether the token was there.
    """

    def __init__(
        self, app: ASGIApp, token: AccessToken, refusal: Response, open_paths: Collection[str] = ()
    ) -> None:
        self._app = app
        self._token = token
        self._refusal = refusal
        self._open_paths = frozenset(open_paths)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 401."""
        if scope["type"] == "http":
            header = Headers(scope=scope).get("authorization")
            given = given_token(header)
            known = given is not None and self._token.is_proved_by(given)
            if not known and scope["path"] not in self._open_paths:
                _log_refusal(scope, header)
                await self._refusal(scope, receive, send)
                return
            scope = {**scope, KNOWN: known}
        await self._app(scope, receive, send)


def realm_of(holder: str) -> str:
    """The parameter of WWW-Authenticate that says whose token is wanted: `holder` is such as `dispatcher`."""
    return f'realm="sparkmesos {holder}"'


def protected_pages(app: ASGIApp, token: AccessToken, open_paths: Collection[str], holder: str) -> ASGIApp:
    """The pages of a `holder`, such as a dispatcher, behind its token.

    A browser asks for it, and is told where in its dialog it belongs.
    """
    challenge = f'Basic {realm_of(holder)}, charset="UTF-8"'
    refusal = PlainTextResponse(
        f"This {holder} wants its token: as the password, with any user name, or as a bearer token.\n",
        status_code=401,
        headers={"WWW-Authenticate": challenge, "Cache-Control": "no-store"},
    )
    return TokenRequired(app, token, refusal, open_paths)


def given_token(header: str | None) -> str | None:
    """The token in an `Authorization` header; None if there is none to be found."""
    scheme, _, rest = (header or "").strip().partition(" ")
    rest = rest.strip()
    match scheme.lower():
        case "bearer":
            return rest or None
        case "basic":
            try:
                _user, colon, password = base64.b64decode(rest, validate=True).decode().partition(":")
            except (binascii.Error, ValueError):
                return None
            return password if colon else None
    return None


def _log_refusal(scope: Scope, header: str | None) -> None:
    client = (scope.get("client") or ("somebody",))[0]
    path = scope["path"][:_LONGEST_PATH_IN_LOG].encode("unicode_escape").decode()
    # Browsers ask without it first, every time that they are started.
    level, given = (logging.INFO, "no token") if header is None else (logging.WARNING, "a wrong token")
    logger.log(level, "Refused %s, who sent %s: %s %s", client, given, scope["method"], path)
