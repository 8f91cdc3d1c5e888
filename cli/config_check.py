"""`sparkmesos config check`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from sparkmesos_core.conf.finding import Finding, Severity
from sparkmesos_core.conf.setting import Origin, Source
from sparkmesos_core.errors import ExitCode, UsageError

from . import options
from .executor_limits import dynamic_allocation_of
from .findings_report import finding_record, show_findings
from .spark_arguments import SparkArgumentsCommand, spark_arguments
from .terminal import Terminal

_OF_DISPATCHER = ("zk", "host", "port", "webui_port")


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
@click.option("-z", "--zk", metavar="HOST:PORT,…", help="As the dispatcher is given it: its ZooKeeper.")
@click.option("--host", help="As the dispatcher is given it, without an effect on the check.")
@click.option("-p", "--port", type=click.IntRange(0, 65535), help="The same.")
@click.option("--webui-port", type=click.IntRange(0, 65535), help="The same.")
@options.own_of_submit(hidden=True)
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
    **others: Any,
) -> int:
    """Find what is wrong in a configuration before Spark does.

    Reads what `sparkmesos submit` would read, with the same arguments, or what the dispatcher or the shuffle
    service would. Exits with 1 if there is an error: something that fails, or that does not do what it says.

    \b
      sparkmesos config check
      sparkmesos config check --deploy-mode cluster --master mesos://dispatcher:7077
      sparkmesos config check --for dispatcher --zk zk1:2181,zk2:2181
    """
    from sparkmesos_core import configuration_check
    from sparkmesos_core.conf.checks import Mode
    from sparkmesos_core.settings import own_masters
    from sparkmesos_core.spark.arguments import Action, SubmitArguments

    environment = dict(terminal.environment)
    parsed = SubmitArguments.parse(arguments)
    if parsed.action is not Action.SUBMIT:
        raise UsageError(
            f"With --{parsed.action.value} nothing is submitted, so there is nothing to check",
            hint=f"Leave out --{parsed.action.value}, or run `sparkmesos submit --{parsed.action.value}`.",
        )
    for name in _OF_DISPATCHER:
        if others[name] is not None and program != "dispatcher":
            option = "--" + name.replace("_", "-")
            raise UsageError(
                f"{option} is an option of the dispatcher",
                hint=f"Add --for dispatcher, or leave out {option}.",
            )
    own = own_masters(environment)
    context = click.get_current_context()
    if program == "submit":
        checked = configuration_check.read_and_check_submission(
            parsed,
            spark_home=spark_home,
            environment=environment,
            own=own,
            dynamic_allocation=dynamic_allocation_of(context),
            directory=Path.cwd(),
            options=options.client_mode_options(context),
        )
    else:
        checked = configuration_check.read_and_check_daemon(
            Mode(program),
            parsed,
            spark_home=spark_home,
            environment=environment,
            own=own,
            zookeeper=others["zk"],
        )
    findings = configuration_check.by_severity([*_own_variables(environment), *checked.findings])
    if output == "json":
        terminal.json("findings", [finding_record(finding) for finding in findings])
    else:
        show_findings(terminal, findings)
        if not findings:
            names = " and ".join(map(str, checked.files))
            terminal.say(f"no problems in {names}" if names else "no problems; there is no file to read")
    bad = {Severity.ERROR, Severity.WARNING} if strict else {Severity.ERROR}
    return int(ExitCode.FAILED if any(finding.severity in bad for finding in findings) else ExitCode.OK)


def _own_variables(environment: dict[str, str]) -> list[Finding]:
    """What is wrong with the names of our own variables, which click passes over."""
    from .own_variables import misspelt_own_variables

    root = click.get_current_context().find_root().command
    return [
        Finding(
            "misspelt-variable",
            Severity.WARNING,
            f"{name} looks like a misspelt {near}, and has no effect",
            f"Write {near}.",
            origin=Origin(Source.VARIABLE, name),
        )
        for name, near in misspelt_own_variables(root, environment)
    ]
