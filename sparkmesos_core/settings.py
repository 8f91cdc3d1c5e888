"""sparkmesos' own settings: what its options are when neither the command line nor a variable says it.

They stand in a TOML file. At its top are the settings that many commands share; a table named for a command
holds any option of that command. The strongest first: command line, `SPARKMESOS_*` variable, table of the
command, top of the file, built-in default.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sparkmesos_core.conf.setting import Origin, Setting, Source
from sparkmesos_core.directories import config_directory
from sparkmesos_core.errors import UsageError
from sparkmesos_core.regular_files import read_regular_file

CONFIG_VARIABLE = "SPARKMESOS_CONFIG"

SHARED = {
    "master": "the Mesos master",
    "dispatcher": "the dispatcher, for cluster mode",
    "staging-url": "where applications are put for agents to fetch",
    "output": "how commands report: table or json",
    "spark-home": "the Spark to use",
    "ca-file": "certificates to trust",
    "auth-token-file": "the file with the token for the dispatcher",
}
"""What may stand at the top of the file, with its meaning. Each is also a variable: SPARKMESOS_MASTER."""

MAX_BYTES = 1 << 20
"""More than any settings file has; something else of that name shall not be read to its end."""

BELONGS_TO_SPARK = "Options and properties of Spark belong into spark-defaults.conf."

_DOCUMENT = "docs/reference/settings.md lists what can be set."


@dataclass(frozen=True)
class OwnSettings:
    """What a settings file holds; empty if there is none."""

    path: Path | None = None
    shared: Mapping[str, str] = field(default_factory=dict)
    """The settings at the top of the file."""
    tables: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """The tables of the commands, as TOML has them. Who knows the commands checks them."""
    text: str = field(default="", repr=False)

    def line(self, *keys: str) -> int | None:
        """The line, from 1, at which a key stands, given with its tables; None if that cannot be told."""
        return _line_of(self.text, keys)

    def place(self, *keys: str) -> str:
        """Where a key stands, as people point at it: FILE:LINE."""
        return str(self._origin(*keys))

    def error(self, keys: tuple[str, ...], problem: str, *, hint: str = "") -> UsageError:
        """The error that names the place of a key and what is wrong there."""
        return UsageError(f"{self.place(*keys)}: {problem}", hint=hint or _DOCUMENT)

    def _origin(self, *keys: str) -> Origin:
        return Origin(Source.SPARKMESOS, str(self.path), self.line(*keys))

    def text_of(self, value: Any, *keys: str) -> str:
        """The value of a key if it is a text that is not blank. Raises UsageError, naming its place, else."""
        if isinstance(value, str) and value.strip() and "\0" not in value:
            return value
        wrong = "is empty" if value == "" else "is not a text"
        meaning = SHARED[keys[-1]]
        raise self.error(
            keys, f"{'.'.join(keys)} {wrong}", hint=f'Write {meaning} in quotes: {keys[-1]} = "…".'
        )

    def command_table(self, *names: str) -> Mapping[str, Any]:
        """The table of a command, given with the groups that it is in; empty if there is none."""
        table: Any = self.tables
        for index, name in enumerate(names):
            table = table.get(name, {})
            if not isinstance(table, dict):
                raise self.error(
                    names[: index + 1],
                    f"{'.'.join(names[: index + 1])} is the name of a command, and has to be a table",
                    hint=f"Begin it with a line [{'.'.join(names[: index + 1])}].",
                )
        return table  # type: ignore[no-any-return]

    def spark_master(self, key: str, environment: Mapping[str, str]) -> Setting | None:
        """spark.master as one of `master` and `dispatcher` has it, with its origin; None if that is not set.

        The variable of the setting is stronger than the file, and there the table of `submit`, where options
        of that command stand, than the top. Raises UsageError for what is no text there.
        """
        variable = f"SPARKMESOS_{key.upper()}"
        if value := environment.get(variable):
            return Setting("spark.master", value, Origin(Source.SPARKMESOS, variable))
        table = self.command_table("submit")
        if key == "master" and key in table:
            return Setting(
                "spark.master", self.text_of(table[key], "submit", key), self._origin("submit", key)
            )
        if shared := self.shared.get(key):
            return Setting("spark.master", shared, self._origin(key))
        return None


@dataclass(frozen=True)
class OwnMasters:
    """What sparkmesos' own settings have for spark.master, with its origin; None for what is not set."""

    master: Setting | None = None
    """The Mesos master, for client mode; also where there is no dispatcher."""
    dispatcher: Setting | None = None
    """The dispatcher, for cluster mode, --status and --kill."""

    def settings(self, *, for_dispatcher: bool) -> list[Setting]:
        """The one that holds, as a layer of a configuration."""
        own = (self.dispatcher if for_dispatcher else None) or self.master
        return [] if own is None else [own]


NO_MASTERS = OwnMasters()


def settings_file(environment: Mapping[str, str]) -> Path | None:
    """Where the settings are: SPARKMESOS_CONFIG, else config.toml in the configuration folder, if any."""
    if value := environment.get(CONFIG_VARIABLE):
        return Path(value).absolute()
    folder = config_directory(environment)
    return None if folder is None else folder / "config.toml"


