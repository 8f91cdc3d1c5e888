"""`sparkmesos submit --deploy-mode cluster`."""

from __future__ import annotations

import shlex
import time
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from sparkmesos_core.errors import ExitCode, UsageError
from sparkmesos_core.submit.cluster_mode import dispatcher_of, printable_request, request_for

from .dispatcher_options import client_of
from .held_interrupts import HeldInterrupts
from .submission_check import is_sound
from .terminal import Terminal

if TYPE_CHECKING:
    from sparkmesos_core.client_configuration import ClientConfiguration
    from sparkmesos_core.dispatcher.client import DispatcherClient
    from sparkmesos_core.dispatcher.driver_output import DriverOutput
    from sparkmesos_core.dispatcher.messages import CreateSubmissionRequest

_PATIENCE = 2.0
"""Seconds for what is asked beyond the submission, which nobody shall have to wait for."""


def submit_to_cluster(context: click.Context, terminal: Terminal, client: ClientConfiguration) -> int:
    """Asks a dispatcher to run the driver, and waits for that if it is wanted. Returns the exit code.

    The submission's id is the first line on stdout; with --follow the driver's output is behind it.
    """
    given = context.params
    waits = given["wait"] or given["follow"]
    for name, option in (("timeout", "--timeout"), ("kill_on_interrupt", "--kill-on-interrupt")):
        typed = context.get_parameter_source(name) is ParameterSource.COMMANDLINE
        if typed and given[name] and not waits:
            raise UsageError(f"{option} is for --wait and --follow", hint="Add one of the two.")
    dispatcher = client_of(
        terminal,
        dispatcher_of(client.configuration),
        ca_file=given["ca_file"],
        auth_token_file=given["auth_token_file"],
    )
    now_ms = int(time.time() * 1000)
    if given["stage"] is not None:
        from .submit_staging import Stage

        stage = Stage(context, terminal, given["stage"])
        client = stage.planned(client)
    request = request_for(client, Path.cwd(), now_ms)
    if not is_sound(terminal, client):
        return int(ExitCode.USAGE)
    if given["dry_run"]:
        terminal.data(printable_request(request))
        return int(ExitCode.OK)
    if not given["no_preflight"] and client.configuration.typed("spark.shuffle.service.enabled"):
        from .submit_cluster_preflight import passes_preflight  # which most applications do without

        set_master = _set_mesos_master(terminal, client)
        if not passes_preflight(context, terminal, client, dispatcher, set_master):
            return int(ExitCode.FAILED)
    with ExitStack() as stack:
        output = None
        if waits:  # before the driver is accepted: what is wrong shall not be found after that
            from .driver_report import exit_code_of
            from .driver_waiting import wait_for_driver
        if given["follow"]:
            output = _output(stack, context, terminal, client, dispatcher)
        if given["stage"] is not None:
            stage.upload()
        with HeldInterrupts(
            lambda: terminal.say("Waiting for the dispatcher's answer, to know the id.")
        ) as held:
            submitted = dispatcher.create(request)
            submission_id = submitted.submission_id
            terminal.data(submission_id)
            if submitted.unknown_fields:
                terminal.warn(f"the dispatcher does not know {', '.join(submitted.unknown_fields)}")
            # While an interrupt is held: it shall find somebody who kills the driver, or says how to.
            if not held.came:
                _warn_of_sparks_own(terminal, dispatcher, submitted.server_version, request)
        if held.came:
            from .driver_waiting import interrupted

            interrupted(terminal, dispatcher, submission_id, kill=given["kill_on_interrupt"])
            return int(ExitCode.INTERRUPTED)
        if not waits:
            if submitted.mesos_problem:
                from .driver_report import warn_without_mesos

                warn_without_mesos(terminal, submitted.mesos_problem, "the driver waits until it is again")
            return int(ExitCode.OK)
        status = wait_for_driver(
            terminal,
            dispatcher,
            submission_id,
            timeout=given["timeout"],
            output=output,
            kill_on_interrupt=given["kill_on_interrupt"],
        )
    code = exit_code_of(status)
    if code == ExitCode.DRIVER_FAILED and not given["follow"]:
        where = f"--dispatcher {shlex.quote(str(dispatcher.dispatcher))} {submission_id}"
        terminal.say(f"`sparkmesos logs --stderr {where}` shows what it wrote to stderr.")
    return code


def _warn_of_sparks_own(
    terminal: Terminal, dispatcher: DispatcherClient, version: str, request: CreateSubmissionRequest
) -> None:
    """Says what goes wrong with an accepted submission where the dispatcher is Spark's own."""
    from sparkmesos_core.submit.sparks_dispatcher import defects

    found = defects(version, request)
    if found and dispatcher.is_of_spark(timeout=_PATIENCE):
        for finding in found:
            terminal.warn(finding.message, hint=finding.hint)


def _set_mesos_master(terminal: Terminal, client: ClientConfiguration) -> str | None:
    """The Mesos master of a submission to a dispatcher, if sparkmesos' own settings name one."""
    from sparkmesos_core.settings import own_masters

    own = own_masters(dict(terminal.environment)).master
    is_another = own is not None and own.value != client.configuration.get("spark.master")
    return own.value if own is not None and is_another else None


def _output(
    stack: ExitStack,
    context: click.Context,
    terminal: Terminal,
    client: ClientConfiguration,
    dispatcher: DispatcherClient,
) -> DriverOutput:
    """What is to follow the driver's stdout and stderr, until `stack` is closed."""
    from .driver_files import driver_sandboxes, shown_output

    master = _set_mesos_master(terminal, client)
    sandboxes = driver_sandboxes(dispatcher, client.configuration, master, context.params["ca_file"])
    return shown_output(terminal, stack.enter_context(closing(sandboxes)), ("stdout", "stderr"))
