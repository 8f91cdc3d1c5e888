"""What a case is, and what cases can count on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tests.integration.drop_in_scripts.sides import Ran, Side

Seen = dict[str, object]


@dataclass(frozen=True)
class Stage:
    """What cases can count on."""

    master: str
    """A Mesos, as `--master` has it."""
    master_http: str
    nobody: str
    """The same, where nothing listens."""


@dataclass(frozen=True)
class Case:
    """One case; what comes of it is the same on both sides but for what is in `differs`."""

    play: Callable[[Side, Stage], Seen]
    differs: Mapping[str, str] = field(default_factory=dict)
    """What was seen, and the id of the difference that explains it."""

    @property
    def name(self) -> str:
        return self.play.__name__


def service_at(port: int) -> dict[str, str]:
    """The variable that lets the shuffle service listen there."""
    return {"SPARK_SHUFFLE_OPTS": f"-Dspark.shuffle.service.port={port}"}


def said(ran: Ran) -> tuple[int, str]:
    """The exit code, and what is on stdout."""
    return ran.code, ran.out.strip()
