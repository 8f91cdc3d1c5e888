"""What all our apps of Marathon have in common: the app definition of Marathon 1.4.6 to 1.11.

Its rules are those of Marathon's `AppDefinition` schema, `AppValidation.scala` and
`SchedulingValidation.scala`. Before 1.4.6 `destPath` is passed over, before 1.4.2 nothing can be `disabled`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sparkmesos_core.errors import UsageError
from sparkmesos_core.mesos.resources import Ranges
from sparkmesos_core.quoting import quoted
from sparkmesos_core.redaction import redact_text

DEFAULT_PORTS = Ranges(((31000, 32000),))
"""What a Mesos agent hands out if it is not told otherwise."""

_NAME = r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"
_SEGMENT = re.compile(rf"(?:{_NAME}\.)*{_NAME}")
_LONGEST_URI = 1024
_RESERVED = ("restart", "tasks", "versions")
_SECRET = re.compile(r"(?P<variable>[A-Za-z_][A-Za-z0-9_]*)=(?P<source>.+)", re.DOTALL)
_NOT_IN_ROLES = re.compile(r"[\t\n\v\f\r /\x7f]")


@dataclass(frozen=True)
class MarathonApp:
    """An app, and what whoever runs it has to know."""

    definition: dict[str, Any]
    """Its definition: JSON values."""
    notes: tuple[str, ...] = ()
    """Sentences without a full stop."""

    @property
    def id(self) -> str:
        """Its path: `/spark/dispatcher`."""
        return str(self.definition["id"])


@dataclass(frozen=True)
class Ports:
    """The ports that an app listens on."""

    named: Mapping[str, int]
    """By their names. 0: Marathon chooses one, and tells it as $PORT0, $PORT1 and so on."""
    offered: bool = False
    """Whether all agents hand out those that are fixed, so that they are taken as resources."""

    def to_json(self) -> dict[str, Any]:
        """The fields of the app. Without definitions Marathon would take a port of its own choice."""
        taken = self._taken()
        return {
            "portDefinitions": [
                {"name": name, "port": port, "protocol": "tcp"} for name, port in taken.items()
            ],
            "requirePorts": any(taken.values()),
        }

    def shell_word(self, name: str) -> str:
        """What stands for a port in the app's command."""
        port = self.named[name]
        return str(port) if port else f'"$PORT{list(self._taken()).index(name)}"'

    def checked(self, name: str) -> dict[str, int]:
        """The fields of a health check that asks this port."""
        port = self.named[name]
        return {"port": port} if port else {"portIndex": list(self._taken()).index(name)}

    def _taken(self) -> dict[str, int]:
        return {name: port for name, port in self.named.items() if not port or self.offered}


def ports_of(named: Mapping[str, int], agents: Sequence[Ranges]) -> Ports:
    """The ports of an app that may run on agents which hand out these ports in all.

    With no agent known they are taken to be as Mesos has it by default.
    """
    fixed = Ranges.of((port, port) for port in named.values() if port)
    return Ports(named, offered=all(one.contains(fixed) for one in agents or (DEFAULT_PORTS,)))


@dataclass(frozen=True)
class Wanted:
    """What an app of ours is told apart by."""

    id: str
    command: str
    """For /bin/sh."""
    user: str
    cpus: float
    mem: int
    """MiB."""
    instances: int
    constraints: Sequence[Sequence[str]]
    ports: Ports
    health_check: Mapping[str, Any]
    """What is asked and where; how often is the same for all."""
    role: str = ""
    """That of spark.mesos.role; empty: Marathon takes whatever it takes otherwise."""
    fetched: Sequence[Mapping[str, Any]] = ()
    """v1 CommandInfo.URIs that agents fetch."""
    variables: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    """Variables that Marathon sets to secrets, each with the name of the secret in its store."""
    is_single: bool = False
    """Whether two must never run, not even while one takes the place of the other."""


