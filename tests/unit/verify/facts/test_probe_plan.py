"""Where executors are told to find the driver, as the probe's plan has it."""

from __future__ import annotations

import pytest

from sparkmesos_core.preflight.driver_host import Advertised
from sparkmesos_core.verify.facts.client import LISTENING_PLACE, DriverPlace
from sparkmesos_core.verify.facts.probe import PLAN
from sparkmesos_core.verify.probe import canonical_name
from tests.unit.verify.told_facts import Told

IP, OWN = "SPARK_LOCAL_IP", "spark.driver.host"


@pytest.mark.parametrize(
    ("told", "name", "host", "place"),
    [
        (Advertised("127.0.0.1", IP), "localhost", "localhost", "localhost (127.0.0.1)"),
        (Advertised("192.0.2.1", ""), "192.0.2.1", "192.0.2.1", "192.0.2.1"),
        (Advertised("192.0.2.1", OWN), "not asked for", "192.0.2.1", "192.0.2.1"),
        (Advertised("driver.example", "SPARK_LOCAL_HOSTNAME"), "neither", "driver.example", "driver.example"),
    ],
)
def test_spark_makes_names_of_addresses(
    monkeypatch: pytest.MonkeyPatch, told: Advertised, name: str, host: str, place: str
) -> None:
    monkeypatch.setattr(canonical_name, "canonical_name", lambda address, deadline: name)
    with Told({LISTENING_PLACE: DriverPlace(told, told.host, ())}) as known:
        plan = known[PLAN]
    assert (plan.host, plan.driver_place) == (host, place)
