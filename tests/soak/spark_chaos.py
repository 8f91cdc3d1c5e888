"""Strikes at random at executors, agents, masters and connections while Spark runs a job; its sums are right in the end.

Runs as `python -m tests.soak.spark_chaos`, or by scripts/soak. The application (Chains.scala) is real: a driver and
executors, which are processes and get real signals, and one job of two hundred stages which checks its own sums. Masters
and agents are those of the embedded cluster in this process; ZooKeeper is a real one, and so is the external shuffle
service; the driver's connections, to the master and from executors, go through proxies. When everybody is back, the
application has to come to rest with all executors that it may have and no offer; its next job, which reads shuffles whose
files may be gone, has to be right as well, and afterwards nothing may be left. Nor may more be held, kept, launched or
charged on the way than what was done lets. Prints its seed, and exits with 1 if any of that is not so.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sparkmesos_core.bridge.compile import ensure_bridge
from sparkmesos_core.errors import SparkMesosError
from tests.integration.run_modes.conversation import Conversation
from tests.integration.spark_releases import SPARK_4, locked_cache
from tests.integration.spark_under_test import BOTH, SparkUnderTest, spark_of
from tests.soak.chaos_program import Say, add_options, add_strike_options, end_on_sigterm, run_program
from tests.soak.findings import errors_of_cluster, faults_of_driver, faults_of_executors
from tests.soak.master_picture import frameworks_at, picture
from tests.soak.patience import Steady, StuckError
from tests.soak.spark_application import SparkApplication, chains_jar
from tests.soak.spark_chaos_charges import blamed, unfair
from tests.soak.spark_chaos_deeds import launched, lives, windows
from tests.soak.spark_chaos_executors import can_cut
from tests.soak.spark_chaos_plan import WAITS, Blow, Size, plan
from tests.soak.spark_chaos_settings import CORES, MOST_CORES, executors_at_rest, properties
from tests.soak.spark_chaos_stage import Stage, chaos_stage
from tests.soak.spark_chaos_strikes import Strikes
from tests.soak.spark_chaos_verdict import (
    OF_AGENTS,
    OF_MASTERS,
    agents_lost,
    churn,
    excesses,
    kept_offers,
    missed,
    unexplained_losses,
)
from tests.soak.strike_report import StrikeReport

_KILL_SECONDS = 3.0
"""After which Mesos ends a task by SIGKILL that was told to end."""
_TOLD_SECONDS = 5.0
"""Within which whoever is back has told that it is, the driver has answered, and was heard, on a busy machine."""
_EXCUSED_SECONDS = _TOLD_SECONDS + _KILL_SECONDS
"""For so long an executor may be there twice whose agent has come back: it is told to end, and its JVM takes its time."""
_OFFER_SECONDS = 8.0
"""For so long an offer may be out, which a driver answers at once."""
_TROUBLED_OFFER_SECONDS = 30.0
"""The same while a master is away, or silent, and the driver comes back to it."""
_TROUBLE_SECONDS = 10.0
"""For so long what befell a master has consequences."""
_STEADY_SECONDS = 3.0
"""For so long nothing changes where an application has come to rest."""
_DRIVER_SECONDS = 90.0
"""For which the driver has time to end on a busy machine."""
_END_SECONDS = 20.0
"""For which others have when it has ended."""


@dataclass
class SparkReport(StrikeReport[Blow]):
    """What has happened to an application of Spark."""

    stages: int = 0
    """So many have ended."""
    again: tuple[int, int] = (0, 0)
    """So many were done again, in each job."""
    charged: int = 0
    """Tasks that counted as failed."""
    forgiven: int = 0
    """Tasks that were lost with their executors and did not count."""
    agents_lost: tuple[int, int] = (0, 0)
    """How often a master gave an agent up, and how many of these times no strike explains."""

    def __str__(self) -> str:
        first, second = self.again
        lost, unexplained = self.agents_lost
        return (
            f"{super().__str__()}; {self.stages} stages, {first} done again, in the second job {second}; {self.charged} tasks charged, "
            f"{self.forgiven} not; {lost} agents given up, {unexplained} of them unexplained"
        )


def run_chaos(
    seed: int, size: Size, spark: SparkUnderTest, cache: Path, folder: Path, say: Say
) -> SparkReport:
    """One run from the start of a cluster to the verdict; what is compiled for it is kept in `cache`."""
    jar = compiled(spark, cache)
    strikes_planned = plan(seed, size)
    with contextlib.ExitStack() as stack:
        of_cluster = stack.enter_context(errors_of_cluster())
        heard = stack.enter_context(Conversation.overheard())
        stage = stack.enter_context(chaos_stage(folder, cache, spark, size))
        conf = properties(size, stage.to_driver, stage.service)
        application = SparkApplication(stage.commands, jar, stage.master, conf, size)
        stack.callback(application.close)
        strikes = Strikes(stage, application, size)
        problems: list[str] = []
        try:
            for strike in strikes_planned:
                if strike.stage > size.stages and application.jobs_let == 1:
                    problems += _rested(application, stage, strikes, heard, size, say)
                    application.go_on()
                strikes.strike(strike)
            if application.jobs_let == 1:
                problems += _rested(application, stage, strikes, heard, size, say)
                application.go_on()
            strikes.wait_for_all()
            strikes.until(lambda: application.right == 2, "the second job is right")
            application.go_on()
            problems += _ended(application, stage, size)
        except (StuckError, SparkMesosError, OSError) as error:
            problems.append(
                f"{error}; the application has {application.executors} executors: {_picture(stage)}"
            )
        problems += [f"the application wrote {line!r}" for line in application.unknown]
        if application.await_end(0) is None:
            application.ask_for_stacks()  # which are in its log
        problems += faults_of_driver(application.log)
        problems += blamed(application.log, application.worked)
        problems += faults_of_executors(folder / "cluster")
    with (folder / "conversation.jsonl").open("w", encoding="utf-8") as record:
        record.writelines(json.dumps([at, said]) + "\n" for at, said in heard.course)
    course, deeds = heard.taken, strikes.deeds
    launches = sum(1 for _, said in course for _ in launched(said))
    of_masters = windows(deeds, OF_MASTERS, _TROUBLE_SECONDS)
    problems += of_cluster
    problems += excesses(course, MOST_CORES, _EXCUSED_SECONDS)
    problems += kept_offers(course, _OFFER_SECONDS, of_masters, _TROUBLED_OFFER_SECONDS)
    problems += churn(launches, MOST_CORES // CORES, len(deeds), dynamic=size.dynamic)
    problems += unfair(application.losses, deeds, lives(course))
    problems += missed(deeds, size.strikes)
    of_agents = windows(deeds, OF_AGENTS, _TROUBLE_SECONDS + 3 * WAITS.away)
    problems += unexplained_losses(course, of_agents)
    charged = sum(loss.charged is not None for loss in application.losses)
    return SparkReport(
        strikes.counts,
        strikes.skipped,
        launches,
        problems,
        stages=len(application.stages),
        again=(application.again[0], application.again[1]),
        charged=charged,
        forgiven=len(application.losses) - charged,
        agents_lost=agents_lost(course, of_agents),
    )


def compiled(spark: SparkUnderTest, cache: Path) -> Path:
    """The application's JAR; the bridge is there as well afterwards, so that nobody has to wait for it."""
    ensure_bridge(spark.home.jars, spark.java.executable, cache / "bridge", lambda _: None)
    return chains_jar(cache, spark)


