"""Properties and settings as `config` reports them, for people and for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from sparkmesos_core.conf.properties.registered_property import Grain, Property, Reader
from sparkmesos_core.conf.properties.spark_4 import spark_4_status
from sparkmesos_core.conf.setting import Setting, place_record

from .executor_limits import dynamic_allocation_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sparkmesos_core.client_configuration import ClientConfiguration


def read_configuration(
    arguments: tuple[str, ...], spark_home: Any, environment: Mapping[str, str]
) -> ClientConfiguration:
    """The configuration that `sparkmesos submit` would see with these arguments of the command that runs."""
    from sparkmesos_core.client_configuration import read_client_configuration
    from sparkmesos_core.settings import own_masters
    from sparkmesos_core.spark.arguments import SubmitArguments

    return read_client_configuration(
        SubmitArguments.parse(arguments),
        spark_home=spark_home,
        environment=environment,
        own=own_masters(environment),
        dynamic_allocation=dynamic_allocation_of(click.get_current_context()),
    )


def property_record(entry: Property) -> dict[str, Any]:
    """A property of the registry as JSON; what does not apply is null."""
    return {
        "name": entry.name,
        "meaning": entry.meaning,
        "type": entry.type.name,
        "expects": entry.type.expects,
        "unit": entry.type.unit or None,
        "choices": list(entry.type.choices) or None,
        "default": entry.default,
        "computed_default": entry.computed_default or None,
        "since": entry.since or None,
        "until": entry.until or None,
        "spark_4": {"status": spark_4_status(entry).name.lower(), "note": spark_4_note(entry) or None},
        "read_by": readers(entry.readers),
        "grain": None if entry.grain is Grain.BOTH else entry.grain.value,
        "deprecated": entry.deprecated or None,
        "secret": entry.secret,
        "documented": entry.documented,
    }


def setting_record(setting: Setting) -> dict[str, Any]:
    """A setting as JSON, its value without secrets."""
    from sparkmesos_core.conf.shown_values import shown_value

    return {
        "key": setting.key,
        "value": shown_value(setting.key, setting.value),
        "place": place_record(setting.origin),
    }


def readers(of: frozenset[Reader]) -> list[str]:
    """The programs that read a property, in the order of the documentation."""
    return [reader.value for reader in Reader if reader in of]


def default_of(entry: Property) -> str:
    """The default of a property as a phrase; empty if it has none."""
    return entry.default if entry.default is not None else entry.computed_default


def spark_4_note(entry: Property) -> str:
    """What is different about a property with Spark 4, as a phrase; empty if there is nothing to say."""
    return "" if entry.spark_4 is None else entry.spark_4.note


def versions_of(entry: Property) -> str:
    """The releases of Spark that read a property: `1.5.0`, or `1.5.0 to before 2.4.1`; `own` for our own,
    with the Spark that those of our backend are for."""
    if entry.own:
        return f"own, {entry.since}" if entry.since else "own"
    return f"{entry.since} to before {entry.until}" if entry.until else entry.since
