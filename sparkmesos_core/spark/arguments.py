"""The arguments of `spark-submit`, read as Spark reads them.

Spark reads them twice: the launcher (`org.apache.spark.launcher.SparkSubmitCommandBuilder` and
`SparkSubmitOptionParser`) puts them in order and hands them to `SparkSubmitArguments` of
`org.apache.spark.deploy`. What a user sees of both together, from Spark 2.0 to 4.3, is here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum

from sparkmesos_core.conf.setting import Origin, Setting, Source
from sparkmesos_core.errors import UsageError
from sparkmesos_core.quoting import quoted
from sparkmesos_core.spark.submit_options import find_option, similar_options

NO_RESOURCE = "spark-internal"
"""What stands for the application where its classes are Spark's own."""
RUN_EXAMPLE = "run-example"
"""As the first argument: what follows the options is the class of one of Spark's examples."""
SHELLS = frozenset({"spark-shell", "pyspark-shell", "sparkr-shell"})
"""What stands for the application where it is a shell."""

# First arguments that make a shell of the whole command line, and the application they stand for.
_SHELL_LAUNCHERS = {"pyspark-shell-main": "pyspark-shell", "sparkr-shell-main": "sparkr-shell"}
LAUNCHERS = frozenset({RUN_EXAMPLE, *_SHELL_LAUNCHERS})
"""What is no application although it can stand in front of the options."""
# Classes of Spark whose own arguments may stand among the options, and the application they stand for.
_CLASSES_WITH_MIXED_ARGUMENTS = {
    "org.apache.spark.repl.Main": "spark-shell",
    "org.apache.spark.sql.hive.thriftserver.SparkSQLCLIDriver": NO_RESOURCE,
    "org.apache.spark.sql.hive.thriftserver.HiveThriftServer2": NO_RESOURCE,
    "org.apache.spark.sql.connect.service.SparkConnectServer": NO_RESOURCE,
}
_EXAMPLES = "org.apache.spark.examples."

# `--name=value`. Java's dot stops at more line ends than Python's; an option so cut is not recognised.
_WITH_VALUE = re.compile("(--[^=]+)=([^\n\r\u0085\u2028\u2029]+)")

# The launcher turns these into --conf, so that of all of them the last one wins.
_AS_CONF = {
    "--driver-memory": "spark.driver.memory",
    "--driver-java-options": "spark.driver.extraJavaOptions",
    "--driver-library-path": "spark.driver.extraLibraryPath",
    "--driver-class-path": "spark.driver.extraClassPath",
    "--driver-default-class-path": "spark.driver.defaultExtraClassPath",
}


def split_value(argument: str) -> tuple[str, str | None]:
    """Takes `--name=value` apart, as the launcher does with each argument; None if there is no value."""
    match = _WITH_VALUE.fullmatch(argument)
    return (match[1], match[2]) if match else (argument, None)


class Action(Enum):
    """What a command line of spark-submit asks for."""

    SUBMIT = "submit"
    KILL = "kill"
    STATUS = "status"
    VERSION = "version"
    HELP = "help"


@dataclass(frozen=True)
class GivenOption:
    """One option as it was given."""

    name: str
    """Its official name."""
    value: str | None
    """None for a switch."""
    dropped_value: str | None = None
    """What was given to a switch with `=`: Spark passes over it, so that `--supervise=false` supervises."""


