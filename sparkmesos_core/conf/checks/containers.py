"""Rules about containers, the secrets that Mesos gives to tasks, and constraints on agents."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from sparkmesos_core.conf.checks.circumstances import Mode
from sparkmesos_core.conf.checks.rule import (
    APPLICATION,
    Found,
    Rules,
    Subject,
    severity_without_effect,
)
from sparkmesos_core.conf.finding import Severity
from sparkmesos_core.conf.values.constraints import Constraint
from sparkmesos_core.conf.values.scalars import java_double
from sparkmesos_core.conf.values.secrets import Secret, parse_secrets
from sparkmesos_core.errors import UsageError
from sparkmesos_core.quoting import quoted

RULES = Rules()

_IMAGE = "spark.mesos.executor.docker.image"
_DOCKER = "spark.mesos.executor.docker."


@RULES.add(
    "image-missing",
    Severity.WARNING,
    "settings of a container (volumes, parameters, …) without `spark.mesos.executor.docker.image`; notes "
    "if they come from a file",
    modes=APPLICATION,
)
def _no_image(subject: Subject) -> Iterable[Found]:
    if subject.setting(_IMAGE) is not None:
        return
    for key in (
        f"{_DOCKER}volumes",
        f"{_DOCKER}portmaps",
        f"{_DOCKER}parameters",
        f"{_DOCKER}forcePullImage",
        "spark.mesos.containerizer",
    ):
        setting = subject.setting(key)
        if setting is not None and subject.is_changed(key):
            yield Found(
                f"{key} has no effect without {_IMAGE}: Spark then asks for no container of an image",
                f"Set {_IMAGE}, or remove {key}.",
                key,
                severity_without_effect(setting),
            )


@RULES.add(
    "docker-containerizer-only",
    Severity.WARNING,
    "port maps or docker parameters with `spark.mesos.containerizer=mesos`, which has neither",
    modes=APPLICATION,
)
def _docker_only(subject: Subject) -> Iterable[Found]:
    if subject.setting(_IMAGE) is None or subject.value("spark.mesos.containerizer") != "mesos":
        return
    for key in (f"{_DOCKER}portmaps", f"{_DOCKER}parameters"):
        if subject.text(key):
            yield Found(
                f"{key} has no effect with spark.mesos.containerizer=mesos",
                "Use the docker containerizer, or remove it.",
                key,
            )


@RULES.add(
    "portmaps-without-network",
    Severity.WARNING,
    "port maps on the host's network, which is Spark's default: Mesos refuses to start such a container",
    modes=APPLICATION,
)
def _port_maps(subject: Subject) -> Iterable[Found]:
    docker = subject.value("spark.mesos.containerizer") == "docker"
    key = f"{_DOCKER}portmaps"
    if (
        docker
        and subject.setting(_IMAGE)
        and subject.text(key)
        and not subject.setting("spark.mesos.network.name")
    ):
        yield Found(
            f"{key} needs a network: without spark.mesos.network.name the container is on the host's, "
            "where Mesos refuses port maps",
            "Set spark.mesos.network.name, or remove the port maps: on the host's network every port is "
            "open.",
            key,
        )


@RULES.add(
    "network-name-missing",
    Severity.WARNING,
    "`spark.mesos.network.labels` without `spark.mesos.network.name`; a note if it comes from a file",
    modes=APPLICATION,
)
def _network(subject: Subject) -> Iterable[Found]:
    setting = subject.setting("spark.mesos.network.labels")
    if setting is not None and setting.value and subject.setting("spark.mesos.network.name") is None:
        yield Found(
            "spark.mesos.network.labels has no effect without spark.mesos.network.name",
            "Set the name of the network, or remove the labels.",
            setting.key,
            severity_without_effect(setting),
        )


@RULES.add(
    "shuffle-service-and-image",
    Severity.WARNING,
    "the external shuffle service with executors in an image, but no volume through which it sees their "
    "files",
    modes=APPLICATION,
)
def _shuffle(subject: Subject) -> Iterable[Found]:
    if subject.value("spark.shuffle.service.enabled") is not True or not subject.text(_IMAGE):
        return
    parameters = subject.text(f"{_DOCKER}parameters") or ""
    mounted = re.search(r"(^|,)\s*(v|volume|mount)=", parameters)
    if not subject.setting(f"{_DOCKER}volumes") and not mounted:
        yield Found(
            "Executors run in an image without volumes, so the shuffle service of the agent cannot see "
            "their files",
            f"Mount a folder of the agent with {_DOCKER}volumes, and name it in spark.local.dir.",
            "spark.shuffle.service.enabled",
        )


@RULES.add(
    "task-secrets",
    Severity.ERROR,
    "secrets for drivers or executors that contradict themselves: given by name and by value, or another "
    "number of `envkeys` or `filenames` than of secrets",
    modes=APPLICATION,
)
def _task_secrets(subject: Subject) -> Iterable[Found]:
    for role in _roles(subject):
        try:
            _secrets(subject, role)
        except UsageError as error:
            yield Found(
                f"The secrets of spark.mesos.{role}.secret.* contradict each other: {error.message}",
                error.hint,
                _first_of(subject, role),
            )


@RULES.add(
    "secret-without-destination",
    Severity.WARNING,
    "secrets for drivers or executors that go nowhere: neither `envkeys` nor `filenames` are given",
    modes=APPLICATION,
)
def _nowhere(subject: Subject) -> Iterable[Found]:
    for role in _roles(subject):
        try:
            secrets = _secrets(subject, role)
        except UsageError:
            continue
        if any(secret.variable is None and secret.file is None for secret in secrets):
            prefix = f"spark.mesos.{role}.secret"
            yield Found(
                f"The secrets of {prefix}.* go nowhere",
                f"Name variables for them in {prefix}.envkeys, or files in {prefix}.filenames.",
                _first_of(subject, role),
            )


@RULES.add(
    "secret-file-and-docker",
    Severity.WARNING,
    "secrets as files in an image of the docker containerizer: only the Mesos containerizer mounts them",
    modes=APPLICATION,
)
def _secret_files(subject: Subject) -> Iterable[Found]:
    if not subject.text(_IMAGE) or subject.value("spark.mesos.containerizer") != "docker":
        return
    for role in _roles(subject):
        key = f"spark.mesos.{role}.secret.filenames"
        if subject.text(key):
            yield Found(
                f"{key} needs the Mesos containerizer, but the image runs in the docker containerizer",
                "Set spark.mesos.containerizer=mesos, or pass the secrets in variables (envkeys).",
                key,
            )


# A comma separates values, so that only one end of it may be in a value. 12-3 alone may be a text.
_BRACKET = re.compile(r"\s*[\[{]|.*[\]}]\s*$", re.DOTALL)


@RULES.add(
    "constraint-notation",
    Severity.WARNING,
    "a constraint whose value is written as agents write ranges or sets, `[1-9]` or `{a,b}`: Spark would "
    "look for an attribute of just this text",
    modes=APPLICATION,
)
def _notation(subject: Subject) -> Iterable[Found]:
    for key, constraint in _constraints(subject):
        odd = [value for value in constraint.values if _BRACKET.match(value)]
        if odd:
            yield Found(
                f"{key} asks for {constraint.attribute} to be '{odd[0]}', which is how agents write "
                "ranges and sets; a constraint lists single values",
                "Separate values by commas, without brackets. Spark up to 3.5 never finds a value in "
                "an attribute that is a range.",
                key,
            )


@RULES.add(
    "constraint-blank",
    Severity.WARNING,
    "a constraint with a blank that Spark takes for a part of the name or value, `zone: a`, so that no agent "
    "meets it",
    modes=APPLICATION,
)
def _blanks(subject: Subject) -> Iterable[Found]:
    for key, constraint in _constraints(subject):
        # Mesos takes all blanks out of the values that an agent is given, but none out of the names.
        odd = [value for value in constraint.values if " " in value and java_double(value) is None]
        if constraint.attribute.strip() != constraint.attribute:
            odd.insert(0, constraint.attribute)
        if odd:
            yield Found(
                f"{key} looks for {quoted(odd[0])}, with its blank, which no agent has",
                "Write NAME:VALUE,VALUE;NAME:VALUE with blanks around semicolons at most.",
                key,
            )


def _constraints(subject: Subject) -> Iterator[tuple[str, Constraint]]:
    """The constraints that somebody looks at here, each with the property that holds it."""
    keys = ["spark.mesos.constraints"]
    if subject.mode is Mode.CLUSTER:
        keys.append("spark.mesos.driver.constraints")
    for key in keys:
        for constraint in subject.value(key) or ():
            yield key, constraint


def _roles(subject: Subject) -> list[str]:
    return ["driver", "executor"] if subject.mode is Mode.CLUSTER else ["executor"]


def _secrets(subject: Subject, role: str) -> tuple[Secret, ...]:
    parts = [subject.text(f"spark.mesos.{role}.secret.{part}") or "" for part in _PARTS]
    return parse_secrets(*parts)


def _first_of(subject: Subject, role: str) -> str:
    """The property to point at: the first that is set."""
    keys = [f"spark.mesos.{role}.secret.{part}" for part in _PARTS]
    return next(key for key in keys if subject.setting(key) is not None)


_PARTS = ("names", "values", "envkeys", "filenames")
