"""`sparkmesos start-dispatcher`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from . import options
from .deployment_options import deployment_options, read_deployment
from .framework_start import PATIENCE
from .terminal import Terminal

F = TypeVar("F", bound=Callable[..., Any])


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
    f"[default: {PATIENCE:g}; with --foreground 0]",
)
@click.option("--foreground", is_flag=True, help="Stay until Ctrl-C or SIGTERM; for Marathon and systemd.")
@deployment_options
@options.output
@click.pass_obj
def command(terminal: Terminal, /, **given: Any) -> None:
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
    from .dispatcher_start import read_dispatcher, read_request, start_dispatcher

    context = click.get_current_context()
    deployment = read_deployment(context)
    request = read_request(given)
    found = read_dispatcher(terminal, request)
    if deployment is None:
        start_dispatcher(terminal, context, request, found)
        return
    from .dispatcher_deployment import deploy_dispatcher

    deploy_dispatcher(terminal, context, deployment, found.settings, found.number, request.output)