@dataclass(frozen=True)
class SubmitArguments:
    """A command line of spark-submit."""

    options: tuple[str, ...]
    """Everything up to the application, verbatim; all of it if arguments of a shell stand among options."""
    application: tuple[str, ...]
    """The primary resource and the arguments of the application, verbatim; may be empty."""
    action: Action = Action.SUBMIT
    given: tuple[GivenOption, ...] = ()
    """The options in their order."""
    resource: str | None = None
    """The application: a path or URL as it was given, one of SHELLS, NO_RESOURCE, RUN_EXAMPLE, or None."""
    main_class: str | None = None
    """--class, or the class of the example; None if there is none."""
    application_arguments: tuple[str, ...] = ()
    conf: Mapping[str, str] = field(default_factory=dict)
    """The properties of --conf, and of the options that the launcher turns into it (--driver-memory, …)."""
    values: Mapping[str, str] = field(default_factory=dict)
    """What was last given to each option, by its official name; '' for switches. Without --conf."""

    @classmethod
    def parse(cls, arguments: Sequence[str]) -> SubmitArguments:
        """Reads a command line, which need not name an application: see `argument_checks`.

        Raises UsageError for what Spark refuses: an unknown option, a missing value, a --conf without `=`,
        a deploy mode that is none, two actions at once.
        """
        return _Parser(tuple(arguments)).parse()

    @property
    def verbose(self) -> bool:
        """Whether --verbose is given."""
        return "--verbose" in self.values

    @property
    def asks_dispatcher(self) -> bool:
        """Whether it is --status or --kill, which a dispatcher answers whatever the deploy mode."""
        return self.action in (Action.STATUS, Action.KILL)

    @property
    def is_python(self) -> bool:
        """Whether the application is a Python program or shell (`SparkSubmit.isPython`)."""
        return self.resource is not None and (
            self.resource.endswith(".py") or self.resource == "pyspark-shell"
        )

    @property
    def is_r(self) -> bool:
        """Whether the application is an R program or shell (`SparkSubmit.isR`)."""
        return self.resource is not None and (
            self.resource.endswith((".R", ".r")) or self.resource == "sparkr-shell"
        )

    def value(self, name: str) -> str | None:
        """What was last given to an option, by its official name; '' for a switch, None if nothing was."""
        return self.values.get(name)

    def settings(self) -> tuple[list[Setting], list[Setting]]:
        """The properties that the command line sets: those that options mean, and those of --conf.

        Each layer is in the order of the command line, the last one winning, and the first layer wins over
        the second. The options that the launcher turns into --conf (--driver-memory, …) are therefore in
        the second, with themselves as origin. Options whose property matters in cluster mode only are there
        in client mode, too.
        """
        options: list[Setting] = []
        conf: list[Setting] = []
        for given in self.given:
            origin = Origin(Source.OPTION, given.name)
            option = find_option(given.name)
            if given.name == "--conf":
                key, _, value = (given.value or "").partition("=")
                conf.append(Setting(key, value, Origin(Source.CONF, "--conf")))
            elif given.name in _AS_CONF:
                conf.append(Setting(_AS_CONF[given.name], given.value or "", origin))
            elif option is not None and option.property:
                value = "true" if given.value is None else given.value
                options.append(Setting(option.property, value, origin))
        return options, conf

    def with_options(self, *extra: str) -> list[str]:
        """The whole command line again, with more options behind the user's own, where they win."""
        return [*self.options, *extra, *self.application]

    def without_switch(self, name: str) -> SubmitArguments:
        """The same without an option that takes no value, given by its official name."""
        kept: list[str] = []
        words = iter(self.options)
        for word in words:
            spelled, value = split_value(word)
            option = find_option(spelled)
            if option is None or option.name != name:
                kept.append(word)
            if option is not None and not option.is_switch and value is None:
                kept += [following for following in (next(words, None),) if following is not None]
        return replace(
            self,
            options=tuple(kept),
            given=tuple(given for given in self.given if given.name != name),
            values={other: value for other, value in self.values.items() if other != name},
        )


