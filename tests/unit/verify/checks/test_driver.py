from __future__ import annotations

import pytest

from sparkmesos_core.conf.finding import Severity
from sparkmesos_core.verify.checks.driver import ports_problems
from sparkmesos_core.verify.facts.driver_ports import PortTrial


def test_free_ports() -> None:
    assert ports_problems([PortTrial("a", 7000, free=True), PortTrial("b", 7001, free=True)]) == ()


@pytest.mark.parametrize(
    ("trial", "severity", "said", "hint"),
    [
        (PortTrial("k", 7000, free=False, next_free=7001), Severity.WARNING, "takes the next", "End the program"),
        (PortTrial("k", 7000, free=False), Severity.ERROR, "Spark gives up", "End the program"),
        (PortTrial("k", 80, free=False, reserved=True), Severity.ERROR, "below 1024", "a port from 1024 on"),
    ],
)  # fmt: skip
def test_a_port_that_cannot_be_had(trial: PortTrial, severity: Severity, said: str, hint: str) -> None:
    (problem,) = ports_problems([trial])
    assert (problem.severity, problem.key) == (severity, "k")
    assert f"k: port {trial.port} " in problem.message
    assert said in problem.message
    assert hint in problem.hint


def test_the_same_port_twice() -> None:
    (problem,) = ports_problems([PortTrial("a", 7000, free=True), PortTrial("b", 7000, free=True)])
    assert problem.message.startswith("b: port 7000 is that of a, too: Spark takes the next")
    assert problem.hint == "Set b to another port."
