"""What a cluster needs in spark-defaults.conf and spark-env.sh, and what these files become with it.

Reads the files, checks the entries, tries what is to become of the script, and writes nothing:
`file_replacement` does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sparkmesos_core.conf.checks import Circumstances, Mode, check_configuration
from sparkmesos_core.conf.configuration import Configuration
from sparkmesos_core.conf.editing.entries import Conflict, Edit, Entry
from sparkmesos_core.conf.editing.properties_edit import redacted_properties, set_properties
from sparkmesos_core.conf.editing.script_edit import redacted_script, set_exports
from sparkmesos_core.conf.editing.shell_assignments import Assignment, find_assignments
from sparkmesos_core.conf.finding import Finding, Severity
from sparkmesos_core.conf.java_properties import parse_properties
from sparkmesos_core.conf.setting import Origin, Setting, Source
from sparkmesos_core.errors import SparkNotFoundError, UsageError
from sparkmesos_core.file_replacement import Replacement
from sparkmesos_core.master import DEFAULT_DISPATCHER_PORT, EmbeddedMaster, MesosMaster, parse_master
from sparkmesos_core.redaction import redact_text
from sparkmesos_core.regular_files import read_regular_file
from sparkmesos_core.script_trial import try_script
from sparkmesos_core.spark.home import find_spark
from sparkmesos_core.spark.native_library import VARIABLE as LIBMESOS_VARIABLE

PROPERTIES_FILE = "spark-defaults.conf"
SCRIPT_FILE = "spark-env.sh"

_CONTEXT = 3


@dataclass(frozen=True)
class ClusterEntries:
    """What a cluster needs on the machines from which applications are submitted."""

    properties: tuple[Entry, ...]
    exports: tuple[Entry, ...]
    remarks: tuple[str, ...] = ()
    """What is to be said about them, a sentence each."""

    @property
    def hold_a_secret(self) -> bool:
        """Whether some value is not for everybody: a password in the master's URL, a signature in another."""
        return _hold_a_secret((*self.properties, *self.exports))


@dataclass(frozen=True)
class FilePlan:
    """What one file is to become."""

    path: Path
    before: str | None
    """None if there is no such file yet. Bytes that are not UTF-8 are surrogate escapes."""
    after: str
    wanted: Mapping[str, str]
    """The names that the change gives a value, with it."""
    conflicts: tuple[Conflict, ...]
    mode: int
    """The permissions that the file gets if it is new, less those that the umask takes away."""
    holds_a_secret: bool
    """Whether a value that it is to have is not for everybody."""

    @property
    def changes(self) -> bool:
        """Whether anything is to be written."""
        return self.after != (self.before or "")

    def replacement(self) -> Replacement:
        """The same, for who writes it."""
        before = None if self.before is None else self.before.encode("utf-8", "surrogateescape")
        return Replacement(self.path, before, self.after.encode("utf-8", "surrogateescape"), self.mode)

    def diff(self) -> list[str]:
        """The change as a unified diff, with secrets replaced by `***`; empty if there is none."""
        if not self.changes:
            return []
        old = f"--- {self.path}" if self.before is not None else "--- /dev/null"
        return [
            old,
            f"+++ {self.path}",
            *_hunks(_lines(self.path, self.before or ""), _lines(self.path, self.after)),
        ]


def cluster_entries(
    master: str, executor_uri: str | None, libmesos: Path | None, *, found: bool = False
) -> ClusterEntries:
    """The entries that a cluster needs. Raises UsageError for a master or a URI that cannot be used.

    `executor_uri` is an archive of Spark that agents can fetch, None if they have Spark installed.
    `libmesos` is the library on the submitting machine, None where drivers do without; one that was only
    `found` does not contradict another one in the files.
    """
    url = parse_master(master)
    remarks: list[str] = []
    if isinstance(url, EmbeddedMaster):
        raise UsageError(
            f"{url} is a cluster for the life of one command, and needs no configuration",
            hint="Give the URL of a Mesos master: mesos://HOST:5050 or mesos://zk://HOST:2181/mesos.",
        )
    if isinstance(url, MesosMaster) and (len(url.hosts) > 1 or url.scheme != "http"):
        remarks.append(
            f"{url}: `sparkmesos submit` understands this, but Spark's own spark-submit does not; "
            "a mesos://zk:// URL is for both"
        )
    if isinstance(url, MesosMaster) and any(host.port == DEFAULT_DISPATCHER_PORT for host in url.hosts):
        remarks.append(
            f"{url}: {DEFAULT_DISPATCHER_PORT} is the port of dispatchers, that of a Mesos master is 5050; a "
            "dispatcher is named with --master in cluster mode, or in sparkmesos' own settings"
        )
    properties = [Entry("spark.master", url.spark_url)]
    exports: list[Entry] = []
    if libmesos is not None:
        exports.append(Entry(LIBMESOS_VARIABLE, str(libmesos), only_add=found))
    archive = ClusterEntries((), ())
    if executor_uri is not None:
        # What is behind a question mark is a signature in all likelihood, and agents cannot cache such a URL.
        archive = executor_entries(executor_uri, cached="?" not in executor_uri)
    return ClusterEntries((*properties, *archive.properties), (*exports, *archive.exports), tuple(remarks))


