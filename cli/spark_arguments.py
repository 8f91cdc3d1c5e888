"""Commands that take arguments of spark-submit beside options of their own: telling them apart."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

from .executor_limits import ExecutorLimits
from .property_completion import complete_spark_argument

F = TypeVar("F", bound=Callable[..., Any])
Completed = Callable[[str | None], tuple[str, bool]]
"""Tells the value of an option, given the word behind it or None, and whether that word is it."""


NONE_OPTIONAL: Mapping[str, Completed] = MappingProxyType({})


@dataclass
class SplitArguments:
    """A command line, sorted by whose arguments they are. Each list keeps the order of the line."""

    own: list[str] = field(default_factory=list)
    """The command's own options with their values."""
    positional: list[str] = field(default_factory=list)
    """The command's own arguments, such as the KEY of `config explain`."""
    spark: list[str] = field(default_factory=list)
    """What is for spark-submit, verbatim."""
    unknown: str = ""
    """The option that nobody knows, if there is one."""


class SparkArgumentsCommand(click.Command):
    """A command whose own options may stand anywhere among those of spark-submit.

    In front of the application, that is: from there on everything is the application's. What is for
    spark-submit is left, verbatim, in the parameter `arguments`. An option of both, such as --master, goes to
    spark-submit where it is typed; the parameter of that name then holds only what a variable or the settings
    file say.
    """

    tells_of_submit = True
    """Whether it is about what `submit` does, so that the settings for that are its own, too."""

    unlike_submit: Collection[str] = ()
    """Its options, without the dashes, that mean something else than those of `submit` of the same name."""

    mixed = False
    """Whether there is no application, and its arguments may stand among the options."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Lets Click see the command's own options and arguments only."""
        required = self._positionals()
        takes_value = self._takes_value(ctx)
        split = split_arguments(args, takes_value, required, mixed=self.mixed, optional=self._optional(ctx))
        if split.unknown and not ctx.resilient_parsing:
            _refuse_mistyped(ctx, split.unknown, takes_value)
        complete = len(split.positional) == required and not _lacks_value(split.own, takes_value)
        # Where something of ours is missing, Click shall say so, and not take an argument of Spark's for it.
        args = [*split.own, "--", *split.positional, *split.spark] if complete else split.own
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            error.ctx = error.ctx or ctx  # so that the hint names this command
            raise

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Spark's options beside the command's own."""
        from sparkmesos_core.spark.submit_options import OPTIONS

        own = super().shell_complete(ctx, incomplete)
        known = {item.value for item in own}
        return own + [
            CompletionItem(option.name, help=option.help)
            for option in OPTIONS
            if option.name.startswith(incomplete) and option.name not in known and not option.hidden
        ]

    def _positionals(self) -> int:
        return sum(isinstance(param, click.Argument) and param.nargs == 1 for param in self.params)

    def _takes_value(self, ctx: click.Context) -> dict[str, bool]:
        """The command's own options, without those of both, each with whether it takes a value."""
        shared = {name for name in spark_options() if name not in self.get_help_option_names(ctx)}
        return {
            name: not (param.is_flag or param.count)
            for param in self.get_params(ctx)
            if isinstance(param, click.Option)
            for name in (*param.opts, *param.secondary_opts)
            if name not in shared
        }

    def _optional(self, ctx: click.Context) -> dict[str, Completed]:
        """Those of its own options whose value may be left out."""
        return {
            name: param.type.completed
            for param in self.get_params(ctx)
            if isinstance(param.type, ExecutorLimits)
            for name in param.opts
        }


