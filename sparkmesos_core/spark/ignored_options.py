"""Options of spark-submit that Spark passes over in silence on Mesos: given a meaning, or warned about.

Which options those are: `SparkSubmit.prepareSubmitEnvironment`, whose table names the cluster managers and
deploy modes that each option has an effect with.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from sparkmesos_core.conf.configuration import Configuration
from sparkmesos_core.conf.finding import Finding, Severity
from sparkmesos_core.conf.setting import Origin, Setting, Source
from sparkmesos_core.conf.values.scalars import java_int
from sparkmesos_core.spark.arguments import Action, SubmitArguments

_EXECUTOR_CORES = "spark.executor.cores"
_CORES_MAX = "spark.cores.max"
_INSTANCES = "spark.executor.instances"
_QUEUE = "spark.mesos.dispatcher.queue"
_LARGEST_INT = 2**31 - 1  # Spark keeps numbers of cores in an Int
_ON_THE_COMMAND_LINE = (Source.OPTION, Source.CONF)


@dataclass(frozen=True)
class Translation:
    """What the ignored options of one command line come to."""

    settings: tuple[Setting, ...]
    """What the options mean, to be set above everything else; each key at most once."""
    findings: tuple[Finding, ...]
    """What has no effect or contradicts itself."""


def translate(
    arguments: SubmitArguments, configuration: Configuration, spark_version: str | None
) -> Translation:
    """What the options that Spark ignores on Mesos mean there.

    `configuration` is the effective one without this translation; `spark_version` is that of the Spark which
    will run the application, None if it is not known. Numbers that are not numbers are passed over:
    spark-submit itself refuses them (`check_values`).
    """
    if arguments.action is not Action.SUBMIT:
        return Translation((), ())
    options = _Options(arguments, configuration, _release(spark_version))
    settings = [*options.executor_cores(), *options.num_executors(), *options.queue()]
    options.warn_of_what_has_no_effect()
    return Translation(tuple(settings), tuple(options.findings))


class _Options:
    def __init__(
        self, arguments: SubmitArguments, configuration: Configuration, release: tuple[int, int] | None
    ) -> None:
        self.values = arguments.values
        self.configuration = configuration
        self.release = release
        self.findings: list[Finding] = []
        deploy_mode = self.values.get("--deploy-mode") or configuration.get("spark.submit.deployMode")
        self.is_cluster = deploy_mode == "cluster"
        self.is_fine_grained = configuration.get("spark.mesos.coarse", "true").strip().lower() == "false"
        self.is_dynamic = configuration.get("spark.dynamicAllocation.enabled", "").lower() == "true"

    def executor_cores(self) -> Iterator[Setting]:
        """--executor-cores, or SPARK_EXECUTOR_CORES: the cores of each executor (since Spark 2.0)."""
        option, text = "--executor-cores", self.values.get("--executor-cores")
        found = self.configuration.setting(_EXECUTOR_CORES)
        if text is None:
            if found is not None and found.origin.source is Source.VARIABLE and not self.is_fine_grained:
                # spark-submit reads the variable, and drops it on Mesos.
                yield found
            return
        if self.is_fine_grained:
            self._no_effect(
                option,
                "in fine-grained mode (spark.mesos.coarse=false) a Mesos executor takes no fixed cores",
                "Leave it out, or use coarse-grained mode: --conf spark.mesos.coarse=true.",
            )
            return
        if _positive(text) is None:
            return
        self._contradicted(option, text, found)
        yield _meant(_EXECUTOR_CORES, text, option)

    def num_executors(self) -> Iterator[Setting]:
        """--num-executors: as many executors as fit into spark.cores.max."""
        option, text = "--num-executors", self.values.get("--num-executors")
        if text is None:
            return
        if self.is_fine_grained:
            self._no_effect(
                option,
                "in fine-grained mode (spark.mesos.coarse=false) each agent has one executor",
                "Leave it out, or use coarse-grained mode: --conf spark.mesos.coarse=true.",
            )
            return
        if self.is_dynamic:
            yield from self._initial_executors(option, text)
            return
        count = _positive(text)
        if count is None:
            return
        cores, total = self._cores_of_an_executor(), self._total_cores()
        if cores is None:
            self._say_that_cores_are_missing(option, count, total)
            return
        wanted = count * cores
        if wanted > _LARGEST_INT:
            self._add(
                "ignored-option",
                Severity.ERROR,
                f"{count} executors with {cores} cores each are more cores than Spark can count",
                f"Spark's largest number of cores is {_LARGEST_INT}: ask for fewer.",
                option,
            )
            return
        if total is not None and total.origin.source in _ON_THE_COMMAND_LINE:
            if total.value.strip() != str(wanted):
                self._add(
                    "contradicting-options",
                    Severity.WARNING,
                    f"{text} with {cores} cores each comes to {_CORES_MAX}={wanted}, "
                    f"but {total.origin} says {total.value}, which is used",
                    f"Give only one of {option} and {_spelling(total)}.",
                    option,
                )
            return
        if total is not None and total.value.strip() != str(wanted):
            self._add(
                "contradicting-options",
                Severity.WARNING,
                f"{text} with {cores} cores each comes to {_CORES_MAX}={wanted}, "
                f"which is used, and not {total.value} of {total.origin}",
                f"Leave out {option} to keep that. Give --total-executor-cores if it is to be another one.",
                option,
            )
        yield _meant(_CORES_MAX, str(wanted), option)

    def queue(self) -> Iterator[Setting]:
        """--queue: in cluster mode one of the dispatcher's queues (since Spark 3.1)."""
        option, text = "--queue", self.values.get("--queue")
        if text is None:
            return
        if not self.is_cluster:
            self._no_effect(
                option,
                "in client mode nothing waits in a queue",
                "Leave it out. How much an application gets depends on its role: spark.mesos.role.",
            )
            return
        if self._older_than(3, 1):
            self._no_effect(
                option,
                "dispatchers have queues since Spark 3.1",
                "Leave it out, or use a newer Spark.",
            )
            return
        self._contradicted(option, text, self.configuration.setting(_QUEUE))
        yield _meant(_QUEUE, text, option)

    def warn_of_what_has_no_effect(self) -> None:
        """The options that mean nothing on Mesos, in this mode or in this release."""
        if "--archives" in self.values and self._older_than(3, 1):
            self._no_effect(
                "--archives",
                "before Spark 3.1 only YARN knows it",
                "Use --conf spark.mesos.uris=URL: agents fetch and unpack it into the sandbox.",
            )
        if not self.is_cluster:
            for option in ("--supervise", "--driver-cores"):
                if option in self.values:
                    self._no_effect(
                        option,
                        "in client mode the driver runs here and not on Mesos",
                        "Leave it out, or use --deploy-mode cluster.",
                    )
        self._kerberos()

    def _kerberos(self) -> None:
        if self.is_cluster and "--proxy-user" in self.values:
            self._no_effect(
                "--proxy-user",
                "in cluster mode the dispatcher is not told of it: the driver would run as its own user",
                "Tell Hadoop in the driver: --conf spark.mesos.driverEnv.HADOOP_PROXY_USER=NAME.",
            )
        given = [option for option in ("--principal", "--keytab") if option in self.values]
        if not given:
            return
        if self.is_cluster:
            self._no_effect(
                given[0],
                "in cluster mode nobody logs in here, and the keytab is not sent to the driver",
                "Put the keytab at the same path on every agent, or ship it as a secret of the driver: "
                "spark.mesos.driver.secret.names and spark.mesos.driver.secret.filenames.",
            )
        elif self._older_than(2, 3):
            self._no_effect(
                given[0],
                "before Spark 2.3 only YARN knows it",
                "Run kinit before, or use a newer Spark.",
            )
        elif len(given) == 1 and not self._has_both():
            other = "--keytab" if given[0] == "--principal" else "--principal"
            self._no_effect(given[0], f"Spark logs in only with {other}, too", f"Give {other} as well.")

    def _has_both(self) -> bool:
        """Whether properties give the other half of principal and keytab."""
        return all(
            f"--{part}" in self.values
            or any(f"spark.{owner}.{part}" in self.configuration for owner in ("kerberos", "yarn"))
            for part in ("principal", "keytab")
        )

    def _initial_executors(self, option: str, text: str) -> Iterator[Setting]:
        """With dynamic allocation the number is only what it begins with (`Utils`, initial executors)."""
        count = java_int(text)
        if count is None or count < 0:
            self._add(
                "ignored-option",
                Severity.ERROR,
                f"{text!r} is not a number of executors",
                "Give a whole number, or leave it out: dynamic allocation finds its own.",
                option,
            )
            return
        self._contradicted(option, text, self.configuration.setting(_INSTANCES))
        yield _meant(_INSTANCES, text, option)

    def _cores_of_an_executor(self) -> int | None:
        text = self.values.get("--executor-cores")
        return _positive(self.configuration.get(_EXECUTOR_CORES, "") if text is None else text)

    def _total_cores(self) -> Setting | None:
        text = self.values.get("--total-executor-cores")
        if text is not None:
            return _meant(_CORES_MAX, text, "--total-executor-cores")
        return self.configuration.setting(_CORES_MAX)

    def _say_that_cores_are_missing(self, option: str, count: int, total: Setting | None) -> None:
        cores = _positive(total.value) if total is not None else None
        advice = "Give --executor-cores, too: spark.cores.max is then set to the product of both."
        if total is not None and cores is not None and cores % count == 0:
            advice = f"Give --executor-cores {cores // count}, too: {total.origin} asks for {cores} cores."
        self._no_effect(
            option,
            "on Mesos an executor takes all cores of an offer unless it is told how many",
            advice,
        )

    def _contradicted(self, option: str, text: str, other: Setting | None) -> None:
        """Says so if the command line sets the same thing to something else: for Spark options win."""
        if other is None or other.origin.source is not Source.CONF or other.value.strip() == text.strip():
            return
        self._add(
            "contradicting-options",
            Severity.WARNING,
            f"{text} is used, and not {other.key}={other.value} of {other.origin}",
            f"Give only one of {option} and {_spelling(other)}.",
            option,
        )

    def _no_effect(self, option: str, why: str, advice: str) -> None:
        self._add("ignored-option", Severity.WARNING, f"has no effect, since {why}", advice, option)

    def _add(self, rule: str, severity: Severity, message: str, hint: str, option: str) -> None:
        self.findings.append(
            Finding(rule, severity, message, hint=hint, origin=Origin(Source.OPTION, option))
        )

    def _older_than(self, major: int, minor: int) -> bool:
        """Whether this Spark is known to be older than a release."""
        return self.release is not None and self.release < (major, minor)


def _meant(key: str, value: str, option: str) -> Setting:
    return Setting(key, value, Origin(Source.OPTION, option))


def _spelling(setting: Setting) -> str:
    return f"--conf {setting.key}" if setting.origin.source is Source.CONF else setting.origin.name


def _positive(text: str) -> int | None:
    number = java_int(text)
    return number if number is not None and number > 0 else None


def _release(version: str | None) -> tuple[int, int] | None:
    """The first two numbers of a version such as 3.5.9 or 2.4.0-cdh6; None if there are none."""
    match = re.match(r"(\d+)\.(\d+)", version or "")
    return (int(match[1]), int(match[2])) if match else None