def _leader(stage: Stage) -> str:
    return stage.cluster.master_urls[stage.cluster.control.await_leading_master()]


def _picture(stage: Stage) -> object:
    """What the master has, or why it does not say so."""
    try:
        return picture(_leader(stage))
    except (OSError, SparkMesosError) as error:
        return error


def _rested(
    application: SparkApplication, stage: Stage, strikes: Strikes, heard: Conversation, size: Size, say: Say
) -> Iterator[str]:
    """What is not as it should be while the application has no work, and all it wants, and everybody is back."""
    strikes.wait_for_all()
    say("everybody is up again; the application comes to rest")
    wanted = executors_at_rest(size)
    steady = Steady(_STEADY_SECONDS)
    seen = ""

    def rests() -> bool:
        nonlocal seen
        try:
            now = picture(_leader(stage))
        except OSError as error:
            seen = f"the master does not answer: {error}"
            return False
        jvms = frozenset(strikes.executors())
        launches = sum(1 for call in heard.calls for _ in launched(call))
        seen = f"Spark has {application.executors} executors, {sorted(jvms)} run, and the master has {now}"
        fits = (
            application.executors == len(jvms) == wanted
            and jvms == now.running
            and now.used_cores == wanted * CORES
            and now.offered_cores == 0
            and now.agents == size.agents
        )
        return steady.holds(fits, (jvms, launches))

    try:
        strikes.until(lambda: application.right > 0, "the first job is right")
        strikes.until(rests, f"{wanted} executors, and no offer out, for a while")
    except StuckError as error:
        yield f"{error}; {seen}"


def _ended(application: SparkApplication, stage: Stage, size: Size) -> Iterator[str]:
    """What is left of an application that has been told to end."""
    code = application.await_end(_DRIVER_SECONDS)
    if code != 0:
        yield f"the application ended with {'nothing' if code is None else code}"
    if stage.service is not None:
        stage.service.stop()
    for line in stage.commands.wait_for_no_process(_END_SECONDS):
        yield f"this process is left: {line}"
    if left := frameworks_at(_leader(stage)):
        yield f"in the end the master has {left}"
    now = picture(_leader(stage))
    if (now.used_cores, now.offered_cores, now.agents) != (0, 0, size.agents):
        yield f"in the end the master has {now}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs what the command line asks for and prints what came out."""
    parser = argparse.ArgumentParser(prog="spark_chaos", description=__doc__.partition("\n")[0])
    parser.add_argument("--spark", choices=BOTH, default=SPARK_4, help="[%(default)s]")
    add_strike_options(parser, strikes=12, agents=3)
    parser.add_argument("--dynamic", action="store_true", help="dynamic allocation, with shuffle tracking")
    parser.add_argument("--decommission", action="store_true", help="executors hand on what they have")
    parser.add_argument(
        "--service", action="store_true", help="an external shuffle service keeps shuffle files"
    )
    add_options(parser)
    asked = parser.parse_args(arguments)
    size = Size(
        strikes=asked.strikes,
        agents=asked.agents,
        masters=asked.masters,
        dynamic=asked.dynamic,
        decommission=asked.decommission,
        service=asked.service,
        cuts_executors=can_cut(),
        spares_executors=asked.spark != SPARK_4,
    )
    spark = spark_of(asked.spark)
    cache = prepared(spark)
    return run_program(
        asked, "spark_chaos", lambda seed, folder, say: run_chaos(seed, size, spark, cache, folder, say)
    )


def prepared(spark: SparkUnderTest) -> Path:
    """A cache that has all that is compiled for it."""
    with locked_cache("soak") as cache:  # others wait until it is all there
        cache.mkdir(exist_ok=True)
        compiled(spark, cache)
    return cache


if __name__ == "__main__":
    end_on_sigterm()
    sys.exit(main())