class SparkProgramCommand(SparkArgumentsCommand):
    """A command that becomes one of Spark's programs: its help lists the options of spark-submit, too."""

    foreign: Collection[str] = ()
    """The options of spark-submit, by their official names, that mean nothing to this program."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Our own options, then Spark's in their groups."""
        from sparkmesos_core.spark.submit_options import OPTIONS

        super().format_options(ctx, formatter)
        own = {name for param in self.get_params(ctx) for name in param.opts}
        groups: dict[str, list[tuple[str, str]]] = {}
        for option in OPTIONS:
            if option.name not in own and option.name not in self.foreign and not option.hidden:
                names = ", ".join(sorted(option.names, key=len))
                usage = names if option.metavar is None else f"{names} {option.metavar}"
                groups.setdefault(option.group.value, []).append((usage, option.help))
        for heading, rows in groups.items():
            with formatter.section(heading):
                formatter.write_dl(rows)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """The options that mean something."""
        return [item for item in super().shell_complete(ctx, incomplete) if item.value not in self.foreign]


def split_arguments(
    arguments: Sequence[str],
    takes_value: dict[str, bool],
    positionals: int = 0,
    *,
    mixed: bool = False,
    optional: Mapping[str, Completed] = NONE_OPTIONAL,
) -> SplitArguments:
    """Sorts a command line by whose arguments they are.

    `takes_value` names the command's own options, each with whether it takes a value; `positionals` says how
    many arguments of its own it has, which stand before the application. An option that nobody knows is left
    to spark-submit's own parser, with all that follows it. With `mixed` there is no application, and what
    nobody knows may stand anywhere among the options, up to a `--`. Of the command's own options the
    `optional` ones need no value, and are given the one that this means.
    """
    from sparkmesos_core.spark.arguments import LAUNCHERS

    split = SplitArguments()
    of_spark = spark_options()
    index = 0
    while index < len(arguments):
        argument = arguments[index]
        name, equals, _ = argument.partition("=")
        if name in optional and not equals:
            following = arguments[index + 1] if index + 1 < len(arguments) else None
            value, taken = optional[name](following)
            end = index + (2 if taken else 1)
            split.own.append(f"{name}={value}")
        elif name in takes_value:
            end = index + (2 if takes_value[name] and not equals else 1)
            split.own += arguments[index:end]
        elif name in of_spark:
            end = index + (2 if of_spark[name] and not equals else 1)
            split.spark += arguments[index:end]
        elif argument in LAUNCHERS and not split.spark:
            end = index + 1
            split.spark.append(argument)
        elif not argument.startswith("-") and len(split.positional) < positionals:
            end = index + 1
            split.positional.append(argument)
        elif mixed and argument != "--":
            end = index + 1
            split.spark.append(argument)
            if argument.startswith("--"):
                split.unknown = split.unknown or argument
        else:
            split.spark += arguments[index:]
            split.unknown = argument if argument.startswith("-") else ""
            break
        index = end
    return split


def spark_options() -> dict[str, bool]:
    """Every option of spark-submit, under all its names, each with whether it takes a value."""
    from sparkmesos_core.spark.submit_options import OPTIONS

    return {name: not option.is_switch for option in OPTIONS for name in option.names}


def spark_arguments(function: F) -> F:
    """The parameter `arguments` of a SparkArgumentsCommand, with completion."""
    return click.argument(
        "arguments",
        nargs=-1,
        type=click.UNPROCESSED,
        metavar="SPARK-SUBMIT-ARGUMENTS…",
        shell_complete=complete_spark_argument,
    )(function)


def _lacks_value(own: Sequence[str], takes_value: dict[str, bool]) -> bool:
    """Whether the last of a command's own options lacks its value; only the last can."""
    rest = iter(own)
    return any(takes_value.get(argument) and next(rest, None) is None for argument in rest)


def _refuse_mistyped(ctx: click.Context, unknown: str, own: dict[str, bool]) -> None:
    """Raises click.UsageError for what looks more like an option of the command than like one of Spark's.

    `ctx` is that of the command, whose help tells more.
    """
    name = unknown.partition("=")[0]
    if not name.startswith("--"):
        return
    import difflib  # only who mistyped has to wait for it

    near = difflib.get_close_matches(name[:64], [*own, *spark_options()], n=1)
    if near and near[0] in own:
        raise click.UsageError(f"No such option {name}. Did you mean {near[0]}?", ctx)
