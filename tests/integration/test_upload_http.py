"""Uploads to real servers (wsgidav, nginx), through a network that breaks."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import itertools
import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import trustme

from sparkmesos_core.errors import SparkMesosError, UnreachableError, UploadError
from sparkmesos_core.master import HostPort
from sparkmesos_core.progress import SILENT, Progress
from sparkmesos_core.upload.destination import parse_destination
from sparkmesos_core.upload.http.target import HttpTarget
from sparkmesos_core.upload.local_file import LocalFile, read_local_file
from sparkmesos_core.upload.target import HttpOptions, UploadOptions, WithdrawnError
from sparkmesos_core.upload.transfer import Uploaded, Uploader
from tests.servers.cutting_proxy import CuttingProxy, Kind, cutting_proxy
from tests.servers.nginx import nginx_server
from tests.servers.small_disk import small_disk
from tests.servers.webdav import webdav_server

USERS = {"spark": "hush: a pass/word"}
IN_URL = "spark:hush%3A%20a%20pass%2Fword@"
SIZE = 3_000_000
SMALL = 150_000


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def make_file(folder: Path, size: int) -> LocalFile:
    path = folder / "spark-3.5.9.tgz"
    path.write_bytes(os.urandom(size))
    return read_local_file(path)


@pytest.fixture
def file(tmp_path: Path) -> LocalFile:
    return make_file(tmp_path, SIZE)


@pytest.fixture
def small(tmp_path: Path) -> LocalFile:
    return make_file(tmp_path, SMALL)


def put(
    where: str,
    file: LocalFile,
    *,
    force: bool = False,
    said: list[str] | None = None,
    progress: Progress = SILENT,
    stall_seconds: float = 20,
    **http: Any,
) -> Uploaded:
    options = UploadOptions({}, http=HttpOptions(**http), stall_seconds=stall_seconds)
    target = HttpTarget(parse_destination(where, file.path.name), options)
    uploader = Uploader(
        progress=progress, announce=(said if said is not None else []).append, wait=lambda seconds: None
    )
    try:
        return uploader.put(target, file, force=force)
    finally:
        target.close()


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def uploaded(file: LocalFile, folder: str = "") -> dict[str, bytes]:
    name = folder + file.path.name
    return {
        name: file.path.read_bytes(),
        f"{name}.sha256": f"{file.sha256}  {file.path.name}\n".encode(),
    }


class Server:
    def __init__(self, address: HostPort, folder: Path, **options: Any) -> None:
        self.address = address
        self.folder = folder
        self.scheme: str = options.pop("scheme", "http")
        self.user: str = options.pop("user", "")
        self.host: str = options.pop("host", address.host)
        self.in_place: bool = options.pop("in_place", False)
        self.options = options

    def url(self, path: str, address: HostPort | None = None) -> str:
        return f"{self.scheme}://{self.user}{self.host}:{(address or self.address).port}{path}"


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tls")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(str(folder / "server.pem"))
    return folder


@contextlib.contextmanager
def real_server(kind: str, base: Path, certificates: Path) -> Iterator[Server]:
    folder, state = base / "dist", base / "state"
    folder.mkdir()
    state.mkdir()
    pem = certificates / "server.pem"
    tls: dict[str, Any] = {"scheme": "https", "host": "localhost", "ca_file": certificates / "ca.pem"}
    with contextlib.ExitStack() as stack:
        match kind:
            case "wsgidav":
                yield Server(stack.enter_context(webdav_server(folder)), folder)
            case "wsgidav, basic":
                address = stack.enter_context(webdav_server(folder, users=USERS))
                yield Server(address, folder, user=IN_URL)
            case "wsgidav, digest":
                address = stack.enter_context(webdav_server(folder, users=USERS, digest=True))
                yield Server(address, folder, user=IN_URL)
            case "wsgidav, https":
                yield Server(stack.enter_context(webdav_server(folder, certificate=pem)), folder, **tls)
            case "nginx":
                yield Server(stack.enter_context(nginx_server(folder, state)), folder, in_place=True)
            case "nginx, WebDAV":
                yield Server(stack.enter_context(nginx_server(folder, state, webdav=True)), folder)
            case "nginx, basic":
                address = stack.enter_context(nginx_server(folder, state, webdav=True, users=USERS))
                yield Server(address, folder, user=IN_URL)
            case "nginx, token":
                address = stack.enter_context(nginx_server(folder, state, token="t0ken"))
                yield Server(address, folder, token="t0ken", in_place=True)
            case "nginx, https":
                address = stack.enter_context(nginx_server(folder, state, webdav=True, certificate=pem))
                yield Server(address, folder, **tls)


ALL = [
    *("wsgidav", "wsgidav, basic", "wsgidav, digest", "wsgidav, https"),
    *("nginx", "nginx, WebDAV", "nginx, basic", "nginx, token", "nginx, https"),
]


@pytest.fixture
def server(request: pytest.FixtureRequest, tmp_path: Path, certificates: Path) -> Iterator[Server]:
    with real_server(request.param, tmp_path, certificates) as running:
        yield running


@contextlib.contextmanager
def watched(path: Path, allowed: set[int]) -> Iterator[None]:
    """Fails if the file ever has another size than one of these while the block runs."""
    stop, seen = threading.Event(), set[int]()

    def watch() -> None:
        while not stop.is_set():
            with contextlib.suppress(FileNotFoundError):
                seen.add(path.stat().st_size)
            stop.wait(0.0005)  # without, it would keep the uploader from running

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
    assert seen <= allowed


@pytest.mark.parametrize("server", ALL, indirect=True)
def test_every_server(server: Server, file: LocalFile, tmp_path: Path) -> None:
    where = server.url("/made/as%20needed/")
    final = server.folder / "made" / "as needed" / file.path.name
    with watched(final, {SIZE}):
        first = put(where, file, **server.options)
    assert first.sent
    assert bool(first.remarks) == server.in_place
    assert first.uri == server.url(f"/made/as%20needed/{file.path.name}").replace(server.user, "")
    assert contents(server.folder) == uploaded(file, "made/as needed/")
    subprocess.run(["sha256sum", "--check", "--strict", f"{final}.sha256"], cwd=final.parent, check=True)

    again = put(where, file, **server.options)
    assert not again.sent

    (tmp_path / "other").mkdir()
    other = make_file(tmp_path / "other", SMALL)
    with pytest.raises(UploadError, match=r"another file of 3000000 bytes"):
        put(where, other, **server.options)
    assert contents(server.folder) == uploaded(file, "made/as needed/")
    with watched(final, {SIZE, SMALL}):
        assert put(where, other, force=True, **server.options).sent
    assert contents(server.folder) == uploaded(other, "made/as needed/")


@pytest.mark.parametrize("server", ["wsgidav, basic", "wsgidav, digest", "nginx, basic"], indirect=True)
@pytest.mark.parametrize("user", ["", "spark:wr0ng@", "other:wr0ng@"])
def test_wrong_credentials(server: Server, user: str, file: LocalFile) -> None:
    server.user = user
    with pytest.raises(UploadError, match=r"answered PUT with 401") as raised:
        put(server.url("/"), file)
    assert "may write there" in raised.value.hint
    assert "wr0ng" not in f"{raised.value!r} {raised.value.hint}"
    assert contents(server.folder) == {}


def test_a_token_that_has_expired(tmp_path: Path, certificates: Path, file: LocalFile) -> None:
    with real_server("nginx, token", tmp_path, certificates) as server:
        with pytest.raises(UploadError, match="PUT with 401 Unauthorized"):
            put(server.url("/"), file, token="0ld")
        assert contents(server.folder) == {}


def test_a_file_in_the_place_of_a_folder(tmp_path: Path, certificates: Path, file: LocalFile) -> None:
    for number, kind in enumerate(("wsgidav", "nginx, WebDAV", "nginx")):
        base = tmp_path / str(number)
        base.mkdir()
        with real_server(kind, base, certificates) as server:
            (server.folder / "dist").mkdir()
            (server.folder / "dist" / "precious").write_bytes(b"x")
            (server.folder / "plain").write_bytes(b"y")
            with pytest.raises(UploadError):
                put(server.url("/dist"), file, force=True)
            with pytest.raises(UploadError, match="answered PUT with"):
                put(server.url("/plain/"), file, force=True)
            assert contents(server.folder) == {"dist/precious": b"x", "plain": b"y"}


def test_a_limit_of_the_server(tmp_path: Path, file: LocalFile) -> None:
    folder, state = tmp_path / "dist", tmp_path / "state"
    folder.mkdir()
    state.mkdir()
    with (
        nginx_server(folder, state, webdav=True, max_body=1 << 20) as address,
        pytest.raises(UploadError, match="413") as raised,
    ):
        put(f"http://{address}/", file)
    assert "client_max_body_size" in raised.value.hint
    assert contents(folder) == {}


def test_a_redirect(tmp_path: Path, file: LocalFile) -> None:
    folders = [tmp_path / name for name in ("dist", "state", "front", "front-state")]
    for folder in folders:
        folder.mkdir()
    with nginx_server(folders[0], folders[1], webdav=True) as address:
        leads = f"location /here/ {{ return 307 http://{address}/there/$request_uri; }}"
        with nginx_server(folders[2], folders[3], more=leads) as front:
            put(f"http://{front}/here/", file)
    assert contents(folders[0]) == uploaded(file, "there/here/")
    assert contents(folders[2]) == {}


def test_a_read_only_server(tmp_path: Path, file: LocalFile) -> None:
    for name in ("dist", "state"):
        (tmp_path / name).mkdir()
    forbidding = "location /dist/ { limit_except GET { deny all; } }"
    with (
        nginx_server(tmp_path / "dist", tmp_path / "state", more=forbidding) as address,
        pytest.raises(UploadError, match="PUT with 403 Forbidden"),
    ):
        put(f"http://{address}/dist/", file)
    assert contents(tmp_path / "dist") == {}


@pytest.mark.parametrize("kind", ["wsgidav", "nginx"])
def test_a_full_disk(kind: str, tmp_path: Path, file: LocalFile) -> None:
    folder, state = tmp_path / "dist", tmp_path / "state"
    folder.mkdir()
    state.mkdir()
    prefix = small_disk(folder, 1000)
    with (
        webdav_server(folder, prefix=prefix)
        if kind == "wsgidav"
        else nginx_server(folder, state, webdav=True, prefix=prefix)
    ) as address:
        said: list[str] = []
        with pytest.raises(UploadError, match="answered PUT with 5") as raised:
            put(f"http://{address}/", file, said=said)
        assert "disk" in raised.value.hint or "room" in raised.value.hint
        assert requests.head(f"http://{address}/{file.path.name}").status_code == 404
        if kind == "wsgidav":  # nginx leaves parts of its own behind
            # What was left would keep this one from fitting.
            fits = make_file(tmp_path, 900_000)
            assert put(f"http://{address}/", fits).sent


class Faulty:
    """A server behind a proxy that breaks connections, with what a healthy upload takes."""

    def __init__(self, server: Server, proxy: CuttingProxy) -> None:
        self.server, self.proxy = server, proxy

    def upload(self, file: LocalFile, plan: Callable[[], None], **options: Any) -> tuple[str, list[str]]:
        """Upload to a folder of its own while the plan holds; its name, and what was announced."""
        folder = f"n{len(list(self.server.folder.iterdir()))}"
        (self.server.folder / folder).mkdir()
        said: list[str] = []
        plan()
        with watched(self.server.folder / folder / file.path.name, {file.size}):
            put(
                self.server.url(f"/{folder}/", self.proxy.address),
                file,
                said=said,
                **{**self.server.options, **options},
            )
        return folder, said


@pytest.fixture(scope="module", params=["wsgidav", "wsgidav, https", "nginx, WebDAV", "nginx"])
def faulty(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, certificates: Path
) -> Iterator[Faulty]:
    with (
        real_server(request.param, tmp_path_factory.mktemp("faulty"), certificates) as server,
        cutting_proxy(server.address) as proxy,
    ):
        yield Faulty(server, proxy)


@pytest.mark.parametrize("kind", ["reset", "close"])
@pytest.mark.parametrize("direction", ["up", "down"])
def test_a_connection_that_is_cut_anywhere(
    kind: Kind, direction: Any, faulty: Faulty, small: LocalFile
) -> None:
    proxy = faulty.proxy
    before = proxy.carried[direction]
    faulty.upload(small, proxy.heal)
    total = proxy.carried[direction] - before
    # Close together around requests and answers, wide apart within the file.
    places = [*range(0, 1200, 149), *range(1200, total - 1200, max(1, total // 8))]
    places += range(max(1200, total - 1200), total - 2, 171)
    fired = 0
    for place in places:
        before_it = proxy.fired
        folder, _ = faulty.upload(small, functools.partial(proxy.plan, kind, place, direction=direction))
        fired += proxy.fired - before_it
        assert contents(faulty.server.folder / folder) == uploaded(small), place
    assert fired > len(places) * 0.7


def test_a_connection_that_is_always_cut(faulty: Faulty, small: LocalFile) -> None:
    proxy = faulty.proxy
    with pytest.raises(UnreachableError, match=r"\(tried 5 times\)"):
        faulty.upload(small, lambda: proxy.plan("reset", 100_000, times=1000))
    proxy.heal()
    folder = max(faulty.server.folder.iterdir(), key=lambda path: int(path.name[1:]))
    assert contents(folder) == {}


def test_corrupted_on_the_way(faulty: Faulty, small: LocalFile) -> None:
    folder, said = faulty.upload(small, lambda: faulty.proxy.plan("flip", 100_000))
    # TLS notices by itself.
    noticed = "" if faulty.server.scheme == "https" else "its SHA-256 differs"
    assert [line for line in said if noticed in line]
    assert contents(faulty.server.folder / folder) == uploaded(small)


def test_always_corrupted_on_the_way(faulty: Faulty, small: LocalFile) -> None:
    proxy = faulty.proxy
    if faulty.server.scheme == "https":
        with pytest.raises(SparkMesosError, match=r"\(tried 5 times\)"):
            faulty.upload(small, lambda: proxy.plan("flip", 100_000, times=1000))
    else:
        # In the file alone, at whichever byte of the connection it is.
        behind = small.path.read_bytes()[-200:-100]
        with pytest.raises(UploadError, match="its SHA-256 differs"):
            faulty.upload(small, lambda: proxy.plan("flip", 5, behind=behind, times=1000))
    proxy.heal()
    folder = max(faulty.server.folder.iterdir(), key=lambda path: int(path.name[1:]))
    assert contents(folder) == {}


def test_what_turns_out_not_to_be_wanted_leaves_nothing(faulty: Faulty, file: LocalFile) -> None:
    asked = itertools.count()

    def still_wanted() -> None:
        if next(asked) == 5:
            raise WithdrawnError("no")

    with pytest.raises(WithdrawnError):
        faulty.upload(dataclasses.replace(file, still_wanted=still_wanted), faulty.proxy.heal)
    folder = max(faulty.server.folder.iterdir(), key=lambda path: int(path.name[1:]))
    assert contents(folder) == {}


@pytest.mark.parametrize("direction", ["up", "down"])
def test_a_connection_that_stalls(direction: Any, faulty: Faulty, small: LocalFile) -> None:
    folder, said = faulty.upload(
        small, lambda: faulty.proxy.plan("stall", 50_000, direction=direction), stall_seconds=1
    )
    faulty.proxy.heal()
    assert any("was silent for 1 s" in line for line in said)
    assert contents(faulty.server.folder / folder) == uploaded(small)


def test_a_slow_server_is_no_stall(faulty: Faulty, small: LocalFile) -> None:
    # The system takes all of the file at once; the proxy takes it in seconds.
    with cutting_proxy(faulty.server.address, receive_buffer=8192) as proxy:
        proxy.bytes_per_second = 100_000
        slow = Faulty(faulty.server, proxy)
        folder, said = slow.upload(small, proxy.heal, stall_seconds=0.8)
    assert said == []
    assert contents(faulty.server.folder / folder) == uploaded(small)


def test_an_interrupt(faulty: Faulty, tmp_path: Path) -> None:
    # More than the system takes at once, so that it happens in the middle.
    file = make_file(tmp_path, 32_000_000)

    class Interrupting:
        def __init__(self) -> None:
            self.sent = 0

        def begin(self, step: str, total: int | None) -> None:
            pass

        def end(self) -> None:
            pass

        def already(self, count: int) -> None:
            pass

        def advance(self, count: int) -> None:
            self.sent += count
            if self.sent > 1_000_000:
                self.sent = -(10**9)
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        faulty.upload(file, faulty.proxy.heal, progress=Interrupting())
    folder = max(faulty.server.folder.iterdir(), key=lambda path: int(path.name[1:]))
    assert contents(folder) == {}


def test_a_server_that_is_gone(file: LocalFile, tmp_path: Path) -> None:
    with webdav_server(tmp_path) as address:
        pass
    with pytest.raises(SparkMesosError, match="refuses the connection") as raised:
        put(f"http://{address}/", file)
    assert isinstance(raised.value, UnreachableError)
