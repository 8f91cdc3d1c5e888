"""Uploads to real S3 servers: rclone's, which checks signatures and digests, and moto, which has ACLs and the like."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme
from botocore.exceptions import ClientError

from sparkmesos_core.errors import SparkMesosError, UnreachableError, UploadError, UsageError
from sparkmesos_core.localcluster.agent.fetcher import FetchError
from sparkmesos_core.master import HostPort
from sparkmesos_core.upload.backoff import Backoff
from sparkmesos_core.upload.destination import parse_destination
from sparkmesos_core.upload.local_file import LocalFile, read_local_file
from sparkmesos_core.upload.s3 import multipart, parts
from sparkmesos_core.upload.s3.parts import etag_of_parts, parts_of
from sparkmesos_core.upload.s3.presigned_url import presign
from sparkmesos_core.upload.s3.target import S3Target
from sparkmesos_core.upload.target import S3Options, TransientFailureError, UploadOptions, WithdrawnError
from sparkmesos_core.upload.targets import open_target
from sparkmesos_core.upload.transfer import Uploaded, Uploader
from tests.fetching import fetch, files, hide_hadoop, make_sandbox, make_tar
from tests.http_stub import Answer, http_stub
from tests.servers.cutting_proxy import CuttingProxy, Kind, cutting_proxy
from tests.servers.s3 import S3Server, moto_s3, rclone_s3, set_aws_environment

PART = 5 << 20
"""The smallest that S3 takes."""


@pytest.fixture(scope="module")
def rclone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    folder = tmp_path_factory.mktemp("s3")
    (folder / "bucket").mkdir()
    with rclone_s3(folder) as running:
        yield running


@pytest.fixture(scope="module")
def moto() -> Iterator[S3Server]:
    with moto_s3() as running:
        running.client().create_bucket(Bucket="bucket")
        yield running


@pytest.fixture(params=["rclone", "moto"])
def server(request: pytest.FixtureRequest) -> S3Server:
    return request.getfixturevalue(request.param)


@pytest.fixture(autouse=True)
def aws(monkeypatch: pytest.MonkeyPatch, rclone: S3Server) -> None:
    environment = rclone.environment()
    del environment["AWS_ENDPOINT_URL_S3"]
    set_aws_environment(monkeypatch, environment)
    monkeypatch.setattr(parts, "_PART_BYTES", PART)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> LocalFile:
    """Five parts, of which the last is a short one."""
    path = tmp_path_factory.mktemp("file") / "spark.tgz"
    path.write_bytes(os.urandom(4 * PART + 12345))
    return read_local_file(path)


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """Each test has a folder of its own."""
    plain = "".join(c if c.isalnum() else "-" for c in request.node.name)
    return f"{plain}/spark.tgz"


def target(url: str, name: str, scheme: str = "s3a", *, stall: float = 20, **options: Any) -> S3Target:
    resume = options.pop("resume", False)
    made = open_target(
        parse_destination(f"{scheme}://{options.pop('bucket', 'bucket')}/{name}", ""),
        UploadOptions(
            os.environ, stall_seconds=stall, resume=resume, s3=S3Options(endpoint_url=url, **options)
        ),
    )
    assert isinstance(made, S3Target)
    return made


def put(to: S3Target, file: LocalFile, **options: Any) -> Uploaded:
    lines: list[str] = []
    uploader = Uploader(announce=lines.append, backoff=Backoff(first=0.01))
    try:
        return uploader.put(to, file, **options)
    finally:
        to.close()


def content(server: S3Server, name: str) -> bytes | None:
    try:
        return server.client().get_object(Bucket="bucket", Key=name)["Body"].read()
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchKey":
            raise
        return None


def uploads(server: S3Server, name: str) -> list[str]:
    """The uploads of an object that are not finished."""
    try:
        found = server.client().list_multipart_uploads(Bucket="bucket", Prefix=name).get("Uploads", [])
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchUpload":  # rclone's way to say that there is none
            raise
        return []
    return [upload["UploadId"] for upload in found if upload["Key"] == name]


@pytest.mark.parametrize("scheme", ["s3", "s3a", "s3n"])
def test_an_upload(scheme: str, server: S3Server, name: str, file: LocalFile) -> None:
    done = put(target(server.url, name, scheme), file)
    assert done == Uploaded(f"{scheme}://bucket/{name}", True)
    assert content(server, name) == file.path.read_bytes()
    assert content(server, name + ".sha256") == f"{file.sha256}  spark.tgz\n".encode()
    stored = target(server.url, name).stat()
    assert stored is not None
    assert (stored.size, stored.sha256) == (file.size, file.sha256)
    assert not put(target(server.url, name, scheme), file).sent
    assert uploads(server, name) == []


def test_another_file_is_replaced_only_by_force(
    server: S3Server, name: str, file: LocalFile, tmp_path: Path
) -> None:
    (tmp_path / "small").write_bytes(b"small")
    small = read_local_file(tmp_path / "small")
    put(target(server.url, name), small)
    with pytest.raises(UploadError, match="there is another file of 5 bytes"):
        put(target(server.url, name), file)
    assert content(server, name) == b"small"
    assert put(target(server.url, name), file, force=True).sent
    assert content(server, name) == file.path.read_bytes()


@pytest.mark.parametrize("size", [0, 1, PART - 1, PART, PART + 1, 2 * PART])
def test_sizes(size: int, server: S3Server, name: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(os.urandom(size))
    file = read_local_file(tmp_path / "file")
    assert put(target(server.url, name), file).sent
    assert content(server, name) == file.path.read_bytes()
    assert not put(target(server.url, name), file).sent


def test_a_file_that_somebody_else_put_there(server: S3Server, name: str, file: LocalFile) -> None:
    """It has no metadata: its content is compared, and the record is added."""
    server.client().put_object(Bucket="bucket", Key=name, Body=file.path.read_bytes())
    assert not put(target(server.url, name), file).sent
    assert content(server, name + ".sha256") == f"{file.sha256}  spark.tgz\n".encode()


def test_many_connections(
    server: S3Server, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(multipart, "wanted_connections", lambda rate: 10)
    path = tmp_path / "file"
    path.write_bytes(os.urandom(12 * PART))
    file = read_local_file(path)
    with cutting_proxy(HostPort("127.0.0.1", server.port)) as proxy:
        assert put(target(f"http://{proxy.address}", name), file).sent
        assert proxy.connections >= 10
    assert content(server, name) == path.read_bytes()


def test_the_etag_is_as_amazon_computes_it(moto: S3Server, name: str, file: LocalFile) -> None:
    import hashlib

    put(target(moto.url, name), file)
    whole = file.path.read_bytes()
    digests = [
        hashlib.md5(whole[part.offset : part.offset + part.size]).hexdigest()
        for part in parts_of(file.size, PART)
    ]
    assert moto.client().head_object(Bucket="bucket", Key=name)["ETag"] == f'"{etag_of_parts(digests)}"'


def test_options(moto: S3Server, name: str, file: LocalFile) -> None:
    kms = moto.client()
    put(target(moto.url, name, acl="public-read", encryption="AES256", storage_class="STANDARD_IA"), file)
    head = kms.head_object(Bucket="bucket", Key=name)
    assert (head["ServerSideEncryption"], head["StorageClass"]) == ("AES256", "STANDARD_IA")
    for key in (name, name + ".sha256"):
        grants = kms.get_object_acl(Bucket="bucket", Key=key)["Grants"]
        assert {"READ"} == {
            grant["Permission"] for grant in grants if grant["Grantee"].get("URI", "").endswith("/AllUsers")
        }
    record = kms.head_object(Bucket="bucket", Key=name + ".sha256")
    assert record["ServerSideEncryption"] == "AES256"
    assert record.get("StorageClass", "STANDARD") == "STANDARD"


def test_a_key_of_kms(moto: S3Server, name: str, file: LocalFile) -> None:
    put(target(moto.url, name, kms_key="my-key"), file)
    head = moto.client().head_object(Bucket="bucket", Key=name)
    assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms", "my-key")


def test_tls(tmp_path: Path, name: str, file: LocalFile, rclone: S3Server) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "own.pem"))
    (tmp_path / "served" / "bucket").mkdir(parents=True)
    with rclone_s3(tmp_path / "served", certificate=tmp_path / "own.pem") as server:
        assert server.url.startswith("https://")
        put(target(server.url, name, ca_file=tmp_path / "ca.pem"), file)
        assert (tmp_path / "served" / "bucket" / name).read_bytes() == file.path.read_bytes()
        with pytest.raises(UnreachableError, match="certificate that is not trusted"):
            put(target(server.url, name), file)


class TestRefusals:
    """Before anything large is sent."""

    def put(self, server: S3Server, name: str, file: LocalFile, **options: Any) -> SparkMesosError:
        with cutting_proxy(HostPort("127.0.0.1", server.port)) as proxy:
            with pytest.raises(SparkMesosError) as caught:
                put(target(f"http://{proxy.address}", name, **options), file)
            assert proxy.carried["up"] < 20_000
        assert server.secret not in caught.value.message + caught.value.hint
        return caught.value

    def test_a_wrong_secret(
        self, rclone: S3Server, name: str, file: LocalFile, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong-secret")
        refused = self.put(rclone, name, file)
        assert isinstance(refused, UploadError)
        assert "the secret is wrong" in refused.message

    def test_a_wrong_key(
        self, rclone: S3Server, name: str, file: LocalFile, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "another-key")
        refused = self.put(rclone, name, file)
        assert isinstance(refused, UploadError)
        assert "does not know the access key" in refused.message

    def test_no_credentials(
        self, rclone: S3Server, name: str, file: LocalFile, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("AWS_ACCESS_KEY_ID")
        monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
        assert "no AWS credentials" in self.put(rclone, name, file).message

    def test_no_bucket(self, server: S3Server, name: str, file: LocalFile) -> None:
        refused = self.put(server, name, file, bucket="nobodys")
        assert isinstance(refused, UploadError)
        assert "the bucket 'nobodys' does not exist" in refused.message

    def test_an_impossible_bucket(self, rclone: S3Server, name: str, file: LocalFile) -> None:
        assert isinstance(self.put(rclone, name, file, bucket="no:bucket"), UsageError)

    @pytest.mark.parametrize(
        ("status", "code", "said"),
        [
            (400, "ExpiredToken", "the AWS credentials have expired"),
            (403, "AccessDenied", "forbids it (AccessDenied)"),
            (403, "RequestTimeTooSkewed", "the clock of this machine"),
            (400, "AuthorizationHeaderMalformed", "is in another region: eu-west-1"),
            (507, "InsufficientStorage", "has no room"),
            (503, "SlowDown", "fails: SlowDown"),
        ],
    )
    def test_what_no_server_here_says(self, status: int, code: str, said: str, name: str) -> None:
        body = f"<Error><Code>{code}</Code><Message>m</Message><Region>eu-west-1</Region></Error>"
        answer = Answer(status, body.encode(), {"Content-Type": "application/xml"})
        with http_stub(lambda path: answer) as stub:
            made = target(f"http://{stub.address}", name)
            with pytest.raises((UploadError, TransientFailureError)) as caught:
                made.prepare()
            made.close()
        assert said in str(caught.value)
        assert isinstance(caught.value, TransientFailureError) == (status == 503)

    def test_no_server(self, name: str, file: LocalFile) -> None:
        with pytest.raises(
            UnreachableError, match=r"127\.0\.0\.1:9 refuses the connection \(tried 5 times\)"
        ):
            put(target("http://127.0.0.1:9", name), file)

    def test_no_profile(self, rclone: S3Server, name: str) -> None:
        with pytest.raises(UsageError, match="no profile 'nobodys'"):
            target(rclone.url, name, profile="nobodys")

    def test_an_endpoint_that_is_none(self, name: str) -> None:
        with pytest.raises(UsageError, match="Invalid endpoint: nonsense"):
            target("nonsense", name)


@contextlib.contextmanager
def watched(server: S3Server, name: str, whole: int) -> Iterator[None]:
    """Fails if the object is ever seen with another size."""
    stop, seen = threading.Event(), set[int]()
    client = server.client()

    def watch() -> None:
        while not stop.is_set():
            found = client.list_objects_v2(Bucket="bucket", Prefix=name).get("Contents", [])
            seen.update(entry["Size"] for entry in found if entry["Key"] == name)
            stop.wait(0.02)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
    assert seen <= {whole}


class TestFaults:
    @pytest.fixture
    def proxy(self, rclone: S3Server) -> Iterator[CuttingProxy]:
        with cutting_proxy(HostPort("127.0.0.1", rclone.port)) as proxy:
            yield proxy

    @pytest.mark.parametrize("kind", ["reset", "close"])
    @pytest.mark.parametrize(
        "after", [0, 1, 200, 700, 1500, 2100, 65_536, PART - 1, PART, PART + 600, 3 * PART, 4 * PART + 12345]
    )
    def test_a_connection_that_is_cut(
        self, after: int, kind: Kind, proxy: CuttingProxy, rclone: S3Server, name: str, file: LocalFile
    ) -> None:
        proxy.plan(kind, after, times=3)
        with watched(rclone, name, file.size):
            assert put(target(f"http://{proxy.address}", name), file).sent
        assert proxy.fired
        assert content(rclone, name) == file.path.read_bytes()
        assert uploads(rclone, name) == []

    @pytest.mark.parametrize("after", [0, 30, 300, 1500, 3000])
    def test_an_answer_that_is_cut(
        self, after: int, proxy: CuttingProxy, rclone: S3Server, name: str, file: LocalFile
    ) -> None:
        proxy.plan("close", after, direction="down", times=3)
        assert put(target(f"http://{proxy.address}", name), file).sent
        assert proxy.fired
        assert content(rclone, name) == file.path.read_bytes()

    @pytest.mark.parametrize("announced", [False, True])
    def test_a_byte_that_changes_on_its_way(
        self,
        announced: bool,
        proxy: CuttingProxy,
        rclone: S3Server,
        name: str,
        file: LocalFile,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """Whether the server compares the digest or we do."""
        if announced:
            monkeypatch.setattr("sparkmesos_core.upload.s3.target.is_amazon", lambda endpoint: True)
        proxy.plan("flip", 100_000, behind=b"partNumber=2")
        with watched(rclone, name, file.size):
            assert put(target(f"http://{proxy.address}", name), file).sent
        assert proxy.fired == 1
        assert content(rclone, name) == file.path.read_bytes()

    def test_a_server_that_falls_silent(
        self, proxy: CuttingProxy, rclone: S3Server, name: str, file: LocalFile
    ) -> None:
        proxy.plan("stall", PART)
        assert put(target(f"http://{proxy.address}", name, stall=1), file).sent
        assert proxy.fired
        assert content(rclone, name) == file.path.read_bytes()

    def test_a_slow_server(
        self,
        proxy: CuttingProxy,
        rclone: S3Server,
        name: str,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """Slower in all than it may be silent. Large, for the buffers of the kernel take some megabytes."""
        monkeypatch.setattr(parts, "_PART_BYTES", 40 << 20)
        (tmp_path / "file").write_bytes(os.urandom(40 << 20))
        file = read_local_file(tmp_path / "file")
        proxy.bytes_per_second = 6e6
        began = time.monotonic()
        assert put(target(f"http://{proxy.address}", name, stall=4), file).sent
        assert time.monotonic() - began > 5
        assert content(rclone, name) == file.path.read_bytes()

    def test_what_never_arrives_leaves_nothing(
        self, proxy: CuttingProxy, rclone: S3Server, name: str, file: LocalFile
    ) -> None:
        proxy.plan("reset", 100_000, times=1000, behind=b"partNumber=3")
        with pytest.raises(UnreachableError, match="tried 5 times"):
            put(target(f"http://{proxy.address}", name), file)
        assert content(rclone, name) is None
        assert uploads(rclone, name) == []


SCRIPT = """
import json, os, sys
from sparkmesos_core.upload.s3 import parts
from sparkmesos_core.upload.destination import parse_destination
from sparkmesos_core.upload.local_file import read_local_file
from sparkmesos_core.upload.target import S3Options, TransientFailureError, UploadOptions
from sparkmesos_core.upload.targets import open_target
from sparkmesos_core.upload.transfer import Uploader
from pathlib import Path

