"""The rules that an archive must keep so that executors and drivers can run from it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sparkmesos_core.bridge.kinds import BridgeKind, is_untried, untried
from sparkmesos_core.conf.finding import Finding, Severity
from sparkmesos_core.dist.entry import Entry, EntryKind
from sparkmesos_core.dist.facts import BRIDGE, Facts, core_jars, segments_of, spark_folder
from sparkmesos_core.dist.names import executor_prefix, leads_there, problem_of, stem
from sparkmesos_core.quoting import quoted
from sparkmesos_core.spark.core_jar import release_of

LARGE_BYTES = 600_000_000
"""Above this, an archive gets a note. Spark's own releases have up to 400 MB."""

_SPARK_JAR = re.compile(r"spark-[a-z-]+_(?P<scala>\d+\.\d+)-\d.*\.jar")
_SOURCED = ("load-spark-env.sh", "find-spark-home")
_MOST_NAMED = 5
_MOST_LINKS = 40
"""So many links Linux follows on one path (path_resolution(7)); links in a circle have more."""
_BUILD = (
    "Use a release of Spark 2.4 or newer, or build one with the profile -Pmesos: "
    "./dev/make-distribution.sh --tgz -Pmesos"
)


@dataclass(frozen=True)
class _Archive:
    """What the rules look at."""

    name: str
    facts: Facts
    entries: Sequence[Entry]
    paths: Sequence[tuple[str, ...]]
    """The segments of each entry's path."""
    spark: str | None
    """The top folder that Spark is in."""
    bridge: bool

    def find(self, *inside: str) -> Entry | None:
        """What has this path inside Spark's folder; the last one counts, as it does for tar."""
        wanted = (self.spark, *inside)
        found = None
        for entry, path in zip(self.entries, self.paths, strict=True):
            if path == wanted:
                found = entry
        return found

    def jars(self) -> Iterator[tuple[str, Entry]]:
        for entry, path in zip(self.entries, self.paths, strict=True):
            if len(path) == 3 and path[:2] == (self.spark, "jars") and path[2].endswith(".jar"):
                yield path[2], entry


def check_archive(facts: Facts, entries: Sequence[Entry], name: str, *, bridge: bool = True) -> list[Finding]:
    """All that is wrong or noteworthy with an archive that is to be called `name`, errors first.

    The entries have their paths with the top folder. `bridge` says whether it is meant to hold the bridge.
    """
    paths = [segments_of(entry.name) for entry in entries]
    archive = _Archive(name, facts, entries, paths, spark_folder(entries), bridge)
    findings = [finding for rule in _RULES for finding in rule(archive)]
    order = list(Severity)
    return sorted(findings, key=lambda finding: order.index(finding.severity))


def _error(id: str, message: str, hint: str) -> Finding:
    return Finding(id, Severity.ERROR, message, hint)


def _warning(id: str, message: str, hint: str) -> Finding:
    return Finding(id, Severity.WARNING, message, hint)


def _note(id: str, message: str, hint: str) -> Finding:
    return Finding(id, Severity.NOTE, message, hint)


def _archive_name(archive: _Archive) -> Iterator[Finding]:
    if problem := problem_of(archive.name):
        yield _error(
            "archive-name",
            problem,
            "Call it as Spark's releases are called: spark-3.5.9-bin-hadoop3.tgz. "
            "A destination that is a folder has a slash at its end.",
        )


def _top_folder(archive: _Archive) -> Iterator[Finding]:
    """`cd BASE*; ./bin/spark-class` (MesosCoarseGrainedSchedulerBackend, MesosClusterScheduler)."""
    base = executor_prefix(archive.name)
    tops = archive.facts.top_folders
    loose = [
        path[0]
        for entry, path in zip(archive.entries, archive.paths, strict=True)
        if len(path) == 1 and entry.kind is not EntryKind.FOLDER
    ]
    if archive.spark is None or problem_of(archive.name):
        return  # no Spark, or no name that leads anywhere: said by other rules
    if archive.spark == "":
        yield _error(
            "no-top-folder",
            f"Spark is not in a folder: {_some(tops)} are at the top of the archive, and executors run "
            f"`cd {base}*`",
            f"Pack the folder that holds them, under the name {stem(archive.name)}.",
        )
        return
    if not archive.spark.startswith(base):
        yield _error(
            "top-folder",
            f"executors run `cd {base}*`, but the archive's folder is {quoted(archive.spark)}",
            f"Call the archive {archive.spark}.tgz, or the folder {stem(archive.name)}.",
        )
    elif not leads_there(archive.name, archive.spark):
        yield _error(
            "top-folder-order",
            f"executors run `cd {base}*` beside {archive.name}, which dash finds before the folder "
            f"{quoted(archive.spark)}",
            f"Call the archive {archive.spark}.tgz, or the folder {stem(archive.name)}.",
        )
    others = [top for top in tops if top != archive.spark]
    if clashing := [top for top in others if top.startswith(base)]:
        yield _error(
            "several-top-folders",
            f"executors run `cd {base}*`, which matches {_some([archive.spark, *clashing])}",
            "Leave but one of them in the archive.",
        )
    elif others:
        yield _warning(
            "beside-top-folder",
            f"{_some(others)} would be unpacked into sandboxes beside {quoted(archive.spark)}",
            "Leave them out." if not loose else "Leave them out; files there can replace those of a task.",
        )


