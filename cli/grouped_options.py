"""Commands with so many options that their help has headings."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

_BELOW_0 = re.compile(r"-(\d|\.\d|inf).*", re.IGNORECASE)
"""No option of ours begins so."""


class GroupedOption(click.Option):
    """An option that stands under a heading of its own."""

    heading = ""


class OptionalValue(GroupedOption):
    """One whose value may be left out, with `is_flag=False` and a `flag_value`."""


def under(heading: str, *declared: Callable[[F], F]) -> Callable[[F], F]:
    """Declares the options in this order, under this heading in the help. Each has `cls=GroupedOption`."""

    def declare(function: F) -> F:
        for each in reversed(declared):
            function = each(function)
            option = function.__click_params__[-1]  # type: ignore[attr-defined]
            option.heading = heading
        return function

    return declare


class GroupedCommand(click.Command):
    """A command whose help lists options under their headings, and the others at the end."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Reads them as click does, but that a number below 0 is a value where one may be left out, too."""
        names = {
            name
            for parameter in self.get_params(ctx)
            if isinstance(parameter, OptionalValue)
            for name in parameter.opts
        }
        joined: list[str] = []
        for argument in args:
            if joined and joined[-1] in names and _BELOW_0.fullmatch(argument):
                # The space, which numbers may have, keeps click from seeing an option there, too.
                joined[-1] += f"= {argument}"
            else:
                joined.append(argument)
        return super().parse_args(ctx, joined)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes the options as click does, but in groups."""
        groups: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx) if isinstance(parameter, click.Option) else None
            if record is not None:
                heading = parameter.heading if isinstance(parameter, GroupedOption) else ""
                groups.setdefault(heading, []).append(record)
        for heading in sorted(groups, key=lambda heading: not heading):
            with formatter.section(heading or "Options"):
                formatter.write_dl(groups[heading])
