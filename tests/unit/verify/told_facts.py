"""What is known, where the test says it."""

from __future__ import annotations

from typing import Any, TypeVar

from sparkmesos_core.client_configuration import read_client_configuration
from sparkmesos_core.master import HostPort, MesosMaster
from sparkmesos_core.spark.arguments import SubmitArguments
from sparkmesos_core.verify.known import Fact, Known
from sparkmesos_core.verify.subject import ProbeOptions, Subject

T = TypeVar("T")


class Told(Known):
    """What is known of an application with these options; some facts are told, the others are read."""

    def __init__(self, facts: dict[Fact[Any], Any], *options: str, runs_spark: bool = False) -> None:
        master = HostPort("192.0.2.1", 5050)
        client = read_client_configuration(
            SubmitArguments.parse(["--master", f"mesos://{master}", *options, "app.py"]),
            spark_home=None,
            environment={},
        )
        probe = ProbeOptions(runs_spark=runs_spark)
        super().__init__(Subject(MesosMaster((master,)), client, probe=probe), timeout=60)
        self.facts = facts

    def __getitem__(self, fact: Fact[T]) -> T:
        if fact in self.facts:
            value: T = self.facts[fact]
            return value
        return super().__getitem__(fact)
