"""What a real NameNode and DataNode cannot be brought to; the rest is in tests/integration/test_upload_hdfs.py."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from sparkmesos_core.errors import SparkMesosError, UploadError, UsageError
from sparkmesos_core.upload.destination import parse_destination
from sparkmesos_core.upload.hdfs.target import HdfsTarget
from sparkmesos_core.upload.local_file import LocalFile, read_local_file
from sparkmesos_core.upload.record import record_of
from sparkmesos_core.upload.target import HdfsOptions, UploadOptions
from sparkmesos_core.upload.transfer import Uploaded, Uploader
from tests.http_stub import Answer
from tests.servers.put_stub import Asked, PutStub, put_stub

NAME = "spark.tgz"
SECRET = "hush-hush"
ROOT = "/webhdfs/v1"


@contextmanager
def http_fs(rule: Callable[[str, Asked], Answer | None] = lambda operation, asked: None) -> Iterator[PutStub]:
    """Like an HttpFS gateway: one server for all, which renames nothing over a file and knows no checksums."""

    def answer(asked: Asked) -> Answer | None:
        parts = urlsplit(asked.path)
        query = parse_qs(parts.query)
        operation = query["op"][0].upper()
        files, path = stub.files, parts.path
        if ruled := rule(operation, asked):
            return ruled
        match operation:
            case "GETFILESTATUS":
                if path not in files and path not in (ROOT + "/dist", ROOT + "/"):
                    return refused(404, "FileNotFoundException", f"File does not exist: {path}")
                status = {
                    "type": "FILE" if path in files else "DIRECTORY",
                    "length": len(files.get(path, b"")),
                    "blockSize": 1024,
                    "modificationTime": 1000,
                }
                return ok(FileStatus=status)
            case "CREATE" if "data" not in query:
                return Answer(307, b"", {"Location": f"http://{stub.address}{asked.path}&data=true"})
            case "CREATE" | "OPEN":
                return None
            case "RENAME":
                there = ROOT + query["destination"][0]
                if there in files:
                    return ok(boolean=False)
                files[there] = files.pop(path)
                return ok(boolean=True)
            case "DELETE":
                return ok(boolean=files.pop(path, None) is not None)
        return refused(400, "QueryParamException", f"no operation {operation}")

    with put_stub(answer) as stub:
        yield stub


def ok(**body: Any) -> Answer:
    return Answer(200, json.dumps(body).encode(), {"Content-Type": "application/json"})


def refused(status: int, exception: str, message: str) -> Answer:
    body = {"RemoteException": {"exception": exception, "javaClassName": "x", "message": message}}
    return Answer(status, json.dumps(body).encode(), {"Content-Type": "application/json"})


@pytest.fixture
def file(tmp_path: Path) -> LocalFile:
    (tmp_path / NAME).write_bytes(os.urandom(5000))
    return read_local_file(tmp_path / NAME)


def upload(stub: PutStub, file: LocalFile, *, force: bool = False, **options: Any) -> Uploaded:
    chosen = HdfsOptions(**{"user": "alice", **options})
    destination = parse_destination(f"webhdfs://{stub.address}/dist/", NAME)
    target = HdfsTarget(destination, UploadOptions({}, hdfs=chosen, stall_seconds=10))
    try:
        return Uploader(wait=lambda seconds: None).put(target, file, force=force)
    finally:
        target.close()


def test_a_gateway_that_cannot_replace_a_file_at_once(file: LocalFile) -> None:
    with http_fs() as stub:
        uri = f"webhdfs://{stub.address}/dist/{NAME}"
        assert upload(stub, file) == Uploaded(uri, sent=True)
        # It tells no checksum: all is read back.
        assert any("op=OPEN" in asked.path for asked in stub.requests)
        assert stub.files == {
            f"{ROOT}/dist/{NAME}": file.path.read_bytes(),
            f"{ROOT}/dist/{NAME}.sha256": record_of(file.sha256, NAME),
        }
        assert upload(stub, file) == Uploaded(uri, sent=False)
        stub.files[f"{ROOT}/dist/{NAME}"] = b"another"
        done = upload(stub, file, force=True)
        assert done.remarks == (
            "this server cannot replace a file at once: the old one was removed just before",
        )
        assert stub.files[f"{ROOT}/dist/{NAME}"] == file.path.read_bytes()
        assert len(stub.files) == 2
        sent = next(asked for asked in stub.requests if "data=true" in asked.path)
        assert sent.headers["Content-Type"] == "application/octet-stream"


def test_kerberos_wants_a_token(file: LocalFile) -> None:
    answer = Answer(401, b"<html>Authentication required</html>", {"WWW-Authenticate": "Negotiate"})
    with (
        http_fs(lambda operation, asked: answer) as stub,
        pytest.raises(UploadError, match="Kerberos") as raised,
    ):
        upload(stub, file)
    assert "--token-file" in raised.value.hint


@pytest.mark.parametrize("status", [401, 403])
def test_a_token_that_is_over(status: int, file: LocalFile) -> None:
    said = "token (token for alice: HDFS_DELEGATION_TOKEN owner=alice, sequenceNumber=5) is expired"
    answer = refused(status, "InvalidToken", said)
    with http_fs(lambda operation, asked: answer) as stub:
        with pytest.raises(UploadError, match="is expired") as raised:
            upload(stub, file, token=SECRET)
        assert f"delegation={SECRET}" in stub.requests[0].path
        assert "user.name" not in stub.requests[0].path
    assert "new delegation token" in raised.value.hint
    assert SECRET not in raised.value.message + raised.value.hint


def test_a_token_that_expires_amid_it(file: LocalFile) -> None:
    def rule(operation: str, asked: Asked) -> Answer | None:
        if operation == "RENAME":
            return refused(403, "InvalidToken", "token is expired")
        return None

    with http_fs(rule) as stub:
        with pytest.raises(UploadError, match="is expired"):
            upload(stub, file, token=SECRET)
        assert stub.files == {}


def test_it_is_not_led_away_from_https(file: LocalFile, tmp_path: Path) -> None:
    import ssl

    import trustme

    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with http_fs() as plain:

        def rule(asked: Asked) -> Answer | None:
            if "op=CREATE" in asked.path:
                return Answer(307, b"", {"Location": f"http://{plain.address}{asked.path}&data=true"})
            return (
                ok(FileStatus={"type": "DIRECTORY"})
                if "/dist?" in asked.path
                else refused(404, "FileNotFoundException", "no")
            )

        with put_stub(rule, tls=context) as stub:
            destination = parse_destination(f"swebhdfs://{stub.address}/dist/", NAME)
            options = HdfsOptions(user="alice", token=SECRET, ca_file=tmp_path / "ca.pem")
            target = HdfsTarget(destination, UploadOptions({}, hdfs=options, stall_seconds=10))
            with pytest.raises(UploadError, match="which is not encrypted"):
                target.prepare()
            target.close()
        assert plain.requests == []


def test_a_file_that_shrinks_meanwhile(file: LocalFile) -> None:
    def rule(operation: str, asked: Asked) -> Answer | None:
        if operation == "CREATE" and asked.number == 2:
            os.truncate(file.path, 10)
        return None

    with http_fs(rule) as stub:
        with pytest.raises(SparkMesosError, match="has become shorter"):
            upload(stub, file)
        assert stub.files == {}


@pytest.mark.parametrize(
    "options", [{"permission": "888"}, {"permission": "7"}, {"permission": "rw"}, {"replication": 0}]
)
def test_options_that_cannot_be(options: dict[str, Any]) -> None:
    destination = parse_destination("webhdfs://nn:9870/dist/", NAME)
    with pytest.raises(UsageError):
        HdfsTarget(destination, UploadOptions({}, hdfs=HdfsOptions(**options)))


def test_settings_of_hadoop(tmp_path: Path) -> None:
    destination = parse_destination("hdfs:///dist/", NAME)
    with pytest.raises(UsageError, match="names no namenode"):
        HdfsTarget(destination, UploadOptions({}))
    (tmp_path / "core-site.xml").write_text(
        "<configuration><property><name>fs.defaultFS</name><value>hdfs://nn</value></property></configuration>"
    )
    target = HdfsTarget(destination, UploadOptions({"HADOOP_CONF_DIR": str(tmp_path)}))
    assert target.uri == f"hdfs:///dist/{NAME}"
