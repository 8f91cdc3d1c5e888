from __future__ import annotations

import errno
import fcntl
import json
from pathlib import Path
from typing import NoReturn

import pytest

from sparkmesos_core.errors import LocalClusterError
from sparkmesos_core.localcluster.daemon import ClusterState, DaemonSettings, owned, stop


def refuse(*_: object, **__: object) -> NoReturn:
    raise PermissionError(errno.EACCES, "Permission denied")


def test_settings_survive_the_way_to_the_process() -> None:
    settings = DaemonSettings(
        "/w",
        ({"cpus": 1.0, "mem": 32, "attributes": "a:b"},),
        {"PATH": "/x"},
        5050,
        7,
        True,
        masters=2,
        zookeeper="zk://me:hush@h/p",
        credentials={"spark": "hush"},
        agent_ping_timeout=1.5,
        max_agent_ping_timeouts=2,
        executor_registration_timeout=2.5,
        roles=("etl", "spark"),
        network_namespaces=True,
    )
    assert DaemonSettings.from_json(settings.to_json()) == settings
    assert "hush" not in repr(settings)


def test_a_state_survives_the_file(tmp_path: Path) -> None:
    state = ClusterState(
        tmp_path,
        7,
        "mesos://h:1",
        "http://h:1",
        ("http://h:2",),
        watched_pid=8,
        masters=("http://h:1",),
        inside=("nsenter", "--target", "7"),
    )
    state.write()
    assert ClusterState.read(tmp_path) == state
    assert [path.name for path in tmp_path.iterdir()] == ["cluster.json"]


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"version": 99}', '{"version": 1, "pid": 1}'])
def test_a_state_file_of_somebody_else(tmp_path: Path, text: str) -> None:
    (tmp_path / "cluster.json").write_text(text)
    with pytest.raises(LocalClusterError, match="is not the state file of a local cluster"):
        ClusterState.read(tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        {"pid": "7"},
        {"pid": True},
        {"url": None},
        {"work_dir": 5},
        {"agents": "http://h:2"},
        {"agents": [2]},
        {"masters": [None]},
        {"inside": "nsenter"},
        {"inside": [7]},
        {"watched_pid": "8"},
    ],
    ids=str,
)
def test_a_state_file_with_something_else_in_it(tmp_path: Path, change: dict[str, object]) -> None:
    ClusterState(tmp_path, 7, "mesos://h:1", "http://h:1", ("http://h:2",)).write()
    file = tmp_path / "cluster.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **change}))
    with pytest.raises(LocalClusterError, match="is not the state file of a local cluster"):
        ClusterState.read(tmp_path)


def test_only_one_owns_a_work_dir(tmp_path: Path) -> None:
    with owned(tmp_path / "w"):
        ClusterState(tmp_path / "w", 7, "mesos://h:1", "http://h:1", ()).write()
        with (
            pytest.raises(LocalClusterError, match=r"runs already in .*: mesos://h:1 \(process 7\)"),
            owned(tmp_path / "w"),
        ):
            pass
    with owned(tmp_path / "w"):
        assert ClusterState.read(tmp_path / "w") is None  # what is left of the first one is cleared


@pytest.mark.parametrize("function", ["exists", "mkdir"])
def test_a_work_dir_that_may_not_be_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, function: str
) -> None:
    monkeypatch.setattr(Path, function, refuse)
    with pytest.raises(LocalClusterError, match="cannot be used: Permission denied"), owned(tmp_path / "w"):
        pass


def test_a_state_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "read_text", refuse)
    with pytest.raises(LocalClusterError, match=r"cluster\.json cannot be read: Permission denied"):
        stop(tmp_path)


def test_a_file_system_without_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_locks(*_: object) -> NoReturn:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    with (
        pytest.raises(LocalClusterError, match="cannot be locked: No locks available") as caught,
        owned(tmp_path),
    ):
        pass
    assert "local disk" in caught.value.hint
