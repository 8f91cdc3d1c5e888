"""What a dispatcher accepts, and what it adds to a submission: the part of its configuration that says so."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from sparkmesos_core.conf.values.scalars import parse_boolean, parse_number
from sparkmesos_core.conf.values.value_types import INTEGER, ROLE, at_least
from sparkmesos_core.dispatcher.drivers.submission import DEFAULT_QUEUE
from sparkmesos_core.dispatcher.launch.bridge import URI_PROPERTY
from sparkmesos_core.dispatcher.launch.cluster import Cluster
from sparkmesos_core.dispatcher.rest.properties import combination_problems, property_problems
from sparkmesos_core.errors import UsageError

T = TypeVar("T")

DRIVER_DEFAULT = "spark.mesos.dispatcher.driverDefault."
QUEUE = "spark.mesos.dispatcher.queue"
MAX_RETRIES = "spark.mesos.driver.supervise.maxRetries"
ENFORCE_ROLE = "spark.mesos.dispatcher.role.enforce"
ROLE_PROPERTY = "spark.mesos.role"
_FOR_ALL = ("spark.mesos.uris", "spark.mesos.fetcherCache.enable", URI_PROPERTY)
"""Properties of the dispatcher that go into every driver's task, and can be wrong."""


@dataclass(frozen=True)
class Rules:
    """How submissions are judged and completed."""

    queues: Mapping[str, float] = field(default_factory=lambda: {DEFAULT_QUEUE: 0.0})
    """Priorities by name; `default` is always among them."""
    defaults: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Properties of drivers that do not set them themselves."""
    max_retries: int | None = None
    """Of supervised drivers that do not say so themselves; None: without end."""
    role: str = "*"
    """The dispatcher's."""
    enforce_role: bool = False
    """Whether drivers must have the dispatcher's role, and get it if they name none (a rule of DC/OS)."""
    spark_home: str | None = None
    """Where agents have Spark, for submissions that do not say; without it they must."""
    properties: Mapping[str, str] = field(default_factory=dict, repr=False)
    """All of the dispatcher's, some of which go into the tasks of drivers."""

    @property
    def cluster(self) -> Cluster:
        """What a command is made with to see how long it is: the true master is known when drivers begin."""
        return Cluster(
            "zk://master:2181/mesos", self.properties, self.spark_home, self.properties.get(URI_PROPERTY)
        )

    @classmethod
    def from_properties(cls, properties: Mapping[str, str], *, spark_home: str | None = None) -> Rules:
        """The rules that a dispatcher's properties make; `spark_home` is its SPARK_HOME.

        Raises UsageError, naming the property, for a priority that is no number, a redefined queue
        `default`, defaults for drivers that no submission could have, and what no driver could be launched
        with.
        """
        queues = {DEFAULT_QUEUE: 0.0}
        for key, text in properties.items():
            if key.startswith(f"{QUEUE}."):
                name = key[len(QUEUE) + 1 :]
                if name == DEFAULT_QUEUE:
                    raise UsageError(
                        f"{key} redefines the queue {DEFAULT_QUEUE}, whose priority is 0",
                        hint="Give queues of other names priorities above or below 0.",
                    )
                if not name:
                    raise UsageError(f"{key} names no queue", hint=f"Write {QUEUE}.NAME=PRIORITY.")
                try:
                    queues[name] = parse_number(text)
                except UsageError as error:
                    raise UsageError(f"{key}: {error.message}", hint=error.hint) from error
        prefix = len(DRIVER_DEFAULT)
        defaults = {key[prefix:]: text for key, text in properties.items() if key.startswith(DRIVER_DEFAULT)}
        for problem in (*property_problems(defaults), *combination_problems(defaults)):
            raise UsageError(f"{DRIVER_DEFAULT}{problem.key}: {problem.message}", hint=problem.hint)
        for_all = {key: properties[key] for key in _FOR_ALL if key in properties}
        for problem in (*property_problems(for_all), *combination_problems(for_all)):
            raise UsageError(f"{problem.key}: {problem.message}", hint=problem.hint)
        return cls(
            queues=queues,
            defaults=defaults,
            max_retries=_parsed(properties, MAX_RETRIES, at_least(INTEGER, 0).parse),
            role=_parsed(properties, ROLE_PROPERTY, ROLE.parse) or "*",
            enforce_role=_parsed(properties, ENFORCE_ROLE, parse_boolean) or False,
            spark_home=properties.get("spark.home") or spark_home or None,
            properties=properties,
        )


def _parsed(properties: Mapping[str, str], key: str, parse: Callable[[str], T]) -> T | None:
    text = properties.get(key)
    if text is None:
        return None
    try:
        return parse(text)
    except UsageError as error:
        raise UsageError(f"{key}: {error.message}", hint=error.hint) from error
