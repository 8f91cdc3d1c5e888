"""Secrets of tasks: which files they become, and what is refused."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from sparkmesos_core.localcluster.agent.launch_failure import LaunchFailed
from sparkmesos_core.localcluster.agent.task_secrets import (
    SecretFile,
    SecretFolder,
    remove_forgotten,
    secret_files,
)

Json = dict[str, Any]
SECRET = {"type": "VALUE", "value": {"data": "eHl6"}}


def volume(path: str, secret: Json | None = None, **fields: Any) -> Json:
    return {
        "container_path": path,
        "source": {"type": "SECRET", "secret": secret or SECRET},
        **fields,
    }


@pytest.mark.parametrize("container", [None, {}, {"type": "MESOS"}, {"type": "MESOS", "volumes": []}])
def test_no_secrets(container: Json | None) -> None:
    assert secret_files(container) == []


def test_secrets_among_the_volumes() -> None:
    volumes = [volume("a", mode="RO"), volume("b/c", mode="RW"), volume("d")]
    assert secret_files({"type": "MESOS", "volumes": volumes}) == [
        SecretFile(PurePosixPath("a"), b"xyz"),
        SecretFile(PurePosixPath("b/c"), b"xyz", is_writable=True),
        SecretFile(PurePosixPath("d"), b"xyz", is_writable=True),
    ]


def test_no_secret_is_shown() -> None:
    assert "xyz" not in repr(secret_files({"volumes": [volume("a")]}))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"container_path": "a", "host_path": "/data"}, "mounts no volumes but secrets"),
        (volume("/etc/pass"), "'/etc/pass' is not in the sandbox"),
        (volume("a/../../pass"), "'a/../../pass' is not in the sandbox"),
        (volume(""), "'' is not in the sandbox"),
        (volume("a", {"type": "REFERENCE", "reference": {"name": "/a"}}), "cannot resolve references"),
        (volume("a", {"type": "VALUE", "value": {"data": "?"}}), "the secret of 'a' is no base64"),
    ],
)
def test_what_cannot_be_had(wrong: Json, message: str) -> None:
    with pytest.raises(LaunchFailed, match=message) as raised:
        secret_files({"volumes": [volume("x"), wrong]})
    assert raised.value.message.startswith("Failed to launch container: ")


def test_the_sandbox_has_links(tmp_path: Path) -> None:
    sandbox = tmp_path / "sandbox"
    sandbox.mkdir()
    (sandbox / "fetched").write_text("fetched")
    files = [SecretFile(PurePosixPath("fetched"), b"one"), SecretFile(PurePosixPath("b/c"), b"two", True)]
    folder = SecretFolder(tmp_path / "secrets", "container")
    folder.write(files, sandbox)
    assert (sandbox / "fetched").read_bytes() == b"one"
    assert (sandbox / "b" / "c").read_bytes() == b"two"
    modes = [(sandbox / path).stat().st_mode & 0o777 for path in ("fetched", "b/c")]
    assert modes == [0o400, 0o600]
    folder.remove()
    assert not (sandbox / "fetched").exists()
    assert list((tmp_path / "secrets").iterdir()) == []


@pytest.mark.parametrize(("path", "error"), [("a/b", OSError), ("c\0d", ValueError), ("\ud800", ValueError)])
def test_nothing_is_left_of_what_cannot_be_written(path: str, error: type[Exception], tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    files = [SecretFile(PurePosixPath("x"), b"one"), SecretFile(PurePosixPath(path), b"two")]
    with pytest.raises(error):
        SecretFolder(tmp_path / "secrets", "container").write(files, tmp_path)
    assert list((tmp_path / "secrets").iterdir()) == []


def test_the_forgotten(tmp_path: Path) -> None:
    remove_forgotten(tmp_path / "none", {})
    for name in ("dead", "living"):
        SecretFolder(tmp_path, name).write([], tmp_path)
    remove_forgotten(tmp_path, {"living"})
    assert [folder.name for folder in tmp_path.iterdir()] == ["living"]
