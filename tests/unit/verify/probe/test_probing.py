from __future__ import annotations

from sparkmesos_core.errors import MesosError, UnreachableError
from sparkmesos_core.verify.probe.probing import with_hint


def test_each_failure_of_the_framework_has_a_hint() -> None:
    # What a master with --no-root_submissions says (`Master::validateFramework`).
    root = (
        "Mesos ended the framework: User 'root' is not allowed to run frameworks without --root_submissions"
    )
    assert "SPARK_USER" in with_hint(MesosError(root)).hint
    gone = with_hint(UnreachableError("Mesos ended the framework: Framework has been removed"))
    assert isinstance(gone, UnreachableError)
    assert "Repeat the probe" in gone.hint
    told = MesosError("401", hint="Set spark.mesos.principal")
    assert with_hint(told) is told
