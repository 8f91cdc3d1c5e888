"""Kills what shuffle services on agents depend on at random; then each agent has the one that it should have.

Runs as `python -m tests.soak.shuffle_chaos`, or by scripts/soak. The processes of the framework and the
services are processes and get real signals, ZooKeeper is a real one; masters and agents are those of the
embedded cluster in this process. Services are stand-ins, which lock a file each, so that who runs beside
another one is known from the start. Prints its seed, and exits with 1 if two services ran on one agent, one
ended that nothing had befallen, a back-off was not kept, or an agent has no service in the end.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from sparkmesos_core.errors import SparkMesosError
from sparkmesos_core.shuffle_service.on_agents.status import ServicesStatus, State
from tests.integration.services_stage import services_stage
from tests.integration.zookeeper import zookeeper_server
from tests.servers.shuffle_framework import ShuffleFramework
from tests.soak.chaos_program import Say, add_options, add_strike_options, end_on_sigterm, run_program
from tests.soak.findings import tracebacks
from tests.soak.master_picture import frameworks_at
from tests.soak.shuffle_chaos_plan import Blow, Size, plan
from tests.soak.shuffle_chaos_strikes import PATIENCE, Strikes, await_all_ended
from tests.soak.shuffle_chaos_verdict import Life, failures, hasty_starts, violations
from tests.soak.stand_in_service import plan as plan_service
from tests.soak.strike_report import StrikeReport

_AWAY_SECONDS = 2.0
"""After which the master gives an agent up."""
_SESSION_SECONDS = 4.0
"""After which ZooKeeper gives a process up."""
_POLL_SECONDS = 0.2
_CRASHED = "its memory is too small"
"""What `--status` makes of the last words of stand-ins that crash."""


def run_chaos(seed: int, size: Size, folder: Path, say: Say) -> StrikeReport[Blow]:
    """One run from the start of a cluster to the verdict."""
    hosts = [f"127.0.0.{number + 2}" for number in range(size.agents + 1)]
    # Every other one has the port of services among its resources. Where it is not, as with agents that nobody
    # has told of it, no lack of resources keeps a second service away.
    agents = [
        {"attributes": "rack:a", **({} if number % 2 else {"ports": "[31000-31010]"})}
        for number in range(size.agents)
    ]
    served, unserved = hosts[:-1], hosts[-1]
    with contextlib.ExitStack() as stack:
        zookeeper = None
        if size.masters > 1 or size.elect:
            zookeeper = stack.enter_context(zookeeper_server(folder / "zookeeper"))
        stage = stack.enter_context(
            services_stage(
                folder,
                hosts,
                agents=[*agents, {"attributes": "rack:b"}],
                masters=size.masters,
                zookeeper=f"zk://{zookeeper.hosts}/mesos" if zookeeper and size.masters > 1 else None,
                zk_session_timeout=3.0,
                agent_ping_timeout=_AWAY_SECONDS / 4,
                agent_reregister_timeout=2 * _AWAY_SECONDS,
            )
        )
        options = ["--constraints", "rack:a"]
        if size.elect and zookeeper is not None:
            options += ["--zk", f"{zookeeper.hosts}/services"]
            options += ["--conf", f"spark.mesos.dispatcher.zookeeper.sessionTimeout={_SESSION_SECONDS:g}s"]
        processes = [stage.framework(f"process-{number}", *options) for number in range(size.processes)]
        for process in processes:
            stack.callback(process.stop)
            process.start()
        strikes = Strikes(
            stage,
            served,
            processes,
            zookeeper,
            size,
            ("--master", stage.cluster.url, *stage.options, *options),
        )
        for strike in plan(seed, size, _AWAY_SECONDS, _SESSION_SECONDS):
            strikes.strike(strike)
        strikes.wait_for_all()
        say("everybody is up again; waiting for the services")
        problems = strikes.problems
        status = _settled(strikes, processes, served, problems)
        living = {host: life for host in served for life in strikes.living(host)}
        lives = strikes.lives()
        problems += violations(lives, strikes.deeds, living)
        if unserved in lives:
            problems.append(f"{unserved} does not meet the constraints, and had {lives[unserved]}")
        if status is not None:
            problems += _misreported(strikes, status, served)
            problems += _crash_loop(strikes, stage.record, processes, served, lives)
        for those in strikes.lives().values():
            problems += hasty_starts(those)
        say("ending all services")
        strikes.stop_all()
        problems += [f"{life} lives after --stop" for life in await_all_ended(strikes, hosts)]
        leading = stage.cluster.control.await_leading_master()
        if left := frameworks_at(stage.cluster.master_urls[leading]):
            problems.append(f"in the end the master has {left}")
        for number, process in enumerate(processes):
            problems += tracebacks(f"process {number}", process.log)
    return StrikeReport(
        counts=strikes.counts,
        skipped=strikes.skipped,
        launches=sum(map(len, strikes.lives().values())),
        problems=problems,
    )


def _settled(
    strikes: Strikes, processes: Sequence[ShuffleFramework], hosts: Sequence[str], problems: list[str]
) -> ServicesStatus | None:
    """The status when each agent has a service that answers; None if that does not come to be."""
    deadline = time.monotonic() + PATIENCE
    last: dict[int, object] = {}
    while True:
        strikes.look_after_processes()
        for number, process in enumerate(processes):
            try:
                status = process.status()
            except SparkMesosError as error:
                last[number] = error.message
                continue
            last[number] = status
            there = sorted(one.host for one in status.agents if one.registered)
            if status.is_complete and there == sorted(hosts):
                return status
        if time.monotonic() > deadline:
            problems.append(f"not every agent has a service after {PATIENCE:g} s: {last}")
            return None
        time.sleep(_POLL_SECONDS)


def _misreported(strikes: Strikes, status: ServicesStatus, hosts: Sequence[str]) -> Iterator[str]:
    """Where the status is not what is."""
    for host in hosts:
        living = strikes.living(host)
        if len(living) != 1:
            yield f"{host} has {len(living)} services in the end: {living}"
        for life in living:
            told = [one for one in status.agents if one.host == host and one.registered]
            if [(one.agent_id, one.task_id, one.state) for one in told] != [
                (life.agent_id, life.task_id, State.RUNNING)
            ]:
                yield f"{life} is told as {told}"
            if life.framework_id != status.framework_id:
                yield f"{life} is of another framework than {status.framework_id}"


def _crash_loop(
    strikes: Strikes,
    record: Path,
    processes: Sequence[ShuffleFramework],
    hosts: Sequence[str],
    lives: Mapping[str, Sequence[Life]],
) -> Iterator[str]:
    """What is wrong with the report of a service that crashes again and again, and then works again."""
    host = min(hosts, key=lambda one: failures(lives[one]))
    # Of four starts the last one comes later than it would without doubled back-offs.
    wanted = max(failures(lives[host]) + 2, 4)
    plan_service(record, host, "crash")
    strikes.kill_service(host)
    try:
        processes[0].await_status(lambda one: _loops(one, host, wanted))
        told = processes[0].run("--status", "--output", "json", check=False)
        (row,) = (
            one
            for one in json.loads(told.stdout)["shuffle_services"]["agents"]
            if one["host"] == host and one["registered"]
        )
        # The next try may just be made.
        waits = row["state"] != State.BACKING_OFF or row["next_try"] is not None
        if told.returncode != 1 or row["cause"] != _CRASHED or row["failures"] < wanted or not waits:
            yield f"--status of a crash loop: exit code {told.returncode}, {row}"
    except AssertionError as error:
        yield f"a crash loop on {host} is not reported: {error}"
    plan_service(record, host, "")
    try:
        processes[0].await_status(lambda one: one.is_complete)
    except AssertionError as error:
        yield f"{host} has no service after its crash loop: {error}"


def _loops(status: ServicesStatus, host: str, failures: int) -> bool:
    """Whether a status tells that the service of a host crashes, and has failed so often."""
    return any(
        one.failures >= failures and one.state == State.BACKING_OFF and one.cause == _CRASHED
        for one in status.agents
        if one.host == host and one.registered
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs what the command line asks for and prints what came out."""
    parser = argparse.ArgumentParser(prog="shuffle_chaos", description=__doc__.partition("\n")[0])
    add_strike_options(parser, strikes=100, agents=5, of_agents=", and one that is to have no service")
    parser.add_argument(
        "--processes", type=int, default=1, help="[%(default)s]; several share a ZooKeeper, one has SQLite"
    )
    parser.add_argument("--zk", action="store_true", help="one process has a ZooKeeper, too")
    add_options(parser)
    asked = parser.parse_args(arguments)
    size = Size(
        strikes=asked.strikes,
        agents=asked.agents,
        masters=asked.masters,
        processes=asked.processes,
        zookeeper=asked.zk,
    )
    return run_program(asked, "shuffle_chaos", lambda seed, folder, say: run_chaos(seed, size, folder, say))


if __name__ == "__main__":
    end_on_sigterm()
    sys.exit(main())
