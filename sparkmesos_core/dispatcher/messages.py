"""The messages of the REST submission protocol, version v1 (`org.apache.spark.deploy.rest` of Spark)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

PROTOCOL_VERSION = "v1"

# The dispatcher of Spark puts the text form of the driver's last TaskStatus into `message`, over several
# lines or squeezed into one. Its texts and bytes are in quotes, and cannot be taken for the field.
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_TASK_STATE = re.compile(r"\bstate:\s*(TASK_[A-Z_]+)")
_TASK_MESSAGE = re.compile(r'(?:^|\s)message:\s*"((?:[^"\\]|\\.)*)"', re.DOTALL)


@dataclass(frozen=True)
class CreateSubmissionRequest:
    """What a client asks a dispatcher to run. All of it is sent as it is: nothing is uploaded."""

    app_resource: str
    """The URI of the jar, Python or R file, as agents see it."""
    main_class: str
    """Empty for Python and R."""
    app_args: tuple[str, ...]
    spark_properties: Mapping[str, str]
    environment_variables: Mapping[str, str]
    client_spark_version: str

    def to_json(self) -> dict[str, Any]:
        """The message as Spark writes it: keys in alphabetical order."""
        return {
            "action": "CreateSubmissionRequest",
            "appArgs": list(self.app_args),
            "appResource": self.app_resource,
            "clientSparkVersion": self.client_spark_version,
            "environmentVariables": dict(self.environment_variables),
            "mainClass": self.main_class,
            "sparkProperties": dict(self.spark_properties),
        }


@dataclass(frozen=True)
class Submitted:
    """A submission that the dispatcher accepted."""

    submission_id: str
    unknown_fields: tuple[str, ...] = ()
    """What the dispatcher did not understand in the request, and left aside."""


@dataclass(frozen=True)
class Killed:
    """The dispatcher's answer to a kill."""

    submission_id: str
    success: bool
    message: str


class Outcome(Enum):
    """What has become of a driver."""

    QUEUED = "queued"
    RUNNING = "running"
    RETRYING = "retrying"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    KILLED = "killed"
    NOT_FOUND = "not found"


# Section 9.10 of the protocol's states: the word of Mesos for a driver that has ended.
_OUTCOME_OF_TASK = {
    "TASK_FINISHED": Outcome.SUCCEEDED,
    "TASK_KILLED": Outcome.KILLED,
}


@dataclass(frozen=True)
class DriverStatus:
    """What a dispatcher says of a driver."""

    submission_id: str
    driver_state: str
    """QUEUED, RUNNING, RETRYING, FINISHED, NOT_FOUND; empty if the dispatcher gave none."""
    message: str = ""
    """The text form of the driver's last TaskStatus, if there is one."""

    @property
    def task_state(self) -> str:
        """The last state that Mesos told of the task, such as TASK_FAILED; empty if none is known."""
        match = _TASK_STATE.search(_QUOTED.sub('""', self.message))
        return match[1] if match else ""

    @property
    def task_message(self) -> str:
        """What Mesos said of the driver's task, such as `Command exited with status 1`; may be empty."""
        match = _TASK_MESSAGE.search(self.message)
        return re.sub(r"\\(.)", r"\1", match[1]) if match else ""

    @property
    def outcome(self) -> Outcome:
        """What has become of the driver.

        Spark's dispatcher says FINISHED of every driver that has ended; how is in the state of its task. One
        that ended without a task never was launched, for instance because its labels were malformed.
        """
        if self.driver_state == "FINISHED":
            return _OUTCOME_OF_TASK.get(self.task_state, Outcome.FAILED)
        return {
            "QUEUED": Outcome.QUEUED,
            "RETRYING": Outcome.RETRYING,
            "NOT_FOUND": Outcome.NOT_FOUND,
        }.get(self.driver_state, Outcome.RUNNING)
