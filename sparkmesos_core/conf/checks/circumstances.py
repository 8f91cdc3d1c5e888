"""What a check has to know besides the configuration: which program it is for, and what is around it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum


class Mode(Enum):
    """The program that a configuration is for."""

    CLIENT = "client"
    """An application whose driver runs here (`submit`, client mode)."""
    CLUSTER = "cluster"
    """An application whose driver a dispatcher launches (`submit --deploy-mode cluster`)."""
    DISPATCHER = "dispatcher"
    """The dispatcher itself."""
    SHUFFLE_SERVICE = "shuffle-service"
    """The external shuffle service of an agent."""


@dataclass(frozen=True)
class FileFacts:
    """What matters about a file that a configuration names; nothing of what is in it."""

    exists: bool = True
    is_file: bool = True
    readable: bool = True
    """Whether we can read it."""
    world_readable: bool = False
    """Whether everybody on this machine can read it."""
    is_text: bool = True
    """Whether it is UTF-8; false also for one that is too large for a credential."""
    empty: bool = False
    ends_with_newline: bool = False


@dataclass(frozen=True)
class Circumstances:
    """Everything that rules look at besides the configuration."""

    mode: Mode
    spark_version: str | None = None
    """The Spark that will read the configuration; None if it is not known, and no rule depends on it then."""
    master: str | None = None
    """The Mesos master, or in cluster mode the dispatcher, as it was given; None if none was."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """The variables, with those that spark-env.sh sets."""
    scripts: Mapping[str, str] = field(default_factory=dict)
    """Variables that spark-env.sh sets: which script it was."""
    files: Mapping[str, FileFacts] = field(default_factory=dict)
    """Facts about files, by the path as the configuration writes it; rules pass over what is missing here."""
    spark_home: str | None = None
    """The folder of the Spark that will run; None if it is not known."""
    over_http: bool = False
    """Whether the driver speaks to Mesos over HTTP for certain, and libmesos does not matter."""
    starts_here: bool = False
    """Whether the program is about to start on this machine, so that all its files have to be here."""
    names_application: bool = False
    """Whether it is about one submission, and not about a configuration as such."""

    @property
    def version(self) -> tuple[int, int, int] | None:
        """The version of Spark as numbers; None if it is not known."""
        match = re.match(r"(\d+)\.(\d+)(?:\.(\d+))?", self.spark_version or "")
        return (int(match[1]), int(match[2]), int(match[3] or 0)) if match else None

    @property
    def is_application(self) -> bool:
        """Whether it is an application that is configured, not a daemon."""
        return self.mode in (Mode.CLIENT, Mode.CLUSTER)
