"""`start-shuffle-service --systemd` and `--marathon`: the service, or its framework, run by others."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import fields, replace
from functools import partial
from typing import TYPE_CHECKING

from sparkmesos_core.errors import ExitCode

from .agents_known import agents_known
from .deployment_options import given_environment, given_files, given_options
from .deployment_report import ITS_AGENT, own_program, report_app, report_unit
from .framework_start import patience_of
from .loopback_servers import warn_of_loopback_servers
from .shuffle_service_on_mesos import read_services, warn_of_settings
from .shuffle_service_options import FrameworkOptions, ServiceRequest, read_framework_options

if TYPE_CHECKING:
    import click

    from sparkmesos_core.deployment.program_call import ProgramCall

    from .deployment_options import Deployment
    from .terminal import Terminal

_WORDS = ("start-shuffle-service", "--foreground")
_OF_OTHER_CALLS = ("status", "stop", "at", "wait")
"""Options that do not go with --foreground: a settings file may have them."""
_SERVICE_ID = "/spark/shuffle-service"
_FRAMEWORK_ID = "/spark/shuffle-service-framework"
_AFTER_STOP = "After --stop it stays ended until the machine starts again: disable the unit, too"
_BEFORE_STOP = "To end all services take the app away first: Marathon would start it again after --stop"


def deploy_service(
    terminal: Terminal, context: click.Context, request: ServiceRequest, framework: FrameworkOptions | None
) -> int:
    """Prints what was asked for, or gives it to Marathon; the exit code.

    With `framework` it is the process of that, else the service itself. Raises UsageError, UnreachableError
    and DeploymentError.
    """
    deployment = request.deployment
    assert deployment is not None
    if deployment.is_systemd:
        if framework is None:
            _service_unit(terminal, context, request)
        else:
            _framework_unit(terminal, context, request, framework)
    elif framework is None:
        _service_app(terminal, context, request, deployment)
    else:
        _framework_app(terminal, context, request, framework, deployment)
    return ExitCode.OK


def _service_unit(terminal: Terminal, context: click.Context, request: ServiceRequest) -> None:
    from sparkmesos_core.durable_framework.framework_settings import user_name
    from sparkmesos_core.shuffle_service.container import local_folders

    from .shuffle_service_here import read_settings

    settings = read_settings(terminal, request, dict(terminal.environment))
    # A variable such as SPARKMESOS_MASTER is set for other commands, too: as an option it would be refused.
    call = _call_here(terminal, context, without=[one.name for one in fields(FrameworkOptions)])
    # The one that was just found: what the PATH of a unit has is another question.
    call = replace(call, variables={"JAVA_HOME": settings.variables["JAVA_HOME"], **call.variables})
    local = settings.variables.get("SPARK_LOCAL_DIRS", "")
    properties = {**settings.properties, **({"spark.local.dir": local} if local else {})}
    user = user_name(settings.variables, "the service")
    if user != user_name({}, "the service"):
        needed = [own_program()[0], *given_files(context)]
        terminal.say(
            f"It runs as {user}, who has to be able to read {', '.join(needed)}, and to write to the home "
            "folder of that user, or to where SPARKMESOS_STATE_DIR says"
        )
    report_unit(
        terminal,
        call,
        name="sparkmesos-shuffle-service",
        number=request.instance or 1,
        description="Spark's external shuffle service for Mesos",
        user=user,
        output=request.output,
        written=local_folders(properties),
    )


def _framework_unit(
    terminal: Terminal, context: click.Context, request: ServiceRequest, framework: FrameworkOptions
) -> None:
    from sparkmesos_core.durable_framework.framework_settings import user_name

    settings, _ = read_services(terminal, request, framework)
    settings.build()  # a mistake in what services are started with is said here
    patience_of(framework.subscribe_timeout, foreground=True)  # a mistake in it is said here
    warn_of_settings(terminal, settings)
    report_unit(
        terminal,
        _call_here(terminal, context),
        name="sparkmesos-shuffle-service-framework",
        number=request.instance or 1,
        description="Framework that runs Spark's shuffle service on all Mesos agents",
        user=user_name({}, "the framework"),
        output=request.output,
        may_end=True,
    )
    terminal.say(_AFTER_STOP)


def _call_here(terminal: Terminal, context: click.Context, *, without: Collection[str] = ()) -> ProgramCall:
    from sparkmesos_core.deployment.program_call import program_call

    options = given_options(context, without=(*_OF_OTHER_CALLS, *without))
    return program_call(_WORDS, options, given_environment(terminal), on_this_machine=True)


def _service_app(
    terminal: Terminal, context: click.Context, request: ServiceRequest, deployment: Deployment
) -> None:
    from sparkmesos_core.conf.setting import Origin, Setting, Source
    from sparkmesos_core.deployment.cluster_agents import FittingAgents
    from sparkmesos_core.deployment.marathon_app import marathon_secrets
    from sparkmesos_core.deployment.shuffle_service_app import shuffle_service_app
    from sparkmesos_core.shuffle_service.command import SECRET_VARIABLE

    secrets = marathon_secrets(deployment.secrets)
    # Marathon has it then, so nobody has to know it here.
    origin = Origin(Source.VARIABLE, SECRET_VARIABLE)
    elsewhere = [Setting("spark.authenticate.secret", "in Marathon's store", origin)]
    options = read_framework_options(context)
    # Services do without the master: it only tells what agents there are.
    settings, _ = read_services(
        terminal, request, options, elsewhere if SECRET_VARIABLE in secrets else (), needs_master=False
    )
    build = partial(
        shuffle_service_app,
        settings,
        deployment.id or _SERVICE_ID,
        instances=deployment.instances,
        secrets=secrets,
    )
    # A mistake is said here, before a master is waited for; how many agents there are it will tell.
    build(FittingAgents(hosts=1) if settings.master else FittingAgents())
    agents = agents_known(
        terminal,
        settings.parsed_master if settings.master else None,
        settings.principal,
        settings.secret,
        settings.constraints,
        needed=deployment.instances is None,
    )
    report_app(terminal, build(agents), deployment, request.output)


def _framework_app(
    terminal: Terminal,
    context: click.Context,
    request: ServiceRequest,
    framework: FrameworkOptions,
    deployment: Deployment,
) -> None:
    from sparkmesos_core.deployment.cluster_agents import FittingAgents
    from sparkmesos_core.deployment.marathon_app import marathon_secrets
    from sparkmesos_core.deployment.program_app import ANY_ADDRESS, Process, program_app
    from sparkmesos_core.deployment.program_call import program_call
    from sparkmesos_core.durable_framework.framework_settings import DEFAULT_HOST

    settings, _ = read_services(terminal, request, framework)
    patience_of(framework.subscribe_timeout, foreground=True)  # a mistake in it is said here
    secrets = marathon_secrets(deployment.secrets)
    call = program_call(
        _WORDS,
        given_options(context, without=(*_OF_OTHER_CALLS, "host", "port", "instance")),
        given_environment(terminal),
        on_this_machine=False,
        handed_over=secrets,
    )
    # Who reaches it can end all services, unless a token is wanted.
    host = framework.host or (DEFAULT_HOST if settings.token is None else ANY_ADDRESS)
    warn_of_settings(terminal, replace(settings, host=host), ITS_AGENT)
    notes = [_BEFORE_STOP]
    if host == DEFAULT_HOST:
        notes.append(
            "Only its own agent can ask it for the status: give --auth-token-file, and it listens for others"
        )
    process = Process(
        kind="framework of the shuffle services",
        call=call,
        user=settings.user,
        ports={"port": settings.port},
        health_port="port",
        host=host,
        keeps_state_here=settings.zookeeper is None,
        role=settings.properties.get("spark.mesos.role", "").strip(),
        files=given_files(context),
        notes=notes,
    )
    build = partial(
        program_app,
        process,
        deployment.id or _FRAMEWORK_ID,
        host=deployment.host,
        instances=deployment.instances,
        secrets=secrets,
    )
    build(FittingAgents())  # a mistake is said here, before a master is waited for
    warn_of_loopback_servers(terminal, settings, "SPARKMESOS_SHUFFLE_SERVICE_ZK", deployment.host, secrets)
    agents = agents_known(terminal, settings.parsed_master, settings.principal, settings.secret)
    report_app(terminal, build(agents), deployment, request.output)
