"""The value of --dynamic-allocation, which may be left out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource
from click.shell_completion import CompletionItem

from sparkmesos_core.errors import UsageError

from .terminal import Terminal

if TYPE_CHECKING:
    from sparkmesos_core.submit.dynamic_allocation import DynamicAllocation


class ExecutorLimits(click.types.StringParamType):
    """`MIN:MAX`, which means executors; the value need not follow the option."""

    name = "limits"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """As click wants it: Limits."""
        from sparkmesos_core.submit.dynamic_allocation import Limits, parse_limits

        if isinstance(value, Limits):
            return value
        try:
            return parse_limits(value)
        except UsageError as error:
            self.fail(f"{error.message}. {error.hint}", param, ctx)

    def completed(self, following: str | None) -> tuple[str, bool]:
        """The value where `following` is the next word of the command line, and whether that is taken."""
        from sparkmesos_core.submit.dynamic_allocation import UNLIMITED, looks_like_limits

        taken = following is not None and looks_like_limits(following)
        return (following or "" if taken else UNLIMITED), taken

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """What may follow as well: the application."""
        return [CompletionItem(incomplete, type="file")]


def dynamic_allocation_of(context: click.Context) -> DynamicAllocation | None:
    """What a command was told with --dynamic-allocation, by its variable or its settings; None if nothing."""
    limits = context.params["dynamic_allocation"]
    if limits is None:
        return None
    from sparkmesos_core.conf.setting import Origin, Source
    from sparkmesos_core.settings import settings_file
    from sparkmesos_core.submit.dynamic_allocation import OPTION, DynamicAllocation

    source = context.get_parameter_source("dynamic_allocation")
    if source is ParameterSource.COMMANDLINE:
        return DynamicAllocation(limits, Origin(Source.OPTION, OPTION))
    if source is ParameterSource.ENVIRONMENT:
        return DynamicAllocation(limits, Origin(Source.SPARKMESOS, "SPARKMESOS_DYNAMIC_ALLOCATION"))
    terminal = context.find_object(Terminal) or Terminal()
    return DynamicAllocation(limits, Origin(Source.SPARKMESOS, str(settings_file(terminal.environment))))
