"""The procedure that every upload follows."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
from pathlib import Path
from typing import Any

import pytest

from sparkmesos_core.errors import SparkMesosError, UnreachableError, UploadError
from sparkmesos_core.upload.backoff import Backoff
from sparkmesos_core.upload.local_file import LocalFile, read_local_file
from sparkmesos_core.upload.record import record_of, recorded_digest
from sparkmesos_core.upload.target import Stored, TransientFailureError, WithdrawnError
from sparkmesos_core.upload.transfer import Uploaded, Uploader
from tests.unit.upload.memory_target import Held, MemoryTarget

CONTENT = b"a Spark, packed" * 100
SHA256 = hashlib.sha256(CONTENT).hexdigest()
OTHER = b"X" + CONTENT[1:]


class Recorder:
    """A Progress that remembers."""

    def __init__(self) -> None:
        self.steps: list[list[Any]] = []
        self.open = 0

    def begin(self, step: str, total: int | None) -> None:
        assert not self.open
        self.open += 1
        self.steps.append([step, total, 0])

    def already(self, count: int) -> None:
        self.advance(count)

    def advance(self, count: int) -> None:
        self.steps[-1][2] += count

    def end(self) -> None:
        self.open -= 1


class Patient:
    """What an upload said and how long it waited."""

    def __init__(self, attempts: int = 3) -> None:
        self.progress = Recorder()
        self.said: list[str] = []
        self.waited: list[float] = []
        self.uploader = Uploader(
            progress=self.progress,
            announce=self.said.append,
            backoff=Backoff(attempts=attempts, first=1, limit=10),
            wait=self.waited.append,
        )


@pytest.fixture
def file(tmp_path: Path) -> LocalFile:
    path = tmp_path / "spark.tgz"
    path.write_bytes(CONTENT)
    return read_local_file(path)


def transient(text: str = "cut", retry_after: float | None = None) -> TransientFailureError:
    return TransientFailureError(UnreachableError(text, hint="Look at the network."), retry_after)


def test_a_first_upload(file: LocalFile) -> None:
    target, patient = MemoryTarget(remarks=("in place",)), Patient()
    done = patient.uploader.put(target, file)
    assert done == Uploaded(target.uri, sent=True, remarks=("in place",))
    assert target.held is not None
    assert target.held.content == CONTENT
    assert target.record is not None
    assert target.record[0] == f"{SHA256}  spark.tgz\n".encode()
    assert target.calls == [
        *("prepare", "stat", "send", "sent", "publish", "stat", "write_record", "discard")
    ]
    size = len(CONTENT)
    assert patient.progress.steps == [["Uploading", size, size], ["Verifying", size, size]]
    assert patient.progress.open == 0
    assert (patient.said, patient.waited) == ([], [])


def test_what_the_server_has_checked_is_not_read_back(file: LocalFile) -> None:
    target, patient = MemoryTarget(checked_by_server=True), Patient()
    assert patient.uploader.put(target, file).sent
    assert [step for step, _, _ in patient.progress.steps] == ["Uploading"]


@pytest.mark.parametrize(
    ("held", "record", "reads"),
    [
        (Held(CONTENT, 5.0), (record_of(SHA256, "spark.tgz"), 6.0), False),
        (Held(CONTENT, 5.0), (SHA256.upper().encode(), 6.0), False),
        (Held(CONTENT, None, SHA256), (record_of(SHA256, "spark.tgz"), None), False),
        (Held(CONTENT, None, SHA256), None, False),
        # A record that is not younger than the file says nothing about it, nor does one of unknown age.
        (Held(CONTENT, 5.0), (record_of(SHA256, "spark.tgz"), 5.0), True),
        (Held(CONTENT, 5.0), (record_of("0" * 64, "spark.tgz"), 4.0), True),
        (Held(CONTENT, 5.0), (record_of(SHA256, "spark.tgz"), 4.0), True),
        (Held(CONTENT, 5.0), (record_of(SHA256, "spark.tgz"), None), True),
        (Held(CONTENT, None), (record_of(SHA256, "spark.tgz"), 4.0), True),
        (Held(CONTENT, 5.0), None, True),
        (Held(CONTENT, 5.0), (b"<html>not a record</html>", 9.0), True),
    ],
)
def test_the_same_content_is_not_sent_again(
    held: Held, record: tuple[bytes, float | None] | None, reads: bool, file: LocalFile
) -> None:
    target, patient = MemoryTarget(held=held, record=record), Patient()
    assert patient.uploader.put(target, file) == Uploaded(target.uri, sent=False, by_record=not reads)
    assert "send" not in target.calls
    assert ("content" in target.calls) is reads
    assert target.record is not None
    assert recorded_digest(target.record[0]) == SHA256
    assert target.calls[-1] == "discard"


@pytest.mark.parametrize(
    ("held", "record", "says"),
    [
        (Held(b"short", 5.0), None, "another file of 5 bytes"),
        (Held(OTHER, 5.0), None, "another file with the SHA-256 " + hashlib.sha256(OTHER).hexdigest()),
        (Held(CONTENT, 5.0, "0" * 64), None, "another file with the SHA-256 " + "0" * 64),
        (Held(OTHER, 5.0), (record_of(SHA256, "spark.tgz"), 4.0), "another file with the SHA-256"),
        (Held(OTHER, 5.0), (record_of(SHA256, "spark.tgz"), 5.0), "another file with the SHA-256"),
        (Held(CONTENT, 5.0), (record_of("1" * 64, "spark.tgz"), 6.0), "another file with the SHA-256 111"),
    ],
)
def test_another_file_under_the_name_stays(
    held: Held, record: tuple[bytes, float | None] | None, says: str, file: LocalFile
) -> None:
    target, patient = MemoryTarget(held=held, record=record), Patient()
    with pytest.raises(UploadError, match=says) as caught:
        patient.uploader.put(target, file)
    assert "--force" in caught.value.hint
    assert target.held == held
    assert target.record == record
    assert not {"send", "publish", "write_record"} & set(target.calls)


def test_another_file_of_unknown_size(file: LocalFile) -> None:
    class Silent(MemoryTarget):
        def stat(self) -> Stored | None:
            return Stored(None)

    digest = hashlib.sha256(OTHER).hexdigest()
    with pytest.raises(UploadError, match=f"there is another file with the SHA-256 {digest}"):
        Patient().uploader.put(Silent(held=Held(OTHER)), file)


@pytest.mark.parametrize("error", [None, UploadError("403"), KeyboardInterrupt()])
def test_what_could_not_be_removed_is_told(error: BaseException | None, file: LocalFile) -> None:
    class Leaving(MemoryTarget):
        def discard(self, *, withdrawn: LocalFile | None = None) -> None:
            super().discard(withdrawn=withdrawn)
            self.remarks = (*self.remarks, "something is left over")

    patient = Patient()
    target = Leaving(fails={"send": [error]}, remarks=("in place",))
    with contextlib.nullcontext() if error is None else pytest.raises(type(error)):
        assert patient.uploader.put(target, file).remarks == ("in place",)
    assert patient.said == ["something is left over"]


@pytest.mark.parametrize("sha256", [None, SHA256])
def test_a_record_is_not_believed_when_that_is_asked_for(sha256: str | None, file: LocalFile) -> None:
    record = (record_of(SHA256, "spark.tgz"), 6.0)
    target = MemoryTarget(held=Held(OTHER, 5.0, sha256), record=record)
    assert Patient().uploader.put(target, file).by_record
    with pytest.raises(
        UploadError, match="another file with the SHA-256 " + hashlib.sha256(OTHER).hexdigest()
    ):
        Patient().uploader.put(target, file, verify=True)
    target = MemoryTarget(held=Held(CONTENT, 5.0, sha256), record=record)
    assert not Patient().uploader.put(target, file, verify=True).by_record
    assert "send" not in target.calls


def test_force_replaces_it(file: LocalFile) -> None:
    target = MemoryTarget(held=Held(OTHER, 5.0), record=(record_of("1" * 64, "spark.tgz"), 6.0))
    assert Patient().uploader.put(target, file, force=True).sent
    assert target.held is not None
    assert target.held.content == CONTENT
    assert target.record is not None
    assert recorded_digest(target.record[0]) == SHA256


@pytest.mark.parametrize(
    "method", ["prepare", "stat", "read_record", "content", "send", "sent", "publish", "write_record"]
)
def test_what_may_pass_is_tried_again(method: str, file: LocalFile) -> None:
    there = method in ("read_record", "content")
    target = MemoryTarget(
        held=Held(CONTENT) if there else None, fails={method: [transient("a 503"), transient("a reset")]}
    )
    patient = Patient()
    done = patient.uploader.put(target, file)
    assert done.sent is not there
    assert target.held is not None
    assert target.held.content == CONTENT
    assert len(patient.waited) == 2
    assert 0.5 <= patient.waited[0] <= 1
    assert 1 <= patient.waited[1] <= 2
    assert patient.said[0].startswith("a 503; trying again in ")
    # What a failed attempt had sent is taken back.
    assert {done for _, _, done in patient.progress.steps} <= {0, len(CONTENT)}
    assert patient.progress.steps[-1][2] == len(CONTENT)


@pytest.mark.parametrize("method", ["prepare", "stat", "send", "sent", "publish"])
def test_what_keeps_failing_is_reported(method: str, file: LocalFile) -> None:
    target = MemoryTarget(fails={method: [transient("a 503") for _ in range(9)]})
    patient = Patient()
    with pytest.raises(UnreachableError) as caught:
        patient.uploader.put(target, file)
    assert caught.value.message == "a 503 (tried 3 times)"
    assert caught.value.hint == "Look at the network."
    assert target.held is None
    assert target.aside is None
    assert len(patient.waited) == 2


def test_a_server_that_asks_for_time_gets_it(file: LocalFile) -> None:
    patient = Patient()
    patient.uploader.put(MemoryTarget(fails={"send": [transient("429", retry_after=7)]}), file)
    assert patient.waited == [7]


@pytest.mark.parametrize("error", [UploadError("403"), KeyboardInterrupt()])
@pytest.mark.parametrize("method", ["prepare", "stat", "send", "sent", "publish"])
def test_a_refusal_or_an_interrupt_ends_it(method: str, error: BaseException, file: LocalFile) -> None:
    target = MemoryTarget(fails={method: [error]})
    patient = Patient()
    with pytest.raises(type(error)):
        patient.uploader.put(target, file)
    assert target.held is None
    assert target.aside is None
    assert target.calls[-1] == "discard"
    assert patient.waited == []
    assert patient.progress.open == 0


def test_corruption_on_the_way_is_noticed_and_mended(file: LocalFile) -> None:
    target, patient = MemoryTarget(corrupts=2), Patient()
    assert patient.uploader.put(target, file).sent
    assert target.held is not None
    assert target.held.content == CONTENT
    assert "is not what was sent" in patient.said[0]


def test_corruption_that_stays_is_reported(file: LocalFile) -> None:
    target = MemoryTarget(corrupts=9)
    with pytest.raises(UploadError, match="is not what was sent"):
        Patient().uploader.put(target, file)
    assert target.held is None
    assert "publish" not in target.calls


def test_an_answer_that_was_lost_is_no_failure(file: LocalFile) -> None:
    target = MemoryTarget(loses_answer=True)
    assert Patient().uploader.put(target, file).sent
    assert target.held is not None
    assert target.held.content == CONTENT
    assert target.calls.count("publish") == 2


def test_a_refusal_after_a_lost_answer_that_was_none(file: LocalFile) -> None:
    target = MemoryTarget(held=Held(OTHER), fails={"publish": [transient(), UploadError("403")]})
    with pytest.raises(UploadError, match="403"):
        Patient().uploader.put(target, file, force=True)
    assert target.held == Held(OTHER)


def test_a_record_that_cannot_be_written_is_a_remark(file: LocalFile) -> None:
    target = MemoryTarget(fails={"write_record": [UploadError("it is read-only")]})
    done = Patient().uploader.put(target, file)
    assert done.remarks == ("spark.tgz.sha256 could not be written beside it: it is read-only",)


def test_a_file_that_is_changed_meanwhile(file: LocalFile) -> None:
    class Changing(MemoryTarget):
        def send(self, file: LocalFile, progress: Any) -> None:
            super().send(file, progress)
            file.path.write_bytes(OTHER + b"more")

    target = Changing(checked_by_server=True)
    with pytest.raises(SparkMesosError, match=r"spark\.tgz was changed while it was uploaded"):
        Patient().uploader.put(target, file)
    assert target.held is None


def test_what_vanishes_behind_us(file: LocalFile) -> None:
    class Losing(MemoryTarget):
        def publish(self) -> None:
            super().publish()
            self.held = None

    with pytest.raises(UploadError, match=f"holds nothing after an upload of {len(CONTENT)} bytes"):
        Patient().uploader.put(Losing(), file)


class TestBeforeItIsKnownWhetherItMayBeUploaded:
    def test_nothing_can_be_seen_of_it(self, file: LocalFile) -> None:
        target = MemoryTarget()
        Patient().uploader.put(target, file, require_good=lambda: target.calls.append("asked"))
        calls = ["prepare", "stat", "send", "sent", "asked", "publish", "stat", "write_record", "discard"]
        assert target.calls == calls

    def test_not_even_where_nothing_can_be_sent_aside(self, file: LocalFile) -> None:
        target = MemoryTarget(in_place=True)
        Patient().uploader.put(target, file, require_good=lambda: target.calls.append("asked"))
        assert target.calls[:4] == ["prepare", "stat", "asked", "send"]

    @pytest.mark.parametrize("in_place", [True, False])
    def test_what_may_not_leaves_nothing(self, in_place: bool, file: LocalFile) -> None:
        def refuse() -> None:
            raise WithdrawnError("no")

        target, patient = MemoryTarget(in_place=in_place), Patient()
        with pytest.raises(WithdrawnError):
            patient.uploader.put(target, file, require_good=refuse)
        assert (target.held, target.record, target.aside) == (None, None, None)
        assert ("send" in target.calls) is not in_place
        # Nor is anything kept for a later run.
        assert target.calls[-1] == "discard for good"
        assert patient.progress.open == 0

    @pytest.mark.parametrize("in_place", [True, False])
    def test_nor_does_one_that_is_changed_while_that_is_found_out(
        self, in_place: bool, file: LocalFile
    ) -> None:
        def change() -> None:
            file.path.write_bytes(b"!" * len(CONTENT))
            os.utime(file.path, ns=(1, 1))

        target = MemoryTarget(in_place=in_place)
        with pytest.raises(SparkMesosError, match=r"spark\.tgz was changed while it was uploaded"):
            Patient().uploader.put(target, file, require_good=change)
        assert (target.held, target.record, target.aside) == (None, None, None)
        assert ("send" in target.calls) is not in_place

    def test_nor_is_one_that_is_changed_meanwhile_taken_for_what_is_there(self, file: LocalFile) -> None:
        target = MemoryTarget(held=Held(CONTENT))
        with pytest.raises(SparkMesosError, match=r"spark\.tgz was changed"):
            Patient().uploader.put(target, file, require_good=lambda: os.utime(file.path, ns=(1, 1)))
        assert target.record is None

    def test_nor_is_what_is_there_already_recorded(self, file: LocalFile) -> None:
        def refuse() -> None:
            raise WithdrawnError("no")

        target = MemoryTarget(held=Held(CONTENT))
        with pytest.raises(WithdrawnError):
            Patient().uploader.put(target, file, require_good=refuse)
        assert (target.held, target.record) == (Held(CONTENT), None)

    @pytest.mark.parametrize("calls_before", [0, 1])
    def test_sending_and_reading_back_end_when_it_is_in_vain(
        self, calls_before: int, file: LocalFile
    ) -> None:
        left = calls_before

        def still_wanted() -> None:
            nonlocal left
            left -= 1
            if left < 0:
                raise WithdrawnError("no")

        class Reading(MemoryTarget):
            def discard(self, *, withdrawn: LocalFile | None = None) -> None:
                super().discard(withdrawn=withdrawn)
                still_reading.append(self.reading)

        still_reading: list[int] = []
        target = Reading()
        with pytest.raises(WithdrawnError):
            Patient().uploader.put(target, dataclasses.replace(file, still_wanted=still_wanted))
        assert ("sent" in target.calls) is bool(calls_before)
        assert still_reading == [0], "the connection that it is read over is closed at once"
        assert "publish" not in target.calls
        assert target.calls[-1] == "discard for good"
