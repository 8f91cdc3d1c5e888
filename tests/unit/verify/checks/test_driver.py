from __future__ import annotations

import pytest

from sparkmesos_core.conf.finding import Severity
from sparkmesos_core.preflight.driver_host import Advertised
from sparkmesos_core.verify.checks.driver import place_text, ports_problems
from sparkmesos_core.verify.facts.client import DriverPlace
from sparkmesos_core.verify.facts.driver_ports import PortTrial
from tests.verified import subject


def test_free_ports() -> None:
    assert ports_problems([PortTrial("a", 7000, free=True), PortTrial("b", 7001, free=True)]) == ()


@pytest.mark.parametrize(
    ("trial", "severity", "said", "hint"),
    [
        (PortTrial("k", 7000, free=False, next_free=7001), Severity.WARNING, "takes the next", "End the program"),
        (PortTrial("k", 7000, free=False), Severity.ERROR, "none of the next 16 is free", "End the program"),
        (
            PortTrial("k", 7000, free=False, retries=0),
            Severity.ERROR, "gives up, since spark.port.maxRetries is 0", "End the program",
        ),
        (PortTrial("k", 80, free=False, reserved=True), Severity.ERROR, "below 1024", "a port from 1024 on"),
    ],
)  # fmt: skip
def test_a_port_that_cannot_be_had(trial: PortTrial, severity: Severity, said: str, hint: str) -> None:
    (problem,) = ports_problems([trial])
    assert (problem.severity, problem.key) == (severity, "k")
    assert f"k: port {trial.port} " in problem.message
    assert said in problem.message
    assert hint in problem.hint


def test_who_has_set_what_names_the_drivers_place() -> None:
    """On a master of this machine it is sparkmesos, unless somebody else has."""
    place = DriverPlace(Advertised("127.0.0.1", "SPARK_LOCAL_IP"), "127.0.0.1", ())
    said = "executors look for the driver at 127.0.0.1"
    assert place_text(place, subject()) == f"{said} (SPARK_LOCAL_IP, which submit sets)"
    told = subject(environment={"SPARK_LOCAL_IP": "127.0.0.1"})
    assert place_text(place, told) == f"{said} (SPARK_LOCAL_IP)"
    named = DriverPlace(Advertised("127.0.0.1", "spark.driver.host"), "127.0.0.1", ())
    assert place_text(named, subject()) == f"{said} (spark.driver.host)"


def test_the_same_port_twice_where_no_other_is_tried() -> None:
    trials = [PortTrial("a", 7000, free=True, retries=0), PortTrial("b", 7000, free=True, retries=0)]
    (problem,) = ports_problems(trials)
    assert problem.severity is Severity.ERROR
    assert problem.message.endswith("is that of a, too: Spark gives up, since spark.port.maxRetries is 0")


def test_the_same_port_twice() -> None:
    (problem,) = ports_problems([PortTrial("a", 7000, free=True), PortTrial("b", 7000, free=True)])
    assert problem.message.startswith("b: port 7000 is that of a, too: Spark takes the next")
    assert problem.hint == "Set b to another port."