class _Parser:
    """Reads one command line, from left to right."""

    def __init__(self, arguments: tuple[str, ...]) -> None:
        self._arguments = arguments
        self._given: list[GivenOption] = []
        self._conf: dict[str, str] = {}
        self._resource: str | None = None
        self._main_class: str | None = None
        self._application_arguments: list[str] = []
        self._mixed = False
        self._example = False

    def parse(self) -> SubmitArguments:
        index = self._begin()
        end = len(self._arguments)
        while index < len(self._arguments):
            argument = self._arguments[index]
            name, value = split_value(argument)
            option = find_option(name)
            index += 1
            if option is None:
                if self._other(name, argument):
                    continue
                end = index - 1
                self._application_arguments += self._arguments[index:]
                break
            if option.is_switch:
                self._given.append(GivenOption(option.name, None, value))
                continue
            if value is None:
                if index == len(self._arguments):
                    raise UsageError(f"{name} needs a value", hint=f"Write {name} {option.metavar}.")
                value = self._arguments[index]
                index += 1
            self._option(option.name, value)
        return SubmitArguments(
            options=self._arguments[:end],
            application=self._arguments[end:],
            action=self._action(),
            given=tuple(self._given),
            resource=self._resource,
            main_class=self._main_class,
            application_arguments=tuple(self._application_arguments),
            conf=self._conf,
            values={given.name: given.value or "" for given in self._given if given.name != "--conf"},
        )

    def _begin(self) -> int:
        """Looks at the first argument, which can change how the others are read; where the options begin."""
        first = self._arguments[0] if self._arguments else ""
        if first in _SHELL_LAUNCHERS:
            self._mixed = True
            self._resource = _SHELL_LAUNCHERS[first]
        elif first == RUN_EXAMPLE:
            self._example = True
            self._resource = RUN_EXAMPLE
        else:
            return 0
        return 1

    def _option(self, name: str, value: str) -> None:
        self._given.append(GivenOption(name, value))
        if name == "--conf":
            key, equals, text = value.partition("=")
            if not equals:
                raise UsageError(
                    f"--conf {_name_in(value)} has no '='",
                    hint="Write --conf KEY=VALUE, quoted if it has blanks.",
                )
            self._conf[key] = text
        elif name in _AS_CONF:
            self._conf[_AS_CONF[name]] = value
        elif name == "--class":
            self._main_class = value
            if value in _CLASSES_WITH_MIXED_ARGUMENTS:
                self._mixed = True
                self._resource = _CLASSES_WITH_MIXED_ARGUMENTS[value]

    def _other(self, name: str, argument: str) -> bool:
        """Takes what is no option; whether options can follow."""
        if self._mixed:
            self._application_arguments.append(name)  # without what follows a '=', like Spark
            return True
        if self._example:
            self._main_class = name if name.startswith(_EXAMPLES) else _EXAMPLES + name
        elif name.startswith("-"):
            raise _unknown_option(name, argument)
        else:
            self._resource = _SHELL_LAUNCHERS.get(name, name)
        return False

    def _action(self) -> Action:
        """What is asked for. Of several, Spark takes the first that ends its reading, else the only one."""
        modes = [given.value for given in self._given if given.name == "--deploy-mode"]
        if modes and modes[-1] not in ("client", "cluster"):
            raise UsageError(
                f"{quoted(modes[-1] or '')} is not a deploy mode",
                hint="Use --deploy-mode client or --deploy-mode cluster.",
            )
        action: Action | None = None
        for given in self._given:
            if given.name == "--help":
                return Action.HELP
            if given.name == "--version":
                return Action.VERSION
            if given.name == "--usage-error":
                raise UsageError("--usage-error is for Spark's own use", hint="See --help.")
            if given.name in ("--kill", "--status"):
                if action is not None:
                    raise UsageError(
                        "--kill and --status stand for one driver and once only",
                        hint="Run the command once for each driver.",
                    )
                action = Action.KILL if given.name == "--kill" else Action.STATUS
        return action or Action.SUBMIT


def _unknown_option(name: str, argument: str) -> UsageError:
    option = find_option(argument.partition("=")[0])
    if option is not None and not option.is_switch:
        spelled = argument.partition("=")[0]
        reason = "if its value is empty or has a line end" if spelled.startswith("--") else "by Spark"
        return UsageError(
            f"{spelled}= is not read as an option {reason}",
            hint=f"Give the value as an argument of its own: {spelled} {option.metavar}.",
        )
    if re.match("-[cD]spark", name):
        return UsageError(
            f"spark-submit has no option {_name_in(name)}",
            hint=f"Write --conf {_name_in(name)[2:]}=VALUE.",
        )
    similar = similar_options(name)
    return UsageError(
        f"spark-submit has no option {_name_in(name)}",
        hint=f"Did you mean {similar[0]}?" if similar else "See --help.",
    )


def _name_in(text: str) -> str:
    """What looks like a name at the beginning of a text; what follows may be a secret."""
    return re.split(r"[\s=:]", text, maxsplit=1)[0][:80]
