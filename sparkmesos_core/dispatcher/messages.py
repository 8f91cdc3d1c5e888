"""The messages of the REST submission protocol, version v1 (`org.apache.spark.deploy.rest` of Spark)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

PROTOCOL_VERSION = "v1"

TOKEN_PROPERTY = "spark.mesos.dispatcher.token"  # noqa: S105 - the name of one
"""The property with what a client made up to know its submission again by, should it have to repeat it."""

# The dispatcher of Spark puts the text form of the driver's last TaskStatus into `message`, over several
# lines or squeezed into one. Its texts and bytes are in quotes, and cannot be taken for the field.
# They are compiled where they are used, which most commands do not.
_QUOTED = r'(?s)"(?:[^"\\]|\\.)*"'
_TASK_STATE = r"\bstate:\s*(TASK_[A-Z_]+)"
_TASK_MESSAGE = r'(?s)(?:^|\s)message:\s*"((?:[^"\\]|\\.)*)"'
_REASON = r"\breason:\s*(REASON_[A-Z_]+)"
_TASK_ID = r'^\s*task_id\s*\{\s*value:\s*"([^"\\]*)"'
_AGENT_ID = r'\b(?:slave|agent)_id\s*\{\s*value:\s*"([^"\\]*)"'


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
    mesos_problem: str = ""
    """As in `mesos_problem`."""
    server_version: str = ""
    """The release of Spark that the dispatcher tells; empty if it tells none."""


@dataclass(frozen=True)
class Killed:
    """The dispatcher's answer to a kill."""

    submission_id: str
    success: bool
    message: str
    mesos_problem: str = ""
    """As in `mesos_problem`."""

    @property
    def has_no_task(self) -> bool:
        """Whether it waited, so that nothing has to be killed on an agent: the words of all dispatchers."""
        return self.message.startswith("Removed driver")


class Outcome(Enum):
    """What has become of a driver."""

    QUEUED = "queued"
    RUNNING = "running"
    RETRYING = "retrying"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    KILLED = "killed"
    LOST = "lost"
    NOT_FOUND = "not found"

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will become of it."""
        return self in _ENDS


_ENDS = frozenset({Outcome.SUCCEEDED, Outcome.FAILED, Outcome.KILLED, Outcome.LOST})

# The word of Mesos for a driver that has ended, where the dispatcher only says FINISHED.
_OUTCOME_OF_TASK = {
    "TASK_FINISHED": Outcome.SUCCEEDED,
    "TASK_KILLED": Outcome.KILLED,
    "TASK_LOST": Outcome.LOST,
}
_OUTCOMES = {outcome.value: outcome for outcome in _ENDS}


@dataclass(frozen=True)
class DriverStatus:
    """What a dispatcher says of a driver."""

    submission_id: str
    driver_state: str
    """QUEUED, RUNNING, RETRYING, FINISHED, NOT_FOUND; empty if the dispatcher gave none."""
    message: str = ""
    """The text form of the driver's last TaskStatus, if there is one."""
    fields: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """The whole answer: our own dispatcher tells more, in fields of their own (docs/reference/rest.md)."""

    @property
    def outcome(self) -> Outcome:
        """What has become of the driver.

        Spark's dispatcher says FINISHED of every driver that has ended; how is in the state of its task. One
        that ended without a task never was launched, for instance because its labels were malformed. Ours
        says so itself.
        """
        if self.driver_state == "FINISHED":
            told = _OUTCOMES.get(self.text("outcome"))
            return told or _OUTCOME_OF_TASK.get(self.task_state, Outcome.FAILED)
        return {
            "QUEUED": Outcome.QUEUED,
            "RETRYING": Outcome.RETRYING,
            "NOT_FOUND": Outcome.NOT_FOUND,
        }.get(self.driver_state, Outcome.RUNNING)

    @property
    def task_state(self) -> str:
        """The last state that Mesos told of the task, such as TASK_FAILED; empty if none is known."""
        return self._of_task("mesosState", _TASK_STATE)

    @property
    def task_message(self) -> str:
        """What Mesos said of the driver's task, such as `Command exited with status 1`; may be empty."""
        return self._of_task("mesosMessage", _TASK_MESSAGE, quoted=True)

    @property
    def reason(self) -> str:
        """Mesos' reason for the task's state, such as REASON_COMMAND_EXECUTOR_FAILED; may be empty."""
        return self._of_task("mesosReason", _REASON)

    @property
    def task_id(self) -> str:
        """Of the driver's latest task: the submission's id, of one launched again with more behind it."""
        return self.text("taskId") or self._of_message(_TASK_ID, quoted=True) or self.submission_id

    @property
    def agent_id(self) -> str:
        """The agent that the driver ran on last; empty if none is known."""
        return self.text("agentId") or self._of_message(_AGENT_ID, quoted=True)

    @property
    def waits_for(self) -> str:
        """What keeps it from being launched, as our own dispatcher tells it; empty if nothing is known."""
        return self._of_obstacle("message")

    @property
    def cause(self) -> str:
        """What that is in a word or two, such as "cores"; empty if nothing is known."""
        return self._of_obstacle("cause")

    @property
    def what_to_do(self) -> str:
        """What can be done about that; may be empty."""
        return self._of_obstacle("hint")

    @property
    def mesos_problem(self) -> str:
        """As in `mesos_problem`."""
        return mesos_problem(self.fields)

    def _of_obstacle(self, name: str) -> str:
        obstacle = self.fields.get("waitsFor")
        told = obstacle.get(name) if isinstance(obstacle, Mapping) else None
        return told if isinstance(told, str) else ""

    def text(self, name: str) -> str:
        """What our own dispatcher tells in a field; empty if it does not, or no text."""
        value = self.fields.get(name)
        return value if isinstance(value, str) else ""

    def _of_task(self, name: str, pattern: str, *, quoted: bool = False) -> str:
        """What was told of the latest task: nothing while Mesos has not said anything of that."""
        if "statusTaskId" in self.fields:
            return self.text(name) if self.text("statusTaskId") == self.task_id else ""
        return self._of_message(pattern, quoted=quoted)

    def _of_message(self, pattern: str, *, quoted: bool = False) -> str:
        match = re.search(pattern, self.message if quoted else re.sub(_QUOTED, '""', self.message))
        return re.sub(r"\\(.)", r"\1", match[1]) if match else ""


def mesos_problem(answer: Mapping[str, Any]) -> str:
    """Why the dispatcher that gave an answer has no subscription of Mesos: then it knows nothing new.

    Empty if it has one, or does not tell, as Spark's own.
    """
    told = answer.get("mesosProblem")
    return told if isinstance(told, str) else ""


def driver_status(submission_id: str, answer: Mapping[str, Any]) -> DriverStatus:
    """The status in an answer, which may be incomplete, or one of a list."""
    state = answer.get("driverState")
    return DriverStatus(
        submission_id, state if isinstance(state, str) else "", str(answer.get("message") or ""), answer
    )
