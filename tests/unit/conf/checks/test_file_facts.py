"""What is found out about files, and what is not."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from sparkmesos_core.conf.checks import FileFacts, Mode, gather
from sparkmesos_core.conf.configuration import Configuration
from sparkmesos_core.conf.setting import Origin, Setting, Source


def configuration(**properties: str) -> Configuration:
    origin = Origin(Source.CONF, "--conf")
    return Configuration(
        [[Setting(f"spark.mesos.{key}.file", text, origin) for key, text in properties.items()]]
    )


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that everybody may enter, which pytest's own are not."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def credential(tmp_path: Path, content: bytes, mode: int = 0o600) -> FileFacts:
    path = tmp_path / "secret"
    path.write_bytes(content)
    path.chmod(mode)
    return gather(configuration(secret=str(path)), {})[str(path)]


def test_a_good_credential(tmp_path: Path) -> None:
    assert credential(tmp_path, b"topsecret") == FileFacts()


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"topsecret\n", FileFacts(ends_with_newline=True)),
        (b"", FileFacts(empty=True)),
        (b"\xff\xfe", FileFacts(is_text=False)),
        (b"x" * 100_000, FileFacts(is_text=False)),
        (b"\n" * 100_000, FileFacts(is_text=False)),
    ],
)
def test_a_bad_credential(tmp_path: Path, content: bytes, expected: FileFacts) -> None:
    assert credential(tmp_path, content) == expected


def test_who_can_read_it(open_folder: Path) -> None:
    assert credential(open_folder, b"x", 0o644).world_readable
    assert not credential(open_folder, b"x", 0o640).world_readable


def test_nobody_else_can_read_what_is_in_a_closed_folder(open_folder: Path) -> None:
    closed = open_folder / "closed"
    (closed / "conf").mkdir(parents=True)
    closed.chmod(0o750)
    assert not credential(closed / "conf", b"x", 0o644).world_readable
    link = open_folder / "link"
    link.symlink_to(closed / "conf" / "secret")
    assert not gather(configuration(secret=str(link)), {})[str(link)].world_readable


def test_what_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    paths = {"principal": str(tmp_path / "none"), "secret": str(tmp_path / "pipe")}
    facts = gather(configuration(**paths), {})
    assert not facts[paths["principal"]].exists
    assert not facts[paths["secret"]].is_file
    assert not gather(configuration(secret=str(tmp_path)), {})[str(tmp_path)].is_file


@pytest.mark.parametrize("path", ["nul\0inside", "surrogate\udc80", "x" * 10_000])
def test_a_path_that_cannot_be_one(path: str) -> None:
    assert not gather(configuration(secret=path), {})[path].exists


def test_a_path_that_is_not_known_yet_is_not_looked_at() -> None:
    assert gather(configuration(secret="${env:SECRET_FILE}"), {}) == {}


def test_credentials_are_files_of_agents_in_cluster_mode(tmp_path: Path) -> None:
    assert gather(configuration(secret=str(tmp_path / "s")), {}, mode=Mode.CLUSTER) == {}


def test_properties_files_scripts_and_variables(open_folder: Path) -> None:
    defaults, script, libmesos = (
        open_folder / name for name in ("spark-defaults.conf", "spark-env.sh", "l.so")
    )
    defaults.write_text("spark.mesos.secret topsecret\n")
    defaults.chmod(0o644)
    script.write_text("")
    setting = Setting("spark.mesos.secret", "topsecret", Origin(Source.FILE, str(defaults), 1))
    facts = gather(
        Configuration([[setting]]),
        {"MESOS_NATIVE_JAVA_LIBRARY": str(libmesos), "LIBPROCESS_SSL_KEY_FILE": ""},
        [str(script), ""],
    )
    assert set(facts) == {str(defaults), str(script), str(libmesos)}
    assert facts[str(defaults)].world_readable
    assert not facts[str(libmesos)].exists
    assert "topsecret" not in repr(facts)


@pytest.mark.skipif(os.geteuid() == 0, reason="root can read everything")
def test_what_cannot_be_read(tmp_path: Path) -> None:
    assert not credential(tmp_path, b"x", 0o000).readable
