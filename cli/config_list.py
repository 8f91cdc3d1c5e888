"""`sparkmesos config list`."""

from __future__ import annotations

import re
import textwrap

import click

from sparkmesos_core.conf.properties.registered_property import Property, Reader
from sparkmesos_core.errors import UsageError

from . import options
from .terminal import Terminal

_READERS = {reader.value.replace(" ", "-"): reader for reader in Reader}


@click.command("list")
@options.option("--filter", "text", metavar="TEXT", help="Those with these words in name, type or meaning.")
@options.option("--reader", type=click.Choice(list(_READERS)), help="Those that this program reads.")
@options.option("--mesos-only", is_flag=True, help="Those that only Spark on Mesos knows.")
@options.option("--spark-version", metavar="VERSION", help="Those that this Spark reads, as in 2.4 or 3.5.9.")
@options.option("--deprecated", is_flag=True, help="Those that are deprecated.")
@options.output
@click.pass_obj
def command(
    terminal: Terminal,
    *,
    text: str | None,
    reader: str | None,
    mesos_only: bool,
    spark_version: str | None,
    deprecated: bool,
    output: str,
) -> None:
    """List the properties that matter on Mesos.

    \b
      sparkmesos config list --filter constraints
      sparkmesos config list --reader shuffle-service --output json
    """
    from sparkmesos_core.conf.properties.registry import PROPERTIES, as_in, search

    from .property_report import default_of, property_record, versions_of

    entries = [
        entry
        for entry in (search(text) if text else PROPERTIES)
        if (reader is None or _READERS[reader] in entry.readers)
        and (not mesos_only or entry.is_mesos)
        and (not deprecated or entry.deprecated)
        and (spark_version is None or _exists_in(entry, spark_version))
    ]
    if spark_version is not None:
        entries = [as_in(entry, spark_version) for entry in entries]
    if output == "json":
        terminal.json("properties", [property_record(entry) for entry in entries])
        return
    if not entries:
        terminal.say("No property is like that.")
        return
    if terminal.stdout.isatty():
        for entry in entries:
            _show(terminal, entry)
    else:
        terminal.table(
            ["Property", "Type", "Default", "Since", "Meaning"],
            [
                (entry.name, entry.type.name, default_of(entry), versions_of(entry), _meaning(entry))
                for entry in entries
            ],
        )
    count = "1 property" if len(entries) == 1 else f"{len(entries)} properties"
    terminal.say(f"{count}. `sparkmesos config explain PROPERTY` tells more of one.")


def _show(terminal: Terminal, entry: Property) -> None:
    """Two lines or more for a person; the name is in one piece, however narrow the terminal."""
    import shutil  # costly, and pipes do without

    from .property_report import default_of, versions_of

    default = default_of(entry)
    facts = [entry.type.name, f"since {versions_of(entry)}", *([f"default: {default}"] if default else [])]
    width = min(100, max(40, shutil.get_terminal_size().columns))
    terminal.data(terminal.style(entry.name, file=terminal.stdout, bold=True))
    for text in (_meaning(entry), ", ".join(facts)):
        terminal.data(textwrap.indent(textwrap.fill(text, width - 4), "    "))


def _meaning(entry: Property) -> str:
    return f"{entry.meaning} (deprecated: {entry.deprecated})" if entry.deprecated else entry.meaning


def _exists_in(entry: Property, version: str) -> bool:
    from sparkmesos_core.conf.properties.registry import exists_in

    if not re.match(r"\d+\.\d+", version, re.ASCII):
        raise UsageError(
            f"--spark-version {version} is not a version of Spark", hint="Write it as 2.4 or 3.5.9."
        )
    return exists_in(entry, version)
