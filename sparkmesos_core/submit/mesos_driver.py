"""What speaks to Mesos inside the driver's JVM in client mode: libmesos, or the bridge over HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from sparkmesos_core.bridge.kinds import BridgeKind
from sparkmesos_core.errors import MasterUrlError, SparkNotFoundError, UsageError
from sparkmesos_core.master import EmbeddedMaster, MesosMaster, ZooKeeperMaster, parse_master
from sparkmesos_core.spark import native_library
from sparkmesos_core.spark.home import SparkHome

Master = MesosMaster | ZooKeeperMaster | EmbeddedMaster


class MesosDriver(Enum):
    """What speaks to Mesos inside the driver's JVM."""

    AUTO = "auto"
    """libmesos where there is one, else the bridge."""
    NATIVE = "native"
    """libmesos."""
    HTTP = "http"
    """The bridge, which speaks the v1 HTTP API."""


@dataclass(frozen=True)
class ClientModeOptions:
    """What sparkmesos itself can be told about a submission in client mode."""

    mesos_driver: MesosDriver = MesosDriver.AUTO
    ca_file: Path | None = None
    start_timeout: float | None = None
    """Seconds after which an application whose executors do not start is given up; None waits for ever."""
    work_dir: Path | None = None
    """Where an embedded cluster keeps what it writes."""
    preflight_timeout: float | None = None
    """Seconds to look, before the driver starts, for what would make it hang or fail; None does not look."""
    class_archive: bool = True
    """Whether JVMs may start with an archive of Spark's classes, and one may be made."""
    typed: tuple[str, ...] = ()
    """The options for client mode that were given with this command. What is set for good may not apply."""


def libmesos_for(
    options: ClientModeOptions,
    master: Master | None,
    environment: Mapping[str, str],
    spark: SparkHome | None,
) -> Path | None:
    """The libmesos to use, None for the bridge.

    `master` and `spark` are None if they are not known, `environment` is as spark-env.sh leaves it. Raises
    UsageError if libmesos cannot do what is asked for, or its variable names no file; SparkNotFoundError if
    there is none, but it has to be.
    """
    reason = _needs_bridge(options, master, spark)
    if options.mesos_driver is MesosDriver.HTTP or (options.mesos_driver is MesosDriver.AUTO and reason):
        return None
    if reason:
        raise UsageError(
            f"--mesos-driver native was asked for, but {reason}", hint="Leave out --mesos-driver native."
        )
    found = native_library.find_libmesos(environment)
    if found is None and options.mesos_driver is MesosDriver.NATIVE:
        raise SparkNotFoundError(
            "--mesos-driver native was asked for, but there is no libmesos in the usual places",
            hint=f"Set {native_library.VARIABLE} to its path, or use --mesos-driver http, which needs none.",
        )
    return found


def check_options(options: ClientModeOptions, configuration: Mapping[str, str]) -> None:
    """Raises UsageError for an option that has no meaning for this submission."""
    if configuration.get("spark.submit.deployMode") == "cluster":
        for option in options.typed:
            raise UsageError(
                f"{option} is for client mode, but --deploy-mode is cluster",
                hint=f"Leave out {option}: the driver will run on an agent, started by the dispatcher.",
            )
        return
    master = _known(configuration.get("spark.master"))
    if options.work_dir is not None and master is not None and not isinstance(master, EmbeddedMaster):
        raise UsageError(
            "--work-dir is for an embedded master only",
            hint=f"Leave it out: the sandboxes of {master} are on its agents.",
        )


def check_driver(
    options: ClientModeOptions,
    master: str | None,
    environment: Mapping[str, str],
    spark: SparkHome | None,
) -> None:
    """Raises UsageError if libmesos was asked for and cannot be had.

    Not if its variable names no file: that matters without having asked, too.
    """
    known = _known(master)
    is_native = options.mesos_driver is MesosDriver.NATIVE
    if is_native and (_needs_bridge(options, known, spark) or not environment.get(native_library.VARIABLE)):
        try:
            libmesos_for(options, known, environment, spark)
        except SparkNotFoundError as error:
            raise UsageError(error.message, hint=error.hint) from error


def speaks_http(
    options: ClientModeOptions,
    master: str | None,
    environment: Mapping[str, str],
    spark: SparkHome | None,
) -> bool:
    """Whether the driver would speak to Mesos over HTTP; false as well if it would not get so far.

    `master` is the text of the URL, which need not be one, or None if there is none; `spark` is None if it is
    not known.
    """
    try:
        return libmesos_for(options, _known(master), environment, spark) is None
    except (UsageError, SparkNotFoundError):
        return False


def _known(master: str | None) -> Master | None:
    try:
        return parse_master(master) if master else None
    except MasterUrlError:
        return None


def _needs_bridge(options: ClientModeOptions, master: Master | None, spark: SparkHome | None) -> str:
    """Why libmesos cannot do what is asked for; empty if it can."""
    if spark is not None and spark.bridge_kind is BridgeKind.BACKEND:
        return f"Spark {spark.version} has no backend of its own that would use libmesos"
    if isinstance(master, EmbeddedMaster):
        return "the embedded cluster speaks only HTTP, not libmesos' protocol"
    if options.ca_file is not None or (isinstance(master, MesosMaster) and master.scheme == "https"):
        return "libmesos does not speak https"
    if options.start_timeout is not None:
        return "only the bridge watches the start of executors (--start-timeout)"
    return ""
