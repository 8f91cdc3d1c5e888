"""`sparkmesos config`: one module per subcommand, imported when it runs."""

from __future__ import annotations

import click

from .lazy_group import LazyGroup

COMMANDS = {
    "list": ("config_list", "List the properties that matter on Mesos."),
    "explain": (
        "config_explain",
        "Explain a property: its meaning, its value here, and where that comes from.",
    ),
    "check": ("config_check", "Find what is wrong in a configuration before Spark does."),
    "show": ("config_show", "Show the effective configuration and where each value comes from."),
    "init": ("config_init", "Write what a cluster needs into spark-env.sh and spark-defaults.conf."),
}


@click.group("config", cls=LazyGroup, table=COMMANDS)
def command() -> None:
    """Show, explain, check and write the configuration of Spark on Mesos."""
