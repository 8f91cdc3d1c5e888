"""What Spark checks about the values of a submission before it submits anything."""

from __future__ import annotations

from collections.abc import Iterator

from sparkmesos_core.conf.configuration import Configuration
from sparkmesos_core.conf.values.scalars import java_int
from sparkmesos_core.conf.values.sizes import parse_size
from sparkmesos_core.errors import ConfigurationError, UsageError
from sparkmesos_core.quoting import quoted
from sparkmesos_core.spark.arguments import Action, SubmitArguments

_MEMORY = {"spark.driver.memory": "Driver memory", "spark.executor.memory": "Executor memory"}
_CORES = {
    "spark.driver.cores": "Driver cores",
    "spark.executor.cores": "Executor cores",
    "spark.cores.max": "Total cores",
}
_JAVA_OPTIONS = ("spark.driver.defaultJavaOptions", "spark.driver.extraJavaOptions")


def check_values(arguments: SubmitArguments, configuration: Configuration) -> None:
    """Raises the first of `refusals`, if there is one."""
    for error in refusals(arguments, configuration):
        raise error


def refusals(arguments: SubmitArguments, configuration: Configuration) -> Iterator[UsageError]:
    """What Spark refuses before it submits anything (`SparkSubmitArguments.validateSubmitArguments`).

    `configuration` is the effective one of these arguments. Nothing if they ask for something else than a
    submission. A UsageError, or a ConfigurationError with the place of a value, for each thing: a missing
    application, and values that Spark refuses whatever the deploy mode.
    """
    if arguments.action is not Action.SUBMIT:
        return
    for key in _JAVA_OPTIONS:
        if "Xmx" in configuration.get(key, ""):
            yield _refusal(
                configuration,
                key,
                "the options of the driver's JVM must not set its heap (-Xmx)",
                "Use --driver-memory or spark.driver.memory for it.",
            )
    if arguments.resource is None:
        yield UsageError(
            "No application given", hint="Name a JAR, a Python file or an R file behind the options."
        )
    elif not arguments.resource.strip():
        # To Spark it is the current folder, which it takes for a JAR.
        yield UsageError(
            "The name of the application is empty",
            hint="Name a JAR, a Python file or an R file behind the options. In a script, see that the "
            "variable of that name is set.",
        )
    deploy_mode = configuration.get("spark.submit.deployMode")
    if deploy_mode is not None and deploy_mode not in ("client", "cluster"):
        yield _refusal(
            configuration,
            "spark.submit.deployMode",
            f"{quoted(deploy_mode)} is no deploy mode",
            "It is client or cluster.",
        )
    if (
        "spark.remote" in configuration
        and "spark.local.connect" not in configuration
        and (deploy_mode is not None or "spark.master" in configuration)
    ):
        yield _refusal(
            configuration,
            "spark.remote",
            "a server of Spark Connect takes the place of a master and a deploy mode",
            "Leave it out to run on Mesos.",
        )
    yield from _numbers(arguments, configuration)
    if arguments.values.get("--proxy-user") == "":
        yield UsageError("--proxy-user is empty", hint="Give the name of a user, or leave it out.")
    if "--proxy-user" in arguments.values:
        for key in ("spark.kerberos.principal", "spark.yarn.principal"):
            if key in configuration:
                yield _refusal(
                    configuration, key, "a principal excludes --proxy-user", "Give only one of the two."
                )


def _numbers(arguments: SubmitArguments, configuration: Configuration) -> Iterator[UsageError]:
    for key, what in _MEMORY.items():
        if key in configuration and not _is_memory(configuration[key]):
            yield _refusal(
                configuration,
                key,
                f"{what} {quoted(configuration[key])} is not a positive size",
                "Write 2g or 512m.",
            )
    for key, what in _CORES.items():
        # An --executor-cores of the command line has no property of its own on Mesos.
        given = arguments.values.get("--executor-cores") if key == "spark.executor.cores" else None
        if given is not None and not _is_positive(given):
            yield UsageError(
                f"--executor-cores {quoted(given)} is not a positive whole number",
                hint="Write 2, for example.",
            )
        if given is None and key in configuration and not _is_positive(configuration[key]):
            yield _refusal(
                configuration,
                key,
                f"{what} {quoted(configuration[key])} are not a positive whole number",
                "Write 2, for example.",
            )
    if configuration.get("spark.dynamicAllocation.enabled", "").lower() == "true":
        return
    count = arguments.values.get("--num-executors")
    if count is not None:
        if not _is_positive(count):
            yield UsageError(
                f"--num-executors {quoted(count)} is not a positive whole number",
                hint="Write 4, for example.",
            )
    elif not _is_positive(configuration.get("spark.executor.instances", "1")):
        yield _refusal(
            configuration,
            "spark.executor.instances",
            "the number of executors is not a positive whole number",
            "Write 4, for example.",
        )


def _is_memory(text: str) -> bool:
    try:
        return parse_size(text) > 0
    except UsageError:
        return False


def _is_positive(text: str) -> bool:
    return (java_int(text) or 0) > 0


def _refusal(configuration: Configuration, key: str, reason: str, hint: str) -> UsageError:
    setting = configuration.setting(key)
    error = UsageError(reason, hint=hint)
    return error if setting is None else ConfigurationError(setting, error)
