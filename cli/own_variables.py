"""The `SPARKMESOS_*` variables: which there are, and which look like mistyped ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import click

from sparkmesos_core.settings import CONFIG_VARIABLE

_PREFIX = "SPARKMESOS_"
_NO_OPTIONS = (CONFIG_VARIABLE, "SPARKMESOS_STATE_DIR", "SPARKMESOS_CACHE_DIR")


def misspelt_own_variables(root: click.Command, environment: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Variables of the environment that are a typing mistake away from one of ours, each with that.

    `root` is the group of all commands. They are imported, but only if there is a variable that could be one.
    """
    from sparkmesos_core.conf.checks.properties import is_one_mistake_away

    suspects = [name for name in sorted(environment) if name.upper().startswith(_PREFIX)]
    if not suspects:
        return
    known = sorted({*_NO_OPTIONS, *_variables(root)})
    for name in suspects:
        near = next((one for one in known if is_one_mistake_away(name, one)), None)
        if name not in known and near is not None:
            yield name, near


def _variables(command: click.Command) -> Iterator[str]:
    for parameter in command.params:
        if isinstance(parameter.envvar, str):
            yield parameter.envvar
    if isinstance(command, click.Group):
        context = click.Context(command, resilient_parsing=True)
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            if inner is not None:
                yield from _variables(inner)
