"""`sparkmesos start-shuffle-service`."""

from __future__ import annotations

from typing import Any

import click

from .grouped_options import GroupedCommand
from .shuffle_service_options import read_framework_options, read_request, service_options
from .terminal import Terminal


@click.command("start-shuffle-service", cls=GroupedCommand)
@service_options
@click.pass_context
def command(context: click.Context, /, **_given: Any) -> int:
    """Start Spark's external shuffle service, on this machine or on all agents.

    It serves the shuffle files of executors that have ended, so that there can be dynamic allocation. Prints
    HOST:PORT, and nothing else, on stdout, when it answers there:

    \b
      sparkmesos start-shuffle-service
      sparkmesos start-shuffle-service --status
      sparkmesos stop-shuffle-service

    It has to run on every machine whose agent runs executors. With --on-mesos it does: on all agents that
    there are, and on new ones as they come.
    """
    terminal = context.find_object(Terminal)
    assert terminal is not None
    request = read_request(context)
    framework = read_framework_options(context) if request.on_mesos else None
    if request.deployment is not None:
        from .shuffle_service_deployment import deploy_service

        return deploy_service(terminal, context, request, framework)
    if framework is not None:
        from .shuffle_service_on_mesos import run_on_mesos

        return run_on_mesos(terminal, request, framework)
    from .shuffle_service_here import run_here

    return run_here(terminal, request)
