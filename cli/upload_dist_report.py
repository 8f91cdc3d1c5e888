"""What `upload-dist` says: of what is in an archive, and of what is to be done with its URI."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sparkmesos_core.conf.finding import Finding, Severity
from sparkmesos_core.errors import ExitCode
from sparkmesos_core.quoting import printable
from sparkmesos_core.redaction import redact_text
from sparkmesos_core.upload.rate import size_text

from .findings_report import finding_record, show_findings
from .terminal import Terminal

if TYPE_CHECKING:
    from sparkmesos_core.dist.facts import Facts
    from sparkmesos_core.dist.prepare import Inspection, Prepared

_MOST_LEFT_OUT = 8
"""How many of what was left out are named, unless all are asked for."""


def show_inspection(terminal: Terminal, inspection: Inspection, output: str, *, bridge: bool) -> int:
    """The report of --check-only, and its exit code. `bridge`: whether the archive is to have one."""
    if output == "json":
        terminal.json(
            "archive",
            {
                "source": str(inspection.source.path),
                "kind": inspection.source.kind.value,
                "name": inspection.name,
                "facts": inspection.facts.as_json(),
                "left_out": list(inspection.left_out),
                "findings": [finding_record(finding) for finding in inspection.findings],
            },
        )
    else:
        rows = [("Name", inspection.name), *_rows(inspection.facts, bridge)]
        terminal.table(("What", "Value"), rows)
        say_left_out(terminal, inspection.left_out)
        show_findings(terminal, inspection.findings)
        if not inspection.findings:
            terminal.say("no problems")
    bad = any(finding.severity is Severity.ERROR for finding in inspection.findings)
    return int(ExitCode.FAILED if bad else ExitCode.OK)


def say_prepared(terminal: Terminal, prepared: Prepared) -> None:
    """What the archive is that will be uploaded."""
    facts = prepared.facts
    what = [f"{name} {value}" for name, value in _versions(facts) if value]
    what.append("with the bridge" if facts.has_bridge else "without a bridge")
    if facts.packed_size is not None:
        what.append(size_text(facts.packed_size))
    how = "made" if prepared.made else "as it is"
    terminal.say(f"{printable(prepared.name)}, {how}: {', '.join(what)}")
    say_left_out(terminal, prepared.left_out)
    say_findings(terminal, prepared.findings)


def say_left_out(terminal: Terminal, left_out: Sequence[str]) -> None:
    """What is not in the archive; all of it to those who want to hear more."""
    if not left_out:
        return
    shown = left_out if terminal.verbosity > 0 else left_out[:_MOST_LEFT_OUT]
    more = len(left_out) - len(shown)
    rest = f" and {more} more (-v names them)" if more else ""
    terminal.say(f"Left out: {', '.join(map(printable, shown))}{rest}")


def say_findings(terminal: Terminal, findings: Sequence[Finding]) -> None:
    """Warnings with what to do about them, and notes."""
    for finding in findings:
        if finding.severity is Severity.NOTE:
            terminal.say(f"note: {printable(finding.message)}")
        else:
            terminal.warn(f"{finding.message}  [{finding.id}]", hint=finding.hint)


def prepared_record(prepared: Prepared) -> dict[str, Any]:
    """What is known of the archive, for `--output json`."""
    facts = prepared.facts
    return {
        "name": prepared.name,
        "made": prepared.made,
        "spark_version": facts.spark_version,
        "scala_version": facts.scala_version,
        "hadoop_version": facts.hadoop_version,
        "facts": facts.as_json(),
        "left_out": list(prepared.left_out),
        "findings": [finding_record(finding) for finding in prepared.findings],
    }


def say_notes(terminal: Terminal, notes: Sequence[str]) -> None:
    """What agents need."""
    terminal.heading("On agents:")
    for note in notes:
        terminal.say(f"  {printable(note)}")


def say_lines(terminal: Terminal, lines: Mapping[str, Sequence[str]]) -> None:
    """The lines for configuration files. A signature, which stands on stdout, is hidden in them."""
    hidden = False
    for name, texts in lines.items():
        terminal.heading(f"For {name}:")
        for text in texts:
            shown = redact_text(text)
            hidden = hidden or shown != text
            terminal.say(f"  {printable(shown)}")
    if hidden:
        terminal.say("*** stands for what only stdout has.")


def _versions(facts: Facts) -> list[tuple[str, str | None]]:
    return [
        ("Spark", facts.spark_version),
        ("Scala", facts.scala_version),
        ("Hadoop", facts.hadoop_version),
        ("Mesos", facts.mesos_version),
    ]


def _rows(facts: Facts, bridge: bool) -> list[tuple[str, str]]:
    from sparkmesos_core.bridge.kinds import BridgeKind

    def yes(value: bool) -> str:
        return "yes" if value else "no"

    needs_no_mesos = facts.bridge_kind is BridgeKind.BACKEND
    versions = [one for one in _versions(facts) if one != ("Mesos", None) or not needs_no_mesos]
    rows = [(name, value or "?") for name, value in versions]
    rows += [
        ("Mesos support", "by the bridge" if needs_no_mesos else yes(facts.has_spark_mesos)),
        ("Bridge", "to be added" if bridge and not facts.has_bridge else yes(facts.has_bridge)),
        ("Python", yes(facts.has_python)),
        ("R", yes(facts.has_r)),
        ("Top folder", ", ".join(facts.top_folders) or "none"),
        ("Entries", str(facts.entries)),
    ]
    if facts.packed_size is not None:
        rows.append(("Packed", size_text(facts.packed_size)))
    rows.append(("Unpacked", size_text(facts.unpacked_size)))
    return rows
