"""Commands with so many options that their help has headings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


class GroupedOption(click.Option):
    """An option that stands under a heading of its own."""

    heading = ""


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
