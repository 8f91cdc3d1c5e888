"""`sparkmesos config explain`."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sparkmesos_core.errors import SparkMesosError, UsageError

from . import options
from .property_completion import complete_key
from .spark_arguments import SparkArgumentsCommand, spark_arguments
from .terminal import Terminal

if TYPE_CHECKING:
    from sparkmesos_core.client_configuration import ClientConfiguration
    from sparkmesos_core.conf.properties.registered_property import Property
    from sparkmesos_core.conf.spark_variables import SparkVariable

_Fields = Iterable[tuple[str, str]]


@click.command("explain", cls=SparkArgumentsCommand, options_metavar="[OPTIONS]")
@options.own_of_submit(hidden=True)
@options.output
@click.argument("key", shell_complete=complete_key)
@spark_arguments
@click.pass_obj
def command(
    terminal: Terminal,
    /,
    *,
    key: str,
    arguments: tuple[str, ...],
    spark_home: Path | None,
    output: str,
    **_of_submit: Any,
) -> None:
    """Explain a property: its meaning, its value here, and where that comes from.

    KEY is a property or a variable that Spark reads. With arguments of spark-submit its value is the one that
    `sparkmesos submit` would use with them.

    \b
      sparkmesos config explain spark.cores.max
      sparkmesos config explain SPARK_EXECUTOR_URI
      sparkmesos config explain spark.executor.cores --executor-cores 4
    """
    from sparkmesos_core.conf.properties.registry import find_property
    from sparkmesos_core.conf.spark_variables import find_variable

    environment = dict(terminal.environment)
    entry = find_property(key)
    variable = find_variable(key) if entry is None else None
    from .property_report import read_configuration

    if entry is None and variable is None:
        _explain_unregistered(terminal, key, arguments, spark_home, environment, output)
        return
    if output == "json":
        client = read_configuration(arguments, spark_home, environment)
        terminal.json("explanation", _record(key, entry, variable, client))
        return
    # What it means can be said even if the configuration cannot be read.
    if entry is not None:
        try:
            client = read_configuration(arguments, spark_home, environment)
        except SparkMesosError:
            _show(terminal, _about_property(key, entry))
            raise
        entry = _as_here(entry, client)
        _show(terminal, (*_about_property(key, entry), *_property_here(key, entry, client)))
    elif variable is not None:
        _show(terminal, _about_variable(key, variable))
        client = read_configuration(arguments, spark_home, environment)
        _show(terminal, _variable_here(key, variable, client))


def _explain_unregistered(
    terminal: Terminal,
    key: str,
    arguments: tuple[str, ...],
    spark_home: Path | None,
    environment: dict[str, str],
    output: str,
) -> None:
    """Says where a property is set that is not in the registry. Raises SparkMesosError if nothing sets it."""
    from sparkmesos_core.conf.shown_values import shown_value

    from .property_report import read_configuration, setting_record

    if not key.startswith("spark."):
        raise _unknown(key)
    client = read_configuration(arguments, spark_home, environment)
    setting = client.configuration.setting(key)
    if setting is None:
        raise _unknown(key)
    others = client.configuration.overridden(key)
    note = "not one of the properties that matter on Mesos: Spark hands it to whatever reads it"
    if output == "json":
        record = {
            "key": key,
            "property": None,
            "setting": setting_record(setting),
            "problem": None,
            "overrides": [setting_record(other) for other in others],
            "note": note,
        }
        terminal.json("explanation", record)
        return
    fields = [
        ("property", key),
        ("meaning", note),
        ("value here", shown_value(key, setting.value) or "'' (empty)"),
        ("set in", str(setting.origin)),
    ]
    fields += [("overrides", f"{shown_value(key, other.value)} in {other.origin}") for other in others]
    _show(terminal, fields)


def _unknown(key: str) -> SparkMesosError:
    from sparkmesos_core.conf.properties.registry import similar_names
    from sparkmesos_core.conf.spark_variables import similar_variables

    # Variables have no dots, properties have.
    variables = [] if "." in key else similar_variables(key)
    names = variables or similar_names(key)
    hint = f"Did you mean {', '.join(names)}?" if names else "`sparkmesos config list` lists the properties."
    return SparkMesosError(f"No property or variable {key!r} is known", hint=hint)


def _show(terminal: Terminal, fields: _Fields) -> None:
    """Lines for people on a terminal; name and text, tab-separated, in a pipe."""
    from sparkmesos_core.conf.shown_values import on_one_line

    if not terminal.stdout.isatty():
        for name, text in fields:
            terminal.data(f"{name}\t{on_one_line(text)}")
        return
    import shutil  # costly, and pipes do without

    width = max(40, shutil.get_terminal_size().columns)
    for name, text in fields:
        label = f"{name}:".ljust(15)
        # Long values are cut by the terminal, not here: they are to be copied.
        lines = textwrap.wrap(on_one_line(text), width - 16, break_long_words=False, break_on_hyphens=False)
        label = terminal.style(label, file=terminal.stdout, bold=True)
        terminal.data(f"\n{' ' * 16}".join([f"{label} {lines[0] if lines else ''}", *lines[1:]]))


def _as_here(entry: Property, client: ClientConfiguration) -> Property:
    """A property as it is with the Spark that is in use."""
    from sparkmesos_core.conf.properties.registry import as_in

    return as_in(entry, client.spark.version if client.spark is not None else None)


def _about_property(key: str, entry: Property) -> _Fields:
    from sparkmesos_core.conf.properties.registered_property import Grain

    from .property_report import default_of, readers, spark_4_note

    yield "property", key if key == entry.name else f"{key} (of {entry.name})"
    yield "meaning", entry.meaning
    yield "type", f"{entry.type.name}: {entry.type.expects}"
    if entry.type.unit:
        yield "unit", f"{entry.type.unit}, where a number has none"
    yield "default", default_of(entry) or "none"
    by_us = f"sparkmesos{f', with Spark {entry.since}' if entry.since else ''}"
    yield "since", by_us if entry.own else f"Spark {entry.since}"
    if entry.until:
        yield "until", f"before Spark {entry.until}"
    if note := spark_4_note(entry):
        yield "with Spark 4", note
    yield "read by", ", ".join(readers(entry.readers)) or "nothing on Mesos"
    if entry.grain is not Grain.BOTH:
        yield "only in", f"{entry.grain.value} mode"
    if entry.deprecated:
        yield "deprecated", entry.deprecated
    if not entry.documented:
        yield "documented", "not by Spark"


def _property_here(key: str, entry: Property, client: ClientConfiguration) -> _Fields:
    from sparkmesos_core.conf.shown_values import shown_value

    from .property_report import default_of

    setting = client.configuration.setting(key)
    if setting is None:
        default = default_of(entry)
        yield "value here", f"not set; the default holds: {default}" if default else "not set"
    else:
        yield "value here", shown_value(key, setting.value) or "'' (empty)"
        yield "set in", str(setting.origin)
        if problem := _problem(entry, setting.value):
            yield "but", problem
        for other in client.configuration.overridden(key):
            yield "overrides", f"{shown_value(key, other.value)} in {other.origin}"
    if note := _note_on_version(entry, client):
        yield "note", note


def _problem(entry: Property, value: str) -> str:
    from sparkmesos_core.redaction import redact_text

    try:
        entry.type.parse(value)
    except UsageError as error:
        quotable = not entry.secret and redact_text(value) == value
        return error.message if quotable else f"it is not {entry.type.expects}"
    return ""


def _note_on_version(entry: Property, client: ClientConfiguration) -> str:
    from sparkmesos_core.conf.properties.registry import exists_in

    if client.spark is None or exists_in(entry, client.spark.version):
        return ""
    return f"the Spark {client.spark.version} in {client.spark.path} does not read it"


def _about_variable(name: str, variable: SparkVariable) -> _Fields:
    from .property_report import readers

    yield "variable", name if name == variable.name else f"{name} (of {variable.name})"
    yield "meaning", variable.meaning
    if variable.property:
        yield "stands for", variable.property
    if variable.since:
        yield "since", f"Spark {variable.since}"
    if variable.until:
        yield "until", f"before Spark {variable.until}"
    yield "read by", ", ".join(readers(variable.readers)) or "start scripts of daemons, or libmesos"
    if variable.deprecated:
        yield "deprecated", variable.deprecated


def _variable_here(name: str, variable: SparkVariable, client: ClientConfiguration) -> _Fields:
    value = client.env.variables.get(name)
    if value is None:
        yield "value here", "not set"
    else:
        yield "value here", _shown_variable(name, variable, value) or "'' (empty)"
        yield "set in", client.env.script_of(name) or "the environment"
    if variable.property:
        from sparkmesos_core.conf.shown_values import shown_value

        setting = client.configuration.setting(variable.property)
        if setting is not None and setting.origin.name != name:
            shown = shown_value(setting.key, setting.value)
            yield "overridden by", f"{setting.key} {shown} in {setting.origin}"


def _shown_variable(name: str, variable: SparkVariable, value: str) -> str:
    from sparkmesos_core.conf.shown_values import shown_value
    from sparkmesos_core.redaction import REDACTED

    return REDACTED if variable.secret and value else shown_value(name, value)


def _record(
    key: str, entry: Property | None, variable: SparkVariable | None, client: ClientConfiguration
) -> dict[str, Any]:
    from .property_report import property_record, readers, setting_record

    if entry is not None:
        entry = _as_here(entry, client)
        setting = client.configuration.setting(key)
        return {
            "key": key,
            "property": property_record(entry),
            "setting": None if setting is None else setting_record(setting),
            "problem": (setting and _problem(entry, setting.value)) or None,
            "overrides": [setting_record(other) for other in client.configuration.overridden(key)],
            "note": _note_on_version(entry, client) or None,
        }
    assert variable is not None
    value = client.env.variables.get(key)
    return {
        "key": key,
        "variable": {
            "name": variable.name,
            "meaning": variable.meaning,
            "property": variable.property or None,
            "since": variable.since or None,
            "until": variable.until or None,
            "read_by": readers(variable.readers),
            "deprecated": variable.deprecated or None,
            "secret": variable.secret,
        },
        "value": None if value is None else _shown_variable(key, variable, value),
        "script": client.env.script_of(key) or None,
    }
