"""Which checks are to be made: all that apply, or those that --only and --skip leave."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

from sparkmesos_core.errors import UsageError
from sparkmesos_core.quoting import quoted
from sparkmesos_core.verify.check import Check, Group


def select_checks(
    checks: Sequence[Check], *, only: Iterable[str] = (), skip: Iterable[str] = (), with_probe: bool = False
) -> tuple[Check, ...]:
    """The checks to make, in their order.

    `only` and `skip` hold ids and names of groups. What needs the probe is left out without it. Raises
    UsageError for a name that there is not, for the probe's checks without the probe, and if nothing is left.
    """
    wanted, unwanted = _named(checks, "--only", only), _named(checks, "--skip", skip)
    for check in checks:
        if check.needs_probe and not with_probe and check.id in wanted:
            raise UsageError(
                f"--only {check.id} is a check of the probe, which starts tasks on the cluster",
                hint="Add --probe, or leave it out.",
            )
    chosen = tuple(
        check
        for check in checks
        if (check.id in wanted or not wanted)
        and check.id not in unwanted
        and (with_probe or not check.needs_probe)
    )
    if not chosen:
        raise UsageError(
            "--only and --skip leave no check", hint="`sparkmesos verify-cluster --list` shows all there are."
        )
    return chosen


def _named(checks: Sequence[Check], option: str, names: Iterable[str]) -> frozenset[str]:
    """The ids that ids and groups come to."""
    by_name: dict[str, set[str]] = {group.value: set() for group in Group}
    for check in checks:
        by_name[check.group.value].add(check.id)
    by_name.update({check.id: {check.id} for check in checks})
    found: set[str] = set()
    for name in (part.strip() for given in names for part in given.split(",")):
        if name not in by_name:
            near = difflib.get_close_matches(name[:64].lower(), by_name, n=1)
            hint = f"Did you mean {near[0]}? " if near else ""
            raise UsageError(
                f"{option}: there is neither a check nor a group {quoted(name)}",
                hint=f"{hint}`sparkmesos verify-cluster --list` shows all there are.",
            )
        found |= by_name[name]
    return frozenset(found)
