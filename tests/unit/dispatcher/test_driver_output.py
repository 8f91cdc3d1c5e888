from __future__ import annotations

from typing import Any

import pytest

from sparkmesos_core.dispatcher.driver_output import DriverOutput, GrowingFile
from sparkmesos_core.dispatcher.driver_sandboxes import Sandbox
from sparkmesos_core.dispatcher.messages import DriverStatus
from sparkmesos_core.errors import SparkMesosError, UnreachableError
from sparkmesos_core.mesos.sandbox_files import NoSuchFileError, SandboxFiles

ID = "driver-1"


class Disk(SandboxFiles):
    """An agent's files, in memory: what SandboxFiles makes of pieces is its own."""

    def __init__(self, **files: bytes) -> None:
        self.files = {f"/s/{name.replace('_', '.')}": content for name, content in files.items()}
        self.away = False

    def size(self, path: str) -> int:
        return len(self._content(path))

    def read(self, path: str, offset: int, length: int = 3) -> bytes:
        return self._content(path)[offset : offset + min(length, 3)]

    def _content(self, path: str) -> bytes:
        if self.away:
            raise UnreachableError("The agent refuses the connection")
        if path not in self.files:
            raise NoSuchFileError(path)
        return self.files[path]


def text(file: GrowingFile) -> bytes:
    return b"".join(file.news())


def test_what_comes_is_told_once() -> None:
    disk = Disk(stdout=b"hello")
    file = GrowingFile(disk, "/s/stdout")
    assert (text(file), text(file)) == (b"hello", b"")
    disk.files["/s/stdout"] += b" world\n"
    assert (text(file), text(file)) == (b" world\n", b"")


@pytest.mark.parametrize(
    ("lines", "content", "begins"),
    [
        (0, b"a\nb\n", b""),
        (1, b"a\nb\n", b"b\n"),
        (1, b"a\nb", b"b"),
        (2, b"a\nb", b"a\nb"),
        (9, b"a\nb\n", b"a\nb\n"),
        (1, b"", b""),
        (2, b"\n\n\n", b"\n\n"),
        (2, b"longer than a piece\n" * 3, b"longer than a piece\n" * 2),
    ],
)
def test_the_last_lines(lines: int, content: bytes, begins: bytes) -> None:
    disk = Disk(stdout=content)
    file = GrowingFile(disk, "/s/stdout", lines)
    assert text(file) == begins
    disk.files["/s/stdout"] += b"more\n"
    assert text(file) == b"more\n"


def test_a_file_that_was_rotated_is_read_to_its_end_and_then_the_new_one() -> None:
    disk = Disk(stdout=b"one\ntwo\n")
    file = GrowingFile(disk, "/s/stdout")
    assert text(file) == b"one\ntwo\n"
    disk.files.update({"/s/stdout.1": b"one\ntwo\nthree\n", "/s/stdout": b"4\n"})
    assert text(file) == b"three\n4\n"
    assert text(file) == b""


def test_a_file_that_was_emptied_is_read_from_its_start() -> None:
    disk = Disk(stdout=b"one\ntwo\n")
    file = GrowingFile(disk, "/s/stdout")
    text(file)
    disk.files["/s/stdout"] = b"3\n"
    assert text(file) == b"3\n"


class Sandboxes:
    """Where the tasks of a driver are: of each a disk, by the task's id."""

    def __init__(self, **disks: Disk) -> None:
        self.disks = disks
        self.task: str | None = None

    def of_driver(self, _status: DriverStatus) -> Sandbox | None:
        return None if self.task is None else Sandbox("http://a", "f", self.task)

    def open(self, sandbox: Sandbox) -> tuple[SandboxFiles, str]:
        disk = self.disks[sandbox.executor_id]
        if disk.away:
            raise UnreachableError("The agent refuses the connection")
        return disk, "/s"


class Followed:
    def __init__(self, sandboxes: Any, lines: int | None = None) -> None:
        self.out = {"stdout": b"", "stderr": b""}
        self.warnings: list[SparkMesosError] = []
        self.output = DriverOutput(
            sandboxes, ("stdout", "stderr"), self._write, self.warnings.append, lines=lines
        )

    def _write(self, name: str, piece: bytes) -> None:
        self.out[name] += piece

    def look(self) -> dict[str, bytes]:
        self.output.follow(DriverStatus(ID, "RUNNING"))
        return self.out


