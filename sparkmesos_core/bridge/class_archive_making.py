"""Makes archives of Spark's classes (`class_archive.py`), by a run of Spark that Java watches."""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from sparkmesos_core.bridge.class_archive import (
    MANIFEST,
    ArchiveRecord,
    ClassArchive,
    is_class_path_jar,
    manifest_with_class_path,
    read_record,
    record_text,
    top_names,
)
from sparkmesos_core.errors import BridgeError, UsageError
from sparkmesos_core.lock_files import open_file, try_lock
from sparkmesos_core.program_answer import Answer, ask_program
from sparkmesos_core.spark.core_jar import find_core_jar

logger = logging.getLogger(__name__)

TIME_LIMIT = 120.0
"""Seconds that the run may take where a submission waits for it: it takes 30 of one core."""
PATIENCE = 900.0
"""The same where somebody asked for it."""

_TRAINING = Path(__file__).with_name("class_training.py")
_LAUNCHER = "org.apache.spark.launcher.Main"
_SUBMIT = "org.apache.spark.deploy.SparkSubmit"
_PROPERTIES = {
    "spark.master": "local[1]",
    "spark.ui.enabled": "false",
    "spark.eventLog.enabled": "false",
    "spark.driver.memory": "512m",
    "spark.sql.shuffle.partitions": "1",
}
# As compile.py has it: the program runs for seconds. None of this is kept in the archive.
_JAVA_OPTIONS = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-XX:-UsePerfData")
# Which of Spark's classes drivers and executors load on a cluster, by the beginnings of their jars' names.
_ON_CLUSTERS: Mapping[str, tuple[str, ...]] = {
    "spark-core_": (
        "org/apache/spark/api/python/",
        "org/apache/spark/deploy/PythonRunner",
        "org/apache/spark/executor/",
        "org/apache/spark/rpc/",
        "org/apache/spark/scheduler/cluster/CoarseGrained",
    ),
    "spark-network-common_": ("org/apache/spark/network/",),
}
# All that a program wants of the environment which says where its libraries are.
_INHERITED = ("LANG", "LC_ALL", "LD_LIBRARY_PATH", "PATH")
_ABANDONED_SECONDS = 3600.0
_UNUSED_SECONDS = 14 * 24 * 3600.0
_WORK = ".classes-"
_LAST_LINES = 12


@dataclass(frozen=True)
class Ingredients:
    """What an archive is made of."""

    spark_home: Path
    jars: Sequence[Path]
    """Spark's, in their order."""
    bridge: Path | None
    """In front of them; None for executors only, which do without."""
    java_home: Path
    environment: Mapping[str, str]


def make_archive(
    archive: ClassArchive, of: Ingredients, announce: Callable[[str], None], *, limit: float = TIME_LIMIT
) -> bool:
    """Makes an archive, unless it is there or somebody else makes it right now: then it is false.

    `announce` gets one line, since it takes half a minute, and at most `limit` seconds. Archives that nobody
    needs any more are removed. Raises BridgeError if it cannot be made, which its record says from then on;
    if it cannot even be written, OSError. Whatever interrupts it, nothing is left but an empty lock file.
    """
    archive.base.parent.mkdir(parents=True, exist_ok=True)
    lock = open_file(archive.lock, os.O_RDWR | os.O_CREAT)
    try:
        if not try_lock(lock, fcntl.LOCK_EX) or read_record(archive) is not None:
            return False
        announce(
            "Making an archive of Spark's classes, with which it starts in two thirds of the time "
            "(once per Spark and Java, about 30 s)…"
        )
        _remove_others(archive, of)
        archive.record.unlink(missing_ok=True)
        with _work_folder(archive) as work:
            try:
                record = _written(archive, of, work, limit)
            except BridgeError as error:
                archive.classes.unlink(missing_ok=True)
                failed = ArchiveRecord(*_made_for(of), failure=error.message)
                _write_record(archive, failed, work)
                raise
            _write_record(archive, record, work)
    finally:
        os.close(lock)
    return True


