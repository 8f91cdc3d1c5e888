"""The command line of a shell: which of its words are options of spark-submit, and which the shell's own."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import zip_longest

from sparkmesos_core.errors import UsageError
from sparkmesos_core.quoting import quoted
from sparkmesos_core.spark.arguments import Action, SubmitArguments, split_value
from sparkmesos_core.spark.submit_options import find_option, similar_options
from sparkmesos_core.submit.shells import Shell

SEPARATOR = "--"
"""What stands behind this is the shell's own. Spark's programs do not know it."""

FOREIGN = {
    "--class": "A shell is no application: `sparkmesos submit --class` runs one.",
    "--driver-cores": "It is for cluster mode, which shells do not have.",
    "--supervise": "It is for cluster mode, which shells do not have.",
    "--kill": "Use `sparkmesos kill ID`.",
    "--status": "Use `sparkmesos status ID`.",
}
"""Options of spark-submit that no shell has, each with what to do."""


def read_shell_arguments(shell: Shell, words: Sequence[str]) -> SubmitArguments:
    """What a command line of `shell` says, in the form of the spark-submit that it becomes.

    The shell's own arguments, which may stand anywhere among the options or behind a SEPARATOR, are those of
    the application. Where Spark's launcher would cut one of them (`--database=x`), it becomes two.

    Raises UsageError for what Spark refuses, for options that no shell has, and for arguments that this one
    would pass over or cannot be given, or whose values are missing.
    """
    options, among, behind = _separated(words)
    typed = SubmitArguments.parse(options)
    for given in typed.given:
        if given.name in FOREIGN:
            raise UsageError(f"`shell` has no option {given.name}", hint=FOREIGN[given.name])
    parsed = SubmitArguments.parse((*shell.prefix, *options))
    if parsed.action is Action.SUBMIT:
        _check(shell, among, behind)
    passed = _split((*among, *behind))
    return replace(parsed, options=tuple(options), application=passed, application_arguments=passed)


def _separated(words: Iterable[str]) -> tuple[list[str], list[str], list[str]]:
    """Options of spark-submit with their values, the other words among them, and what is behind SEPARATOR."""
    options: list[str] = []
    among: list[str] = []
    rest = iter(words)
    for word in rest:
        if word == SEPARATOR:
            break
        name, value = split_value(word)
        option = find_option(name)
        if option is None:
            among.append(word)
            continue
        options.append(word)
        if not option.is_switch and value is None:
            options += [following for following in (next(rest, None),) if following is not None]
    return options, among, list(rest)


def _check(shell: Shell, among: Sequence[str], behind: Sequence[str]) -> None:
    for word in among:
        _refuse_unknown(shell, word)
    for word in behind:
        option = find_option(split_value(word)[0])
        if option is not None:
            raise UsageError(
                f"{shell.name} cannot be given {_name_in(word)}, which Spark takes for an option of its own",
                hint=f"Leave it out, or write it in front of {SEPARATOR} if Spark's option is meant.",
            )
    own = [*among, *behind]
    if not own:
        return
    first = own[0]
    if first.endswith((".py", ".R", ".r", ".jar")):
        more = "; -I FILE runs a Scala file first" if shell.name == "spark-shell" else ""
        raise UsageError(
            f"{shell.name} does not run applications: {quoted(first)}",
            hint=f"Use `sparkmesos submit` for that{more}.",
        )
    if not shell.takes_arguments:
        variable = " Options of Python itself go into PYSPARK_DRIVER_PYTHON_OPTS."
        raise UsageError(
            f"{shell.name} takes no arguments besides options: {quoted(_name_in(first))}",
            hint="Leave it out." + (variable if shell.interpreter == "Python" else ""),
        )
    if not first.startswith("-"):
        raise UsageError(
            f"{shell.name} would pass over the argument {quoted(_name_in(first))}",
            hint="Leave it out, or write the option in front of it that it belongs to.",
        )
    _require_values(shell, _split(own))


def _require_values(shell: Shell, words: Sequence[str]) -> None:
    """Raises UsageError for an option without its value: nothing follows it, or the next option does."""
    own = {*shell.values, *shell.switches}
    for word, following in zip_longest(words, words[1:]):
        if word == SEPARATOR:  # for it, too, nothing behind this is an option
            return
        if word in shell.values and (following is None or following in own):
            raise UsageError(
                f"{word} of {shell.name} needs a value", hint=f"Write {word} {shell.values[word]}."
            )


def _split(words: Iterable[str]) -> tuple[str, ...]:
    """The words as Spark's launcher hands them on: `--database=x` is two."""
    return tuple(part for word in words for part in split_value(word) if part is not None)


def _refuse_unknown(shell: Shell, word: str) -> None:
    """Raises UsageError for what is an option of nobody, or none of Spark's."""
    name = _name_in(word)
    if re.match("-[cD]spark", word):
        raise UsageError(
            f"{shell.name} does not read properties from {name}", hint=f"Write --conf {name[2:]}=VALUE."
        )
    if not word.startswith("--") or split_value(word)[0] in shell.long_options:
        return
    option = find_option(word.partition("=")[0])
    if option is not None:  # `--name=`, which the launcher does not take for the option
        raise UsageError(f"{name} needs a value", hint=f"Write {name} {option.metavar}.")
    similar = similar_options(name, tuple(sorted(shell.long_options)))
    raise UsageError(
        f"{shell.name} has no option {name}",
        hint=f"Did you mean {similar[0]}?"
        if similar
        else f"See `sparkmesos shell --help`; what is {shell.name}'s own may stand behind {SEPARATOR}.",
    )


def _name_in(text: str) -> str:
    """What looks like a name at the beginning of a text; what follows may be a secret."""
    return re.split(r"[\s=:]", text, maxsplit=1)[0][:80]
