"""`sparkmesos quickstart`."""

from __future__ import annotations

import os
import shlex
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sparkmesos_core.errors import MesosError

from . import options
from .terminal import Terminal

if TYPE_CHECKING:
    from sparkmesos_core.localcluster.daemon import ClusterState
    from sparkmesos_core.quickstart import Outcome
    from sparkmesos_core.submit.client_mode import Submission

# Two agents fetch and unpack a Spark at once, on a disk that may be slow: Mesos' minute may be short.
_REGISTRATION_SECONDS = 300.0


@click.command("quickstart")
@options.option("--keep", is_flag=True, help="Leave the embedded Mesos running, to go on with it.")
@options.option("--all", "everything", is_flag=True, help="Take the longer tour.")
@options.output
@click.pass_obj
def command(terminal: Terminal, *, keep: bool, everything: bool, output: str) -> None:
    """Run real Spark applications on an embedded Mesos and show what happens.

    Starts one Mesos master and two agents on this machine, runs two Spark applications whose executors are
    Mesos tasks on both agents, and cleans up.
    """
    from sparkmesos_core import quickstart
    from sparkmesos_core.mesos.pymesos_import import load_pymesos

    environment = dict(terminal.environment)
    began = time.monotonic()
    plan = quickstart.prepare(environment)
    if everything:
        load_pymesos()  # what the last step needs is better missed now
    terminal.heading(f"1. Spark {plan.spark.version} with Java {plan.java.major}")
    terminal.say(f"   {plan.spark.path} ({plan.spark.origin}), {plan.java.home} ({plan.java.origin})")

    terminal.heading(f"2. An embedded Mesos: one master, {quickstart.AGENTS} agents")
    cluster = _start(plan, keep, environment)
    results: dict[str, Any] = {}
    try:
        terminal.say(f"   Master {cluster.url}, page to look at {cluster.http_url}")
        step = 2
        for step, application in enumerate((quickstart.PI, quickstart.WORD_COUNT), start=3):
            terminal.heading(f"{step}. {application.title}")
            terminal.say(f"   $ {application.command.replace('MASTER', cluster.url)}")
            with terminal.working("Spark is at work"):
                (outcome,) = quickstart.run([application], cluster, environment, terminal.say)
            _show(terminal, output, outcome)
            if len(outcome.agents) < quickstart.AGENTS:
                raise MesosError(
                    f"{application.title}: {len(outcome.agents)} of {quickstart.AGENTS} agents ran executors",
                    hint=f"The cluster's log is {cluster.work_dir / 'cluster.log'}.",
                )
            results[application.name] = _content(outcome)
        if everything:
            terminal.heading(f"{step + 1}. Both at once, sharing the cluster")
            with terminal.working("Spark is at work, twice"):
                together = quickstart.run(
                    [quickstart.PI, quickstart.WORD_COUNT], cluster, environment, terminal.say
                )
            for outcome in together:
                _show(terminal, output, outcome)
            results["together"] = [_content(outcome) for outcome in together]
            terminal.heading(
                f"{step + 2}. Executors that fetch their Spark: packed, served, fetched by the agents"
            )
            results["fetched"] = _run_fetched(terminal, output, plan, cluster, environment)
            terminal.heading(f"{step + 3}. A framework of your own, in Python: a task on each agent")
            terminal.say(f"   $ python {quickstart.FRAMEWORK} {cluster.url}")
            said = quickstart.run_framework(cluster)
            if output == "table":
                terminal.data(said)
            results["framework"] = said.splitlines()
            terminal.heading(f"{step + 4}. Cluster mode: a dispatcher, and a driver on an agent")
            results["cluster_mode"] = _run_in_cluster(terminal, output, plan, cluster, environment)
    finally:
        if not keep:
            _stop(cluster)
    if output == "json":
        terminal.json("quickstart", results)
    state = "The cluster is still up." if keep else "All is cleaned up."
    terminal.heading(f"Done in {time.monotonic() - began:.0f} s. {state}")
    _say_next(terminal, cluster, keep, packed=everything)


