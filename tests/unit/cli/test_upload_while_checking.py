"""An upload that begins before it is known whether the archive is any good."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sparkmesos_cli.upload_while_checking import Checking, EarlyUpload
from sparkmesos_core.dist.excludes import Excludes
from sparkmesos_core.dist.layout import folder_entries
from sparkmesos_core.dist.packing import pack
from sparkmesos_core.dist.prepare import Examined, Prepared, PrepareOptions, classify, examine, making
from sparkmesos_core.errors import ArchiveError, BridgeError, UploadError
from sparkmesos_core.progress import SILENT, Progress
from sparkmesos_core.upload.local_file import read_local_file
from sparkmesos_core.upload.target import TransientFailureError, WithdrawnError
from sparkmesos_core.upload.transfer import Uploader
from tests.small_spark import small_spark, write_archive, write_home
from tests.unit.upload.memory_target import Held, MemoryTarget

TOP = "spark-3.5.9-bin-hadoop3"


class Gated:
    """A check that ends when a test lets it, as the test wants."""

    def __init__(self, archive: Path, options: PrepareOptions) -> None:
        self.archive = archive
        self.options = options
        self.may_end = threading.Event()
        self.error: Exception | None = None
        self.checking = Checking(self._examine)

    def end(self, error: Exception | None = None) -> None:
        self.error = error
        self.may_end.set()

    def wait_in_vain(self) -> None:
        """Until whoever sends is told to stop."""
        with pytest.raises(WithdrawnError):
            self.checking.sleep(60)

    def _examine(self, progress: Progress) -> Examined:
        assert self.may_end.wait(60)
        if self.error is not None:
            raise self.error
        return examine(classify(self.archive), None, self.options, progress=progress)


class Sending(MemoryTarget):
    """A destination that says when it has got the first half."""

    def __init__(self, amid: Callable[[], None] = lambda: None, **given: Any) -> None:
        super().__init__(**given)
        self.amid = amid

    def _called(self, name: str) -> None:
        super()._called(name)
        if name == "send":
            self.amid()


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    home = write_home(tmp_path / TOP, small_spark())
    pack(folder_entries(home, Excludes()).entries, TOP, tmp_path / f"{TOP}.tgz")
    return tmp_path / f"{TOP}.tgz"


@pytest.fixture
def gated(archive: Path) -> Any:
    check = Gated(archive, PrepareOptions(bridge=False))
    yield check
    check.may_end.set()


class Run:
    def __init__(self, gated: Gated, take: Callable[[Examined], Prepared | None] | None = None) -> None:
        self.gated = gated
        self.said: list[str] = []
        how = making(gated.archive.parent, gated.options, {}, SILENT, self.said.append)
        self.upload = EarlyUpload(
            gated.checking,
            SILENT,
            take or (lambda examined: examined.as_it_is(how)),
            lambda prepared: self.said.append(prepared.name),
        )

    def put(self, target: MemoryTarget, *, force: bool = False) -> Any:
        file = read_local_file(self.gated.archive)
        uploader = Uploader(announce=self.said.append, wait=self.gated.checking.sleep)
        return self.upload.put(uploader, target, file, force=force, verify=False)


def test_it_is_published_after_the_check(gated: Gated) -> None:
    target = Sending(gated.end)
    run = Run(gated)
    prepared, uploaded = run.put(target)
    assert (prepared.path, prepared.made, uploaded.sent) == (gated.archive, False, True)
    assert run.said == [prepared.name]
    assert target.held is not None
    assert target.held.content == gated.archive.read_bytes()


def test_what_the_check_refuses_while_it_is_sent_leaves_nothing(gated: Gated) -> None:
    wrong = ArchiveError("it is no good")

    def refuse() -> None:
        gated.end(wrong)
        gated.wait_in_vain()

    target = Sending(refuse)
    run = Run(gated)
    with pytest.raises(WithdrawnError):
        run.put(target)
    assert (target.held, target.record, target.aside) == (None, None, None)
    assert target.calls == ["prepare", "stat", "send", "sent", "discard for good"]
    with pytest.raises(ArchiveError, match="it is no good"):
        gated.checking.examined(SILENT)
    assert run.said == []


def test_findings_refuse_it_too(tmp_path: Path) -> None:
    files = {name: content for name, content in small_spark().items() if name != "bin/spark-class"}
    archive = write_archive(tmp_path / f"{TOP}.tgz", files)
    gated = Gated(archive, PrepareOptions(bridge=False, default_excludes=False))
    target = Sending(gated.end)
    with pytest.raises(WithdrawnError):
        Run(gated).put(target)
    assert target.held is None
    with pytest.raises(ArchiveError, match="spark-class"):
        gated.checking.examined(SILENT)


def test_what_needs_a_change_is_taken_back(archive: Path) -> None:
    gated = Gated(archive, PrepareOptions())  # the bridge is not in it
    target = Sending(gated.end)
    with pytest.raises(WithdrawnError):
        Run(gated).put(target)
    assert target.held is None
    assert target.calls[-1] == "discard for good"
    assert gated.checking.examined(SILENT).inspection.makes


def test_so_is_what_turns_out_to_need_one_in_the_end(gated: Gated) -> None:
    gated.end()
    target = MemoryTarget()
    with pytest.raises(WithdrawnError):
        Run(gated, lambda examined: None).put(target)
    assert target.held is None
    assert target.calls[-2:] == ["sent", "discard for good"]


def test_a_bridge_that_cannot_be_compiled_is_said(gated: Gated) -> None:
    def fail(examined: Examined) -> None:
        raise BridgeError("no compiler")

    gated.end()
    target = MemoryTarget()
    with pytest.raises(BridgeError):
        Run(gated, fail).put(target)
    assert target.held is None


def test_the_archive_is_what_is_complained_about_first(gated: Gated) -> None:
    """The destination fails first, and keeps what it has for another run; the archive is no good either."""

    def fail() -> None:
        gated.end(ArchiveError("it is no good"))
        raise UploadError("403")

    target = Sending(fail)
    with pytest.raises(WithdrawnError):
        Run(gated).put(target)
    assert target.calls[-2:] == ["discard", "discard for good"]


def test_what_needs_a_change_is_no_matter_of_the_destination(archive: Path) -> None:
    """Nothing is kept of it either, although the destination was what failed."""
    gated = Gated(archive, PrepareOptions())

    def fail() -> None:
        gated.end()
        raise UploadError("403")

    target = Sending(fail)
    with pytest.raises(WithdrawnError):
        Run(gated).put(target)
    assert target.calls[-2:] == ["discard", "discard for good"]


def test_then_comes_the_destination(gated: Gated) -> None:
    def fail() -> None:
        gated.end()
        raise UploadError("403")

    target = Sending(fail)
    with pytest.raises(UploadError, match="403"):
        Run(gated).put(target)
    assert target.calls[-1] == "discard"


def test_nobody_waits_for_another_attempt_that_would_be_in_vain(gated: Gated) -> None:
    def fail() -> None:
        gated.end(ArchiveError("it is no good"))
        raise TransientFailureError(UploadError("503"), retry_after=30)

    target = Sending(fail)
    with pytest.raises(WithdrawnError):
        Run(gated).put(target)
    assert target.calls.count("send") == 1


@pytest.mark.parametrize("good", [True, False])
def test_the_same_content_that_is_there_already(gated: Gated, good: bool) -> None:
    gated.end(None if good else ArchiveError("it is no good"))
    target = MemoryTarget(held=Held(gated.archive.read_bytes()))
    if good:
        assert not Run(gated).put(target)[1].sent
    else:
        with pytest.raises(WithdrawnError):
            Run(gated).put(target)
    assert "send" not in target.calls
    assert (target.record is not None) is good


def test_an_interrupt_ends_it_while_the_check_goes_on(gated: Gated) -> None:
    target = MemoryTarget(fails={"send": [KeyboardInterrupt()]})
    with pytest.raises(KeyboardInterrupt):
        Run(gated).put(target)
    assert target.calls[-1] == "discard"
    assert target.held is None


def test_who_waits_for_the_check_hears_how_far_it_is(archive: Path) -> None:
    heard: list[str] = []
    begun, told = threading.Event(), threading.Event()

    class Listener:
        def begin(self, step: str, total: int | None) -> None:
            heard.append(step)
            told.set()

        def advance(self, count: int) -> None: ...
        def already(self, count: int) -> None: ...
        def end(self) -> None:
            heard.append("end")

    def slowly(progress: Progress) -> Examined:
        progress.begin("Reading the archive", 3)
        begun.set()
        assert told.wait(60)
        progress.end()
        return examine(classify(archive), None, PrepareOptions(bridge=False))

    checking = Checking(slowly)
    assert begun.wait(60)
    checking.examined(Listener())
    assert heard == ["Reading the archive", "end"]


def test_a_fault_of_ours_is_not_swallowed(gated: Gated) -> None:
    gated.end(RuntimeError("a fault"))
    target = MemoryTarget()
    with pytest.raises(WithdrawnError):
        Run(gated).put(target)
    assert target.held is None
    with pytest.raises(RuntimeError, match="a fault"):
        gated.checking.examined(SILENT)
