"""What is wrong with the value of an option, in words that also fit where no option was typed."""

from __future__ import annotations

import re

import click
from click.core import ParameterSource

from sparkmesos_core.errors import UsageError


def usage_error(error: click.UsageError) -> UsageError:
    """Click's error as ours. A value that a variable gave is a mistake of that variable, not of an option."""
    if isinstance(error, click.BadParameter) and not isinstance(error, click.MissingParameter):
        problem = problem_with_value(error)
        if (variable := _variable_of(error)) is not None and error.param is not None:
            return UsageError(
                f"{variable}: {problem}",
                hint=f"Correct it, or unset it. It stands for {max(error.param.opts, key=len)}.",
            )
        error = click.BadParameter(problem, error.ctx, error.param, error.param_hint)
    help_of = error.ctx.command_path if error.ctx else "sparkmesos"
    return UsageError(error.format_message(), hint=f"`{help_of} --help` shows what can be given.")


def problem_with_value(error: click.BadParameter) -> str:
    """What Click says of a value, without the names of its types and without a full stop."""
    message = error.message.removesuffix(".")
    kind = error.param.type if error.param is not None else None
    value, problem, _ = message.partition(" is not in the range ")
    if problem and isinstance(kind, (click.IntRange, click.FloatRange)):
        return f"{value} is not {_range(kind)}"
    if isinstance(kind, type(click.BOOL)):
        return re.sub(r" is not a valid boolean.*", " is neither true nor false", message, flags=re.DOTALL)
    number = "a whole number" if isinstance(kind, (click.IntRange, type(click.INT))) else "a number"
    return re.sub(r" is not a valid (?:float|integer)(?: range)?$", f" is not {number}", message)


def _range(kind: click.IntRange | click.FloatRange) -> str:
    words = []
    if kind.min is not None:
        words.append(f"{'above' if kind.min_open else 'at least'} {kind.min:.15g}")
    if kind.max is not None:
        words.append(f"{'below' if kind.max_open else 'at most'} {kind.max:.15g}")
    return " and ".join(words)


def _variable_of(error: click.BadParameter) -> str | None:
    """The variable that the value came from; None if it was not a variable."""
    if error.ctx is None or error.param is None or not isinstance(error.param.envvar, str):
        return None
    source = error.ctx.get_parameter_source(error.param.name or "")
    return error.param.envvar if source is ParameterSource.ENVIRONMENT else None
