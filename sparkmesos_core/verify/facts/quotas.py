"""The quotas of roles: how much they may use, and how much Mesos keeps for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sparkmesos_core.errors import MesosError
from sparkmesos_core.verify.facts.master import leader_http
from sparkmesos_core.verify.known import Fact, Known

_UNITS = 1000
"""Mesos counts scalars in thousandths."""

Amounts = Mapping[str, int]
"""Thousandths by the name of a scalar."""


@dataclass(frozen=True)
class RoleQuota:
    """The quota of one role."""

    role: str
    limit: Amounts = field(default_factory=dict)
    """What the role may use at most of what is named; of anything else as much as there is."""
    guarantee: Amounts = field(default_factory=dict)
    """What Mesos keeps free for the role, as far as it does not use it."""
    consumed: Amounts = field(default_factory=dict)
    """What counts against it: what is allocated to the role, and what is reserved for it and is not."""

    def left(self, name: str) -> int | None:
        """How much more the role may use; None if that is not limited, 0 also if it uses too much."""
        if name not in self.limit:
            return None
        return max(self.limit[name] - self.consumed.get(name, 0), 0)

    @property
    def held_back(self) -> dict[str, int]:
        """What Mesos offers to nobody else for the sake of this role."""
        missing = {name: amount - self.consumed.get(name, 0) for name, amount in self.guarantee.items()}
        return {name: amount for name, amount in missing.items() if amount > 0}


def quotas_of(roles: Any) -> tuple[RoleQuota, ...] | None:
    """The quotas in an answer of `/roles`; None if that master does not tell them there.

    Since Mesos 1.9 each role has limits and what it consumes (recorded from 1.12). From 1.4 on only roles
    with a quota have one, with a guarantee, which is its limit at the same time (`ReadOnlyHandler::roles` and
    `model(QuotaInfo)` of those releases, which fill it up with zeros). ValueError for what is no such answer.
    """
    try:
        listed = [entry for entry in roles["roles"] if "quota" in entry]
        quotas = tuple(_new(entry) if "consumed" in entry["quota"] else _old(entry) for entry in listed)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"roles are malformed ({error!r})") from error
    return tuple(one for one in quotas if one.limit or one.guarantee) if listed else None


def quotas_of_infos(quota: Any, roles: Any) -> tuple[RoleQuota, ...]:
    """The quotas in an answer of `/quota` (Mesos 0.27 on), with what the roles use by one of `/roles`.

    ValueError if they are none. The guarantee is the limit, too.
    """
    try:
        used = {str(entry["name"]): entry.get("resources", {}) for entry in roles["roles"]}
        quotas = []
        for info in quota.get("infos", []):
            guarantee = _amounts({one["name"]: one["scalar"]["value"] for one in info.get("guarantee", [])})
            role = str(info["role"])
            quotas.append(RoleQuota(role, guarantee, guarantee, _amounts(used.get(role, {}))))
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"quotas are malformed ({error!r})") from error
    return tuple(quotas)


def _new(entry: Mapping[str, Any]) -> RoleQuota:
    quota = entry["quota"]
    return RoleQuota(
        str(entry["name"]),
        limit=_amounts(quota.get("limit", {})),
        guarantee=_amounts(quota.get("guarantee", {})),
        consumed=_amounts(quota["consumed"]),
    )


def _old(entry: Mapping[str, Any]) -> RoleQuota:
    all_named = _amounts(entry["quota"].get("guarantee", {}))
    guarantee = {name: amount for name, amount in all_named.items() if amount}
    return RoleQuota(str(entry["name"]), guarantee, guarantee, _amounts(entry.get("resources", {})))


def _amounts(amounts: Mapping[str, Any]) -> dict[str, int]:
    return {
        str(name): round(amount * _UNITS)
        for name, amount in amounts.items()
        if isinstance(amount, (int, float))
    }


def _quotas(known: Known) -> tuple[RoleQuota, ...]:
    with leader_http(known) as http:
        roles = http.get_json("/roles")
        try:
            found = quotas_of(roles)
            if found is not None:
                return found
            answer = http.get("/quota")
            if answer.status_code in (404, 405, 501):
                return ()  # a master from before quotas
            return quotas_of_infos(http.decode(answer), roles)
        except ValueError as error:
            raise MesosError(
                f"{http.base_url} answered what cannot be understood: {error}",
                hint="Check that the address is that of a Mesos master.",
            ) from error


QUOTAS: Fact[tuple[RoleQuota, ...]] = Fact("the quotas", _quotas, reported_by="agents-quota")
"""Of roles that have one. From `GET /roles`, and `GET /quota` of masters that do not tell them there."""