def _programs(archive: _Archive) -> Iterator[Finding]:
    if not archive.spark:
        return
    for name in ("spark-class", "spark-submit"):
        entry = archive.find("bin", name)
        if entry is None or entry.kind is EntryKind.FOLDER:
            yield _error(
                "missing-program",
                f"there is no bin/{name}, which Mesos starts",
                "Pack a whole Spark: an unpacked release or a pip-installed pyspark.",
            )
        elif entry.kind is EntryKind.FILE and entry.mode & 0o111 != 0o111:
            yield _error(
                "not-executable",
                f"bin/{name} is not executable for everybody (its mode is {entry.mode & 0o777:o})",
                "Set it by: chmod +x bin/*, then pack again.",
            )
        elif entry.kind is EntryKind.FILE and entry.size == 0:
            yield _error("missing-program", f"bin/{name} is empty", "Restore it from the release.")
    for name in _SOURCED:
        if archive.find("bin", name) is None:
            yield _error(
                "missing-program",
                f"there is no bin/{name}, which bin/spark-class reads",
                "Restore it from the release.",
            )


def _spark(archive: _Archive) -> Iterator[Finding]:
    facts = archive.facts
    if archive.spark is None or facts.spark_version is None or facts.release is None:
        is_pyspark = any(path[1:3] == ("deps", "jars") for path in archive.paths)
        yield _error(
            "no-spark",
            "there is no Spark in it: no folder at its top has a jars/spark-core_*.jar",
            "It looks like pyspark as it is published: install it with pip, and name the folder pyspark in "
            "site-packages."
            if is_pyspark
            else "Name a released spark-*.tgz, a SPARK_HOME or a checkout of Spark.",
        )
        return
    if facts.bridge_kind is not BridgeKind.BACKEND:
        yield from _mesos_of_its_own(archive)
    if facts.hadoop_version is None:
        yield _warning(
            "no-hadoop",
            "this Spark was built without Hadoop",
            "Every agent needs Hadoop's jars, and SPARK_DIST_CLASSPATH in the environment of executors.",
        )


def _mesos_of_its_own(archive: _Archive) -> Iterator[Finding]:
    """What a Spark before 4.0 needs inside; since then the bridge brings all of it."""
    facts = archive.facts
    if not facts.has_spark_mesos:
        yield _error(
            "no-mesos",
            f"this Spark {facts.spark_version} was built without Mesos: there is no jars/spark-mesos_*.jar",
            _BUILD + ".",
        )
    if facts.mesos_version is None:
        yield _error("no-mesos-jar", "there is no jars/mesos-*.jar, the library of Mesos", _BUILD + ".")
    if archive.bridge and facts.has_spark_mesos and facts.bridge_kind is None:
        made_for = " and ".join(kind.sparks for kind in BridgeKind)
        yield _error(
            "too-old-for-bridge",
            f"the bridge to Mesos is made for {made_for}, and this is {facts.spark_version}",
            "Leave it out by --no-bridge; agents then need libmesos.",
        )


def _jars(archive: _Archive) -> Iterator[Finding]:
    if not archive.spark:
        return
    cores = core_jars(archive.entries)
    if len(cores) > 1:
        named = _some([f"spark-core_{scala}-{version}.jar" for scala, version in cores])
        yield _error(
            "several-sparks",
            f"jars/ holds more than one Spark: {named}",
            "Unpack a release into a new folder.",
        )
    scalas = {match["scala"] for name, _ in archive.jars() if (match := _SPARK_JAR.fullmatch(name))}
    if len(scalas) > 1 and len({scala for scala, _ in cores}) < 2:
        yield _error(
            "mixed-scala",
            f"jars/ holds jars of Spark for different releases of Scala: {' and '.join(sorted(scalas))}",
            "Unpack a release into a new folder.",
        )
    if empty := [name for name, jar in archive.jars() if jar.kind is EntryKind.FILE and jar.size == 0]:
        yield _error(
            "empty-jar", f"jars/ holds empty files: {_some(empty)}", "Restore them from the release."
        )


