"""`sparkmesos config show`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from . import options
from .spark_arguments import SparkArgumentsCommand, spark_arguments
from .terminal import Terminal

if TYPE_CHECKING:
    from sparkmesos_core.client_configuration import ClientConfiguration
    from sparkmesos_core.conf.setting import Setting


@click.command("show", cls=SparkArgumentsCommand, options_metavar="[OPTIONS]")
@options.option("--all", "everything", is_flag=True, help="Show Spark's own defaults, too.")
@options.own_of_submit(hidden=True)
@options.output
@spark_arguments
@click.pass_obj
def command(
    terminal: Terminal,
    /,
    *,
    arguments: tuple[str, ...],
    everything: bool,
    spark_home: Path | None,
    output: str,
    **_of_submit: Any,
) -> None:
    """Show the effective configuration and where each value comes from.

    It is what `sparkmesos submit` would use with the same arguments. Secrets are shown as ***.

    \b
      sparkmesos config show
      sparkmesos config show --properties-file my.conf --conf spark.cores.max=8
    """
    from sparkmesos_core.conf.shown_values import on_one_line, shown_value

    from .property_report import read_configuration, setting_record

    client = read_configuration(arguments, spark_home, dict(terminal.environment))
    configuration = client.configuration
    settings = [setting for key in configuration if (setting := configuration.setting(key)) is not None]
    if everything:
        settings += _defaults(client)
    settings.sort(key=lambda setting: setting.key)
    if output == "json":
        terminal.json(
            "configuration",
            {
                "properties": [
                    {
                        **setting_record(setting),
                        "overrides": [
                            setting_record(other) for other in configuration.overridden(setting.key)
                        ],
                    }
                    for setting in settings
                ],
                "ignored": [setting_record(setting) for setting in configuration.ignored],
                "properties_file": None if client.properties_file is None else str(client.properties_file),
                "more_properties_files": [str(path) for path in client.more_properties_files],
                "spark_env": None if client.env.script is None else str(client.env.script),
                "spark_home": None if client.spark is None else str(client.spark.path),
                "spark_version": None if client.spark is None else client.spark.version,
            },
        )
        return
    _say_what_was_read(terminal, client)
    if settings:
        terminal.table(
            ["Property", "Value", "From"],
            [
                (setting.key, on_one_line(shown_value(setting.key, setting.value)), str(setting.origin))
                for setting in settings
            ],
        )
    else:
        terminal.say("No property is set.")
    for setting in configuration.ignored:
        terminal.warn(f"{setting.origin}: Spark ignores {setting.key!r}, which does not begin with `spark.`")


def _say_what_was_read(terminal: Terminal, client: ClientConfiguration) -> None:
    spark = client.spark
    terminal.say(
        "Spark: none" if spark is None else f"Spark: {spark.version} in {spark.path} ({spark.origin})"
    )
    terminal.say(f"Properties file: {client.properties_file or 'none'}")
    for path in client.more_properties_files:
        terminal.say(f"Another properties file: {path}")
    terminal.say(f"spark-env.sh: {client.env.script or 'none'}")


def _defaults(client: ClientConfiguration) -> list[Setting]:
    """What this Spark takes for the properties that nothing sets."""
    from sparkmesos_core.conf.properties.registry import PROPERTIES, as_in, exists_in
    from sparkmesos_core.conf.setting import Origin, Setting, Source

    version = client.spark.version if client.spark is not None else None
    return [
        Setting(entry.name, entry.default, Origin(Source.DEFAULT, "default"))
        for entry in (as_in(one, version) for one in PROPERTIES)
        if entry.default is not None
        and entry.prefix is None
        and entry.name not in client.configuration
        and (version is None or exists_in(entry, version))
    ]
