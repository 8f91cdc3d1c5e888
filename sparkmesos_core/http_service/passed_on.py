"""Requests that a standby has passed on: by what they are known, also where their pages are made."""

from __future__ import annotations

from contextvars import ContextVar

from starlette.types import ASGIApp, Receive, Scope, Send

PASSED_ON = b"sparkmesos-passed-on"
"""The header of a request that comes from another dispatcher; it is not passed on once more."""

_PASSED_ON = ContextVar("passed_on", default=False)


class NotesPassing:
    """ASGI application around another one, in which `is_passed_on` tells it of the request it answers."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        token = _PASSED_ON.set(has_passed_on(scope))
        try:
            await self._app(scope, receive, send)
        finally:
            _PASSED_ON.reset(token)


def has_passed_on(scope: Scope) -> bool:
    """Whether another dispatcher has passed this request on."""
    return any(name.lower() == PASSED_ON for name, _ in scope.get("headers", ()))


def is_passed_on() -> bool:
    """Whether that is so of the request that is being answered here."""
    return _PASSED_ON.get()
