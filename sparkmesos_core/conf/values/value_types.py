"""The types that values of properties have, one constant or factory for each.

The parsers of structured values are imported when the first such value is read: the registry names all the
types, and completion wants it quickly.
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from sparkmesos_core.conf.properties.registered_property import ValueType
from sparkmesos_core.conf.values.durations import parse_duration
from sparkmesos_core.conf.values.java_strings import to_sequence
from sparkmesos_core.conf.values.scalars import parse_boolean, parse_choice, parse_integer, parse_number
from sparkmesos_core.conf.values.sizes import parse_mebibytes, parse_size
from sparkmesos_core.errors import UsageError
from sparkmesos_core.quoting import quoted

if TYPE_CHECKING:
    from sparkmesos_core.conf.values.constraints import Constraint
    from sparkmesos_core.conf.values.docker import DockerParameter, PortMap, Volume
    from sparkmesos_core.conf.values.labels import Label

_NOT_IN_ROLES = r"[\t\n\v\f\r \x7f]"
"""What Mesos refuses in the name of a role."""


def choice(*names: str, any_case: bool = False) -> ValueType:
    """One of some words; `any_case` if Spark does not mind their case."""
    return ValueType(
        "choice",
        partial(parse_choice, names=names, any_case=any_case),
        f"one of {', '.join(names)}",
        choices=names,
    )


def at_least(kind: ValueType, minimum: int | float) -> ValueType:
    """`kind`, whose value is a number, not below `minimum` (in the unit of its value)."""
    unit = f" {kind.unit}" if kind.unit else ""

    def parse(text: str) -> Any:
        value = kind.parse(text)
        if not value >= minimum:
            raise UsageError(
                f"{quoted(text)} is less than {minimum}{unit}", hint=f"Write {minimum}{unit} or more."
            )
        return value

    return replace(kind, parse=parse, expects=f"{kind.expects}; at least {minimum}{unit}")


def more_than(kind: ValueType, minimum: int | float) -> ValueType:
    """`kind`, whose value is a number, above `minimum` (in the unit of its value)."""
    unit = f" {kind.unit}" if kind.unit else ""

    def parse(text: str) -> Any:
        value = kind.parse(text)
        if not value > minimum:
            raise UsageError(
                f"{quoted(text)} is not more than {minimum}{unit}", hint=f"Write more than {minimum}{unit}."
            )
        return value

    return replace(kind, parse=parse, expects=f"{kind.expects}; more than {minimum}{unit}")


def between(kind: ValueType, minimum: int | float, maximum: int | float) -> ValueType:
    """`kind`, whose value is a number, from `minimum` to `maximum`."""

    def parse(text: str) -> Any:
        value = kind.parse(text)
        if not minimum <= value <= maximum:
            raise UsageError(
                f"{quoted(text)} is not between {minimum} and {maximum}",
                hint=f"Write a value from {minimum} to {maximum}.",
            )
        return value

    return replace(kind, parse=parse, expects=f"{kind.expects}; from {minimum} to {maximum}")


def _role(text: str) -> str:
    """A role as Mesos takes it (its documentation, "Roles": invalid role names); `a/b` is nested in `a`."""
    if text == "*":
        return text
    reason = ""
    if not text:
        reason = "it is empty"
    elif re.search(_NOT_IN_ROLES, text):
        reason = "it holds a blank or a control character"
    elif any(not part for part in text.split("/")):
        reason = "a part of it between slashes is empty"
    elif any(part in (".", "..", "*") or part[0] == "-" for part in text.split("/")):
        reason = "no part of it may be '.', '..' or '*' or begin with '-'"
    if reason:
        raise UsageError(
            f"{quoted(text)} is not a role: {reason}", hint="Write a name, as in analytics, or *."
        )
    return text


def _url(text: str) -> str:
    from urllib.parse import urlsplit  # which is slow to import

    try:
        parts = urlsplit(text)
        well_formed = bool(parts.scheme and parts.hostname) and text.isprintable()
        _ = parts.port  # a ValueError if it is none
    except ValueError:
        well_formed = False
    if not well_formed:
        raise UsageError(
            f"{quoted(text)} is not a URL", hint="Write it in full, as in http://host:8080/path."
        )
    return text


def _heap(text: str) -> int:
    mebibytes = parse_mebibytes(text, "b")
    if mebibytes < 1:
        raise UsageError(
            f"{quoted(text)} is less than 1 MiB",
            hint="A number without a unit means bytes here: write a unit, as in 1024m or 1g.",
        )
    return mebibytes


def _list(text: str) -> tuple[str, ...]:
    return tuple(to_sequence(text))


def _constraints(text: str) -> tuple[Constraint, ...]:
    from sparkmesos_core.conf.values.constraints import parse_constraints

    return parse_constraints(text)


def _labels(text: str) -> tuple[Label, ...]:
    from sparkmesos_core.conf.values.labels import parse_labels

    return parse_labels(text)


def _volumes(text: str) -> tuple[Volume, ...]:
    from sparkmesos_core.conf.values.docker import parse_volumes

    return parse_volumes(text)


def _port_maps(text: str) -> tuple[PortMap, ...]:
    from sparkmesos_core.conf.values.docker import parse_port_maps

    return parse_port_maps(text)


def _docker_parameters(text: str) -> tuple[DockerParameter, ...]:
    from sparkmesos_core.conf.values.docker import parse_docker_parameters

    return parse_docker_parameters(text)


def _java_options(text: str) -> tuple[str, ...]:
    from sparkmesos_core.conf.values.java_options import split_options

    return split_options(text)


TEXT = ValueType("text", str, "any text")
BOOLEAN = ValueType("boolean", parse_boolean, "true or false", choices=("true", "false"))
INTEGER = ValueType("integer", parse_integer, "a whole number")
NUMBER = ValueType("number", parse_number, "a number, as in 2 or 0.5")
PORT = between(INTEGER, 0, 65535)
"""0 means: any free one."""

LIST = ValueType("list", _list, "items separated by commas")
URIS = ValueType("list", _list, "URIs separated by commas")
URI = ValueType("URI", str, "a URI, as in hdfs://namenode/path, or a path on the agents")
URL = ValueType("URL", _url, "a URL, as in http://host:8080/path")
PATH = ValueType("path", str, "a path")

BYTES = ValueType("size", parse_size, "a size such as 512k or 2g; a bare number means bytes", "B")
MEBIBYTES = ValueType(
    "size",
    parse_mebibytes,
    "a size such as 512m or 2g; a bare number means MiB, and so does the value",
    "MiB",
)
MEMORY = ValueType(
    "size", _heap, "a size such as 512m or 2g, which needs its unit: a bare number means bytes", "B"
)
"""The heap of a JVM. The value is in MiB and at least 1."""
WHOLE_MEBIBYTES = ValueType("integer", parse_integer, "MiB as a whole number, without a unit", "MiB")
"""A size for which Spark takes no unit, such as `spark.mesos.executor.memoryOverhead`."""

SECONDS = ValueType(
    "time", partial(parse_duration, unit="s"), "a time such as 30s or 2m; a bare number means seconds", "s"
)
MILLISECONDS = ValueType(
    "time", partial(parse_duration, unit="ms"), "a time such as 500ms or 10s; a bare number means ms", "ms"
)
WHOLE_SECONDS = ValueType("integer", parse_integer, "seconds as a whole number, without a unit", "s")
"""A time for which Spark takes no unit, such as `spark.mesos.cluster.retry.wait.max`."""
FLOAT_SECONDS = ValueType("number", parse_number, "seconds, as in 30 or 0.5, without a unit", "s")

CONSTRAINTS = ValueType(
    "constraints", _constraints, "constraints on attributes of agents, as in os:centos7;zone:a,b"
)
LABELS = ValueType("labels", _labels, "labels, as in key:value,key2:value2")
VOLUMES = ValueType("volumes", _volumes, "volumes, as in /host:/container:ro,/other")
PORT_MAPS = ValueType("port maps", _port_maps, "port mappings, as in 8080:80,5353:53:udp")
DOCKER_PARAMETERS = ValueType(
    "docker parameters", _docker_parameters, "options of docker run, as in key=value,key2=value2"
)
JAVA_OPTIONS = ValueType("Java options", _java_options, "options of a JVM, as in -Xss4m -Dname=value")
ROLE = ValueType("role", _role, "the name of a Mesos role, or *")
