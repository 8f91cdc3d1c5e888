"""The command `upload-dist` against real servers, with a small archive."""

from __future__ import annotations

import contextlib
import io
import json
import os
import random
import signal
import subprocess
import sys
import tarfile
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from sparkmesos_core.errors import ExitCode
from sparkmesos_core.upload.local_file import read_local_file
from sparkmesos_core.upload.s3.kept_upload import KeptUpload, KeptUploads
from sparkmesos_core.upload.s3.parts import part_bytes
from tests.servers.cutting_proxy import cutting_proxy
from tests.servers.s3 import S3Server, rclone_s3
from tests.servers.webdav import webdav_server

TOP = "spark-3.5.9-bin-hadoop3"
NAME = f"{TOP}.tgz"
COMMAND = [sys.executable, "-m", "sparkmesos_cli", "upload-dist", "--no-bridge"]


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """What passes for a Spark, and does not compress: 24 MB."""
    return make_archive(tmp_path / NAME)


def make_archive(path: Path, *, without: str = "") -> Path:
    files = {f"bin/{name}": b"#!/bin/sh\n" for name in ("spark-class", "spark-submit", "load-spark-env.sh")}
    files["bin/find-spark-home"] = b"#!/bin/sh\n"
    files["RELEASE"] = b"Spark 3.5.9\n"
    files["jars/spark-core_2.12-3.5.9.jar"] = random.Random(1).randbytes(24_000_000)
    for name in ("spark-mesos_2.12-3.5.9", "mesos-1.4.3-shaded-protobuf", "scala-library-2.12.18"):
        files[f"jars/{name}.jar"] = b"jar"
    files.pop(without, None)
    with tarfile.open(path, "w:gz", compresslevel=1) as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(f"{TOP}/{name}")
            member.size, member.mode = len(content), 0o755 if name.startswith("bin/") else 0o644
            tar.addfile(member, io.BytesIO(content))
    return path


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    own = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "SPARKMESOS_"))}
    return {
        **own,
        "TMPDIR": str(temporary),
        "SPARKMESOS_CONFIG": os.devnull,
        "SPARKMESOS_STATE_DIR": str(tmp_path),
    }


@pytest.fixture
def served(tmp_path: Path) -> Path:
    folder = tmp_path / "served"
    folder.mkdir()
    return folder


@pytest.fixture
def s3(served: Path) -> Iterator[S3Server]:
    (served / "bucket").mkdir()
    with rclone_s3(served) as server:
        yield server


def run(arguments: Sequence[str], environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments], env=environment, capture_output=True, text=True, timeout=120, check=False
    )


def test_webdav_with_a_password(archive: Path, served: Path, tmp_path: Path, environment) -> None:
    password = tmp_path / "password"
    password.write_text("hush\n")
    with webdav_server(served, users={"me": "hush"}) as server:
        url = f"http://127.0.0.1:{server.port}/a/b/"
        refused = run([str(archive), url], environment)
        assert refused.returncode == ExitCode.FAILED
        assert refused.stdout == ""
        arguments = ["--user", "me", "--password-file", str(password), str(archive), url]
        done = run(arguments, environment)
        assert (done.returncode, done.stdout) == (0, f"{url}{NAME}\n"), done.stderr
        assert "They send no credentials" in done.stderr
        again = run(["--output", "json", *arguments], environment)
    assert json.loads(again.stdout)["upload"]["uploaded"] is False
    assert "hush" not in done.stderr + again.stderr + again.stdout
    assert (served / "a" / "b" / NAME).read_bytes() == archive.read_bytes()
    assert sorted(path.name for path in (served / "a" / "b").iterdir()) == [NAME, f"{NAME}.sha256"]


def test_a_presigned_url_is_fetched_without_credentials(
    archive: Path, s3: S3Server, environment: dict[str, str]
) -> None:
    arguments = ["--presign", "1h", str(archive), "s3a://bucket/dist/"]
    done = run(arguments, {**environment, **s3.environment()})
    assert done.returncode == 0, done.stderr
    url = done.stdout.removesuffix("\n")
    # As Mesos' fetcher names the file, and Spark's command its folder.
    assert url.rpartition("/")[2] == NAME
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=60) as answer:
        assert answer.read() == archive.read_bytes()
    assert s3.secret not in done.stdout + done.stderr
    assert url not in done.stderr


