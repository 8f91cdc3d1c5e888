"""Shell completion of properties as a KEY and in `--conf KEY=VALUE`, and of arguments of spark-submit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

if TYPE_CHECKING:
    from sparkmesos_core.conf.properties.registered_property import Property


def complete_key(
    _context: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """The properties that begin so, and where no property does, the variables."""
    items = [CompletionItem(_begun(entry), help=entry.meaning) for entry in _current()]
    if not incomplete.startswith("s"):
        from sparkmesos_core.conf.spark_variables import VARIABLES

        items += [CompletionItem(variable.name, help=variable.meaning) for variable in VARIABLES]
    return _beginning(items, incomplete)


def complete_setting(incomplete: str) -> list[CompletionItem]:
    """For `--conf`: `KEY=` until the key is written, then the values of a property that has few."""
    from sparkmesos_core.conf.properties.registry import find_property

    key, equals, _ = incomplete.partition("=")
    if not equals:
        items = [
            CompletionItem(_begun(entry) if entry.prefix else f"{entry.name}=", help=entry.meaning)
            for entry in _current()
        ]
        return _beginning(items, incomplete)
    found = find_property(key)
    if found is None:
        return []
    return _beginning([CompletionItem(f"{key}={word}") for word in found.type.choices], incomplete)


def complete_spark_argument(
    context: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """What may follow the arguments of spark-submit that are there: the value of an option, else a file."""
    return complete_option_value(context.params.get("arguments") or (), incomplete)


def complete_option_value(arguments: Sequence[str], incomplete: str) -> list[CompletionItem]:
    """The value of the option that ends the arguments; a file where they end in none."""
    option = arguments[-1] if arguments else ""
    if option in ("--conf", "-c"):
        return complete_setting(incomplete)
    if option == "--deploy-mode":
        return _beginning([CompletionItem("client"), CompletionItem("cluster")], incomplete)
    return [CompletionItem(incomplete, type="file")]


def _current() -> Iterator[Property]:
    """The properties that one would still write."""
    from sparkmesos_core.conf.properties.registry import PROPERTIES

    return (entry for entry in PROPERTIES if entry.readers and not entry.until and not entry.deprecated)


def _begun(entry: Property) -> str:
    """The key, or the beginning that the keys of a family share."""
    return entry.prefix or entry.name


def _beginning(items: Sequence[CompletionItem], incomplete: str) -> list[CompletionItem]:
    return [item for item in items if item.value.startswith(incomplete)]
