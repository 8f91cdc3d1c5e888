"""`sparkmesos upload-dist`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from sparkmesos_core.errors import UsageError

from .grouped_options import GroupedCommand, under
from .options import Folder
from .terminal import Terminal
from .upload_options import plain_option, read_upload_options, shared_option, upload_option, upload_options

if TYPE_CHECKING:
    from sparkmesos_core.dist.prepare import PrepareOptions
    from sparkmesos_core.dist.source import Source


_FOR_CHECKING = frozenset(
    [
        "source",
        "destination",
        "check_only",
        "no_bridge",
        "exclude",
        "no_default_excludes",
        "profile",
        "maven_option",
        "output",
    ]
)
"""What --check-only has a use for. The two of a build are refused elsewhere, with a reason."""


@click.command("upload-dist", cls=GroupedCommand)
@click.argument("source", type=click.Path(path_type=Path))
@click.argument("destination", type=click.Path(), required=False)
@under(
    "The archive",
    plain_option(
        "--check-only", is_flag=True, help="Say what is in SOURCE and what is wrong with it; exit 1 then."
    ),
    upload_option("--no-bridge", is_flag=True, help="Leave out sparkmesos/bridge.jar, and compile none."),
    upload_option(
        "--exclude",
        multiple=True,
        metavar="PATTERN",
        help="Leave out what matches, as /R or *.md; a ! in front brings back. May be repeated.",
    ),
    upload_option(
        "--no-default-excludes",
        is_flag=True,
        help="Put in examples, this machine's configuration, and what else executors never need.",
    ),
    upload_option(
        "--profile",
        multiple=True,
        metavar="NAME",
        help="A Maven profile to build a checkout with. May be repeated.",
    ),
    upload_option(
        "--maven-option",
        multiple=True,
        metavar="OPTION",
        help="More for a checkout's build. May be repeated.",
    ),
    plain_option(
        "--work-dir",
        type=click.Path(exists=True, file_okay=False, path_type=Path),
        help="Where the archive is made, to be removed again.  [default: TMPDIR, else /var/tmp]",
    ),
)
@upload_options
@under(
    "What comes out",
    plain_option(
        "--write-conf",
        type=Folder(),
        help="Write the URI into the spark-defaults.conf and spark-env.sh of a folder, which may be new.",
    ),
    plain_option("--replace", is_flag=True, help="Replace other values that these files have, too."),
    plain_option("--yes", is_flag=True, help="Write these files without asking."),
    shared_option("--dry-run", is_flag=True, help="Say what would be done, and ask no server."),
    shared_option(
        "--output",
        type=click.Choice(["table", "json"]),
        default="table",
        show_default=True,
        help="How to report: for people, or for programs.",
    ),
)
@click.pass_obj
def command(
    terminal: Terminal,
    /,
    *,
    source: Path,
    destination: str | None,
    check_only: bool,
    dry_run: bool,
    output: str,
    **others: Any,
) -> int:
    """Put a Spark where agents can fetch it.

    SOURCE is an archive of Spark, a SPARK_HOME or a pip-installed pyspark, or a checkout of Spark's source.
    DESTINATION is http(s)://, s3a://, hdfs:// or a folder that all agents mount; one that ends in / is a
    folder, in which the archive keeps its name. Prints the URI for spark.executor.uri, and nothing else, on
    stdout.

    \b
      sparkmesos upload-dist "$SPARK_HOME" https://repo.example/dist/
      sparkmesos upload-dist --presign 7d spark-3.5.9-bin-hadoop3.tgz s3a://bucket/dist/
      sparkmesos upload-dist --check-only "$SPARK_HOME"
    """
    from sparkmesos_core.dist import prepare
    from sparkmesos_core.dist.source import classify

    from .upload_destination import Wanted
    from .upload_dist_job import Job, telling
    from .upload_dist_report import show_inspection

    found = classify(source)
    _warn_of_password(terminal, destination)
    options = _prepare_options(found, others)
    environment = dict(terminal.environment)
    wanted = None if destination is None else Wanted.read(destination)
    if check_only:
        _refuse_besides_checking()
        name = None if wanted is None else wanted.name
        with telling(terminal) as progress:
            inspection = prepare.inspect(source, name, options, environment, progress=progress)
        return show_inspection(terminal, inspection, output, bridge=options.bridge)
    if wanted is None:
        raise UsageError(
            "Missing argument 'DESTINATION'", hint="Say where to put it, or give --check-only to look only."
        )
    wanted.require_name()
    if others["write_conf"] is None and (others["replace"] or others["yes"]):
        raise UsageError(
            "--replace and --yes are about the files of --write-conf",
            hint="Name their folder with it. What else has the archive's name is replaced by --force.",
        )
    upload = read_upload_options(click.get_current_context(), wanted.destination("spark.tgz"), environment)
    job = Job(terminal, found, wanted, options, upload, output, {**others, "dry_run": dry_run})
    return job.rehearse() if dry_run else job.run()


def _warn_of_password(terminal: Terminal, destination: str | None) -> None:
    from sparkmesos_core.upload.destination import parse_destination

    source = click.get_current_context().get_parameter_source("destination")
    if destination is None or source is not ParameterSource.COMMANDLINE:
        return
    if parse_destination(destination, "spark.tgz").password:
        terminal.warn(
            "the list of processes shows the password in the destination's URL to every user of this machine",
            hint="Give --user and --password-file instead.",
        )


def _refuse_besides_checking() -> None:
    """Raises UsageError for options that were typed beside --check-only and mean nothing to it."""
    context = click.get_current_context()
    for name in context.params:
        if name in _FOR_CHECKING or context.get_parameter_source(name) is not ParameterSource.COMMANDLINE:
            continue
        option = "--" + name.replace("_", "-")
        raise UsageError(
            f"{option} means nothing to --check-only, which makes nothing, and asks and changes nobody",
            hint=f"Leave out {option}; or take --dry-run in the place of --check-only.",
        )


def _prepare_options(found: Source, given: Mapping[str, Any]) -> PrepareOptions:
    """What the archive is to be. Raises UsageError for options of a build where nothing is built."""
    from sparkmesos_core.dist.prepare import PrepareOptions
    from sparkmesos_core.dist.source import SourceKind

    context = click.get_current_context()
    is_checkout = found.kind is SourceKind.CHECKOUT
    for name in ("profile", "maven_option"):
        if not is_checkout and context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            option = "--" + name.replace("_", "-")
            raise UsageError(
                f"{option} is for a checkout of Spark's source, and {found.path} is none",
                hint=f"Leave out {option}: nothing is built.",
            )
    arguments = [f"-P{name}" for name in given["profile"]] + list(given["maven_option"])
    return PrepareOptions(
        bridge=not given["no_bridge"],
        excludes=given["exclude"],
        default_excludes=not given["no_default_excludes"],
        build_arguments=arguments if is_checkout else (),
    )