def own_masters(environment: Mapping[str, str]) -> OwnMasters:
    """The masters of sparkmesos' own settings. Raises UsageError as `read_settings` does."""
    settings = read_settings(environment)
    return OwnMasters(
        settings.spark_master("master", environment), settings.spark_master("dispatcher", environment)
    )


def read_settings(environment: Mapping[str, str]) -> OwnSettings:
    """Reads the settings file. No file is no settings, unless SPARKMESOS_CONFIG names it.

    Raises UsageError, naming file and line, for what is not TOML or not a setting.
    """
    path = settings_file(environment)
    if path is None:
        return OwnSettings()
    text = _read(path, required=bool(environment.get(CONFIG_VARIABLE)))
    return OwnSettings() if text is None else parse_settings(text, path)


def parse_settings(text: str, path: Path) -> OwnSettings:
    """The settings that a file's text holds. Raises UsageError, naming file and line."""
    shared: dict[str, str] = {}
    tables: dict[str, Mapping[str, Any]] = {}
    settings = OwnSettings(path=path, shared=shared, tables=tables, text=text)
    for key, value in _load_toml(text, path).items():
        if isinstance(value, dict):
            if key in SHARED:
                raise settings.error(
                    (key,), f"{key} is a table, but has to be a text", hint=f'Write {key} = "…".'
                )
            tables[key] = value
            continue
        if key not in SHARED:
            hint = BELONGS_TO_SPARK if key.startswith("spark.") else did_you_mean(key, SHARED)
            raise settings.error((key,), f"there is no setting {key!r}", hint=hint)
        shared[key] = settings.text_of(value, key)
        if key == "output" and value not in ("table", "json"):
            raise settings.error((key,), "output is neither table nor json", hint='Write output = "json".')
    return settings


def did_you_mean(name: str, known: Collection[str]) -> str:
    """A hint for a name that is not known: the nearest one, or all that there are."""
    import difflib  # only who mistyped has to wait for it

    near = difflib.get_close_matches(name.lower().replace("_", "-").lstrip("-"), known, n=1)
    if near:
        return f"Did you mean {near[0]}?"
    return f"There are: {', '.join(known)}." if known else "There are none."


def _load_toml(text: str, path: Path) -> dict[str, Any]:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib  # the same, for the Python that does not have it yet
    try:
        content: dict[str, Any] = tomllib.loads(text)
    except RecursionError as error:
        raise UsageError(f"{path}: arrays or tables are nested too deeply", hint=_DOCUMENT) from error
    except ValueError as error:  # TOMLDecodeError, and numbers that Python refuses to convert
        problem, _, position = str(error).partition(" (at ")
        line = re.match(r"line (\d+), column (\d+)", position)
        where = f" (column {line[2]})" if line else " (at its end)" if position else ""
        last = text.count("\n") + (not text.endswith("\n"))
        place = f"{path}:{line[1] if line else last}" if where else str(path)
        if re.search("overwrite|twice", problem):
            raise UsageError(
                f"{place}: this key or table is there already", hint="Remove one of the two."
            ) from error
        raise UsageError(
            f"{place}: this is not TOML{where}: {problem}", hint='Write KEY = "VALUE".'
        ) from error
    return content


def _read(path: Path, *, required: bool) -> str | None:
    if str(path) == os.devnull:
        return ""
    try:
        content = read_regular_file(path, at_most=MAX_BYTES)
    except OSError as error:
        is_missing = isinstance(error, (FileNotFoundError, NotADirectoryError))
        # HOME may be that of another user, into which this one cannot even look: after sudo, in containers.
        is_hidden = isinstance(error, PermissionError) and not os.access(path.parent, os.X_OK)
        if (is_missing or is_hidden) and not required:
            return None
        if is_missing:
            raise UsageError(
                f"{CONFIG_VARIABLE}={path} does not exist",
                hint="Correct it, or unset it to have no settings.",
            ) from error
        raise UsageError(
            f"The settings file {path} cannot be read: {error.strerror}",
            hint=f"Correct it, or name another one in {CONFIG_VARIABLE}; {os.devnull} has no settings.",
        ) from error
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UsageError(f"{path}:{line}: this is not UTF-8", hint="TOML files are UTF-8.") from error


def _line_of(text: str, keys: tuple[str, ...]) -> int | None:
    """The line at which a key is given its value, or its table begins.

    A TOML parser does not tell. It is the last line with that name before which the text is TOML without the
    key: a name in a comment in front of it is followed by such a line, one in a text is inside the TOML.
    """
    name = re.compile(rf"(?<![\w-]){re.escape(keys[-1])}(?![\w-])")
    found = None
    position = effort = 0
    for number, line in enumerate(re.findall(r"[^\n]*\n|[^\n]+", text), start=1):
        if name.search(line):
            effort += position
            if effort > MAX_BYTES:  # not even a guess is worth more
                return None
            try:
                before: Any = _load_toml(text[:position], Path())
            except UsageError:
                before = keys  # inside a text of several lines
            else:
                for key in keys:
                    before = before.get(key) if isinstance(before, dict) else None
                if before is not None:
                    break
                found = number
        position += len(line)
    return found
