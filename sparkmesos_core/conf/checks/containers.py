"""Rules about containers, and the secrets that Mesos gives to tasks."""

from __future__ import annotations

import re
from collections.abc import Iterable

from sparkmesos_core.conf.checks.circumstances import Mode
from sparkmesos_core.conf.checks.rule import (
    APPLICATION,
    Found,
    Rules,
    Subject,
    severity_without_effect,
)
from sparkmesos_core.conf.finding import Severity
from sparkmesos_core.conf.values.secrets import Secret, parse_secrets
from sparkmesos_core.errors import UsageError

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
    "secret-and-docker",
    Severity.WARNING,
    "secrets that the docker containerizer does not hand on: those of executors (with Spark 4 where they are "
    "in files, or given by name), and of a driver those in files, or given by name",
    modes=APPLICATION,
)
def _secrets_in_docker(subject: Subject) -> Iterable[Found]:
    if not subject.text(_IMAGE) or subject.value("spark.mesos.containerizer") != "docker":
        return
    for role in _roles(subject):
        prefix = f"spark.mesos.{role}.secret."
        if subject.text(f"{prefix}filenames"):
            yield Found(
                f"{prefix}filenames makes no files in the docker containerizer, which the image runs in",
                "Set spark.mesos.containerizer=mesos.",
                f"{prefix}filenames",
            )
        # Those given by value a dispatcher of ours, and our backend for Spark 4, hand on as plain variables.
        by_spark = role == "executor" and not subject.since(4)
        if subject.text(f"{prefix}envkeys") and (by_spark or subject.text(f"{prefix}names")):
            yield Found(
                f"{prefix}envkeys makes empty variables in the docker containerizer, which the image runs in",
                "Set spark.mesos.containerizer=mesos.",
                f"{prefix}envkeys",
            )


@RULES.add(
    "network-and-addresses",
    Severity.WARNING,
    "`spark.mesos.network.name` with Spark 2.2 to 2.4.4, whose executors tell each other that they are at "
    "0.0.0.0",
    modes=APPLICATION,
)
def _network_addresses(subject: Subject) -> Iterable[Found]:
    key = "spark.mesos.network.name"
    # SPARK-28778, mended in 2.4.5 and 3.0.
    if subject.text(key) and subject.since(2, 2) and subject.before(2, 4, 5) and not subject.is_fine_grained:
        yield Found(
            f"With {key} executors of Spark {subject.circumstances.spark_version} tell each other that they "
            "are at 0.0.0.0, so that they find no shuffle files of others",
            "Use Spark 2.4.5 or newer.",
            key,
        )


@RULES.add(
    "image-and-executor-uri",
    Severity.WARNING,
    "an executor URI besides an image of the docker containerizer: executors look for the archive in the "
    "folder that the image starts in; a note for the Mesos containerizer, where that is the sandbox unless "
    "the image sets a WORKDIR",
    modes=APPLICATION,
)
def _image_and_uri(subject: Subject) -> Iterable[Found]:
    uri = subject.executor_uri
    if not subject.text(_IMAGE) or uri is None or not uri.value.strip():
        return
    docker = subject.value("spark.mesos.containerizer") == "docker"
    yield Found(
        "Executors look for the archive of spark.executor.uri in the folder that programs of the image start "
        "in (WORKDIR), but it is unpacked in the sandbox",
        "Without an executor URI they use the Spark in the image, where spark.mesos.executor.home says.",
        uri.key,
        None if docker else Severity.NOTE,
        origin=uri.origin,
    )


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
