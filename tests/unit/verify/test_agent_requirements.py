from __future__ import annotations

import pytest

from sparkmesos_core.submit.mesos_driver import ClientModeOptions, MesosDriver
from sparkmesos_core.verify.agent_requirements import requirements_of, too_old, version_of
from tests.unit.verify.agent_states import state
from tests.verified import subject


@pytest.mark.parametrize(
    ("settings", "versions"),
    [
        ({}, []),
        ({"spark.mesos.executor.docker.image": "spark:3.5"}, ["0.20.1"]),
        ({"spark.mesos.fetcherCache.enable": "true"}, ["0.23.0"]),
        ({"spark.mesos.fetcherCache.enable": "false"}, []),
        ({"spark.mesos.gpus.max": "2"}, ["1.0.0"]),
        ({"spark.mesos.gpus.max": "0"}, []),
        ({"spark.mesos.network.name": "net"}, ["1.0.0"]),
        ({"spark.mesos.executor.secret.values": "x", "spark.mesos.executor.secret.envkeys": "X"}, ["1.3.0"]),
        # The driver's secrets are the dispatcher's business.
        ({"spark.mesos.driver.secret.names": "/x"}, []),
        ({"spark.mesos.coarse": "false"}, ["1.0.0"]),
    ],
)
def test_what_asks_for_which_version(settings: dict[str, str], versions: list[str]) -> None:
    options = ClientModeOptions(mesos_driver=MesosDriver.HTTP)
    found = requirements_of(subject(settings, options=options))
    assert [one.text for one in found] == versions
    assert all(one.key in settings for one in found)


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("1.12.0", (1, 12, 0)),
        ("1.12.0-dev", (1, 12, 0)),
        ("0.20", (0, 20, 0)),
        ("", None),
        ("unknown", None),
    ],
)
def test_versions(text: str, version: tuple[int, ...] | None) -> None:
    assert version_of(text) == version


def test_too_old() -> None:
    (requirement,) = requirements_of(subject({"spark.mesos.fetcherCache.enable": "true"}))
    agents = [state(version=version).facts for version in ("0.22.9", "0.23.0", "0.3.0", "1.2.0", "?")]
    assert [agent.version for agent in too_old(agents, requirement)] == ["0.22.9", "0.3.0"]