def _paths(archive: _Archive) -> Iterator[Finding]:
    """What tar would put outside the sandbox, or refuse to."""
    outside, odd, special = [], [], []
    links = {
        path: entry.target
        for entry, path in zip(archive.entries, archive.paths, strict=True)
        if entry.kind is EntryKind.LINK
    }
    for entry, path in zip(archive.entries, archive.paths, strict=True):
        if entry.name.startswith("/") or ".." in path:
            outside.append(entry.name)
        elif entry.target and _leaves(path[:-1] if entry.kind is EntryKind.LINK else (), entry.target, links):
            outside.append(f"{entry.name} -> {entry.target}")
        elif entry.kind is EntryKind.OTHER and not entry.target:
            odd.append(entry.name)
        elif entry.mode & 0o6000 and entry.kind is EntryKind.FILE:
            special.append(entry.name)
    if outside:
        yield _error(
            "leads-outside",
            f"paths or links lead out of the folder that it is unpacked in: {_some(outside)}",
            "Such an archive may replace files of the agent. Build it again from a folder that you know.",
        )
    if odd:
        yield _error("special-file", f"it holds devices or pipes: {_some(odd)}", "Leave them out.")
    if special:
        yield _warning(
            "set-user-id", f"files run as their owner: {_some(special)}", "Spark has none; see what they are."
        )


def _twice(archive: _Archive) -> Iterator[Finding]:
    files = Counter(
        "/".join(path)
        for entry, path in zip(archive.entries, archive.paths, strict=True)
        if entry.kind is not EntryKind.FOLDER
    )
    if twice := [name for name, count in files.items() if count > 1]:
        yield _warning(
            "twice", f"it holds these more than once: {_some(twice)}", "The last one counts; build it again."
        )


def _configuration(archive: _Archive) -> Iterator[Finding]:
    own = [
        path[2]
        for entry, path in zip(archive.entries, archive.paths, strict=True)
        if archive.spark and len(path) == 3 and path[:2] == (archive.spark, "conf")
        if entry.kind is not EntryKind.FOLDER and not path[2].endswith(".template")
    ]
    if own:
        yield _warning(
            "own-configuration",
            f"conf/ holds more than templates: {_some(own)}",
            "Whoever can fetch the archive reads them, and agents use them (spark-env.sh runs there). They "
            "are left out by default.",
        )


def _what_is_missing(archive: _Archive) -> Iterator[Finding]:
    if not archive.spark:
        return
    if not archive.bridge and not archive.facts.has_bridge:
        is_backend = archive.facts.bridge_kind is BridgeKind.BACKEND
        yield _note(
            "no-bridge",
            f"it holds no {BRIDGE}",
            "Drivers that run in the cluster need one that the dispatcher names (--bridge-uri)."
            if is_backend
            else "Drivers that run in the cluster need libmesos on every agent.",
        )
    if archive.find("python", "lib", "pyspark.zip") is None:
        yield _warning(
            "no-python",
            "there is no python/lib/pyspark.zip",
            "Applications in Python cannot run from it. A release and a pip-installed pyspark have it.",
        )


def _size(archive: _Archive) -> Iterator[Finding]:
    size = archive.facts.packed_size
    if size is not None and size > LARGE_BYTES:
        yield _note(
            "large",
            f"it is large: {size / 1e6:.0f} MB, and {archive.facts.unpacked_size / 1e6:.0f} MB unpacked, for "
            "every executor's sandbox",
            "Leave out what executors do not need by --exclude.",
        )


def _untried_spark(archive: _Archive) -> Iterator[Finding]:
    release = release_of(archive.facts.spark_version or "")
    if release is not None and is_untried(release):
        yield _warning(
            "untried-spark",
            untried(str(archive.facts.spark_version)),
            "Look for a newer sparkmesos, or try it with something that may fail.",
        )


_RULES: tuple[Callable[[_Archive], Iterator[Finding]], ...] = (
    _archive_name,
    _spark,
    _top_folder,
    _programs,
    _jars,
    _paths,
    _twice,
    _configuration,
    _what_is_missing,
    _size,
    _untried_spark,
)


def _leaves(folder: tuple[str, ...], target: str, links: Mapping[tuple[str, ...], str]) -> bool:
    """Whether a link in this folder leads out of where the archive is unpacked, by way of others or not.

    As the kernel follows it: `..` is the folder above that which a link before it has led to.
    """
    if target.startswith("/"):
        return True
    ahead = [*reversed(segments_of(target)), *reversed(folder)]
    place: list[str] = []
    followed = 0
    while ahead:
        segment = ahead.pop()
        if segment == "..":
            if not place:
                return True
            place.pop()
        elif (further := links.get((*place, segment))) is not None and followed < _MOST_LINKS:
            if further.startswith("/"):
                return True
            followed += 1
            ahead += reversed(segments_of(further))
        else:
            place.append(segment)
    return False


def _some(names: Sequence[str]) -> str:
    """The first of them, and how many more there are."""
    named = ", ".join(quoted(name) for name in names[:_MOST_NAMED])
    more = len(names) - _MOST_NAMED
    return f"{named} and {more} more" if more > 0 else named
