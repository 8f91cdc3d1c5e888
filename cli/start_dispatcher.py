"""`sparkmesos start-dispatcher`."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from sparkmesos_core.errors import UsageError

from . import options
from .deployment_options import deployment_options, read_deployment
from .dispatcher_warnings import warn_of_settings
from .terminal import Terminal
from .visible_secrets import warn_of_visible_passwords

if TYPE_CHECKING:
    from sparkmesos_core.conf.setting import Setting
    from sparkmesos_core.daemon_configuration import DaemonConfiguration
    from sparkmesos_core.dispatcher.settings import DispatcherSettings

F = TypeVar("F", bound=Callable[..., Any])

_PATIENCE = 30.0


def _own(name: str, *declarations: str, **attributes: Any) -> Callable[[F], F]:
    """An option whose variable begins with SPARKMESOS_DISPATCHER_: other commands have one of that name."""
    variable = "SPARKMESOS_DISPATCHER_" + name.removeprefix("--").upper().replace("-", "_")
    return click.option(name, *declarations, envvar=variable, **attributes)


@click.command("start-dispatcher")
@options.option(
    "--master",
    "-m",
    metavar="URL",
    help="The Mesos master: mesos://HOST:5050, mesos://HOST1:5050,HOST2:5050 or mesos://zk://HOST:2181,…/mesos.",
)
@_own(
    "--host",
    metavar="HOST",
    help="The name or address of this machine to listen on; 0.0.0.0 for all of them.  [default: 127.0.0.1]",
)
@_own(
    "--port",
    "-p",
    type=click.IntRange(0, 65535),
    help="Where it takes submissions; 0 takes a free port.  [default: 7077]",
)
@_own(
    "--webui-port",
    type=click.IntRange(0, 65535),
    help="The port of its web UI; 0 takes a free one.  [default: 8081]",
)
@_own("--name", metavar="NAME", help="What Mesos calls it.  [default: Spark Cluster]")
@_own(
    "--zk",
    "-z",
    metavar="HOST:PORT,…",
    help="Keep drivers in this ZooKeeper instead of a file here; several dispatchers may share it.",
)
@click.option("--conf", multiple=True, metavar="PROP=VALUE", help="A property; beats the properties file.")
@_own(
    "--properties-file",
    metavar="FILE",
    help="Where to read properties.  [default: conf/spark-defaults.conf of Spark]",
)
@_own(
    "--instance",
    type=click.IntRange(1, 999_999),
    metavar="N",
    help="Its number, if several run on this machine. Without --zk each has drivers of its own.  "
    "[default: 1]",
)
@_own(
    "--auth-token-file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Serve only those who show the token in this file. Spark's own spark-submit cannot.",
)
@_own(
    "--tls-cert",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Speak https, with this certificate (PEM). Spark's own spark-submit cannot.",
)
@_own("--tls-key", type=click.Path(path_type=Path), metavar="FILE", help="Its key, if it is in another file.")
@options.option(
    "--ca-file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Certificates (PEM) to trust when agents, whose files its pages show, or a leading dispatcher "
    "speak https.",
)
@_own(
    "--bridge-uri",
    metavar="URI",
    help="Where agents without libmesos fetch the bridge, for a Spark that has none inside.",
)
@options.spark_home
@_own(
    "--subscribe-timeout",
    type=click.FloatRange(min=0),
    metavar="SECONDS",
    help="Give up, with exit code 5, if Mesos does not know it by then; 0 does not wait for Mesos.  "
    f"[default: {_PATIENCE:g}; with --foreground 0]",
)
@click.option("--foreground", is_flag=True, help="Stay until Ctrl-C or SIGTERM; for Marathon and systemd.")
@deployment_options
@options.output
@click.pass_obj
def command(
    terminal: Terminal,
    /,
    *,
    zk: str | None,
    conf: tuple[str, ...],
    properties_file: str | None,
    instance: int | None,
    bridge_uri: str | None,
    spark_home: Path | None,
    subscribe_timeout: float | None,
    foreground: bool,
    output: str,
    **given: Any,
) -> None:
    """Start a dispatcher: it takes applications for cluster mode and runs their drivers on Mesos.

    Prints the URL for --master, and nothing else, on stdout, when it is ready:

    \b
      url=$(sparkmesos start-dispatcher --master mesos://HOST:5050)
      sparkmesos submit --deploy-mode cluster --master "$url" http://HOST/app.py
      sparkmesos stop-dispatcher

    Drivers that it has accepted survive its end, however that comes: start it again, and it goes on. Of
    several with the same --zk one leads, and the others are ready to take its place: any address works.

    With --systemd or --marathon nothing is started: it prints what has others run the same.
    """
    from sparkmesos_core.conf.checks import Mode
    from sparkmesos_core.daemon_start import stays_in_foreground
    from sparkmesos_core.dispatcher.locations import database_path, instance_directory
    from sparkmesos_core.dispatcher.settings import DispatcherOptions, instance_number, make_settings

    from .daemon_reading import read_checked

    environment = dict(terminal.environment)
    context = click.get_current_context()
    deployment = read_deployment(context)
    if subscribe_timeout is not None and not math.isfinite(subscribe_timeout):
        raise UsageError("--subscribe-timeout is not a number of seconds", hint="0 does not wait.")
    own = DispatcherOptions(**{one.name: given[one.name] for one in fields(DispatcherOptions)})
    read = read_checked(
        terminal,
        Mode.DISPATCHER,
        given=_meant(own.master, zk, bridge_uri),
        conf=conf,
        properties_file=properties_file,
        spark_home=spark_home,
        environment=environment,
        over_http=True,
    )
    variables = read.env.variables
    number = instance_number(instance, variables)
    settings = make_settings(
        read.configuration,
        variables,
        own,
        database=database_path(environment, number),
        spark_home=str(spark_home.absolute()) if spark_home is not None else environment.get("SPARK_HOME"),
        installed_spark=read.spark,
    )
    if deployment is not None:
        from .dispatcher_deployment import deploy_dispatcher

        deploy_dispatcher(terminal, context, deployment, settings, number, output)
        return
    settings = _with_bridge(terminal, settings, read)
    warn_of_settings(terminal, settings, own.auth_token_file)
    warn_of_visible_passwords(terminal, context, "SPARKMESOS_DISPATCHER_ZK")
    foreground = foreground or stays_in_foreground(variables)
    patience = 0.0 if foreground else _PATIENCE
    if subscribe_timeout is not None:
        patience = subscribe_timeout

    def report(state: dict[str, Any], place: str) -> None:
        if output == "json":
            terminal.json("dispatcher", state)
        elif terminal.in_place_of_spark and not foreground:
            terminal.data(starting(files))
            terminal.say(f"It takes submissions at {state['url']}")
        else:
            terminal.data(state["url"])
        known = ""
        if state["leader"]:
            terminal.say(f"standby: {state['leader']} leads, and gets all requests passed on")
        elif state["problem"]:
            terminal.warn(f"it takes no requests yet, and goes on trying: {state['problem']}")
        elif not state["framework_id"]:
            known = f"; Mesos ({state['master']}) does not know it yet"
        terminal.say(f"Web UI {state['webui_url']}, {place}{known}")

    from sparkmesos_core import background_process, daemon_files
    from sparkmesos_core.dispatcher import daemon

    from .spark_words import starting

    folder = instance_directory(environment, number)
    files = daemon_files.files_of(daemon.DISPATCHER, number, variables, folder)
    if foreground:
        from sparkmesos_core.dispatcher.foreground import serve

        from .foreground_log import log_here

        log_here(terminal)
        if files.niceness:
            background_process.renice(os.getpid(), files.niceness)
        kept = f"drivers kept in {settings.zookeeper_address or settings.database}"
        serve(settings, lambda state: report(state.to_json(), kept), subscribe_timeout=patience or None)
        return
    with terminal.working("Waiting until Mesos knows the dispatcher"):
        state = daemon.start(settings, files, subscribe_timeout=patience or None, environment=dict(variables))
    try:
        report({**state, "log": str(files.log)}, f"log {files.log}")
    except BaseException:
        daemon_files.stop(files)  # nobody got to know where it runs
        raise


def _meant(master: str | None, zk: str | None, bridge_uri: str | None) -> list[Setting]:
    """The properties that options mean."""
    from sparkmesos_core.conf.setting import Origin, Setting, Source

    given = [("--master", "spark.master", master), ("--zk", "spark.deploy.zookeeper.url", zk)]
    if zk is not None:
        given.append(("--zk", "spark.deploy.recoveryMode", "ZOOKEEPER"))
    given.append(("--bridge-uri", "spark.mesos.dispatcher.bridge.uri", bridge_uri))
    return [
        Setting(key, value, Origin(Source.OPTION, option))
        for option, key, value in given
        if value is not None
    ]


def _with_bridge(
    terminal: Terminal, settings: DispatcherSettings, read: DaemonConfiguration
) -> DispatcherSettings:
    """The settings with this machine's bridge, if agents are here, too, and nobody has said where one is.

    So a cluster on one machine needs neither an archive nor libmesos.
    """
    from dataclasses import replace

    from sparkmesos_core.bridge.compile import ensure_bridge
    from sparkmesos_core.directories import cache_directory
    from sparkmesos_core.dispatcher.settings import BRIDGE_URI
    from sparkmesos_core.errors import BridgeError, JavaNotFoundError
    from sparkmesos_core.spark.java import find_java

    if not settings.agents_are_here or read.spark is None or BRIDGE_URI in settings.properties:
        return settings
    try:
        java = find_java(read.spark, read.env.variables).executable
        cache = cache_directory(terminal.environment) / "bridge"
        bridge = ensure_bridge(read.spark.jars, java, cache, terminal.say)
    except (BridgeError, JavaNotFoundError) as error:
        terminal.warn(f"drivers will need libmesos, or an archive of upload-dist: {error.message}")
        return settings
    return replace(settings, properties={**settings.properties, BRIDGE_URI: bridge.as_uri()})
