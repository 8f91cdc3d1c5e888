"""From the command line of `verify-cluster` to what is to be verified."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from sparkmesos_core.errors import UsageError
from sparkmesos_core.master import EmbeddedMaster, HostPort, MesosMaster, ZooKeeperMaster, parse_master

from . import options
from .executor_limits import dynamic_allocation_of
from .terminal import Terminal
from .verify_options import OF_PROBE, OF_VERIFICATION

if TYPE_CHECKING:
    from sparkmesos_core.client_configuration import ClientConfiguration
    from sparkmesos_core.spark.arguments import SubmitArguments
    from sparkmesos_core.verify.history_server import HistoryServer
    from sparkmesos_core.verify.subject import ProbeOptions, Subject

_MASTER_HINT = (
    "Use --master mesos://HOST:5050, --master mesos://zk://HOST:2181/mesos, or --master embedded to see what "
    "it does."
)


def subject_of(context: click.Context, terminal: Terminal) -> tuple[Subject, EmbeddedMaster | None]:
    """What is to be verified, and the embedded cluster that has to be started for it, if that is asked for.

    With the latter the subject's own master leads nowhere yet. Nothing is asked of anybody. Raises UsageError
    for options and settings that cannot be used, and what `read_client_configuration` raises.
    """
    from sparkmesos_core.verify.agents_file import read_agents_file
    from sparkmesos_core.verify.subject import Subject

    given = context.params
    probe = _probe(context)
    history_server = _history_server(given["history_server"])
    if given["dispatcher"] is not None:
        from sparkmesos_core.master import parse_dispatcher

        parse_dispatcher(given["dispatcher"])
    agents_file = given["agents_file"]
    expected_hosts = read_agents_file(agents_file) if agents_file is not None else ()
    client = _client(context, terminal)
    own = options.client_mode_options(context)
    if own.ca_file is not None:
        from sparkmesos_core.network_failures import check_ca_file

        check_ca_file(str(own.ca_file))
    master = _master(client)
    subject = Subject(
        master=MesosMaster(()) if isinstance(master, EmbeddedMaster) else master,
        client=client,
        options=own,
        expected_agents=given["expect_agents"],
        expected_hosts=expected_hosts,
        dispatcher=given["dispatcher"],
        auth_token_file=given["auth_token_file"],
        history_server=history_server,
        log_lines=given["log_lines"],
        probe=probe,
    )
    return subject, master if isinstance(master, EmbeddedMaster) else None


@contextlib.contextmanager
def running(subject: Subject, embedded: EmbeddedMaster | None, terminal: Terminal) -> Iterator[Subject]:
    """The subject while its cluster runs: an embedded one is started, and stopped in the end.

    Raises LocalClusterError, and SparkNotFoundError or JavaNotFoundError without those for its executors.
    """
    if embedded is None:
        yield subject
        return
    from sparkmesos_core.localcluster import daemon
    from sparkmesos_core.localcluster import embedded as embedded_cluster
    from sparkmesos_core.spark.home import find_spark
    from sparkmesos_core.spark.java import find_java

    environment = subject.environment
    spark = subject.client.spark or find_spark(None, environment)
    java = find_java(spark, environment)
    cluster = embedded_cluster.start(
        embedded.agents, java, os.getpid(), subject.options.work_dir, environment
    )
    try:
        terminal.say(f"Embedded Mesos: {cluster.http_url} (log and sandboxes: {cluster.work_dir})")
        started = parse_master(cluster.url)
        assert isinstance(started, MesosMaster)
        yield replace(subject, master=started)
    finally:
        daemon.stop(cluster.work_dir)


def _client(context: click.Context, terminal: Terminal) -> ClientConfiguration:
    from sparkmesos_core.client_configuration import read_client_configuration
    from sparkmesos_core.settings import OwnMasters, own_masters
    from sparkmesos_core.spark.arguments import Action, SubmitArguments

    environment = dict(terminal.environment)
    arguments = SubmitArguments.parse(context.params["arguments"])
    if arguments.action is not Action.SUBMIT:
        raise UsageError(
            f"With --{arguments.action.value} nothing is submitted, so there is nothing to verify",
            hint=f"Leave out --{arguments.action.value}.",
        )
    _warn_of_misplaced(arguments, terminal)
    # The dispatcher, which is `submit`'s master in cluster mode, is a thing to verify beside the master.
    own = OwnMasters(master=own_masters(environment).master)
    return read_client_configuration(
        arguments,
        spark_home=context.params["spark_home"],
        environment=environment,
        own=own,
        dynamic_allocation=dynamic_allocation_of(context),
        needs_spark=False,  # that SPARK_HOME names none is for a check to say
    )


def _warn_of_misplaced(arguments: SubmitArguments, terminal: Terminal) -> None:
    """Tells of options of ours that stand where they are arguments of the application."""
    given = [argument.partition("=")[0] for argument in arguments.application_arguments]
    if ours := list(dict.fromkeys(name for name in given if name in OF_VERIFICATION)):
        are = "is an argument" if len(ours) == 1 else "are arguments"
        terminal.warn(
            f"{', '.join(ours)} behind {arguments.resource} {are} of the application, not of verify-cluster",
            hint="Write options in front of the application.",
        )


def _master(client: ClientConfiguration) -> MesosMaster | ZooKeeperMaster | EmbeddedMaster:
    """The Mesos master. Raises UsageError if there is none, or what is configured is the dispatcher."""
    from sparkmesos_core.conf.setting import Source

    setting = client.configuration.setting("spark.master")
    if setting is None or not setting.value:
        raise UsageError("No Mesos master given", hint=_MASTER_HINT)
    is_cluster = client.configuration.get("spark.submit.deployMode") == "cluster"
    if is_cluster and setting.origin.source not in (Source.OPTION, Source.CONF, Source.SPARKMESOS):
        raise UsageError(
            f"spark.master, set in {setting.origin}, is that of a dispatcher in cluster mode",
            hint="Add --master with the URL of the Mesos master; --dispatcher takes the other one.",
        )
    return parse_master(setting.value)


def _probe(context: click.Context) -> ProbeOptions | None:
    from sparkmesos_core.verify.subject import ProbeOptions

    given = context.params
    if given["probe"] or given["probe_spark"]:
        from sparkmesos_core.mesos.pymesos_import import load_pymesos

        load_pymesos()  # here: the probe runs in another thread, where it cannot be loaded
        return ProbeOptions(given["probe_agents"], given["probe_spark"], given["probe_timeout"])
    for name in OF_PROBE:
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            option = "--" + name.replace("_", "-")
            raise UsageError(
                f"{option} is about the probe, which was not asked for",
                hint=f"Add --probe, or leave out {option}.",
            )
    return None


def _history_server(text: str | None) -> HistoryServer | None:
    """The server of a URL, or of `HOST` and `HOST:PORT`, which speak plain HTTP. Raises UsageError."""
    if text is None:
        return None
    from sparkmesos_core.verify.history_server import USUAL_PORT, history_server_at

    if "://" in text:
        return history_server_at(text, named_by="--history-server")
    server = history_server_at(f"http://{text}", named_by="--history-server")
    if re.search(r":\d+$", text):
        return server
    return replace(server, address=HostPort(server.address.host, USUAL_PORT))
