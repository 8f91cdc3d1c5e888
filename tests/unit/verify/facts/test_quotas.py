from __future__ import annotations

from typing import Any

import pytest

from sparkmesos_core.verify.facts.quotas import RoleQuota, quotas_of, quotas_of_infos

# As Mesos 1.9 and newer tell them (recorded from 1.12.0, with amounts put in).
SINCE_1_9: dict[str, Any] = {
    "roles": [
        {
            "name": "spark",
            "weight": 1.0,
            "quota": {
                "role": "spark",
                "guarantee": {},
                "limit": {"cpus": 10.0, "gpus": 0.0},
                "consumed": {"cpus": 1.5, "mem": 512.0, "ports": 10.0},
            },
            "frameworks": [],
        },
        {"name": "*", "weight": 1.0, "quota": {"role": "*", "guarantee": {}, "limit": {}, "consumed": {}}},
    ]
}
# As Mesos 1.4 to 1.8 do: `ReadOnlyHandler::roles` (before, `Master::Http::roles`) and `model(QuotaInfo)`.
SINCE_1_4: dict[str, Any] = {
    "roles": [
        {
            "name": "*",
            "weight": 1.0,
            "resources": {"cpus": 0, "disk": 0, "gpus": 0, "mem": 0},
            "frameworks": [],
        },
        {
            "name": "prod",
            "weight": 2.0,
            "quota": {"role": "prod", "guarantee": {"cpus": 12.0, "disk": 0, "gpus": 0, "mem": 6144.0}},
            "resources": {"cpus": 4.0, "disk": 0, "gpus": 0, "mem": 1024.0},
            "frameworks": ["F"],
        },
    ]
}
# As all masters since 0.27 answer `/quota` (Mesos' documentation of quotas).
INFOS: dict[str, Any] = {
    "infos": [
        {
            "role": "role1",
            "guarantee": [
                {"name": "cpus", "role": "*", "type": "SCALAR", "scalar": {"value": 12}},
                {"name": "mem", "role": "*", "type": "SCALAR", "scalar": {"value": 6144}},
            ],
        }
    ]
}


def test_limits() -> None:
    found = quotas_of(SINCE_1_9)
    assert found == (
        RoleQuota(
            "spark",
            limit={"cpus": 10_000, "gpus": 0},
            consumed={"cpus": 1_500, "mem": 512_000, "ports": 10_000},
        ),
    )
    (quota,) = found
    # Nothing is what is allowed, where a limit of nothing is set.
    assert [quota.left(name) for name in ("cpus", "gpus", "mem")] == [8_500, 0, None]
    assert quota.held_back == {}


def test_a_guarantee_is_the_limit_of_older_masters() -> None:
    amounts = {"cpus": 12_000, "mem": 6_144_000}
    found = quotas_of(SINCE_1_4)
    assert found is not None
    (quota,) = found
    assert (quota.role, quota.limit, quota.guarantee) == ("prod", amounts, amounts)
    assert quota.left("cpus") == 8_000
    assert quota.left("disk") is None
    assert quota.held_back == {"cpus": 8_000, "mem": 5_120_000}


def test_masters_that_tell_no_quotas_of_roles() -> None:
    roles = {"roles": [{"name": "role1", "weight": 1.0, "resources": {"cpus": 13.0}, "frameworks": []}]}
    assert quotas_of(roles) is None
    (quota,) = quotas_of_infos(INFOS, roles)
    assert quota.limit == {"cpus": 12_000, "mem": 6_144_000}
    assert quota.left("cpus") == 0
    assert quota.held_back == {"mem": 6_144_000}
    assert quotas_of_infos({}, roles) == ()


@pytest.mark.parametrize(
    "answer", [None, [], {}, {"roles": None}, {"roles": [{"quota": None}]}, {"roles": [1]}]
)
def test_what_is_no_answer(answer: Any) -> None:
    with pytest.raises(ValueError, match="roles are malformed"):
        quotas_of(answer)


@pytest.mark.parametrize(
    "answer",
    [None, [], {"infos": None}, {"infos": [{"guarantee": []}]}, {"infos": [{"role": "a", "guarantee": [1]}]}],
)
def test_what_are_no_quotas(answer: Any) -> None:
    with pytest.raises(ValueError, match="quotas are malformed"):
        quotas_of_infos(answer, {"roles": []})