@pytest.mark.parametrize(
    ("number", "as_it_is"), [(signal.SIGTERM, False), (signal.SIGINT, False), (signal.SIGINT, True)]
)
def test_an_interrupt_leaves_nothing(
    archive: Path, served: Path, environment: dict[str, str], number: signal.Signals, as_it_is: bool
) -> None:
    home = served.parent / "home"
    with tarfile.open(archive) as tar:
        tar.extractall(home, filter="data")
    # What nothing has to be done to is sent while it is checked.
    source = ["--no-default-excludes", str(archive)] if as_it_is else [str(home / TOP)]
    with webdav_server(served) as server, cutting_proxy(server) as proxy:
        proxy.plan("stall", 8_000_000)
        process = subprocess.Popen(
            [*COMMAND, *source, f"http://127.0.0.1:{proxy.address.port}/dist/"],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            assert proxy.happened.wait(60)
            process.send_signal(number)
            out, err = process.communicate(timeout=60)
        finally:
            process.kill()
            process.wait()
    assert (process.returncode, out) == (ExitCode.INTERRUPTED, "")
    assert "Traceback" not in err
    assert "Uploading: stopped at" in err
    assert [path for path in served.rglob("*") if path.is_file()] == []
    assert list(Path(environment["TMPDIR"]).iterdir()) == []


def unfinished(s3: S3Server) -> list[object]:
    """Uploads whose parts the server still has."""
    try:
        with contextlib.closing(s3.client()) as client:
            return list(client.list_multipart_uploads(Bucket="bucket").get("Uploads", []))
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchUpload":  # rclone's way to say that there is none
            raise
        return []


@pytest.mark.parametrize("damage", ["its end", "a program"])
@pytest.mark.parametrize("kind", ["webdav", "s3", "folder"])
def test_nothing_is_left_of_an_archive_that_is_sent_while_it_is_checked(
    damage: str, kind: str, archive: Path, served: Path, environment: dict[str, str]
) -> None:
    if damage == "its end":
        archive.write_bytes(archive.read_bytes()[:-100])
    else:
        make_archive(archive, without="bin/spark-submit")
    before = set(served.rglob("*"))
    with contextlib.ExitStack() as stack:
        if kind == "webdav":
            destination = f"http://{stack.enter_context(webdav_server(served))}/dist/"
        elif kind == "s3":
            (served / "bucket").mkdir()
            before = set(served.rglob("*"))
            s3 = stack.enter_context(rclone_s3(served))
            environment = {**environment, **s3.environment()}
            destination = "s3a://bucket/dist/"
        else:
            destination = f"{served}/dist/"
        resume = ["--resume"] if kind == "s3" else []
        refused = run([*resume, "--no-default-excludes", str(archive), destination], environment)
        if kind == "s3":
            assert unfinished(s3) == []
    assert (refused.returncode, refused.stdout) == (ExitCode.FAILED, "")
    assert ("is cut off" if damage == "its end" else "bin/spark-submit") in refused.stderr
    assert "Uploading: " in refused.stderr
    assert "goes on from there" not in refused.stderr
    assert {path for path in set(served.rglob("*")) - before if path.is_file()} == set()
    assert list(Path(environment["TMPDIR"]).iterdir()) == []


def test_nor_what_an_earlier_run_has_kept_of_it(
    archive: Path, served: Path, s3: S3Server, environment: dict[str, str]
) -> None:
    """It is refused before anything is sent, since something else is under its name."""
    make_archive(archive, without="bin/spark-submit")
    file, place = read_local_file(archive), {"Bucket": "bucket", "Key": f"dist/{NAME}"}
    environment = {**environment, **s3.environment()}
    with contextlib.closing(s3.client()) as client:
        upload_id = client.create_multipart_upload(**place)["UploadId"]
        client.upload_part(**place, UploadId=upload_id, PartNumber=1, Body=b"part")
        kept = KeptUploads(environment, str(client.meta.endpoint_url), *place.values())
        client.put_object(**place, Body=b"something else")
    kept.save(KeptUpload(upload_id, file.sha256, file.size, part_bytes(file.size)))
    assert unfinished(s3)
    refused = run(["--resume", "--no-default-excludes", str(archive), "s3a://bucket/dist/"], environment)
    assert (refused.returncode, refused.stdout) == (ExitCode.FAILED, "")
    assert "bin/spark-submit" in refused.stderr
    assert unfinished(s3) == []
    assert kept.load() is None
    assert (served / "bucket" / "dist" / NAME).read_bytes() == b"something else"
