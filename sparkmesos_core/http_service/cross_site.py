"""Keeping pages of other sites from acting through a user's browser.

A browser sends requests to a dispatcher for any page that asks it to, also to one on loopback, and with the
credentials that it has for it. It says where they come from: in `Sec-Fetch-Site` to https and loopback
addresses, in `Origin` with every POST. Programs send neither, and are let through.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class NotFromOtherSites:
    """ASGI middleware that refuses, with 403, what changes something and comes from a page of elsewhere."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 403."""
        changes_something = scope["type"] == "http" and scope["method"] not in _SAFE_METHODS
        if changes_something and comes_from_elsewhere(Headers(scope=scope)):
            answer = PlainTextResponse("Requests of other sites' pages are refused.\n", status_code=403)
            await answer(scope, receive, send)
            return
        await self._app(scope, receive, send)


def comes_from_elsewhere(headers: Headers) -> bool:
    """Whether a browser says that a request was made by a page that is not ours.

    A port is part of an origin: what another server on the same host shows is elsewhere, too.
    """
    if (site := headers.get("sec-fetch-site")) is not None:
        return site not in ("same-origin", "none")
    if (origin := headers.get("origin")) is not None:
        try:
            return urlsplit(origin).netloc.lower() != headers.get("host", "").lower()
        except ValueError:
            return True
    return False


class FormTokens:
    """Tokens in forms, which only a page of ours can have: whoever cannot read it cannot send its form.

    They hold as long as this process does, and each for one purpose, such as killing one driver.
    """

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)

    def make(self, purpose: str) -> str:
        """The token for a purpose."""
        return hmac.new(self._key, purpose.encode(errors="surrogatepass"), hashlib.sha256).hexdigest()

    def fits(self, token: str, purpose: str) -> bool:
        """Whether a form that came back is one of ours."""
        return hmac.compare_digest(self.make(purpose), token.encode("ascii", "replace").decode())
