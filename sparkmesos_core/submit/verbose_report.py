"""What `--verbose` tells: how the command line was understood, and what is configured where."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import TYPE_CHECKING

from sparkmesos_core.conf.shown_values import shown_value
from sparkmesos_core.quoting import printable
from sparkmesos_core.redaction import redact_arguments

if TYPE_CHECKING:
    from sparkmesos_core.client_configuration import ClientConfiguration
    from sparkmesos_core.spark.arguments import GivenOption


def verbose_report(client: ClientConfiguration) -> Iterator[str]:
    """Lines for a person: arguments, files and effective properties with their origins, secrets replaced."""
    arguments = client.arguments
    yield "Arguments:"
    for given in arguments.given:
        yield f"  {printable(_shown_option(given))}"
    (resource,) = redact_arguments([arguments.resource or ""])
    yield f"  application: {printable(resource) or 'none'}"
    if arguments.main_class:
        yield f"  main class: {printable(arguments.main_class)}"
    yield f"  its arguments: {printable(shlex.join(redact_arguments(arguments.application_arguments)))}"
    yield f"Spark: {client.spark.path if client.spark else 'none'}"
    yield f"spark-env.sh: {client.env.script or 'none'}"
    yield f"Properties file: {client.properties_file or 'none'}"
    for path in client.more_properties_files:
        yield f"Another properties file: {path}"
    yield "Properties, each with where it is set:"
    for key in sorted(client.configuration):
        setting = client.configuration.setting(key)
        if setting is not None:
            yield f"  {printable(key)}={printable(shown_value(key, setting.value))}  ({setting.origin})"


def _shown_option(given: GivenOption) -> str:
    if given.value is None:
        return given.name
    if given.name == "--conf":
        key, equals, value = given.value.partition("=")
        return f"{given.name} {key}{equals}{shown_value(key, value)}"
    return " ".join(redact_arguments([given.name, given.value]))