def executor_entries(uri: str, *, exported: bool = False, cached: bool = False) -> ClusterEntries:
    """The entries by which executors get their Spark from an archive that agents can fetch.

    Spark's shells let SPARK_EXECUTOR_URI win over the property, so where it is set it is corrected; it is
    added only if `exported`. `cached` adds that agents keep the archive, where nothing is said about that.
    Raises UsageError for a URI that cannot be used.
    """
    # Spark unpacks it with the name in a shell command, unquoted.
    if odd := re.search(r"[\s\x00-\x1f]|^$", uri):
        problem = "holds a blank or a line end" if odd[0] else "is empty"
        raise UsageError(
            f"the executor URI {problem}",
            hint="Give the URI of an archive that agents can fetch, as https://HOST/spark-3.5.9-bin-hadoop3.tgz.",
        )
    properties = [Entry("spark.executor.uri", uri)]
    if cached:
        properties.append(Entry("spark.mesos.fetcherCache.enable", "true", only_add=True))
    return ClusterEntries(tuple(properties), (Entry("SPARK_EXECUTOR_URI", uri, only_correct=not exported),))


def configuration_lines(entries: ClusterEntries) -> dict[str, tuple[str, ...]]:
    """What files that are empty yet would hold of these entries, by their names, line for line."""
    edits = {
        PROPERTIES_FILE: set_properties("", entries.properties, PROPERTIES_FILE),
        SCRIPT_FILE: set_exports("", entries.exports, SCRIPT_FILE),
    }
    return {name: tuple(edit.text.splitlines()) for name, edit in edits.items()}


def find_configuration_folder(
    given: Path | None, spark_home: Path | None, environment: Mapping[str, str]
) -> Path:
    """The folder of the files: `given`, else SPARK_CONF_DIR, else conf in the Spark to use.

    Raises SparkNotFoundError if there is none of these.
    """
    if given is not None:
        return given.absolute()
    if value := environment.get("SPARK_CONF_DIR"):
        return Path(value).absolute()
    try:
        return find_spark(spark_home, environment).path / "conf"
    except SparkNotFoundError as error:
        raise SparkNotFoundError(
            error.message, hint="Name the folder of the files with --conf-dir, or set SPARK_CONF_DIR."
        ) from error


def plan_files(folder: Path, entries: ClusterEntries, *, replace: bool) -> list[FilePlan]:
    """What becomes of both files. Raises UsageError if one cannot be read or understood."""
    properties = _read(folder / PROPERTIES_FILE)
    script = _read(folder / SCRIPT_FILE)
    edits = (
        set_properties(properties or "", entries.properties, str(folder / PROPERTIES_FILE), replace=replace),
        set_exports(script or "", entries.exports, str(folder / SCRIPT_FILE), replace=replace),
    )
    return [
        _plan(folder / PROPERTIES_FILE, properties, edits[0], 0o666, entries.properties),
        # Spark's template of it can be executed, too.
        _plan(folder / SCRIPT_FILE, script, edits[1], 0o777, entries.exports),
    ]


def check_entries(entries: ClusterEntries, plans: Sequence[FilePlan]) -> list[Finding]:
    """What `config check` would say of these properties in the file as it is, the worst first.

    Returns warnings. Raises UsageError for errors.
    """
    file = next(plan for plan in plans if plan.path.name == PROPERTIES_FILE)
    origin = Origin(Source.FILE, str(file.path))
    new = [Setting(entry.name, entry.value, origin) for entry in entries.properties]
    names = {setting.key for setting in new}
    old = [one for one in parse_properties(file.before or "", str(file.path)) if one.key not in names]
    configuration = Configuration([new, old])
    circumstances = Circumstances(Mode.CLIENT, master=configuration.get("spark.master"))
    found = [one for one in check_configuration(configuration, circumstances) if one.key in names]
    if errors := [one for one in found if one.severity is Severity.ERROR]:
        raise UsageError(
            "\n".join(one.message for one in errors), hint="\n".join(one.hint for one in errors if one.hint)
        )
    return [one for one in found if one.severity is Severity.WARNING]


