"""What an upload to S3 asks for and in which order, with S3 in memory."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ConnectionClosedError, EndpointConnectionError

from sparkmesos_core.errors import SparkMesosError, UnreachableError, UploadError
from sparkmesos_core.progress import SILENT
from sparkmesos_core.upload.backoff import Backoff
from sparkmesos_core.upload.destination import parse_destination
from sparkmesos_core.upload.local_file import LocalFile, read_local_file
from sparkmesos_core.upload.s3 import multipart, parts
from sparkmesos_core.upload.s3 import target as s3_target
from sparkmesos_core.upload.s3.parts import FIRST_CONNECTIONS
from sparkmesos_core.upload.s3.target import S3Target
from sparkmesos_core.upload.target import (
    S3Options,
    Stored,
    TransientFailureError,
    UploadOptions,
    WithdrawnError,
)
from sparkmesos_core.upload.transfer import Uploader
from tests.unit.upload.fake_s3 import WRITTEN, FakeS3, refusal

KEY = "dist/spark.tgz"


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> FakeS3:
    fake = FakeS3()
    monkeypatch.setattr(s3_target, "client_for", lambda options: fake)
    monkeypatch.setattr(parts, "_PART_BYTES", 1 << 20)
    return fake


@pytest.fixture
def file(tmp_path: Path) -> LocalFile:
    return make_file(tmp_path / "spark.tgz", bytes(range(256)) * 4096 * 3 + b"the end")


def make_file(path: Path, content: bytes) -> LocalFile:
    path.write_bytes(content)
    return read_local_file(path)


def make_target(tmp_path: Path, *, resume: bool = False, **options: Any) -> S3Target:
    return S3Target(
        parse_destination("s3a://bucket/dist/", "spark.tgz"),
        UploadOptions(
            {"SPARKMESOS_STATE_DIR": str(tmp_path / "state")}, resume=resume, s3=S3Options(**options)
        ),
    )


class Sum:
    """A progress that adds up, from any thread."""

    def __init__(self) -> None:
        self.total = 0
        self._lock = threading.Lock()

    def begin(self, step: str, total: int | None) -> None: ...

    def end(self) -> None: ...

    def already(self, count: int) -> None:
        self.advance(count)

    def advance(self, count: int) -> None:
        with self._lock:
            self.total += count


def test_nothing_is_an_object_until_it_is_published(s3: FakeS3, file: LocalFile, tmp_path: Path) -> None:
    target, progress = make_target(tmp_path), Sum()
    target.prepare()
    assert s3.uploads == {}
    assert target.stat() is None
    target.send(file, progress)
    assert target.sent() is None  # type: ignore[func-returns-value]
    assert s3.objects == {}
    assert progress.total == file.size
    target.publish()
    content, settings = s3.objects[KEY]
    assert content == file.path.read_bytes()
    assert settings == {"Bucket": "bucket", "Key": KEY, "Metadata": {"sha256": file.sha256}}
    assert s3.uploads == {}
    assert sorted(a["PartNumber"] for a in s3.named("upload_part")) == [1, 2, 3, 4]
    assert target.stat() == Stored(file.size, None, file.sha256)  # the server has told its digest
    assert len(s3.named("head_object")) == 1
    assert make_target(tmp_path).stat() == Stored(file.size, WRITTEN.timestamp(), file.sha256)
    assert b"".join(make_target(tmp_path).content()) == content
    target.discard()
    target.close()
    assert s3.closed
    assert (target.uri, target.label) == ("s3a://bucket/dist/spark.tgz",) * 2


def test_an_empty_file(s3: FakeS3, tmp_path: Path) -> None:
    target = make_target(tmp_path)
    empty = make_file(tmp_path / "empty", b"")
    target.send(empty, SILENT)
    assert s3.objects == {}
    target.publish()
    assert s3.objects[KEY] == (b"", {"Bucket": "bucket", "Key": KEY, "Metadata": {"sha256": empty.sha256}})


def test_all_options_are_tried_out_before_anything_is_sent(
    s3: FakeS3, file: LocalFile, tmp_path: Path
) -> None:
    target = make_target(tmp_path, acl="public-read", kms_key="key", storage_class="STANDARD_IA")
    wanted = {
        "Bucket": "bucket",
        "Key": KEY,
        "ACL": "public-read",
        "ServerSideEncryption": "aws:kms",
        "SSEKMSKeyId": "key",
        "StorageClass": "STANDARD_IA",
    }
    target.prepare()
    assert s3.named("create_multipart_upload") == [wanted]
    target.send(file, SILENT)
    assert s3.named("create_multipart_upload")[1] == {**wanted, "Metadata": {"sha256": file.sha256}}
    target.write_record(b"digest")
    del wanted["StorageClass"]
    assert s3.named("put_object") == [{**wanted, "Key": KEY + ".sha256", "ContentType": "text/plain"}]
    assert target.read_record() == (b"digest", WRITTEN.timestamp())


def test_who_must_not_take_uploads_back_can_upload_all_the_same(s3: FakeS3, tmp_path: Path) -> None:
    s3.faults["abort_multipart_upload"] = [refusal("AccessDenied", 403)]
    make_target(tmp_path).prepare()


def test_who_must_not_read_can_upload_all_the_same(s3: FakeS3, file: LocalFile, tmp_path: Path) -> None:
    s3.opaque_etags = True
    s3.faults["head_object"] = [refusal("403", 403), refusal("403", 403)]
    assert Uploader().put(make_target(tmp_path), file).sent
    assert s3.objects[KEY][0] == file.path.read_bytes()
    s3.faults["get_object"] = [refusal("AccessDenied", 403)]
    assert make_target(tmp_path).read_record() is None


def test_no_record(s3: FakeS3, tmp_path: Path) -> None:
    assert make_target(tmp_path).read_record() is None


@pytest.mark.parametrize("digest", ["x", "a" * 63, "", "g" * 64])
def test_metadata_that_is_no_digest(digest: str, s3: FakeS3, tmp_path: Path) -> None:
    s3.objects[KEY] = (b"content", {"Metadata": {"sha256": digest}})
    assert make_target(tmp_path).stat() == Stored(7, WRITTEN.timestamp(), None)


class TestDigests:
    def test_are_compared_with_the_etags(self, s3: FakeS3, file: LocalFile, tmp_path: Path) -> None:
        make_target(tmp_path).send(file, SILENT)
        assert all("ContentMD5" not in arguments for arguments in s3.named("upload_part"))

    def test_go_with_the_parts_to_amazon(self, s3: FakeS3, file: LocalFile, tmp_path: Path) -> None:
        s3.meta.endpoint_url = "https://s3.eu-west-1.amazonaws.com"
        make_target(tmp_path).send(file, SILENT)
        assert all("ContentMD5" in arguments for arguments in s3.named("upload_part"))

    @pytest.mark.parametrize("fault", ["opaque_etags", "wants_md5"])
    def test_go_with_the_parts_if_the_etag_is_none_or_the_server_wants_them(
        self, fault: str, s3: FakeS3, file: LocalFile, tmp_path: Path
    ) -> None:
        setattr(s3, fault, True)
        target, progress = make_target(tmp_path), Sum()
        target.send(file, progress)
        assert progress.total == file.size
        target.publish()
        assert s3.objects[KEY][0] == file.path.read_bytes()
        last = {arguments["PartNumber"]: arguments for arguments in s3.named("upload_part")}
        assert all("ContentMD5" in arguments for arguments in last.values())

    def test_a_damaged_part_that_the_server_refuses_is_sent_again(
        self, s3: FakeS3, file: LocalFile, tmp_path: Path
    ) -> None:
        s3.meta.endpoint_url = "https://s3.amazonaws.com"
        s3.damage = 2
        target, progress = make_target(tmp_path), Sum()
        target.send(file, progress)
        assert len(s3.named("upload_part")) == 6
        assert progress.total == file.size
        target.publish()
        assert s3.objects[KEY][0] == file.path.read_bytes()

    @pytest.mark.parametrize("resume", [False, True])
    @pytest.mark.parametrize("damage", [1, 2])
    def test_after_a_damaged_part_that_the_server_takes_all_begins_anew(
        self, damage: int, resume: bool, s3: FakeS3, file: LocalFile, tmp_path: Path
    ) -> None:
        """Some servers take a part only once. Now the server has to compare."""
        s3.damage = damage
        target, progress = make_target(tmp_path, resume=resume), Sum()
        with pytest.raises(TransientFailureError, match="did not arrive as it was sent"):
            target.send(file, progress)
        assert s3.uploads == {}
        progress.total = 0
        before = len(s3.named("upload_part"))
        target.send(file, progress)
        assert progress.total == file.size
        assert all("ContentMD5" in arguments for arguments in s3.named("upload_part")[before:])
        target.publish()
        assert s3.objects[KEY][0] == file.path.read_bytes()

    def test_what_is_always_damaged_is_not_published(
        self, s3: FakeS3, file: LocalFile, tmp_path: Path
    ) -> None:
        s3.damage = 10**6
        target, progress = make_target(tmp_path), Sum()
        with pytest.raises(TransientFailureError) as caught:
            target.send(file, progress)
        assert "did not arrive as it was sent" in caught.value.error.message
        assert isinstance(caught.value.error, UploadError)
        target.discard()
        assert (s3.uploads, s3.objects) == ({}, {})

    def test_of_the_whole_is_compared(
        self, s3: FakeS3, file: LocalFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        target = make_target(tmp_path)
        target.send(file, SILENT)
        monkeypatch.setattr(s3, "complete_multipart_upload", lambda **_: {"ETag": f'"{"0" * 32}-4"'})
        with pytest.raises(UploadError, match="put the parts together to something else"):
            target.publish()


class TestFailures:
    def test_parts_that_have_arrived_are_not_sent_again(
        self, s3: FakeS3, file: LocalFile, tmp_path: Path
    ) -> None:
        s3.faults["upload_part"] = [None, None, refusal("SlowDown", 503, **{"retry-after": "7"})]
        target, progress = make_target(tmp_path), Sum()
        with pytest.raises(TransientFailureError) as caught:
            target.send(file, progress)
        assert caught.value.retry_after == 7
        done = progress.total
        assert done < file.size
        before = len(s3.named("upload_part"))
        progress.total = 0
        target.send(file, progress)
        assert progress.total == file.size
        assert len(s3.named("upload_part")) - before < 4
        assert len(s3.named("create_multipart_upload")) == 1
        target.publish()
        assert s3.objects[KEY][0] == file.path.read_bytes()

    def test_an_upload_that_the_server_forgot_is_begun_anew(
        self, s3: FakeS3, file: LocalFile, tmp_path: Path
    ) -> None:
        target = make_target(tmp_path)
        s3.faults["upload_part"] = [None, refusal("NoSuchUpload", 404)]
        with pytest.raises(TransientFailureError):
            target.send(file, SILENT)
        target.send(file, SILENT)
        target.publish()
        assert s3.objects[KEY][0] == file.path.read_bytes()
        assert len(s3.named("create_multipart_upload")) == 2

    def test_the_answer_to_completing_is_lost(self, s3: FakeS3, file: LocalFile, tmp_path: Path) -> None:
        """Then botocore, or the procedure, asks again, and the upload is not known any more."""
        target = make_target(tmp_path)
        target.send(file, SILENT)
        target._upload.complete()  # type: ignore[union-attr]
        target.publish()
        assert target.stat() == Stored(file.size, WRITTEN.timestamp(), file.sha256)

    def test_an_upload_that_is_gone_before_it_is_completed(
        self, s3: FakeS3, file: LocalFile, tmp_path: Path
    ) -> None:
        s3.objects[KEY] = (b"old", {})
        target = make_target(tmp_path)
        target.send(file, SILENT)
        s3.uploads.clear()
        with pytest.raises(UploadError, match="does not know the upload's parts any more"):
            target.publish()
        assert s3.objects[KEY][0] == b"old"

    def test_discard_never_raises(self, s3: FakeS3, file: LocalFile, tmp_path: Path) -> None:
        target = make_target(tmp_path)
        target.discard()
        s3.faults["abort_multipart_upload"] = [EndpointConnectionError(endpoint_url="http://fake:9")]
        target.send(file, SILENT)
        target.discard()
        target.discard()
        assert len(s3.named("abort_multipart_upload")) == 1

    def test_the_server_fails_for_a_while(self, s3: FakeS3, file: LocalFile, tmp_path: Path) -> None:
        cut = ConnectionClosedError(endpoint_url="http://fake:9")
        failing = [cut, refusal("InternalError", 500), None]
        for name in ("create_multipart_upload", "head_object", "complete_multipart_upload", "put_object"):
            s3.faults[name] = list(failing)
        s3.faults["upload_part"] = [cut, cut, None, cut]
        lines: list[str] = []
        patient = Uploader(announce=lines.append, backoff=Backoff(first=0), wait=lambda _: None)
        assert patient.put(make_target(tmp_path), file).sent
        assert s3.objects[KEY][0] == file.path.read_bytes()
        assert file.sha256.encode() in s3.objects[KEY + ".sha256"][0]
        assert s3.uploads == {}
        assert all("the S3 server fake:9" in line for line in lines)
        assert len(lines) > 4

    def test_it_fails_for_good(self, s3: FakeS3, file: LocalFile, tmp_path: Path) -> None:
        s3.faults["upload_part"] = [EndpointConnectionError(endpoint_url="http://fake:9")] * 99
        with pytest.raises(UnreachableError, match=r"the S3 server fake:9 .*\(tried 5 times\)"):
            Uploader(backoff=Backoff(first=0), wait=lambda _: None).put(make_target(tmp_path), file)
        assert (s3.uploads, s3.objects) == ({}, {})

    def test_the_file_becomes_shorter(self, s3: FakeS3, file: LocalFile, tmp_path: Path) -> None:
        target = make_target(tmp_path)
        file.path.write_bytes(b"short")
        with pytest.raises(SparkMesosError, match="became shorter"):
            target.send(file, SILENT)
        target.discard()
        assert (s3.uploads, s3.objects) == ({}, {})

    def test_an_interrupt_ends_all_connections(
        self, s3: FakeS3, file: LocalFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The main thread is interrupted while it waits; the others stop at their next block."""
        sending, interrupted = threading.Event(), threading.Event()
        real = threading.Thread.join

        def join(thread: threading.Thread, timeout: float | None = None) -> None:
            if not interrupted.is_set():
                assert sending.wait(10)
                interrupted.set()
                raise KeyboardInterrupt
            assert timeout is not None
            real(thread, 10)

        class Waiting(Sum):
            def advance(self, count: int) -> None:
                super().advance(count)
                if count > 0:
                    sending.set()
                    assert interrupted.wait(10)

        monkeypatch.setattr(threading.Thread, "join", join)
        target, progress = make_target(tmp_path), Waiting()
        with pytest.raises(KeyboardInterrupt):
            target.send(file, progress)
        assert progress.total == 0
        target.discard()
        assert (s3.uploads, s3.objects) == ({}, {})

    def test_an_interrupt_waits_for_all_connections_together(
        self, s3: FakeS3, file: LocalFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        waited: list[float] = []
        may_end = threading.Event()

        def join(thread: threading.Thread, timeout: float | None = None) -> None:
            assert timeout is not None
            waited.append(timeout)

        def withdraw() -> None:
            raise WithdrawnError("no")

        clock = SimpleNamespace(monotonic=lambda: sum(waited))
        target = make_target(tmp_path)
        with monkeypatch.context() as patched:
            patched.setattr(s3, "upload_part", lambda **_: may_end.wait(60))
            patched.setattr(multipart, "time", clock)
            patched.setattr(threading.Thread, "join", join)
            try:
                with pytest.raises(WithdrawnError):
                    target.send(replace(file, still_wanted=withdraw), SILENT)
            finally:
                may_end.set()
        assert len(waited) == FIRST_CONNECTIONS
        assert sum(waited) == multipart._INTERRUPT_SECONDS


class TestResume:
    def interrupt(self, s3: FakeS3, file: LocalFile, tmp_path: Path) -> None:
        target = make_target(tmp_path, resume=True)
        s3.faults["upload_part"] = [None, None, refusal("AccessDenied", 403)]
        with pytest.raises(UploadError):
            target.send(file, SILENT)
        target.discard()
        s3.faults.clear()

    def test_parts_are_kept_and_taken_up(self, s3: FakeS3, file: LocalFile, tmp_path: Path) -> None:
        self.interrupt(s3, file, tmp_path)
        assert len(s3.uploads) == 1
        kept, before = len(s3.uploads["upload1"]), len(s3.named("upload_part"))
        assert kept
        target, progress = make_target(tmp_path, resume=True), Sum()
        target.send(file, progress)
        assert progress.total == file.size
        assert len(s3.named("upload_part")) - before == 4 - kept
        target.publish()
        target.discard()
        assert s3.objects[KEY][0] == file.path.read_bytes()
        assert s3.objects[KEY][1]["Metadata"] == {"sha256": file.sha256}
        assert s3.uploads == {}
        assert list((tmp_path / "state" / "uploads").iterdir()) == []

    def test_without_it_nothing_is_kept(self, s3: FakeS3, file: LocalFile, tmp_path: Path) -> None:
        target = make_target(tmp_path)
        target.send(file, SILENT)
        target.discard()
        assert s3.uploads == {}
        assert not (tmp_path / "state").exists()

    def test_parts_that_are_damaged_meanwhile_are_sent_again(
        self, s3: FakeS3, file: LocalFile, tmp_path: Path
    ) -> None:
        self.interrupt(s3, file, tmp_path)
        s3.uploads["upload1"] = dict.fromkeys(s3.uploads["upload1"], ('"0"', b"?"))
        target = make_target(tmp_path, resume=True)
        target.send(file, SILENT)
        target.publish()
        assert s3.objects[KEY][0] == file.path.read_bytes()

    def test_another_file_does_not_take_them_up(self, s3: FakeS3, file: LocalFile, tmp_path: Path) -> None:
        """Although all parts that have arrived are in it, too."""
        self.interrupt(s3, file, tmp_path)
        other = make_file(tmp_path / "other.tgz", file.path.read_bytes()[:-1] + b"!")
        target = make_target(tmp_path, resume=True)
        target.send(other, SILENT)
        assert "upload1" not in s3.uploads
        target.publish()
        assert s3.objects[KEY][0] == other.path.read_bytes()
        assert s3.objects[KEY][1]["Metadata"] == {"sha256": other.sha256}

    def test_what_the_server_has_removed(self, s3: FakeS3, file: LocalFile, tmp_path: Path) -> None:
        self.interrupt(s3, file, tmp_path)
        s3.uploads.clear()
        target = make_target(tmp_path, resume=True)
        target.send(file, SILENT)
        target.publish()
        assert s3.objects[KEY][0] == file.path.read_bytes()

    def test_a_file_that_is_withdrawn_before_it_is_sent_loses_them(
        self, s3: FakeS3, file: LocalFile, tmp_path: Path
    ) -> None:
        self.interrupt(s3, file, tmp_path)
        target = make_target(tmp_path, resume=True)
        target.prepare()
        target.discard(withdrawn=file)
        assert s3.uploads == {}
        assert list((tmp_path / "state" / "uploads").iterdir()) == []
        target.discard(withdrawn=file)  # there are none any more

    def test_another_file_that_is_withdrawn_leaves_them(
        self, s3: FakeS3, file: LocalFile, tmp_path: Path
    ) -> None:
        self.interrupt(s3, file, tmp_path)
        make_target(tmp_path, resume=True).discard(withdrawn=make_file(tmp_path / "other.tgz", b"other"))
        assert list(s3.uploads) == ["upload1"]
        assert len(list((tmp_path / "state" / "uploads").iterdir())) == 1

    def test_without_parts_there_is_nothing_to_keep(
        self, s3: FakeS3, file: LocalFile, tmp_path: Path
    ) -> None:
        s3.faults["upload_part"] = [refusal("AccessDenied", 403)] * 9
        target = make_target(tmp_path, resume=True)
        with pytest.raises(UploadError):
            target.send(file, SILENT)
        target.discard()
        assert s3.uploads == {}
        assert list((tmp_path / "state" / "uploads").iterdir()) == []

    def test_where_nothing_can_be_remembered(self, s3: FakeS3, file: LocalFile, tmp_path: Path) -> None:
        (tmp_path / "state").write_text("a file")
        target = make_target(tmp_path, resume=True)
        with pytest.raises(SparkMesosError, match="where --resume remembers uploads"):
            target.send(file, SILENT)
        target.discard()
        assert s3.uploads == {}
