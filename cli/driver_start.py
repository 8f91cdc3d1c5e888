"""Client mode: shows what is wrong, finds the master, and becomes the program that holds the driver."""

from __future__ import annotations

import os
import shlex
import signal
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from sparkmesos_core.errors import ExitCode, SparkNotFoundError
from sparkmesos_core.quoting import printable
from sparkmesos_core.submit import client_mode
from sparkmesos_core.submit.class_archives import make_usable_archive, note_use, usable_archive
from sparkmesos_core.submit.mesos_driver import check_options

from .submission_check import is_sound, say_notes, shows_no_error, untold

if TYPE_CHECKING:
    from pathlib import Path

    from sparkmesos_core.client_configuration import ClientConfiguration
    from sparkmesos_core.conf.finding import Finding
    from sparkmesos_core.submit.client_mode import Submission
    from sparkmesos_core.submit.launch import Launch, Program
    from sparkmesos_core.submit.mesos_driver import ClientModeOptions

    from .terminal import Terminal


def start_driver(
    terminal: Terminal,
    client: ClientConfiguration,
    own: ClientModeOptions,
    program: Program,
    *,
    dry_run: bool,
    environment: Mapping[str, str],
    check_before: Callable[[], None] | None = None,
    with_notes: bool = False,
) -> int:
    """Becomes `program`, which holds the driver; returns the exit code if that is not to be.

    `environment` is the one that sparkmesos was called with. With `dry_run` the command is printed. What
    `check_before` looks at is looked at before anything starts, and once more at the end, since compiling the
    bridge takes a minute. `with_notes` shows what is worth knowing, too, of what `client` says. Raises what
    `client_mode` and `check_before` raise, and SparkNotFoundError if the program cannot be started.
    """
    submission = client_mode.plan(client, own)
    check_options(own, client.configuration)
    held_back: list[Finding] | None = None if dry_run or own.preflight_timeout is None else []
    over_http = submission.libmesos is None
    if not is_sound(terminal, client, over_http=over_http, runs_here=not dry_run, held_back=held_back):
        return int(ExitCode.USAGE)
    if with_notes:
        say_notes(terminal, client.findings)
    if check_before is not None and not dry_run:
        check_before()
    bridge = client_mode.future_bridge_for(submission)
    if dry_run:
        url, http_url = client_mode.future_url(submission), ""
    else:
        url, http_url = _find_master(terminal, submission)
    archive = usable_archive(submission, bridge)
    launch = client_mode.launch(submission, url, bridge, environment, program, archive)
    if dry_run:
        terminal.data(shlex.join(launch.printable()))
        if bridge is not None and not bridge.is_file():
            terminal.say(
                printable(f"The bridge {bridge} has yet to be compiled, which happens without --dry-run.")
            )
        if launch.hides_secrets():
            terminal.warn("secret values are shown as ***: the command does not run as it stands")
        return int(ExitCode.OK)
    if own.preflight_timeout is not None and not _passes_preflight(
        terminal, submission, http_url, launch.environment, own.preflight_timeout, held_back or []
    ):
        return int(ExitCode.FAILED)
    is_second = bridge is not None and bridge.is_file()
    client_mode.bridge_for(submission, terminal.say)  # compiled, if need be, when all else is ready
    if archive is not None:
        note_use(archive)
    elif is_second:
        launch = _with_archive(terminal, submission, bridge, url, environment, program)
    if check_before is not None:
        check_before()
    terminal.flush()
    # Python ignores these two, and a program that is exec'ed would inherit that.
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    launch.limits.apply()
    try:
        os.execve(launch.arguments[0], launch.arguments, dict(launch.environment))
    except OSError as error:
        raise SparkNotFoundError(
            f"{launch.arguments[0]} cannot be started: {error.strerror}",
            hint="Check the installation of Spark, and that there is a bash.",
        ) from error


def _find_master(terminal: Terminal, submission: Submission) -> tuple[str, str]:
    """What Spark gets as --master, and where the leader answers; an embedded cluster is started for it."""
    from sparkmesos_core.master import EmbeddedMaster

    if not isinstance(submission.master, EmbeddedMaster):
        leader = client_mode.find_leader(submission)
        return client_mode.leader_url(submission, leader), leader.http_url
    from sparkmesos_core.localcluster import embedded  # which imports a lot

    # exec keeps the pid, so the cluster watches the driver that this process becomes.
    cluster = embedded.start(
        submission.master.agents,
        submission.java,
        os.getpid(),
        submission.options.work_dir,
        submission.environment,
    )
    terminal.say(f"Embedded Mesos: {cluster.http_url} (log and sandboxes: {cluster.work_dir})")
    return cluster.url, cluster.http_url


def _with_archive(
    terminal: Terminal,
    submission: Submission,
    bridge: Path | None,
    url: str,
    environment: Mapping[str, str],
    program: Program,
) -> Launch:
    """The command with an archive of Spark's classes, made if need be; without one if there can be none."""
    trouble = make_usable_archive(submission, bridge, terminal.say)
    if trouble:
        terminal.warn(printable(trouble))
    archive = usable_archive(submission, bridge)
    return client_mode.launch(submission, url, bridge, environment, program, archive)


def _passes_preflight(
    terminal: Terminal,
    submission: Submission,
    http_url: str,
    environment: Mapping[str, str],
    timeout: float,
    held_back: list[Finding],
) -> bool:
    """Shows what would make the driver hang or fail; false if that is certain.

    `environment` is the driver's, `http_url` that of the leading master, `held_back` what was found before.
    """
    from sparkmesos_core.preflight.cluster_reading import MasterAccess
    from sparkmesos_core.preflight.preflight import preflight

    principal, secret = client_mode.http_credentials(submission, http_url)
    access = MasterAccess(http_url, submission.options.ca_file, principal, secret)
    client = submission.client
    found = preflight(
        client.configuration,
        environment,
        access,
        runs_python=client.arguments.is_python,
        release=submission.spark.release,
        timeout=timeout,
    )
    if shows_no_error(terminal, [*found, *untold(held_back, found)]):
        return True
    terminal.say("The driver was not started; with --no-preflight it would be.")
    return False
