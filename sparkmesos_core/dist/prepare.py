"""From whatever holds a Spark to an archive that agents can use."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sparkmesos_core.bridge.recipes import recipe_for
from sparkmesos_core.conf.finding import Finding, Severity
from sparkmesos_core.directories import state_directory
from sparkmesos_core.dist.checkout import build_distribution
from sparkmesos_core.dist.checks import check_archive
from sparkmesos_core.dist.drafts import ArchiveDraft, Draft, FolderDraft, Making, Plan
from sparkmesos_core.dist.excludes import Excludes
from sparkmesos_core.dist.facts import Facts, facts_of
from sparkmesos_core.dist.names import compression_of
from sparkmesos_core.dist.packing import time_of_entries
from sparkmesos_core.dist.source import Source, SourceKind, classify
from sparkmesos_core.errors import ArchiveError, BridgeError, UsageError
from sparkmesos_core.progress import SILENT, Progress
from sparkmesos_core.quoting import printable, quoted

__all__ = [
    "Examined",
    "Inspection",
    "PrepareOptions",
    "Prepared",
    "Source",
    "SourceKind",
    "classify",
    "examine",
    "inspect",
    "making",
    "prepare",
    "require_no_errors",
]


@dataclass(frozen=True)
class PrepareOptions:
    """What is to be in the archive, and how it is made."""

    bridge: bool = True
    """Put the compiled bridge into it, as `sparkmesos/bridge.jar`."""
    excludes: Sequence[str] = ()
    """Patterns of what to leave out, besides the default ones."""
    default_excludes: bool = True
    build_arguments: Sequence[str] = ()
    """For `dev/make-distribution.sh` of a checkout: profiles and other options of Maven."""
    threads: int | None = None
    """How many threads compress; None: one for each core."""


@dataclass(frozen=True)
class Prepared:
    """An archive, checked and ready for upload."""

    path: Path
    name: str
    """What it is to be called, as agents see it; the file itself may have another name."""
    facts: Facts
    findings: Sequence[Finding]
    """Warnings and notes; there are no errors."""
    left_out: Sequence[str]
    """What was there and was left out: paths inside the top folder, of folders the topmost, with a `/`."""
    made: bool
    """Whether `path` is a new file, rather than the source itself."""


@dataclass(frozen=True)
class Inspection:
    """What would be uploaded, without making it."""

    source: Source
    name: str
    facts: Facts
    """Of what would be uploaded; without its packed size if it would be made first."""
    findings: Sequence[Finding]
    """Errors, warnings and notes, in this order."""
    left_out: Sequence[str]
    """As of `Prepared`."""
    makes: bool
    """Whether an archive would be made, rather than the source be uploaded as it is."""


@dataclass(frozen=True)
class Examined:
    """A source that was read to its end, and what is known of it."""

    inspection: Inspection
    _draft: Draft
    _excludes: Excludes
    _options: PrepareOptions

    def as_it_is(self, making: Making) -> Prepared | None:
        """The source itself, if it is an archive that needs no change; None if one has to be made.

        To know whether the bridge inside is the right one, it may have to be compiled. Raises BridgeError and
        JavaNotFoundError. There must be no errors among the findings.
        """
        found = self.inspection
        if found.makes or not self._draft.is_made(found.name, self._bridge(making)):
            return None
        return Prepared(
            found.source.path, found.name, found.facts, found.findings, found.left_out, made=False
        )

    def make(self, making: Making) -> Prepared:
        """An archive of the source. Raises ArchiveError, BridgeError and JavaNotFoundError."""
        name = self.inspection.name
        path, plan = self._draft.make(name, self._bridge(making), making)
        facts = facts_of(plan.entries, path.stat().st_size)
        findings = _findings(plan, facts, name, self._options, self._excludes)
        return Prepared(path, name, facts, findings, plan.left_out, made=True)

    def _bridge(self, making: Making) -> bytes | None:
        return self._draft.compile_bridge(making).read_bytes() if self._options.bridge else None


def examine(
    source: Source, name: str | None, options: PrepareOptions, *, progress: Progress = SILENT
) -> Examined:
    """Read a source, which is no checkout, and find out what is wrong with it. Makes nothing.

    `name` is what the archive will be called; None: as the source suggests. Raises UsageError for a pattern
    that cannot be, and ArchiveError for what cannot even be read.
    """
    excludes = Excludes(options.excludes, defaults=options.default_excludes)
    draft = (
        FolderDraft(source, excludes)
        if source.kind is SourceKind.HOME
        else ArchiveDraft(source, excludes, progress)
    )
    return Examined(_inspected(source, draft, name, options, excludes), draft, excludes, options)


def inspect(
    source: Path,
    name: str | None,
    options: PrepareOptions,
    environment: Mapping[str, str],
    *,
    progress: Progress = SILENT,
) -> Inspection:
    """What `prepare` would find. Makes nothing: neither an archive nor the bridge; nothing is built.

    Raises UsageError for a source that is none or, since it would have to be built first, a checkout, and
    ArchiveError for what cannot even be read.
    """
    time_of_entries(environment)
    found = classify(source)
    if found.kind is SourceKind.CHECKOUT:
        raise UsageError(
            f"{printable(str(found.path))} is Spark's source, which has to be built before it can be checked",
            hint="Build it by its dev/make-distribution.sh --tgz -Pmesos, then check the archive.",
        )
    return examine(found, name, options, progress=progress).inspection


def prepare(
    source: Path,
    name: str | None,
    options: PrepareOptions,
    work: Path,
    environment: Mapping[str, str],
    *,
    progress: Progress = SILENT,
    announce: Callable[[str], None] = lambda line: None,
    build_output: Callable[[str], None] = lambda line: None,
) -> Prepared:
    """Make an archive of `source` in the folder `work`, if it is not one already that needs no change.

    `source` is what `classify` takes. `name` is what the archive will be called; None: as the source
    suggests. `work` exists, is the caller's to remove, and should be on a disk with room for the archive.
    `announce` gets a line before each thing that takes time, `build_output` every line that the build of a
    checkout prints.

    Raises UsageError for a source or a pattern that cannot be, ArchiveError with all that is wrong with the
    archive at once, BridgeError and JavaNotFoundError when the bridge cannot be compiled.
    """
    how = making(work, options, environment, progress, announce)
    Excludes(options.excludes)  # what is wrong with patterns is known before anything is built
    found = classify(source)
    if found.kind is SourceKind.CHECKOUT:
        announce(f"Building Spark in {printable(str(found.path))}, which takes a while…")
        log = state_directory(environment) / "make-distribution.log"
        found = classify(
            build_distribution(found.path, options.build_arguments, log, environment, build_output)
        )
    elif options.build_arguments:
        raise UsageError(
            f"{printable(str(found.path))} is built already: there is no use for options of a build",
            hint="They are for a checkout of Spark's source.",
        )
    examined = examine(found, name, options, progress=progress)
    require_no_errors(examined.inspection)
    return examined.as_it_is(how) or examined.make(how)


def making(
    work: Path,
    options: PrepareOptions,
    environment: Mapping[str, str],
    progress: Progress,
    announce: Callable[[str], None],
) -> Making:
    """How archives are made, as for `prepare`. Raises UsageError for a SOURCE_DATE_EPOCH that is none."""
    return Making(work, environment, time_of_entries(environment), options.threads, progress, announce)


def require_no_errors(inspection: Inspection) -> None:
    """Raises ArchiveError, with all of them at once, if executors could not run from such an archive."""
    errors = [finding for finding in inspection.findings if finding.severity is Severity.ERROR]
    if not errors:
        return
    shown = printable(str(inspection.source.path))
    messages = [error.message for error in errors]
    raise ArchiveError(
        f"Executors could not run from {shown}: {messages[0]}"
        if len(messages) == 1
        else f"Executors could not run from {shown}:\n" + "\n".join(f"  {message}" for message in messages),
        hint="\n".join(dict.fromkeys(error.hint for error in errors if error.hint)),
    )


def _inspected(
    source: Source, draft: Draft, name: str | None, options: PrepareOptions, excludes: Excludes
) -> Inspection:
    name = name or draft.own_name
    plan = draft.plan(name, bridge=options.bridge)
    facts = facts_of(plan.entries, None if plan.makes else source.path.stat().st_size)
    findings = _findings(plan, facts, name, options, excludes)
    if plan.makes and compression_of(name) not in ("gzip", None):
        findings.insert(
            0,
            Finding(
                "archive-name",
                Severity.ERROR,
                f"{quoted(name)} does not say gzip, which is what archives made here are compressed with",
                "Let the name end in .tgz.",
            ),
        )
    if options.bridge and facts.bridge_kind is not None:
        try:
            recipe_for(draft.jars, draft.jars_place)
        except BridgeError as error:
            findings.insert(0, Finding("bridge", Severity.ERROR, error.message, error.hint))
    return Inspection(source, name, facts, findings, plan.left_out, plan.makes)


def _findings(
    plan: Plan, facts: Facts, name: str, options: PrepareOptions, excludes: Excludes
) -> list[Finding]:
    findings = check_archive(facts, plan.entries, name, bridge=options.bridge)
    for pattern in excludes.unused:
        findings.append(
            Finding(
                "unused-exclude",
                Severity.WARNING,
                f"--exclude {quoted(pattern)} matches nothing",
                "Patterns are matched with paths inside the top folder, such as jars/hive-*.jar or R.",
            )
        )
    return sorted(findings, key=lambda finding: list(Severity).index(finding.severity))
