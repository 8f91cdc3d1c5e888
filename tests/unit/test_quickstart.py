from __future__ import annotations

from sparkmesos_core.quickstart import PI, WHEREABOUTS, from_uri


def test_the_command_is_what_a_person_would_type() -> None:
    assert PI.command.startswith("sparkmesos submit --master MASTER --conf spark.cores.max=2 ")
    assert PI.command.endswith("/examples/pi.py 4")
    assert "minRegisteredResourcesRatio" not in PI.command  # a matter of the tour


def test_executors_from_an_archive() -> None:
    application = from_uri(WHEREABOUTS, "http://127.0.0.1:8000/spark.tgz")
    assert application.name == WHEREABOUTS.name
    assert " --conf spark.executor.uri=http://127.0.0.1:8000/spark.tgz " in application.command
    assert " --conf spark.mesos.fetcherCache.enable=true " in application.command
    assert "executor.uri" not in WHEREABOUTS.command
