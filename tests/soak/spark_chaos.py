"""Strikes at random at executors, agents, masters and connections while Spark runs a job; its sums are right in the end.

Runs as `python -m tests.soak.spark_chaos`, or by scripts/soak. The application (Chains.scala) is real: a driver and
executors, which are processes and get real signals, and one job of two hundred stages which checks its own sums. Masters
and agents are those of the embedded cluster in this process; ZooKeeper is a real one; the driver's connections, to the
master and from executors, go through proxies. When everybody is back, the application has to come to rest with all
executors that it may have and no offer, its next job, which reads shuffles whose files may be gone, has to be right as
well, and afterwards nothing may be left. Prints its seed, and exits with 1 if any of that is not so.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import socket
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from sparkmesos_core.bridge.compile import ensure_bridge
from sparkmesos_core.localcluster.agent.executor_environment import default_executor_environment
from sparkmesos_core.localcluster.cluster import AgentSpec, ClusterSpec, RunningCluster, cluster_in_thread
from sparkmesos_core.master import HostPort
from tests.integration.commands import Commands, commands_in
from tests.integration.run_modes.conversation import Conversation
from tests.integration.spark_releases import SPARK_4, locked_cache
from tests.integration.spark_under_test import BOTH, SparkUnderTest, spark_of
from tests.integration.zookeeper import zookeeper_server
from tests.servers.cutting_proxy import CuttingProxy, cutting_proxy
from tests.soak.chaos_program import Say, add_options, end_on_sigterm, run_program
from tests.soak.findings import Picture, faults_of_driver, frameworks_at, picture
from tests.soak.spark_application import SparkApplication, chains_jar
from tests.soak.spark_chaos_plan import Blow, Size, plan
from tests.soak.spark_chaos_settings import CORES, MOST_CORES, SILENCE_SECONDS, executors_at_rest, properties
from tests.soak.spark_chaos_strikes import Strikes, StuckError
from tests.soak.spark_chaos_verdict import excesses, kept_offers, launched
from tests.soak.strike_report import StrikeReport

_AWAY_SECONDS = 2.0
"""After which the master gives an agent up."""
_EXCUSED_SECONDS = 8.0
"""For so long an executor may be there twice whose agent has come back: it is told to end, and its JVM takes its time."""
_OFFER_SECONDS = 30.0
"""For so long an offer may be out: longer than a master is away, or silent, and the driver takes to come back."""
_PROXY_HOST = "127.0.0.9"
_END_SECONDS = 90.0
"""For which executors and driver have time to end on a busy machine."""


def run_chaos(
    seed: int, size: Size, spark: SparkUnderTest, cache: Path, folder: Path, say: Say
) -> StrikeReport[Blow]:
    """One run from the start of a cluster to the verdict; what is compiled for it is kept in `cache`."""
    jar = compiled(spark, cache)
    with contextlib.ExitStack() as stack:
        commands = stack.enter_context(commands_in(folder, cache, spark))
        zookeeper = None
        if size.masters > 1:
            zookeeper = stack.enter_context(zookeeper_server(folder / "zookeeper"))
        heard = stack.enter_context(Conversation.overheard())
        cluster = stack.enter_context(
            cluster_in_thread(
                ClusterSpec(
                    work_dir=folder / "cluster",
                    agents=(AgentSpec(cpus=4, mem=2048),) * size.agents,
                    masters=size.masters,
                    zookeeper=None if zookeeper is None else f"zk://{zookeeper.hosts}/mesos",
                    zk_session_timeout=3.0,
                    heartbeat_interval=1.0,
                    registration_backoff=0.2,
                    executor_environment=default_executor_environment(spark.java),
                    allocation_interval=0.1,
                    agent_ping_timeout=_AWAY_SECONDS / 4,
                    max_agent_ping_timeouts=4,
                    agent_reregister_timeout=2 * _AWAY_SECONDS,
                )
            )
        )
        to_master = None
        if zookeeper is None:
            host, _, port = cluster.url.removeprefix("mesos://").rpartition(":")
            to_master = stack.enter_context(cutting_proxy(HostPort(host, int(port))))
        to_driver = [_proxy_to_driver(stack) for _ in range(2)]
        application = SparkApplication(
            commands,
            jar,
            cluster.url if to_master is None else f"mesos://{to_master.address}",
            properties(size, to_driver),
            size.chains,
            size.links,
        )
        stack.callback(application.close)
        strikes = Strikes(application, commands, cluster, to_master, to_driver, size)
        problems: list[str] = []
        try:
            for strike in plan(seed, size, _AWAY_SECONDS, SILENCE_SECONDS):
                strikes.strike(strike)
            strikes.wait_for_all()
            say("everybody is up again; the application comes to rest")
            problems += _rested(application, cluster, strikes, size)
            application.go_on()
            strikes.until(lambda: application.right == 2, "the second job is right")
            application.go_on()
            problems += _ended(application, cluster, commands, size)
        except StuckError as error:
            problems.append(
                f"{error}; the application has {application.executors} executors: {_picture(cluster)}"
            )
        problems += [f"the application wrote {line!r}" for line in application.unknown]
        if application.await_end(0) is None:
            application.ask_for_stacks()  # which are in its log
        problems += faults_of_driver(application.log)
        problems += excesses(heard.course, MOST_CORES, _EXCUSED_SECONDS)
        problems += kept_offers(heard.course, _OFFER_SECONDS)
    with (folder / "conversation.jsonl").open("w", encoding="utf-8") as record:
        record.writelines(json.dumps([at, said]) + "\n" for at, said in heard.course)
    launches = sum(1 for call in heard.calls for _ in launched(call))
    return StrikeReport(strikes.counts, strikes.skipped, launches, problems)


def compiled(spark: SparkUnderTest, cache: Path) -> Path:
    """The application's JAR; the bridge is there as well afterwards, so that nobody has to wait for it."""
    ensure_bridge(spark.home.jars, spark.java.executable, cache, lambda _: None)
    return chains_jar(cache, spark)


