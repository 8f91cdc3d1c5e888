from __future__ import annotations

import pytest

from sparkmesos_core.localcluster.agent.orphans import removal


@pytest.mark.parametrize(
    ("command_line", "expected"),
    [
        (["docker", "run", "--name", "mesos-c1", "image"], ["docker", "rm", "--force", "mesos-c1"]),
        (
            ["py", "cli", "run", "-v", "a", "--name", "mesos-c", "i"],
            ["py", "cli", "rm", "--force", "mesos-c"],
        ),
        (["docker", "run", "--name", "mine", "image"], None),
        (["docker", "ps", "--name", "mesos-c1"], None),
        (["sh", "-c", "run"], None),
        (["run", "--name"], None),
        ([], None),
    ],
)
def test_which_container_an_orphan_waits_for(command_line: list[str], expected: list[str] | None) -> None:
    assert removal(command_line) == expected