def write_archive(archive: ClassArchive, of: Ingredients) -> None:
    """Writes an archive without a record, over one that may be there, which stays if this fails.

    Raises UsageError if its jar would take the place of one that is none of an archive, BridgeError if it
    cannot be made, and OSError.
    """
    if archive.class_path.exists() and not is_class_path_jar(archive.class_path):
        raise UsageError(
            f"{archive.class_path} is there, and belongs to no archive of classes",
            hint="Name another file: the jar of an archive has its name, with .jar instead of .jsa.",
        )
    with _work_folder(archive) as work:
        _written(archive, of, work, PATIENCE)


@contextlib.contextmanager
def _work_folder(archive: ClassArchive) -> Iterator[Path]:
    """A folder beside the archive, which goes with the block, also where a signal ends that."""
    with _ended_by_exception(), tempfile.TemporaryDirectory(prefix=_WORK, dir=archive.base.parent) as work:
        yield Path(work)


def _written(archive: ClassArchive, of: Ingredients, work: Path, limit: float) -> ArchiveRecord:
    """Makes both files of an archive in `work`, and puts them in their places together."""
    began = time.monotonic()
    try:
        names, loaded = top_names(of.jars), _names_on_clusters(of)
    except (OSError, zipfile.BadZipFile) as error:
        raise BridgeError(f"Spark's jars, or the bridge, cannot be read: {error}") from error
    jar, former = work / "class-path.jar", work / "former.jar"
    bridge = [] if of.bridge is None else [of.bridge]
    jars = [Path(os.path.realpath(path)) for path in (*bridge, *of.jars)]
    with zipfile.ZipFile(jar, "w") as opened:
        opened.writestr(MANIFEST, manifest_with_class_path(jars, archive.base.parent))
    with contextlib.suppress(FileNotFoundError):
        archive.class_path.replace(former)
    try:
        # Java wants to find it where it was when the archive was made.
        jar.replace(archive.class_path)
        _train(archive, of, loaded, work, limit)
        made = work / archive.classes.name
        size = made.stat().st_size
        made.replace(archive.classes)
    except BaseException:
        archive.class_path.unlink(missing_ok=True)
        if former.exists():
            former.replace(archive.class_path)
        raise
    logger.info("Made %s (%s MB) in %.0f s", archive.classes, size >> 20, time.monotonic() - began)
    return ArchiveRecord(*_made_for(of), bytes=size, names=names)


def _train(archive: ClassArchive, of: Ingredients, loaded: Sequence[str], work: Path, limit: float) -> None:
    """Has Java write the archive into `work`, with these classes besides. Raises BridgeError."""
    names = work / "names"
    names.write_text("".join(f"{name}\n" for name in loaded), encoding="utf-8")
    environment = _environment(of, work)
    made = work / archive.classes.name
    deadline = time.monotonic() + limit
    command = _command(of, [str(_TRAINING), str(names)], environment, deadline)
    java, *options = command
    options[options.index("-cp") + 1] = str(archive.class_path)
    watched = [java, f"-XX:ArchiveClassesAtExit={made}", *_JAVA_OPTIONS, f"-Djava.io.tmpdir={work}", *options]
    answer = _ask(watched, environment, deadline)
    if answer.status != 0 or not made.is_file():
        told = _javas_own(answer.stdout) or answer.stderr or answer.stdout
        raise BridgeError(
            f"The run of Spark that Java is to watch failed (exit code {answer.status}):\n{_last_lines(told)}"
        )


def _javas_own(stdout: str) -> str:
    """What Java itself has said, such as why there can be no archive; what Spark says is on stderr."""
    return "\n".join(line for line in stdout.splitlines() if line.startswith("["))


def _command(
    of: Ingredients, application: Sequence[str], environment: Mapping[str, str], deadline: float
) -> list[str]:
    """The command that bin/spark-submit becomes for an application, as Spark's launcher makes it."""
    options = [part for name, value in _PROPERTIES.items() for part in ("--conf", f"{name}={value}")]
    java = str(of.java_home / "bin" / "java")
    jars = str(of.spark_home / "jars" / "*")
    launcher = [java, "-XX:-UsePerfData", "-cp", jars, _LAUNCHER, _SUBMIT, *options, *application]
    answer = _ask(launcher, environment, deadline)
    # Each word ends in NUL; in front of them is a NUL with a line end, for the shell that starts it.
    words = answer.stdout.lstrip("\0\n").split("\0")[:-1]
    if answer.status != 0 or not words or "-cp" not in words or not words[0].endswith("java"):
        raise BridgeError(
            f"Spark's launcher does not tell its command:\n{_last_lines(answer.stderr or answer.stdout)}"
        )
    return words