def _run_fetched(
    terminal: Terminal, output: str, plan: Submission, cluster: ClusterState, environment: Mapping[str, str]
) -> dict[str, Any]:
    """Packs Spark, serves it, and runs an application from it, as on agents that have no Spark."""
    from sparkmesos_core import quickstart
    from sparkmesos_core.dist.serving.server import served
    from sparkmesos_core.upload.rate import duration_text, size_text

    from .transfer_progress import TransferProgress

    began = time.monotonic()
    terminal.say(f"   $ sparkmesos upload-dist {shlex.quote(str(plan.spark.path))} {_dist(cluster)}/")
    archive = quickstart.pack(plan, cluster, environment, terminal.say, TransferProgress(terminal))
    packed = time.monotonic() - began
    size = archive.path.stat().st_size
    terminal.say(f"   {archive.name}: {size_text(size)}, packed in {duration_text(packed)}")
    with served(archive.path.parent) as server:
        terminal.say(f"   $ sparkmesos serve-dist --port {server.address.port} {_dist(cluster)}")
        uri = server.url + archive.path.name
        application = quickstart.from_uri(quickstart.WHEREABOUTS, uri)
        terminal.say(f"   $ {application.command.replace('MASTER', cluster.url)}")
        with terminal.working("Agents fetch Spark, and it is at work"):
            (outcome,) = quickstart.run([application], cluster, environment, terminal.say)
        downloads = server.downloads
    _show(terminal, output, outcome)
    terminal.say(f"   {downloads} agents fetched {uri}")
    sandboxes = cluster.work_dir.resolve()  # as shells see it
    homes = {Path(home).resolve() for home in outcome.output.splitlines()}
    unpacked = [home for home in homes if home.is_relative_to(sandboxes)]
    if min(downloads, len(unpacked)) < quickstart.AGENTS:
        raise MesosError(
            f"{application.title}: {downloads} downloads and {len(unpacked)} Sparks in sandboxes by "
            f"{quickstart.AGENTS} agents",
            hint=f"The cluster's log is {cluster.work_dir / 'cluster.log'}.",
        )
    return {
        **_content(outcome),
        "uri": uri,
        "size": size,
        "packed_seconds": round(packed, 1),
        "downloads": downloads,
    }


def _run_in_cluster(
    terminal: Terminal, output: str, plan: Submission, cluster: ClusterState, environment: Mapping[str, str]
) -> dict[str, Any]:
    """Starts a dispatcher, submits an application to it, waits for its end, and stops the dispatcher."""
    from sparkmesos_core.cluster_mode_tour import Tour, tour_environment

    def announce(text: str) -> None:
        terminal.say(f"   {text}")

    command = (sys.executable, "-m", __package__)
    tour = Tour(command, tour_environment(cluster, environment), announce)
    with tour.dispatcher(cluster, plan.spark.path) as url:
        done = tour.pi(url)
        if output == "table":
            terminal.data(done.output)
    return {
        "submission": done.submission_id,
        "exit_code": done.exit_code,
        "output": done.output.splitlines(),
    }


def _dist(cluster: ClusterState) -> str:
    from sparkmesos_core.quickstart import dist_folder

    return shlex.quote(str(dist_folder(cluster)))


def _start(plan: Submission, keep: bool, environment: Mapping[str, str]) -> ClusterState:
    """The cluster of the tour: one that is meant to stay is where stop-local-cluster looks for it."""
    from sparkmesos_core.localcluster import daemon, embedded
    from sparkmesos_core.localcluster.agent.executor_environment import default_executor_environment
    from sparkmesos_core.quickstart import AGENTS

    if not keep:
        return embedded.start(
            AGENTS,
            plan.java,
            os.getpid(),
            None,
            environment,
            executor_registration_timeout=_REGISTRATION_SECONDS,
        )
    return daemon.start(
        daemon.DaemonSettings(
            work_dir=str(embedded.default_work_dir(environment)),
            agents=embedded.agent_settings(AGENTS),
            executor_environment=default_executor_environment(plan.java),
            executor_registration_timeout=_REGISTRATION_SECONDS,
        )
    )


def _stop(cluster: ClusterState) -> None:
    from sparkmesos_core.localcluster import daemon

    daemon.stop(cluster.work_dir)


def _show(terminal: Terminal, output: str, outcome: Outcome) -> None:
    if output == "table":
        terminal.data(outcome.output)
    if terminal.verbosity >= 0:
        terminal.table(
            ("Mesos task", "agent", "state"),
            [(task.name, task.agent, task.state) for task in outcome.executors],
            file=terminal.stderr,
            indent=3,
        )


def _content(outcome: Outcome) -> dict[str, Any]:
    from dataclasses import asdict

    return {
        "output": outcome.output.splitlines(),
        "executors": [asdict(task) for task in outcome.executors],
    }


def _say_next(terminal: Terminal, cluster: ClusterState, keep: bool, packed: bool) -> None:
    master = cluster.url if keep else '"$url"'
    terminal.say("Try next:")
    if not keep:
        terminal.say("  url=$(sparkmesos start-local-cluster)")
    terminal.say(f"  sparkmesos submit --master {master} YOUR_APPLICATION.py")
    terminal.say(f"  sparkmesos verify-cluster --master {master}   # why Spark will run there, or will not")
    if keep:
        terminal.say(f"  curl {cluster.http_url}/state   # or look at {cluster.http_url} in a browser")
    if keep and packed:
        terminal.say(f"  sparkmesos serve-dist {_dist(cluster)}   # the packed Spark, for spark.executor.uri")
    terminal.say("  sparkmesos stop-local-cluster")