def remark_on_folder(folder: Path) -> str:
    """What is to be said about the folder of the files; empty if nothing is."""
    if not {"site-packages", "dist-packages"} & set(folder.parts):
        return ""
    return (
        f"{folder} is part of an installed package, and goes when its environment is made anew; --conf-dir "
        "names another folder, which then has to be SPARK_CONF_DIR"
    )


def _plan(path: Path, before: str | None, edit: Edit, mode: int, entries: Sequence[Entry]) -> FilePlan:
    secret = _hold_a_secret(entries)
    mode = mode & 0o700 if secret else mode
    return FilePlan(path, before, edit.text, edit.wanted, edit.conflicts, mode, secret)


def _hold_a_secret(entries: Sequence[Entry]) -> bool:
    return any(redact_text(entry.value) != entry.value for entry in entries)


def libmesos_of_script(plans: Sequence[FilePlan]) -> tuple[Path, Assignment] | None:
    """What the script will say of libmesos in the end, with the script; None if it says nothing."""
    for plan in plans:
        if plan.path.name == SCRIPT_FILE:
            for assignment in reversed(find_assignments(plan.after, str(plan.path))):
                if assignment.name == LIBMESOS_VARIABLE:
                    return plan.path, assignment
    return None


def try_plans(plans: Sequence[FilePlan], spark_home: Path | None, environment: Mapping[str, str]) -> None:
    """Lets bash judge the change of the script, if there is one.

    Raises UsageError if the script would be broken by it, or not do what was asked for.
    """
    for plan in plans:
        if plan.path.name != SCRIPT_FILE or not plan.changes:
            continue
        try:
            home = find_spark(spark_home, environment).path
        except SparkNotFoundError:  # --conf-dir does without
            home = None
        try_script(plan.path, plan.after, plan.wanted, home, environment)


def _read(path: Path) -> str | None:
    try:
        return read_regular_file(path).decode("utf-8", "surrogateescape")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UsageError(
            f"{path} cannot be read: {error.strerror}",
            hint="Correct it or its permissions, or give another folder.",
        ) from error


def _lines(path: Path, text: str) -> list[tuple[str, str]]:
    """The lines of a file, each as it is and as it may be shown."""
    if path.name == SCRIPT_FILE:
        raw = re.findall(r"[^\n]*\n|[^\n]+", text)
        shown = redacted_script(text, str(path))
    else:
        raw = re.findall(r"[^\r\n]*(?:\r\n|\n|\r)|[^\r\n]+", text)
        shown = redacted_properties(text, str(path))
    return list(zip(raw, map(_printable, shown), strict=True))


def _printable(line: str) -> str:
    return line.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _hunks(old: Sequence[tuple[str, str]], new: Sequence[tuple[str, str]]) -> Iterator[str]:
    import difflib

    # The lines as they are tell what changed: hidden secrets all look alike.
    matcher = difflib.SequenceMatcher(None, [raw for raw, _ in old], [raw for raw, _ in new], autojunk=False)
    for group in matcher.get_grouped_opcodes(_CONTEXT):
        (_, a, _, c, _), (_, _, b, _, d) = group[0], group[-1]
        yield f"@@ -{_range(a, b)} +{_range(c, d)} @@"
        for tag, i, j, k, m in group:
            if tag == "equal":
                yield from _marked(" ", old[i:j])
            else:
                yield from _marked("-", old[i:j])
                yield from _marked("+", new[k:m])


def _marked(mark: str, lines: Sequence[tuple[str, str]]) -> Iterator[str]:
    for raw, shown in lines:
        yield mark + shown
        if raw[-1:] not in "\r\n":
            yield "\\ No newline at end of file"


def _range(start: int, end: int) -> str:
    # As diff -u counts: from 1, an empty range from the line in front of it, a length of 1 left out.
    length = end - start
    first = start + 1 if length else start
    return str(first) if length == 1 else f"{first},{length}"
