"""`sparkmesos config check`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from sparkmesos_core.conf.finding import Finding, Severity
from sparkmesos_core.errors import ExitCode
from sparkmesos_core.quoting import printable

from . import options
from .property_report import place_record
from .spark_arguments import SparkArgumentsCommand, spark_arguments
from .terminal import Terminal

_HEADINGS = {Severity.ERROR: "Errors", Severity.WARNING: "Warnings", Severity.NOTE: "Notes"}
_COLOURS = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.NOTE: "cyan"}


@click.command("check", cls=SparkArgumentsCommand, options_metavar="[OPTIONS]")
@click.option(  # not as a variable: what is asked for is said in the call
    "--for",
    "program",
    type=click.Choice(["submit", "dispatcher", "shuffle-service"]),
    default="submit",
    show_default=True,
    help="The program whose configuration to check.",
)
@options.option("--strict", is_flag=True, help="Exit with 1 for warnings, too.")
@options.spark_home
@options.output
@spark_arguments
@click.pass_obj
def command(
    terminal: Terminal,
    /,
    *,
    arguments: tuple[str, ...],
    program: str,
    strict: bool,
    spark_home: Path | None,
    output: str,
) -> int:
    """Find what is wrong in a configuration before Spark does.

    Reads what `sparkmesos submit` would read, with the same arguments, or what the dispatcher or the shuffle
    service would. Exits with 1 if there is an error: something that fails, or that does not do what it says.

    \b
      sparkmesos config check
      sparkmesos config check --deploy-mode cluster --master mesos://dispatcher:7077
      sparkmesos config check --for dispatcher
    """
    from sparkmesos_core import configuration_check
    from sparkmesos_core.conf.checks import Mode
    from sparkmesos_core.settings import own_masters
    from sparkmesos_core.spark.arguments import SubmitArguments

    environment = dict(terminal.environment)
    parsed = SubmitArguments.parse(arguments)
    own = own_masters(environment)
    if program == "submit":
        findings = configuration_check.read_and_check_submission(
            parsed, spark_home=spark_home, environment=environment, own=own
        )
    else:
        findings = configuration_check.read_and_check_daemon(
            Mode(program), parsed, spark_home=spark_home, environment=environment, own=own
        )
    if output == "json":
        terminal.json("findings", [_json(finding) for finding in findings])
    else:
        _show(terminal, findings)
    bad = {Severity.ERROR, Severity.WARNING} if strict else {Severity.ERROR}
    return int(ExitCode.FAILED if any(finding.severity in bad for finding in findings) else ExitCode.OK)


def _json(finding: Finding) -> dict[str, Any]:
    origin = finding.origin
    return {
        "id": finding.id,
        "severity": finding.severity.value,
        "message": finding.message,
        "hint": finding.hint,
        "key": finding.key,
        "place": None if origin is None else place_record(origin),
    }


def _row(finding: Finding) -> tuple[str, ...]:
    place = str(finding.origin) if finding.origin is not None else ""
    return finding.severity.value, finding.id, place, finding.message, finding.hint


def _show(terminal: Terminal, findings: list[Finding]) -> None:
    """Groups for people on a terminal; a line each in a pipe: severity, rule, place, message, hint."""
    if not terminal.stdout.isatty():
        terminal.table((), [_row(finding) for finding in findings])
    else:
        for severity in Severity:
            group = [finding for finding in findings if finding.severity is severity]
            if group:
                _show_group(terminal, severity, group)
    if not findings:
        terminal.say("no problems")
    else:
        counts = [
            f"{count} {severity.value}{'' if count == 1 else 's'}"
            for severity in Severity
            if (count := sum(finding.severity is severity for finding in findings))
        ]
        terminal.say(", ".join(counts))


def _show_group(terminal: Terminal, severity: Severity, group: list[Finding]) -> None:
    terminal.data(terminal.style(_HEADINGS[severity], file=terminal.stdout, fg=_COLOURS[severity], bold=True))
    for finding in group:
        place = f"{finding.origin}: " if finding.origin is not None else ""
        terminal.data(f"  {printable(place + finding.message)}  [{finding.id}]")
        if finding.hint:
            terminal.data(f"    {printable(finding.hint)}")
