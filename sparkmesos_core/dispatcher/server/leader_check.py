"""Whether the dispatcher that is known to lead answers, and whether it still leads: by its health."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from urllib.parse import urlsplit

from sparkmesos_core.dispatcher.server.pages import HEALTH_PATH
from sparkmesos_core.http_service.leader_connections import (
    LeaderConnections,
    LeaderRequest,
    NoAnswerError,
    NotReachedError,
)
from sparkmesos_core.http_service.passed_on import PASSED_ON

_SECONDS = 2.0
"""For how long an answer is waited for: those who ask us do not wait long either."""


class LeaderCheck:
    """Asks the leader. Lives in one event loop."""

    def __init__(self, connections: LeaderConnections) -> None:
        self._connections = connections

    async def obstacle(self, rest_url: str, webui_url: str | None) -> str:
        """Why the leader with these URLs takes no submissions now, for people; empty if it does."""
        leader = f"The dispatcher that leads, {rest_url}"
        try:
            await self._connections.reach(rest_url)
            health = await self._health(webui_url or rest_url)
        except NotReachedError as error:
            return f"{leader}, cannot be reached: {error}"
        except NoAnswerError as error:
            return f"{leader}, gave no answer: {error}"
        if health.get("leads") is False:
            text = f"{rest_url} does not lead any more, and this dispatcher knows of no other that does"
        elif health.get("ready") is False:
            text = f"{leader}, takes no submissions at the moment"
        else:
            return ""
        reason = health.get("reason")
        return f"{text}: {reason}" if isinstance(reason, str) and reason else text

    async def answers(self, url: str) -> bool:
        """Whether the server with this URL says anything at all."""
        try:
            await self._health(url)
        except (NotReachedError, NoAnswerError):
            return False
        return True

    async def _health(self, url: str) -> dict[str, Any]:
        """What it says; empty if that is something else."""
        host = urlsplit(url).netloc.encode("ascii", "replace")
        request = LeaderRequest(b"GET", HEALTH_PATH.encode(), [(b"host", host), (PASSED_ON, b"1")], b"")
        answer = await self._connections.ask(url, request, _SECONDS)
        try:
            content = await asyncio.wait_for(answer.content(), _SECONDS)
        except asyncio.TimeoutError:
            raise NoAnswerError("it fell silent") from None
        finally:
            answer.close()
        try:
            told = json.loads(content)
        except ValueError:
            return {}
        return told if isinstance(told, dict) else {}