def _ask(command: Sequence[str], environment: Mapping[str, str], deadline: float) -> Answer:
    try:
        return ask_program(command, timeout=max(0.1, deadline - time.monotonic()), environment=environment)
    except subprocess.TimeoutExpired:
        raise BridgeError("The run of Spark that Java is to watch has not ended in time") from None
    except OSError as error:
        raise BridgeError(f"{command[0]} does not start: {error.strerror or error}") from error


def _environment(of: Ingredients, work: Path) -> dict[str, str]:
    """Of the user's, what programs need to start; neither options nor secrets, and no file outside `work`."""
    python = sys.executable
    core = find_core_jar(jar.name for jar in of.jars)
    return {
        **{name: of.environment[name] for name in _INHERITED if name in of.environment},
        "HOME": str(work),
        "JAVA_HOME": str(of.java_home),
        "PYSPARK_DRIVER_PYTHON": python,
        "PYSPARK_PYTHON": python,
        "SPARK_CONF_DIR": str(work / "no-conf"),
        "SPARK_HOME": str(of.spark_home),
        "SPARK_LOCAL_DIRS": str(work),
        "SPARK_LOCAL_IP": "127.0.0.1",
        # bin/load-spark-env.sh says this to the launcher.
        "SPARK_SCALA_VERSION": core.scala_version if core else "2.13",
        "TMPDIR": str(work),
    }


def _names_on_clusters(of: Ingredients) -> list[str]:
    """The classes to load that a run without a cluster does not, the bridge's among them."""
    wanted = [
        (jar, starts) for jar in of.jars for name, starts in _ON_CLUSTERS.items() if jar.name.startswith(name)
    ]
    if of.bridge is not None:
        wanted.append((of.bridge, ("org/",)))
    names = []
    for jar, starts in wanted:
        with zipfile.ZipFile(jar) as opened:
            names += [
                name for name in opened.namelist() if name.startswith(starts) and name.endswith(".class")
            ]
    return sorted(name.removesuffix(".class").replace("/", ".") for name in names)


def _made_for(of: Ingredients) -> tuple[str, str]:
    return os.path.realpath(of.spark_home / "jars"), os.path.realpath(of.java_home)


def _write_record(archive: ClassArchive, record: ArchiveRecord, work: Path) -> None:
    unfinished = work / "record"
    unfinished.write_text(record_text(record), encoding="utf-8")
    unfinished.replace(archive.record)


def _remove_others(archive: ClassArchive, of: Ingredients) -> None:
    """Removes archives that nobody needs any more, and what was left by who was killed.

    Those are archives of a Spark or a Java that is no more, those that nobody has used for long, and records
    of failures with this Spark and Java as they were. Others stay: another sparkmesos, or the same on another
    machine with this home, may use them in turn with this one.
    """
    folder = archive.base.parent
    for path in folder.glob("classes-*.json"):
        other = ClassArchive(path.with_suffix(""))
        if other == archive:
            continue
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            read = json.loads(path.read_text(encoding="utf-8"))
            made_for = str(read["jars"]), str(read["java"])
            if (
                time.time() - path.stat().st_mtime > _UNUSED_SECONDS
                or not all(map(os.path.exists, made_for))
                or (read["failure"] and made_for == _made_for(of))
            ):
                # JVMs that have mapped it keep it until they end.
                for one in (other.record, other.classes, other.class_path, other.lock):
                    one.unlink(missing_ok=True)
    for left in folder.glob(f"{_WORK}*"):
        with contextlib.suppress(OSError):
            if time.time() - left.stat().st_mtime > _ABANDONED_SECONDS:
                shutil.rmtree(left)


@contextlib.contextmanager
def _ended_by_exception() -> Iterator[None]:
    """In the main thread: makes SIGTERM and SIGHUP end the block as Ctrl-C does, which cleans up."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, _frame: FrameType | None) -> NoReturn:
        raise SystemExit(128 + number)

    before: dict[signal.Signals, Any] = {}
    try:
        for number in (signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is signal.SIG_DFL:
                before[number] = signal.signal(number, end)
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _last_lines(text: str) -> str:
    return "\n".join(text.strip().splitlines()[-_LAST_LINES:])