def _proxy_to_driver(stack: contextlib.ExitStack) -> CuttingProxy:
    """A proxy before the same port of another address, which is the driver's: it tells executors one port only."""
    while True:
        proxy = stack.enter_context(cutting_proxy(HostPort("127.0.0.1", 0), host=_PROXY_HOST))
        proxy.target = HostPort("127.0.0.1", proxy.address.port)
        with contextlib.suppress(OSError), socket.create_server((proxy.target.host, proxy.target.port)):
            return proxy


def _leader(cluster: RunningCluster) -> str:
    return cluster.master_urls[cluster.control.await_leading_master()]


def _picture(cluster: RunningCluster) -> Picture:
    return picture(_leader(cluster))


def _rested(
    application: SparkApplication, cluster: RunningCluster, strikes: Strikes, size: Size
) -> Iterator[str]:
    """What is not as it should be while the application has no work, and all it wants."""
    wanted = executors_at_rest(size)
    seen: list[object] = []

    def rests() -> bool:
        now = _picture(cluster)
        jvms = len(strikes.executors())
        seen[:] = [f"Spark has {application.executors} executors, {jvms} JVMs run, and the master has {now}"]
        return (
            (application.executors, jvms, len(now.running)) == (wanted, wanted, wanted)
            and now.used_cores == wanted * CORES
            and now.offered_cores == 0
            and now.agents == size.agents
        )

    try:
        strikes.until(rests, f"{wanted} executors, and no offer out")
    except StuckError as error:
        yield f"{error}; {seen}"


def _ended(
    application: SparkApplication, cluster: RunningCluster, commands: Commands, size: Size
) -> Iterator[str]:
    """What is left of an application that has been told to end."""
    code = application.await_end(_END_SECONDS)
    if code != 0:
        yield f"the application ended with {'nothing' if code is None else code}"
    for line in commands.wait_for_no_process(_END_SECONDS):
        yield f"this process is left: {line}"
    if left := frameworks_at(_leader(cluster)):
        yield f"in the end the master has {left}"
    now = _picture(cluster)
    if (now.used_cores, now.offered_cores, now.agents) != (0, 0, size.agents):
        yield f"in the end the master has {now}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs what the command line asks for and prints what came out."""
    parser = argparse.ArgumentParser(prog="spark_chaos", description=__doc__.partition("\n")[0])
    parser.add_argument("--spark", choices=BOTH, default=SPARK_4, help="[%(default)s]")
    parser.add_argument("--strikes", type=int, default=12, help="[%(default)s]")
    parser.add_argument("--agents", type=int, default=3, help="[%(default)s]")
    parser.add_argument(
        "--masters", type=int, default=1, help="[%(default)s]; several elect their leader with a ZooKeeper"
    )
    parser.add_argument("--dynamic", action="store_true", help="dynamic allocation, with shuffle tracking")
    parser.add_argument("--decommission", action="store_true", help="executors hand on what they have")
    add_options(parser)
    asked = parser.parse_args(arguments)
    size = Size(
        strikes=asked.strikes,
        agents=asked.agents,
        masters=asked.masters,
        dynamic=asked.dynamic,
        decommission=asked.decommission,
        spares_executors=asked.spark != SPARK_4,
    )
    spark = spark_of(asked.spark)
    with locked_cache("soak") as cache:  # others wait until it is all there
        cache.mkdir(exist_ok=True)
        compiled(spark, cache)
    return run_program(
        asked, "spark_chaos", lambda seed, folder, say: run_chaos(seed, size, spark, cache, folder, say)
    )


if __name__ == "__main__":
    end_on_sigterm()
    sys.exit(main())
