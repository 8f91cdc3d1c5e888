"""What somebody wants to have run, as it was understood when it was accepted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from sys import intern
from typing import Any

DEFAULT_QUEUE = "default"


@dataclass(frozen=True, slots=True)
class Submission:
    """An accepted submission. Its text has been validated: what can be wrong with it was said to the client.

    `spark.mesos.dispatcher.driverDefault.*` of the dispatcher is merged beneath `properties` already, so all
    that depends on a property (image, URIs, memory, constraints, labels) sees the same; not so in Spark.
    """

    app_resource: str
    main_class: str
    """Empty for Python and R."""
    app_args: tuple[str, ...]
    properties: Mapping[str, str] = field(repr=False)
    environment: Mapping[str, str] = field(repr=False)
    name: str
    cores: float
    heap: int
    """Of the driver's JVM, MiB."""
    memory: int
    """Of its container, MiB: the heap and one overhead."""
    supervise: bool = False
    max_retries: int | None = None
    """How often a supervised driver is launched again at most; None: without end."""
    queue: str = DEFAULT_QUEUE
    priority: float = 0.0
    """Of its queue; larger ones first."""
    client_version: str = ""

    def __post_init__(self) -> None:
        # Thousands of drivers wait with much the same names: each is kept once.
        for field_name in ("properties", "environment"):
            named = {intern(name): value for name, value in getattr(self, field_name).items()}
            object.__setattr__(self, field_name, named)

    def to_json(self) -> dict[str, Any]:
        """All of it, secrets too: for stores, which are protected, and nobody else."""
        return {
            "app_resource": self.app_resource,
            "main_class": self.main_class,
            "app_args": list(self.app_args),
            "properties": dict(self.properties),
            "environment": dict(self.environment),
            "name": self.name,
            "cores": self.cores,
            "heap": self.heap,
            "memory": self.memory,
            "supervise": self.supervise,
            "max_retries": self.max_retries,
            "queue": self.queue,
            "priority": self.priority,
            "client_version": self.client_version,
        }

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Submission:
        """What `to_json` made. KeyError or TypeError for what it cannot have made."""
        known = {name: fields[name] for name in cls.__dataclass_fields__}
        return cls(**{**known, "app_args": tuple(known["app_args"])})
