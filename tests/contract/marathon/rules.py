"""What Marathon refuses of an app, in its form: paths, each with what is wrong there.

The schema has what holds of one field; here is what holds between fields, after Marathon's `AppValidation.scala`,
`SchedulingValidation.scala`, `EnvVarValidation.scala` and `PathId.scala`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import jsonschema

SCHEMA = Path(__file__).parent / "app.schema.json"
_RESERVED = {"restart", "tasks", "versions"}
_AT_AGENTS = {"MESOS_TCP", "MESOS_HTTP", "MESOS_HTTPS", "COMMAND"}


@cache
def _validator() -> Any:
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    jsonschema.Draft7Validator.check_schema(schema)
    return jsonschema.Draft7Validator(schema)


def violations(app: Any, *, secrets_enabled: bool = True, role: str = "*") -> list[tuple[str, str]]:
    """Where an app breaks the rules, and how; nothing if Marathon takes it.

    `secrets_enabled` says whether this Marathon has the feature, `role` for which role it is registered.
    """
    found = [
        ("/" + "/".join(map(str, error.absolute_path)), error.message)
        for error in _validator().iter_errors(app)
    ]
    return found or list(_between_fields(app, secrets_enabled, role))


def _between_fields(app: Mapping[str, Any], secrets_enabled: bool, role: str) -> Iterator[tuple[str, str]]:
    if app["id"].rsplit("/", 1)[-1] in _RESERVED:
        yield "/id", "ends with a reserved word"
    if ("cmd" in app) == ("args" in app):
        yield "/", "one of cmd and args has to be given, and not both"
    yield from _ports(app)
    yield from _health_checks(app)
    yield from _strategies(app)
    for index, constraint in enumerate(app.get("constraints", ())):
        for problem in _constraint(*constraint):
            yield f"/constraints/{index}", problem
    if not {*app.get("acceptedResourceRoles", ())} <= {"*", role}:
        yield "/acceptedResourceRoles", f"can only contain * and {role}"
    for index, fetched in enumerate(app.get("fetch", ())):
        if not _is_uri(fetched["uri"]):
            yield f"/fetch/{index}/uri", "URI has invalid syntax."
    secrets = app.get("secrets", {})
    if secrets and not secrets_enabled:
        yield "/secrets", "must be empty: the feature secrets is not enabled"
    for name, value in app.get("env", {}).items():
        if isinstance(value, dict) and value["secret"] not in secrets:
            yield f"/env/{name}", "references an undefined secret"


def _ports(app: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    definitions = app.get("portDefinitions", [])
    if (
        "ports" in app
        and "portDefinitions" in app
        and [one.get("port", 0) for one in definitions] != app["ports"]
    ):
        yield "/", "cannot specify both ports and port definitions"
    fixed = [one["port"] for one in definitions if one.get("port")]
    names = [one["name"] for one in definitions if "name" in one]
    if len({*fixed}) < len(fixed):
        yield "/portDefinitions", "Ports must be unique."
    if len({*names}) < len(names):
        yield "/portDefinitions", "Port names must be unique."
    # Marathon takes this, and gives the task another port than the one that it listens on.
    if fixed and not app.get("requirePorts", False):
        yield "/requirePorts", "a fixed port is a service port only, unless this is true"


def _health_checks(app: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    checks = app.get("healthChecks", [])
    if sum(one["protocol"] in _AT_AGENTS for one in checks) > 1:
        yield "/healthChecks", "at most one Mesos health check"
    for index, check in enumerate(checks):
        place = f"/healthChecks/{index}"
        count = len(app.get("portDefinitions", app.get("ports", ())))
        if "port" in check and "portIndex" in check:
            yield place, "both a port and an index"
        if "portIndex" in check and check["portIndex"] >= count:
            yield place, "port indices must address an element of the ports"
        if check["protocol"] != "COMMAND" and "port" not in check and "portIndex" not in check and count != 1:
            yield place, "which port is not said"
        if check.get("port") == 0:
            yield place, "nobody answers at port 0"
        if "HTTP" not in check["protocol"] and "path" in check:
            yield place, "a path is for HTTP only"


def _strategies(app: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    is_single = app.get("labels", {}).get("MARATHON_SINGLE_INSTANCE_APP") == "true"
    if is_single and app.get("instances", 1) > 1:
        yield "/instances", "Single instance app may only have one instance"
    strategy = app.get("upgradeStrategy", {"minimumHealthCapacity": 1, "maximumOverCapacity": 1})
    if is_single and any(strategy.values()):
        yield "/upgradeStrategy", "has to be 0 and 0 for a single instance"
    unreachable = app.get("unreachableStrategy", "disabled")
    if isinstance(unreachable, dict):
        inactive = unreachable.get("inactiveAfterSeconds", 0)
        if 0 != unreachable.get("expungeAfterSeconds", 0) <= inactive:
            yield "/unreachableStrategy", "expunges before it is inactive"


def _constraint(field: str, operator: str, value: str | None = None) -> Iterator[str]:
    if operator == "UNIQUE" and value is not None:
        yield "UNIQUE does not accept a value"
    if operator == "MAX_PER" and not (value or "").isdigit():
        yield "MAX_PER requires an integer value"
    if operator in ("LIKE", "UNLIKE"):
        try:
            re.compile(value or "")
        except re.error:
            yield "is not a valid regular expression"
        if not value:
            yield "LIKE and UNLIKE require a non-empty, regular expression value"


def _is_uri(text: str) -> bool:
    return " " not in text and bool(urlsplit(text).path)
