"""What sparkmesos' settings file makes of the options of commands, as click wants it: a default_map."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from sparkmesos_core.errors import SparkNotFoundError
from sparkmesos_core.settings import BELONGS_TO_SPARK, OwnSettings, did_you_mean

from .spark_arguments import SparkArgumentsCommand
from .wrong_values import problem_with_value


class GroupDefaults(dict[str, Any]):
    """The defaults of a group's commands, made when click asks for those of the command that runs.

    So no other command is imported for them.
    """

    def __init__(self, group: click.Group, settings: OwnSettings, path: tuple[str, ...] = ()) -> None:
        super().__init__()
        self._group = group
        self._settings = settings
        self._path = path

    def get(self, name: str, default: Any = None) -> Any:
        """The default_map of the command of this name; raises UsageError for settings that it has not."""
        context = click.Context(self._group, resilient_parsing=True)
        command = self._group.get_command(context, name)
        if command is None:
            return default
        path = (*self._path, name)
        if not isinstance(command, click.Group):
            return command_defaults(command, self._settings, path)
        check_names(self._settings, path, command.list_commands(context))
        return GroupDefaults(command, self._settings, path)


def check_names(settings: OwnSettings, path: tuple[str, ...], commands: list[str]) -> None:
    """Raises UsageError for a table that is named for no command of the group at `path`."""
    table: Mapping[str, Any] = settings.command_table(*path) if path else settings.tables
    for name in table:
        if name not in commands:
            group = " ".join(("sparkmesos", *path))
            if name == "spark" and not path:
                raise settings.error(
                    (name,), "properties of Spark are no settings of sparkmesos", hint=BELONGS_TO_SPARK
                )
            raise settings.error(
                (*path, name), f"`{group}` has no command {name!r}", hint=did_you_mean(name, commands)
            )


def command_defaults(command: click.Command, settings: OwnSettings, path: tuple[str, ...]) -> dict[str, Any]:
    """The defaults of one command's parameters, by their names in the program.

    Raises UsageError, naming file and line, for options that it has not and values that they cannot have.
    """
    known = {key: option for option in command.params for key in [_key(option)] if key}
    table = settings.command_table(*path)
    defaults: dict[str, Any] = {}
    for key, value in settings.shared.items():
        # An option of that name which is not the shared one has not its variable: --output of `bridge build`.
        variable = f"SPARKMESOS_{key.upper().replace('-', '_')}"
        if (option := known.get(key)) is not None and option.envvar == variable and option.name:
            defaults[option.name] = _value(command, option, settings, path, (key,), value)
    if isinstance(command, SparkArgumentsCommand) and command.tells_of_submit:
        for key, value in settings.command_table("submit").items():
            option = known.get(key) if key not in command.unlike_submit else None
            if option is not None and option.name:
                defaults[option.name] = _value(command, option, settings, ("submit",), ("submit", key), value)
    for key, value in table.items():
        option = known.get(key)
        if option is None or option.name is None:
            near = "" if key.split(".")[0] == "spark" else f"{did_you_mean(key, list(known))} "
            raise settings.error(
                (*path, key),
                f"`sparkmesos {' '.join(path)}` has no option --{key}",
                hint=near + BELONGS_TO_SPARK,
            )
        defaults[option.name] = _value(command, option, settings, path, (*path, key), value)
    return defaults


def _key(parameter: click.Parameter) -> str | None:
    """How an option is called in the file: its long name."""
    if not isinstance(parameter, click.Option) or not parameter.expose_value:
        return None
    return next((name.removeprefix("--") for name in parameter.opts if name.startswith("--")), None)


def _value(
    command: click.Command,
    option: click.Parameter,
    settings: OwnSettings,
    path: tuple[str, ...],
    keys: tuple[str, ...],
    value: Any,
) -> Any:
    """The value as click is to have it. Raises UsageError for one that this option cannot have."""
    assert isinstance(option, click.Option)
    name = f"{keys[-1]} of {' '.join(keys[:-1])}" if keys[:-1] else keys[-1]
    if option.is_flag:
        if not isinstance(value, bool):
            raise settings.error(
                keys,
                f"{name} is neither true nor false",
                hint=f"Write {keys[-1]} = true, or false.",
            )
        return value
    texts = [_text(one) for one in value] if isinstance(value, list) and option.multiple else [_text(value)]
    if None in texts:
        raise settings.error(keys, f"{name} is neither a text nor a number", hint=f'Write {keys[-1]} = "…".')
    result = texts if option.multiple else texts[0]
    try:
        option.type_cast_value(click.Context(command), result)
    except click.BadParameter as error:
        error.param = option
        hint = f"`sparkmesos {' '.join(path)} --help` says what --{keys[-1]} can be."
        raise settings.error(keys, f"{name}: {problem_with_value(error)}", hint=hint) from error
    except SparkNotFoundError as error:
        raise settings.error(keys, error.message, hint=error.hint) from error
    return result


def _text(value: Any) -> str | None:
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return None
    return None if "\0" in str(value) else str(value)
