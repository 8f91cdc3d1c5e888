"""`start-dispatcher --systemd` and `--marathon`: the dispatcher, run by others."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from .agents_known import agents_known
from .deployment_options import given_environment, given_files, given_options
from .deployment_report import ITS_AGENT, report_app, report_unit
from .dispatcher_warnings import warn_of_settings
from .loopback_servers import warn_of_loopback_servers

if TYPE_CHECKING:
    import click

    from sparkmesos_core.dispatcher.settings import DispatcherSettings

    from .deployment_options import Deployment
    from .terminal import Terminal

_WORDS = ("start-dispatcher", "--foreground")
_ID = "/spark/dispatcher"


def deploy_dispatcher(
    terminal: Terminal,
    context: click.Context,
    deployment: Deployment,
    settings: DispatcherSettings,
    number: int,
    output: str,
) -> None:
    """Prints the unit or the app of a dispatcher with the options of this call, or gives it to Marathon.

    `settings` are those of that dispatcher. Raises UsageError, UnreachableError and DeploymentError.
    """
    from sparkmesos_core.deployment.cluster_agents import FittingAgents
    from sparkmesos_core.deployment.marathon_app import marathon_secrets
    from sparkmesos_core.deployment.program_app import ANY_ADDRESS, Process, program_app
    from sparkmesos_core.deployment.program_call import program_call
    from sparkmesos_core.durable_framework.framework_settings import user_name

    environment = given_environment(terminal)
    if deployment.is_systemd:
        # What it says when it starts is in the journal, where nobody may look.
        warn_of_settings(terminal, settings, context.params["auth_token_file"])
        call = program_call(_WORDS, given_options(context), environment, on_this_machine=True)
        report_unit(
            terminal,
            call,
            name="sparkmesos-dispatcher",
            number=number,
            description="Dispatcher of Spark on Mesos, for cluster mode",
            user=user_name({}, "a dispatcher"),
            output=output,
        )
        return
    # SPARK_MESOS_DISPATCHER_HOST is a name of this machine.
    settings = replace(settings, host=context.params["host"] or ANY_ADDRESS)
    warn_of_settings(terminal, settings, None, ITS_AGENT)
    secrets = marathon_secrets(deployment.secrets)
    call = program_call(
        _WORDS,
        given_options(context, without=("host", "port", "webui_port", "instance")),
        environment,
        on_this_machine=False,
        handed_over=secrets,
    )
    process = Process(
        kind="dispatcher",
        call=call,
        user=settings.user,
        ports={"port": settings.port, "webui-port": settings.webui_port},
        health_port="webui-port",
        host=settings.host,
        https=settings.tls_certificate is not None,
        keeps_state_here=settings.zookeeper is None,
        role=settings.properties.get("spark.mesos.role", "").strip(),
        files=given_files(context),
    )
    build = partial(
        program_app,
        process,
        deployment.id or _ID,
        host=deployment.host,
        instances=deployment.instances,
        secrets=secrets,
    )
    build(FittingAgents())  # a mistake is said here, before a master is waited for
    warn_of_loopback_servers(terminal, settings, "SPARKMESOS_DISPATCHER_ZK", deployment.host, secrets)
    agents = agents_known(terminal, settings.parsed_master, settings.principal, settings.secret)
    report_app(terminal, build(agents), deployment, output)
