from __future__ import annotations

import pytest

from sparkmesos_core.verify.facts.application import APPLICATION, NEED, Application
from sparkmesos_core.verify.known import Known, UnknownFactError
from tests.unit.verify.agent_states import application
from tests.verified import subject


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        ({}, {}),
        ({"executor_cores": "2", "cores_max": "7"}, {"executor_cores": 2000, "most_cores": 7000}),
        ({"mesos_gpus_max": "3"}, {"gpus": 3}),
        # How many there are to be means something with dynamic allocation only.
        ({"dynamicAllocation_minExecutors": "3"}, {}),
        (
            {"dynamicAllocation_minExecutors": "3", "dynamicAllocation_enabled": "true"},
            {"least_executors": 3},
        ),
        ({"shuffle_service_port": "7447"}, {}),
        ({"shuffle_service_enabled": "true"}, {"shuffle_service_port": 7337}),
        ({"shuffle_service_enabled": "true", "shuffle_service_port": "7447"}, {"shuffle_service_port": 7447}),
        # In fine-grained mode executors have cores of their own.
        ({"mesos_coarse": "false", "executor_cores": "2"}, {}),
        # Nor is there a limit of cores, or dynamic allocation.
        ({"mesos_coarse": "false", "cores_max": "2"}, {}),
        (
            {
                "mesos_coarse": "false",
                "dynamicAllocation_enabled": "true",
                "dynamicAllocation_minExecutors": "3",
            },
            {},
        ),
    ],
)
def test_what_is_asked_for(properties: dict[str, str], expected: dict[str, int]) -> None:
    found = application(**properties)
    assert found == Application(found.need, **expected)


def test_most_executors() -> None:
    assert application().most_executors is None
    assert application(executor_cores="2", cores_max="7").most_executors == 3
    assert application(cores_max="7").most_executors == 7


def test_what_cannot_be_understood_is_told_by_the_check_of_the_configuration() -> None:
    with Known(subject({"spark.executor.memory": "much"}), timeout=60) as known:
        with pytest.raises(UnknownFactError) as caught:
            known[APPLICATION]
        assert caught.value.fact.reported_by == "configuration"
        with pytest.raises(UnknownFactError):
            known[NEED]