path, uri, url, resume, each = sys.argv[1:]
parts._PART_BYTES = int(each)
options = UploadOptions(os.environ, resume=resume == "resume", s3=S3Options(endpoint_url=url))
target = open_target(parse_destination(uri, ""), options)
try:
    sent = Uploader().put(target, read_local_file(Path(path))).sent
    # Not ru_maxrss, in which that of the process that forked is, too.
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    print(json.dumps({"sent": sent, "peak": int(lines["VmHWM"].split()[0])}))
except KeyboardInterrupt:
    print("interrupted")
"""


@contextlib.contextmanager
def running(
    path: Path, name: str, url: str, *, resume: bool = False, each: int = PART
) -> Iterator[subprocess.Popen[str]]:
    """An upload in a process of its own."""
    command = [
        *(sys.executable, "-c", SCRIPT, str(path), f"s3a://bucket/{name}", url),
        *("resume" if resume else "no", str(each)),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def until(condition: Callable[[], object], process: subprocess.Popen[str]) -> None:
    """Wait until something holds while a process runs."""
    deadline = time.monotonic() + 60
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)


def arrived(server: S3Server, name: str) -> dict[int, int]:
    """The sizes, by number, of the parts that the server has of the one upload that is not finished."""
    found = uploads(server, name)
    if not found:
        return {}
    try:
        listed = server.client().list_parts(Bucket="bucket", Key=name, UploadId=found[0]).get("Parts", [])
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchUpload":  # it was the one that asks whether it may
            raise
        return {}
    return {part["PartNumber"]: part["Size"] for part in listed}


class TestResume:
    def test_an_upload_that_was_killed(
        self, server: S3Server, name: str, file: LocalFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SPARKMESOS_STATE_DIR", str(tmp_path))
        with cutting_proxy(HostPort("127.0.0.1", server.port)) as proxy:
            proxy.plan("stall", 100_000, behind=b"partNumber=4")
            with running(file.path, name, f"http://{proxy.address}", resume=True) as process:
                until(lambda: len(arrived(server, name)) >= 2, process)
                process.send_signal(signal.SIGKILL)
                process.wait()
            # What the killed one had sent of other parts goes on through the buffers of sockets.
            proxy.drop()
            for thread in proxy._threads:
                thread.join(30)
            had = arrived(server, name)
            assert 2 <= len(had) < 5
            assert content(server, name) is None
            before = proxy.carried["up"]
            assert put(target(f"http://{proxy.address}", name, resume=True), file).sent
            assert proxy.carried["up"] - before < file.size - sum(had.values()) + 100_000
        assert content(server, name) == file.path.read_bytes()
        assert uploads(server, name) == []
        assert list((tmp_path / "uploads").iterdir()) == []

    def test_another_file_does_not_take_up_what_was_kept(
        self, server: S3Server, name: str, file: LocalFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SPARKMESOS_STATE_DIR", str(tmp_path / "state"))
        with cutting_proxy(HostPort("127.0.0.1", server.port)) as proxy:
            proxy.plan("reset", 0, times=1000, behind=b"partNumber=5")
            with pytest.raises(UnreachableError):
                put(target(f"http://{proxy.address}", name, resume=True), file)
            assert 5 not in arrived(server, name)
            assert arrived(server, name)
            proxy.heal()
            changed = bytearray(file.path.read_bytes())
            changed[-1] ^= 1
            (tmp_path / "other").write_bytes(changed)
            other = read_local_file(tmp_path / "other")
            assert put(target(f"http://{proxy.address}", name, resume=True), other).sent
        assert content(server, name) == bytes(changed)
        stored = target(server.url, name).stat()
        assert stored is not None
        assert stored.sha256 == other.sha256
        assert uploads(server, name) == []


def test_an_interrupt_leaves_nothing(server: S3Server, name: str, file: LocalFile) -> None:
    with cutting_proxy(HostPort("127.0.0.1", server.port)) as proxy:
        proxy.bytes_per_second = 5e6
        with running(file.path, name, f"http://{proxy.address}") as process:
            until(lambda: arrived(server, name), process)
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=30)
        assert (out, err) == ("interrupted\n", "")
    assert content(server, name) is None
    assert uploads(server, name) == []


@pytest.mark.parametrize("resume", [False, True])
def test_what_turns_out_not_to_be_wanted_leaves_nothing(
    server: S3Server,
    name: str,
    file: LocalFile,
    resume: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def still_wanted() -> None:
        if arrived(server, name):
            raise WithdrawnError("no")

    monkeypatch.setenv("SPARKMESOS_STATE_DIR", str(tmp_path))
    withdrawn = dataclasses.replace(file, still_wanted=still_wanted)
    with cutting_proxy(HostPort("127.0.0.1", server.port)) as proxy:
        proxy.bytes_per_second = 5e6
        with pytest.raises(WithdrawnError):
            put(target(f"http://{proxy.address}", name, resume=resume), withdrawn)
    assert content(server, name) is None
    assert uploads(server, name) == []
    assert list(tmp_path.glob("uploads/*")) == []


def test_an_interrupt_does_not_wait_for_a_silent_server(rclone: S3Server, name: str, file: LocalFile) -> None:
    with cutting_proxy(HostPort("127.0.0.1", rclone.port)) as proxy:
        proxy.plan("stall", PART, times=100)
        with running(file.path, name, f"http://{proxy.address}") as process:
            assert proxy.happened.wait(60)
            process.send_signal(signal.SIGINT)
            began = time.monotonic()
            out, err = process.communicate(timeout=60)
            assert time.monotonic() - began < 50  # the server may be silent for 60 s
        assert (out, err) == ("interrupted\n", "")
    assert content(rclone, name) is None


def test_memory_does_not_grow_with_the_file(rclone: S3Server, tmp_path: Path) -> None:
    peaks = []
    for megabytes in (20, 500):
        path = tmp_path / "file"
        with path.open("wb") as sparse:
            sparse.truncate(megabytes << 20)
        with running(path, f"memory/{megabytes}", rclone.url, each=8 << 20) as process:
            out, err = process.communicate(timeout=120)
        assert err == ""
        peaks.append(json.loads(out)["peak"] / 1024)
    assert peaks[1] < 150
    assert peaks[1] - peaks[0] < 20


class TestPresigned:
    """Agents without credentials fetch what was uploaded."""

    NAME = "spark-3.5.9-bin-hadoop3.tgz"

    @pytest.fixture
    def sandbox(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        hide_hadoop(monkeypatch)
        return make_sandbox(tmp_path)

    def sign(self, server: S3Server, name: str, seconds: float = 300) -> str:
        options = UploadOptions(os.environ, s3=S3Options(endpoint_url=server.url))
        return presign(parse_destination(f"s3a://bucket/{name}", ""), options, seconds).url

    @pytest.mark.parametrize("token", [None, "a/token+of=" * 30], ids=["", "session"])
    def test_it_is_fetched_and_unpacked(
        self,
        token: str | None,
        server: S3Server,
        name: str,
        sandbox: Path,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        key = name.replace("spark.tgz", self.NAME)
        archive = make_tar(tmp_path / self.NAME, content=os.urandom(100_000))
        put(target(server.url, key), read_local_file(archive))
        if token is not None:
            monkeypatch.setenv("AWS_SESSION_TOKEN", token)
        url = self.sign(server, key)
        set_aws_environment(monkeypatch, {})
        log = fetch(sandbox, url)
        assert files(sandbox) == {self.NAME, "top/bin/run"}
        assert (sandbox / self.NAME).read_bytes() == archive.read_bytes()
        assert server.secret not in log

    def test_the_signature_is_for_this_object_and_this_name(
        self, rclone: S3Server, name: str, sandbox: Path, tmp_path: Path
    ) -> None:
        put(target(rclone.url, name), read_local_file(make_tar(tmp_path / "spark.tgz")))
        url = self.sign(rclone, name)
        assert url.endswith("/spark.tgz")
        assert urllib.request.urlopen(url, timeout=10).status == 200
        # moto looks at the times alone.
        for forged in (url.replace("/spark.tgz?", "/other.tgz?"), url.replace("Expires=300", "Expires=999")):
            with pytest.raises(urllib.error.HTTPError, match="403"):
                urllib.request.urlopen(forged, timeout=10)

    def test_it_ends(self, rclone: S3Server, name: str, sandbox: Path, tmp_path: Path) -> None:
        put(target(rclone.url, name), read_local_file(make_tar(tmp_path / "spark.tgz")))
        url = self.sign(rclone, name, 1)
        deadline = time.monotonic() + 30
        while status(url) == 200:
            assert time.monotonic() < deadline
            time.sleep(0.2)
        assert status(url) in (400, 403)
        with pytest.raises(FetchError, match=r"40[03]"):
            fetch(sandbox, url)


def status(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code
