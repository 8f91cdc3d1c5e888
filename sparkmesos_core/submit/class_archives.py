"""The archive of Spark's classes that a submission uses, which its second one makes."""

from __future__ import annotations

import contextlib
import logging
import os
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from sparkmesos_core.bridge.class_archive import (
    ClassArchive,
    archive_in,
    is_plain,
    jars_in_order,
    named_archive,
    read_record,
    top_names,
)
from sparkmesos_core.bridge.class_archive_making import PATIENCE, Ingredients, make_archive, write_archive
from sparkmesos_core.bridge.kinds import BridgeKind
from sparkmesos_core.errors import BridgeError, UsageError
from sparkmesos_core.quoting import printable
from sparkmesos_core.submit.class_archive_use import conf_names, driver_can, hides_conf, java_opts

if TYPE_CHECKING:
    from sparkmesos_core.spark.home import SparkHome
    from sparkmesos_core.spark.java import Java
    from sparkmesos_core.submit.client_mode import Submission

logger = logging.getLogger(__name__)


def usable_archive(submission: Submission, bridge: Path | None) -> ClassArchive | None:
    """The archive that is there and that the submission's driver can use. Writes nothing."""
    archive = _wanted(submission, bridge)
    if archive is None or (record := read_record(archive)) is None or record.failure:
        return None
    folders = conf_folders(submission.spark, submission.environment)
    if hides_conf(record.names, folders):
        logger.info(
            "Without the archive of Spark's classes: a file of conf has the name of one in Spark's jars"
        )
        return None
    return archive


def note_use(archive: ClassArchive) -> None:
    """Notes that a submission uses an archive: those that nobody has used for long are removed."""
    with contextlib.suppress(OSError):  # of somebody else, or on a disk that is read only
        os.utime(archive.record)


def make_usable_archive(submission: Submission, bridge: Path | None, announce: Callable[[str], None]) -> str:
    """Makes the archive that the submission could use, if there is none.

    Returns what to warn of, once: why there is none. Else it is empty, whether an archive was made or not.
    """
    archive = _wanted(submission, bridge)
    if archive is None or bridge is None or read_record(archive) is not None:
        return ""
    spark = submission.spark
    jars = jars_in_order(spark.jars)
    folders = conf_folders(spark, submission.environment)
    try:
        if any(map(conf_names, folders)) and hides_conf(top_names(jars), folders):
            return ""
        of = Ingredients(spark.path, jars, bridge, submission.java.home, submission.environment)
        make_archive(archive, of, announce)
    except BridgeError as error:
        return (
            "Spark starts without an archive of its classes, until `sparkmesos bridge archive` has made one: "
            + error.message
        )
    except (OSError, zipfile.BadZipFile) as error:
        logger.info("There can be no archive of Spark's classes in %s: %s", archive.base.parent, error)
    return ""


def made_archive(
    bridge: Path,
    spark: SparkHome,
    java: Java,
    environment: Mapping[str, str],
    announce: Callable[[str], None],
) -> ClassArchive:
    """The archive that submissions of this machine use, made if it is not there.

    One that could not be made is tried again. Raises BridgeError.
    """
    jars = jars_in_order(spark.jars)
    archive = archive_in(bridge.parent, bridge, jars, java.home)
    if archive is None:
        raise BridgeError(
            f"There can be no archive of Spark's classes in {bridge.parent} for {spark.path}",
            hint="Both paths may have letters, digits and ./_+=@,~- in them, and the Java has to have all "
            "its files, lib/server/classes.jsa among them.",
        )
    if (record := read_record(archive)) is not None and record.failure:
        archive.record.unlink(missing_ok=True)
    with _told_where(archive):
        of = Ingredients(spark.path, jars, bridge, java.home, environment)
        make_archive(archive, of, announce, limit=PATIENCE)
    if (record := read_record(archive)) is None:
        raise BridgeError(f"{archive.classes} is being made by another process", hint="Wait half a minute.")
    if record.failure:
        raise BridgeError(f"Another process could not make {archive.classes}: {record.failure}")
    return archive


def written_archive(
    output: Path,
    spark: SparkHome,
    java: Java,
    environment: Mapping[str, str],
    announce: Callable[[str], None],
) -> ClassArchive:
    """Writes an archive for executors, without the bridge, to `output`, which ends in `.jsa`.

    Raises UsageError for another name, or one whose jar is something else, and BridgeError.
    """
    archive = named_archive(output)
    jars = jars_in_order(spark.jars)
    if not all(map(is_plain, jars)):
        raise BridgeError(
            f"There can be no archive of the classes in {printable(str(spark.jars))}",
            hint="Its path may have letters, digits and ./_+=@,~- in it.",
        )
    with _told_where(archive):
        announce("Making an archive of Spark's classes (about 30 s)…")
        write_archive(archive, Ingredients(spark.path, jars, None, java.home, environment))
    return archive


def require_archives(spark: SparkHome) -> None:
    """Raises UsageError for a Spark that has no archives."""
    if spark.bridge_kind is not BridgeKind.BACKEND:
        raise UsageError(
            f"Archives of classes are for Spark 4; {spark.path} ({spark.origin}) is Spark {spark.version}",
            hint="Name a Spark 4 by --spark-home or SPARK_HOME.",
        )


@contextlib.contextmanager
def _told_where(archive: ClassArchive) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise BridgeError(
            f"The archive cannot be written to {archive.base.parent}: {error.strerror or error}",
            hint="Name a folder that exists and is writable (--output, SPARKMESOS_CACHE_DIR).",
        ) from error


def conf_folders(spark: SparkHome, environment: Mapping[str, str]) -> tuple[Path, ...]:
    """The folders that are `conf` on the class paths of the driver, and of executors of this machine."""
    own = spark.path / "conf"
    named = environment.get("SPARK_CONF_DIR")
    return (own, Path(named)) if named and Path(named) != own else (own,)


def _wanted(submission: Submission, bridge: Path | None) -> ClassArchive | None:
    """The archive that the driver could use if it were there."""
    client = submission.client
    if (
        bridge is None
        or not submission.options.class_archive
        or submission.spark.bridge_kind is not BridgeKind.BACKEND
        or not driver_can(
            client.configuration,
            submission.environment,
            java_opts(conf_folders(submission.spark, submission.environment)),
        )
    ):
        return None
    return archive_in(bridge.parent, bridge, jars_in_order(submission.spark.jars), submission.java.home)
