"""`sparkmesos config init`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sparkmesos_core.errors import ExitCode, UsageError

from . import options
from .configuration_writing import report_conflicts, write_plans
from .terminal import Terminal

if TYPE_CHECKING:
    from sparkmesos_core.initial_configuration import FilePlan


@click.command("init")
@options.option(
    "--master",
    metavar="URL",
    required=True,
    help="The Mesos master: mesos://HOST:5050 or mesos://zk://HOST:2181,…/mesos.",
)
@options.option(
    "--executor-uri",
    metavar="URI",
    help="An archive of Spark that agents can fetch; leave it out where they have Spark installed.",
)
@options.option(
    "--libmesos",
    metavar="PATH|none",
    help="libmesos on the machine that submits.  [default: MESOS_NATIVE_JAVA_LIBRARY, the usual places]",
)
@click.option(  # not as variables: what one call writes, and whether it asks, is said in that call
    "--conf-dir",
    type=options.Folder(),
    help="Where the files are.  [default: SPARK_CONF_DIR, else conf in the Spark to use]",
)
@options.spark_home
@click.option("--replace", is_flag=True, help="Replace other values that the files have, too.")
@options.option("--dry-run", is_flag=True, help="Show what would change, and write nothing.")
@click.option("--yes", is_flag=True, help="Write without asking.")
@click.pass_obj
def command(
    terminal: Terminal,
    *,
    master: str,
    executor_uri: str | None,
    libmesos: str | None,
    conf_dir: Path | None,
    spark_home: Path | None,
    replace: bool,
    dry_run: bool,
    yes: bool,
) -> int:
    """Write what a cluster needs into spark-env.sh and spark-defaults.conf.

    Shows the change before it writes anything. What is in these files stays: another value for the same name
    is reported and kept, which makes the exit code 1, unless --replace is given. What `config check` would
    call an error is not written.
    """
    from sparkmesos_core import initial_configuration as initial

    environment = dict(terminal.environment)
    library = _libmesos(libmesos, environment)
    entries = initial.cluster_entries(master, executor_uri, library, found=libmesos is None)
    folder = initial.find_configuration_folder(conf_dir, spark_home, environment)
    plans = initial.plan_files(folder, entries, replace=replace)
    doubts = initial.check_entries(entries, plans)
    initial.try_plans(plans, spark_home, environment)
    for remark in filter(None, (*entries.remarks, initial.remark_on_folder(folder))):
        terminal.warn(remark)
    for doubt in doubts:
        terminal.warn(f"{doubt.message}  [{doubt.id}]", hint=doubt.hint)
    kept = report_conflicts(terminal, plans)
    _tell_of_libmesos(terminal, plans, missed=library is None and libmesos is None)
    written = write_plans(terminal, plans, folder, dry_run=dry_run, yes=yes, on_stdout=True)
    return int(ExitCode.OK if written and not kept else ExitCode.FAILED)


def _libmesos(given: str | None, environment: Mapping[str, str]) -> Path | None:
    from sparkmesos_core.spark.native_library import find_libmesos

    if given == "none":
        return None
    if given is not None:
        path = Path(given).absolute()
        if not path.is_file():
            raise UsageError(
                f"--libmesos {given} is not a file",
                hint="Correct it, or write `none`: then the bridge speaks to Mesos over HTTP.",
            )
        return path
    return find_libmesos(environment)


def _tell_of_libmesos(terminal: Terminal, plans: Sequence[FilePlan], *, missed: bool) -> None:
    """Says which way `submit` will go, if that is not what was just written. `missed`: none was found."""
    from sparkmesos_core.initial_configuration import libmesos_of_script

    said = libmesos_of_script(plans)
    if said is None:
        if missed:
            terminal.say("No libmesos found, none needed: `sparkmesos submit` speaks to Mesos over HTTP.")
        return
    path, assignment = said
    value = assignment.value if assignment.certain else None
    if value and not Path(value).is_file():
        terminal.warn(
            f"{path}:{assignment.line} sets {assignment.name} to {value}, which is not a file: "
            "`sparkmesos submit` will refuse that",
            hint="Correct it, or take it out: without libmesos Mesos is spoken to over HTTP.",
        )
