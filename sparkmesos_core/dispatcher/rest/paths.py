"""Which request means what: methods and paths of the submission protocol.

As Spark's `RestSubmissionServer` has it (recorded from 3.5.9), with what Spark 4 and this dispatcher add:
killall, clear and readyz; and GET of the submissions themselves, which lists them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from sparkmesos_core.dispatcher.messages import PROTOCOL_VERSION
from sparkmesos_core.quoting import printable

UNKNOWN_VERSION = 468
"""The status for a version that is not spoken here; no HTTP standard knows it."""

_LONGEST_SHOWN = 80
_WHERE = f"Please submit requests through http://[host]:[port]/{PROTOCOL_VERSION}/submissions/..."


class Action(Enum):
    """What can be asked for. The values are what stands behind `/v1/submissions`."""

    CREATE = "create"
    KILL = "kill"
    STATUS = "status"
    KILL_ALL = "killall"
    CLEAR = "clear"
    READY = "readyz"
    LIST = ""


@dataclass(frozen=True)
class Route:
    """A request that there is an answer to."""

    action: Action
    submission_id: str = ""
    """Of a kill or status; never empty then."""


@dataclass(frozen=True)
class Refusal:
    """A request that none of the protocol's messages answers."""

    status: int
    message: str = ""
    """Of the ErrorResponse; without one there is no body."""
    version_unknown: bool = False
    headers: tuple[tuple[str, str], ...] = ()


_METHODS: Mapping[Action, str] = {
    Action.CREATE: "POST",
    Action.KILL: "POST",
    Action.STATUS: "GET",
    Action.KILL_ALL: "POST",
    Action.CLEAR: "POST",
    Action.READY: "GET",
    Action.LIST: "GET",
}
_ACTIONS = {action.value: action for action in _METHODS if action is not Action.LIST}
# What servlets know; they do not implement any other method.
_KNOWN_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE"})


def find_route(method: str, path: str) -> Route | Refusal:
    """What a request means. `path` is without percent signs, so that `a%2Fb` is two segments, as in Spark.

    Segments behind those that are needed are ignored. Unlike in Spark, `/v1/other` is a malformed path and
    not an unknown version. A POST to the submissions themselves is one that lacks its action, as in Spark.
    """
    head, _, rest = path.removeprefix("/").partition("/")
    prefix, _, rest = rest.partition("/")
    if head == PROTOCOL_VERSION and prefix == "submissions":
        name, _, rest = rest.partition("/")
        if (action := _ACTIONS.get(name)) is not None:
            return _for_action(method, action, rest.partition("/")[0])
        if not name and not rest and method != "POST":
            return _for_action(method, Action.LIST, "")
    return _unroutable(path)


def _for_action(method: str, action: Action, submission_id: str) -> Route | Refusal:
    expected = _METHODS[action]
    if method != expected and not (method == "HEAD" and expected == "GET"):
        return _wrong_method(method, expected)
    if action in (Action.KILL, Action.STATUS):
        if not submission_id:
            return Refusal(400, f"Submission ID is missing in {action.value} request.")
        return Route(action, submission_id)
    return Route(action)


def _wrong_method(method: str, expected: str) -> Refusal:
    allowed = ("POST", "OPTIONS") if expected == "POST" else ("GET", "HEAD", "OPTIONS")
    headers = (("Allow", ", ".join(allowed)),)
    if method == "OPTIONS":
        return Refusal(200, headers=headers)
    if method not in _KNOWN_METHODS:
        return Refusal(501)
    return Refusal(405, f"HTTP method {method} is not supported by this URL", headers=headers)


def _unroutable(path: str) -> Refusal:
    parts = [part for part in path.split("/") if part]
    if not parts:
        return Refusal(400, f"Missing protocol version. {_WHERE}")
    if parts[0] != PROTOCOL_VERSION:
        shown = printable(parts[0][:_LONGEST_SHOWN])
        return Refusal(UNKNOWN_VERSION, f"Unknown protocol version '{shown}'. {_WHERE}", version_unknown=True)
    if len(parts) == 1:
        return Refusal(400, f"Missing the /submissions prefix. {_WHERE}")
    if parts[1] != "submissions":
        return Refusal(400, f"Malformed path. {_WHERE}")
    return Refusal(400, f"Missing an action: please specify one of /create, /kill, or /status. {_WHERE}")
