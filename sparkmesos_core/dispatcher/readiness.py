"""What a dispatcher answers when it is asked whether it is ready: ours tells, Spark's own does not know."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Readiness:
    """How a dispatcher is."""

    is_ours: bool
    """False for Spark's own, which is taken for ready, as it does not tell."""
    spark_version: str
    """The Spark whose dispatcher it is, or speaks like; empty if it tells none."""
    ready: bool = True
    """Whether it takes submissions."""
    subscribed: bool = True
    """Whether Mesos knows it at this moment: else what it accepts waits."""
    reason: str = ""
    """Why it is not ready, or not subscribed."""
    master: str = ""
    """Its Mesos master, as a URL, without a password; empty if it does not tell."""
    framework_id: str = ""
    """Its id at Mesos; empty if it has none, or does not tell."""


def readiness_of(answer: Mapping[str, Any], *, ready: bool) -> Readiness:
    """What one of our dispatchers answers to `readyz`; `ready` is whether it did so with 200."""
    return Readiness(
        is_ours=True,
        spark_version=_text(answer, "serverSparkVersion"),
        ready=ready,
        subscribed=ready and answer.get("subscribed") is not False,
        reason=_text(answer, "message"),
        master=_text(answer, "master"),
        framework_id=_text(answer, "frameworkId"),
    )


def readiness_of_spark(refusal: Mapping[str, Any]) -> Readiness:
    """The same of Spark's own, by its refusal of a question that it does not know."""
    return Readiness(is_ours=False, spark_version=_text(refusal, "serverSparkVersion"))


def _text(answer: Mapping[str, Any], name: str) -> str:
    value = answer.get(name)
    return value if isinstance(value, str) else ""
