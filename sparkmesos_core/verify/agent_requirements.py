"""What of Mesos an agent has to know for what is configured, and since which release it does."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from sparkmesos_core.preflight.cluster_facts import AgentFacts
from sparkmesos_core.preflight.need import COARSE, GPUS
from sparkmesos_core.submit.mesos_driver import speaks_http
from sparkmesos_core.verify.subject import Subject

Version = tuple[int, ...]


@dataclass(frozen=True)
class Requirement:
    """Something that agents know from a release on."""

    version: Version
    what: str
    """As the subject of a sentence."""
    key: str
    """The property that asks for it."""

    @property
    def text(self) -> str:
        """The version, for messages."""
        return ".".join(map(str, self.version))


_IMAGE = "spark.mesos.executor.docker.image"
_SECRETS = tuple(
    f"spark.mesos.executor.secret.{part}" for part in ("names", "values", "envkeys", "filenames")
)
# By the documentation of Spark, and the release notes of Mesos.
_DOCKER = Requirement((0, 20, 1), "an image of Docker", _IMAGE)
_CACHE = Requirement((0, 23, 0), "the cache of the fetcher", "spark.mesos.fetcherCache.enable")
_GPU = Requirement((1, 0, 0), "a GPU", GPUS)
_NETWORK = Requirement((1, 0, 0), "a network of containers", "spark.mesos.network.name")
_FINE_GRAINED = Requirement((1, 0, 0), "fine-grained mode without libmesos", COARSE)
_SECRET = Requirement((1, 3, 0), "a secret", _SECRETS[0])


def requirements_of(subject: Subject) -> tuple[Requirement, ...]:
    """What an application as configured would ask of agents. Raises UsageError for values that are none."""
    configuration = subject.configuration
    found = []
    if configuration.get(_IMAGE):
        found.append(_DOCKER)
    if configuration.typed("spark.mesos.fetcherCache.enable"):
        found.append(_CACHE)
    if configuration.typed(GPUS):
        found.append(_GPU)
    if configuration.get("spark.mesos.network.name"):
        found.append(_NETWORK)
    if not configuration.typed(COARSE) and speaks_http(
        subject.options, subject.master.spark_url, subject.environment, subject.client.spark
    ):
        found.append(_FINE_GRAINED)
    if key := next((key for key in _SECRETS if key in configuration), None):
        found.append(Requirement(_SECRET.version, _SECRET.what, key))
    return tuple(found)


def too_old(agents: Sequence[AgentFacts], requirement: Requirement) -> list[AgentFacts]:
    """The agents that are known to be older."""
    return [
        agent
        for agent in agents
        if (version := version_of(agent.version)) is not None and version < requirement.version
    ]


def version_of(text: str) -> Version | None:
    """The numbers of a version, `1.12.0-dev`; None if it is none."""
    match = re.match(r"(\d+)\.(\d+)(?:\.(\d+))?", text)
    return tuple(int(part or 0) for part in match.groups()) if match else None
