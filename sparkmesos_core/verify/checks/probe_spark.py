"""The check of --probe-spark: whether a real application of Spark works on the agents."""

from __future__ import annotations

from sparkmesos_core.conf.finding import Severity
from sparkmesos_core.verify.check import Checks, Group, Verdict, not_applicable
from sparkmesos_core.verify.checks.driver_here import of_driver_here
from sparkmesos_core.verify.facts.application import NEED
from sparkmesos_core.verify.facts.spark_job import SPARK_JOB
from sparkmesos_core.verify.known import Known
from sparkmesos_core.verify.probe.spark_job import judge

CHECKS = Checks(Group.PROBE)


@CHECKS.add(
    "probe-spark",
    "Application of Spark",
    Severity.ERROR,
    finds="a real application of Spark, with an executor on each agent, that does not work although all it "
    "needs seems to be there: executors end, or never find the driver (*Initial job has not accepted any "
    "resources*)",
    remedy="Read what the executors wrote to stderr, which is shown with it, and do what the bridge advises.",
    needs_probe=True,
)
@of_driver_here
def _probe_spark(known: Known) -> Verdict:
    probe = known.subject.probe
    if probe is None or not probe.runs_spark:
        return not_applicable("no application of Spark is run without --probe-spark")
    if known[NEED].fine_grained:
        return not_applicable("with spark.mesos.coarse=false there are no executors before there are tasks")
    return judge(known[SPARK_JOB])