def definition(wanted: Wanted) -> dict[str, Any]:
    """The app definition. Raises UsageError for what Marathon would refuse."""
    _check_text(wanted)
    app: dict[str, Any] = {
        "id": app_id(wanted.id),
        "cmd": wanted.command,
        "user": wanted.user,
        "cpus": wanted.cpus,
        "mem": wanted.mem,
        "instances": wanted.instances,
        "constraints": [list(one) for one in wanted.constraints],
        **wanted.ports.to_json(),
        "healthChecks": [{**wanted.health_check, **_PATIENCE}],
        # A port has one holder, and a host one instance: the old one goes before the new one comes.
        "upgradeStrategy": {
            "minimumHealthCapacity": 0 if wanted.instances == 1 else 0.5,
            "maximumOverCapacity": 0,
        },
        "backoffSeconds": 1,
        "backoffFactor": 2,
        "maxLaunchDelaySeconds": 300,
        "taskKillGracePeriodSeconds": 30,
    }
    if wanted.fetched:
        app["fetch"] = [_fetch(uri) for uri in wanted.fetched]
    if wanted.role and wanted.role != "*":
        app["acceptedResourceRoles"] = [_role(wanted.role), "*"]
    if wanted.variables or wanted.secrets:
        # The app calls each secret as its variable, which is the name of no other.
        references = {name: {"secret": name} for name in wanted.secrets}
        app["env"] = {**wanted.variables, **references}
    if wanted.secrets:
        app["secrets"] = {name: {"source": source} for name, source in wanted.secrets.items()}
    if wanted.is_single:
        app["labels"] = {"MARATHON_SINGLE_INSTANCE_APP": "true"}
        app["unreachableStrategy"] = "disabled"
    else:
        # An agent that comes back within this time finds its instance as it was.
        app["unreachableStrategy"] = {"inactiveAfterSeconds": 300, "expungeAfterSeconds": 600}
    return app


_PATIENCE = {
    "gracePeriodSeconds": 120,
    "intervalSeconds": 30,
    "timeoutSeconds": 10,
    "maxConsecutiveFailures": 10,
}
"""Who starts again has lost what it knew of connections: that is for what hangs, not for what is slow."""


def app_id(text: str) -> str:
    """The id of an app, from the root. Raises UsageError."""
    segments = text.strip("/").split("/")
    if not all(map(_SEGMENT.fullmatch, segments)) or segments[-1] in _RESERVED:
        raise UsageError(
            f"{quoted(text)} is no id of a Marathon app",
            hint="Write it as /GROUP/NAME, of small letters, digits, hyphens and dots; the name is none of "
            f"{', '.join(_RESERVED)}.",
        )
    return "/" + "/".join(segments)


def marathon_secrets(given: Iterable[str]) -> dict[str, str]:
    """The variables and the names of their secrets in `VARIABLE=SOURCE`. Raises UsageError."""
    secrets = {}
    for text in given:
        if (match := _SECRET.fullmatch(text)) is None:
            # Not quoted: it may be the secret itself.
            raise UsageError(
                "--marathon-secret has to be VARIABLE=SOURCE",
                hint="SOURCE is the name of the secret in Marathon's store, not the secret.",
            )
        secrets[match["variable"]] = match["source"]
    return secrets


def _fetch(uri: Mapping[str, Any]) -> dict[str, Any]:
    """A v1 CommandInfo.URI in Marathon's words."""
    text = str(uri["value"])
    if redact_text(text) != text:
        raise UsageError(
            f"The URI {quoted(redact_text(text))} holds a secret, which all could read who see the app",
            hint="Give the archive a URI without one, or run it with --on-mesos.",
        )
    if len(text) > _LONGEST_URI:
        raise UsageError(
            f"The URI {quoted(text)} is longer than the {_LONGEST_URI} characters that Marathon takes",
            hint="Give the archive a shorter one.",
        )
    fetched = {"uri": text, "extract": uri.get("extract", True), "cache": uri.get("cache", False)}
    if "output_file" in uri:
        fetched["destPath"] = uri["output_file"]
    return fetched


def _check_text(wanted: Wanted) -> None:
    for text in (wanted.command, wanted.user, *wanted.variables.values()):
        try:
            text.encode()
        except UnicodeEncodeError:
            raise UsageError(
                f"{quoted(text)} is not Unicode",
                hint="No JSON can hold it: put it into a file of the agents.",
            ) from None


def _role(role: str) -> str:
    if role in (".", "..") or role.startswith("-") or _NOT_IN_ROLES.search(role):
        raise UsageError(
            f"Marathon does not take resources of the role {quoted(role)}",
            hint="It knows no roles with slashes or blanks. Set spark.mesos.role to another one, or run it "
            "with --on-mesos.",
        )
    return role
