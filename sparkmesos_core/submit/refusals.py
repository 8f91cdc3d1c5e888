"""What `submit` refuses about an application and its files, asked of `submit` without submitting anything."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from sparkmesos_core.client_configuration import ClientConfiguration
from sparkmesos_core.conf.configuration import Configuration
from sparkmesos_core.conf.finding import Finding, Severity
from sparkmesos_core.conf.setting import Origin, Setting, Source
from sparkmesos_core.errors import MasterUrlError, UsageError
from sparkmesos_core.master import parse_dispatcher
from sparkmesos_core.spark.argument_bytes import check_arguments, check_java_encoding, locale_variables
from sparkmesos_core.spark.arguments import Action, SubmitArguments
from sparkmesos_core.spark.submit_options import find_option
from sparkmesos_core.submit.mesos_driver import ClientModeOptions, check_driver, check_options

# They stand for what is not said yet, so that the rest can be judged.
_SOME_APPLICATION = "http://host/application.py"
_SOME_DISPATCHER = Setting("spark.master", "mesos://host:7077", Origin(Source.DEFAULT, "spark.master"))

# What few applications have as options of their own. Of the others, such as --name and --class, nobody knows.
_OF_SPARK_ALONE = frozenset(
    {
        "--deploy-mode", "--driver-memory", "--executor-memory", "--executor-cores", "--total-executor-cores",
        "--num-executors", "--properties-file", "--py-files", "--driver-class-path", "--driver-java-options",
        "--load-spark-defaults", "--extra-properties-file",
    }
)  # fmt: skip


def refusals(
    client: ClientConfiguration, directory: Path, options: ClientModeOptions
) -> Iterator[UsageError]:
    """What `submit` would refuse, besides values of properties, before it asks Mesos or a dispatcher.

    `directory` is the one that relative paths are relative to. An application or a dispatcher that is not
    given is not missed. Looks at the file system, as `submit` does.
    """
    arguments = client.arguments
    if arguments.action is not Action.SUBMIT:
        return
    checks: list[Callable[[], object]]
    if client.configuration.get("spark.submit.deployMode") == "cluster":
        from sparkmesos_core.submit.cluster_mode import request_for

        checks = [
            lambda: check_options(options, client.configuration),
            lambda: request_for(_completed(client), directory, 0),
        ]
    elif arguments.resource is None:
        return
    else:
        words = (*arguments.options, *arguments.application)
        checks = [
            lambda: check_options(options, client.configuration),
            lambda: check_driver(
                options, client.configuration.get("spark.master"), client.env.variables, client.spark
            ),
            lambda: check_arguments(words, client.spark.release if client.spark is not None else None),
            lambda: check_java_encoding(words, client.env.variables, client.configuration),
            lambda: locale_variables(words, client.env.variables),
        ]
    for check in checks:
        try:
            check()
        except UsageError as error:
            yield error


def misplaced_options(arguments: SubmitArguments, configuration: Configuration) -> Iterator[Finding]:
    """Options of spark-submit behind the application, which gets them as its own arguments.

    A note, since it may be what is meant; a warning for a --master where there is no other.
    """
    words = arguments.application_arguments
    for index, word in enumerate(words):
        name, equals, value = word.partition("=")
        if not equals:
            value = words[index + 1] if index + 1 < len(words) else ""
        is_master = name == "--master" and value.startswith(("mesos://", "zk://", "embedded"))
        is_conf = name in ("--conf", "-c") and value.startswith("spark.") and "=" in value
        if not (is_master or is_conf or (name in _OF_SPARK_ALONE and find_option(name) is not None)):
            continue
        missing = is_master and "spark.master" not in configuration
        yield Finding(
            "option-behind-application",
            Severity.WARNING if missing else Severity.NOTE,
            f"{name} behind {arguments.resource} is an argument of the application, not an option of submit",
            "Write options in front of the application.",
        )


def _completed(client: ClientConfiguration) -> ClientConfiguration:
    """The same with some application and dispatcher where none is given, or none that can be understood."""
    if not (client.arguments.resource or "").strip():
        arguments = replace(client.arguments, resource=_SOME_APPLICATION)
        client = replace(client, arguments=arguments)
    try:
        parse_dispatcher(client.configuration.get("spark.master", ""))
    except MasterUrlError:  # which a rule of the check is about
        client = replace(client, configuration=client.configuration.above((_SOME_DISPATCHER,)))
    return client