def test_a_driver_that_waits_has_no_output() -> None:
    followed = Followed(Sandboxes())
    assert followed.look() == {"stdout": b"", "stderr": b""}
    assert followed.warnings == []


def test_both_files_are_followed() -> None:
    disk = Disk(stdout=b"o", stderr=b"e")
    sandboxes = Sandboxes(t=disk)
    sandboxes.task = "t"
    followed = Followed(sandboxes)
    assert followed.look() == {"stdout": b"o", "stderr": b"e"}
    disk.files["/s/stderr"] += b"!"
    assert followed.look() == {"stdout": b"o", "stderr": b"e!"}


def test_files_that_are_not_there_yet() -> None:
    disk = Disk()
    sandboxes = Sandboxes(t=disk)
    sandboxes.task = "t"
    followed = Followed(sandboxes)
    followed.look()
    disk.files.update({"/s/stdout": b"o", "/s/stderr": b"e"})
    assert followed.look() == {"stdout": b"o", "stderr": b"e"}
    assert followed.warnings == []


def test_an_agent_that_is_away_is_told_once_and_nothing_is_lost() -> None:
    disk = Disk(stdout=b"o", stderr=b"")
    sandboxes = Sandboxes(t=disk)
    sandboxes.task = "t"
    followed = Followed(sandboxes)
    followed.look()
    disk.away = True
    disk.files["/s/stdout"] += b"o"
    followed.look()
    followed.look()
    assert len(followed.warnings) == 1
    disk.away = False
    assert followed.look()["stdout"] == b"oo"
    disk.away = True
    followed.look()
    assert len(followed.warnings) == 2


@pytest.mark.parametrize("away", [False, True])
def test_a_driver_that_is_launched_again_goes_on_in_another_sandbox(away: bool) -> None:
    first, second = Disk(stdout=b"one\n", stderr=b""), Disk(stdout=b"two\nthree\n", stderr=b"")
    sandboxes = Sandboxes(t=first, t1=second)
    sandboxes.task = "t"
    followed = Followed(sandboxes, lines=1)
    followed.look()
    first.files["/s/stdout"] += b"last words\n"
    first.away = away
    sandboxes.task = "t1"
    followed.look()
    said = b"one\n" if away else b"one\nlast words\n"
    assert followed.look()["stdout"] == said + b"two\nthree\n"


def test_a_reader_that_is_gone_ends_it() -> None:
    """As `head` is: it would be followed for ever, for nobody."""
    sandboxes = Sandboxes(t=Disk(stdout=b"o", stderr=b"e"))
    sandboxes.task = "t"
    warnings: list[SparkMesosError] = []

    def write(_name: str, _piece: bytes) -> None:
        raise SparkMesosError("cannot be written")

    output = DriverOutput(sandboxes, ("stdout",), write, warnings.append)  # type: ignore[arg-type]
    with pytest.raises(SparkMesosError, match="cannot be written"):
        output.follow(DriverStatus(ID, "RUNNING"))
    assert warnings == []


def test_what_is_not_there_at_the_end_is_told() -> None:
    sandboxes = Sandboxes(t=Disk())
    sandboxes.task = "t"
    followed = Followed(sandboxes)
    followed.look()
    assert followed.warnings == []
    followed.output.finish(DriverStatus(ID, "FINISHED"))
    assert [warning.message for warning in followed.warnings] == ["/s/stdout"]


def test_another_sandbox_than_the_drivers_own() -> None:
    sandboxes = Sandboxes(t=Disk(stdout=b"of the driver"), e=Disk(stdout=b"of an executor"))
    sandboxes.task = "t"
    said = b""

    def write(_name: str, piece: bytes) -> None:
        nonlocal said
        said += piece

    sandbox = Sandbox("http://a", "f", "e")
    output = DriverOutput(sandboxes, ("stdout",), write, lambda _: None, sandbox=sandbox)  # type: ignore[arg-type]
    output.follow(DriverStatus(ID, "RUNNING"))
    assert said == b"of an executor"
