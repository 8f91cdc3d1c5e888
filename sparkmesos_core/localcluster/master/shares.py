"""Who has how much of the cluster: the dominant shares by which Mesos decides who is offered resources next.

Only scalars count, as in Mesos' DRF sorter. A role's share includes those of the roles below it.
"""

from __future__ import annotations

from collections import defaultdict

from sparkmesos_core.mesos.resources import Resources

Amounts = dict[str, int]
"""Thousandths by name of resource."""


class Shares:
    """What is offered and used, kept up to date with each change so that shares need no search."""

    def __init__(self) -> None:
        self._total: Amounts = defaultdict(int)
        self._frameworks: dict[tuple[str, str], Amounts] = {}
        self._own: dict[str, Amounts] = {}
        self._below: dict[str, Amounts] = {}

    def add_agent(self, total: Resources) -> None:
        """The cluster has grown."""
        _change(self._total, total, 1)

    def remove_agent(self, total: Resources) -> None:
        """The cluster has shrunk."""
        _change(self._total, total, -1)

    def take(self, framework_id: str, role: str, resources: Resources) -> None:
        """Resources are offered to a framework in a role, or found to be used by it."""
        self._count(framework_id, role, resources, 1)

    def give_back(self, framework_id: str, role: str, resources: Resources) -> None:
        """They are no longer."""
        self._count(framework_id, role, resources, -1)

    def of_framework(self, framework_id: str, role: str) -> float:
        """A framework's dominant share in a role, from 0 to 1."""
        return self._dominant(self._frameworks.get((framework_id, role), {}))

    def of_role(self, role: str) -> tuple[float, ...]:
        """A role's rank: the shares of its ancestors and its own, top first; the least is next.

        So a role competes with its siblings only, and their parent for all of them.
        """
        return (
            *(self._dominant(self._below.get(ancestor, {})) for ancestor in _path(role)),
            self._dominant(self._own.get(role, {})),
        )

    def is_balanced(self) -> bool:
        """Whether nothing at all is offered or used."""
        return not any(any(amounts.values()) for amounts in (*self._frameworks.values(), *self._own.values()))

    def forget_framework(self, framework_id: str) -> None:
        """It has ended, and everything of it was given back."""
        for key in [key for key in self._frameworks if key[0] == framework_id]:
            del self._frameworks[key]

    def _count(self, framework_id: str, role: str, resources: Resources, sign: int) -> None:
        books = [
            self._frameworks.setdefault((framework_id, role), defaultdict(int)),
            self._own.setdefault(role, defaultdict(int)),
            *(self._below.setdefault(ancestor, defaultdict(int)) for ancestor in _path(role)),
        ]
        for book in books:
            _change(book, resources, sign)

    def _dominant(self, amounts: Amounts) -> float:
        return max(
            (amount / total for name, amount in amounts.items() if (total := self._total.get(name, 0)) > 0),
            default=0.0,
        )


def _change(amounts: Amounts, resources: Resources, sign: int) -> None:
    for key, value in resources:
        if isinstance(value, int):
            amounts[key.name] += sign * value


def _path(role: str) -> list[str]:
    """A role and those above it, top first: of `a/b` these are `a` and `a/b`."""
    parts = role.split("/")
    return ["/".join(parts[: length + 1]) for length in range(len(parts))]
