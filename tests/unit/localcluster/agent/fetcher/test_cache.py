from __future__ import annotations

import json
import threading
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import pytest

from sparkmesos_core.localcluster.agent.fetcher import FetchCancelled, FetcherCache, FetchError
from tests.fetching import fetch, files, make_tar
from tests.http_stub import Answer, HttpStub, http_stub


@pytest.fixture
def cache(tmp_path: Path) -> FetcherCache:
    return FetcherCache(tmp_path / "cache", 1000)


class Sandboxes:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.made = 0

    def new(self) -> Path:
        self.made += 1
        sandbox = self.folder / f"sandbox{self.made}"
        sandbox.mkdir()
        return sandbox


@pytest.fixture
def sandboxes(tmp_path: Path) -> Sandboxes:
    return Sandboxes(tmp_path)


def cached(uri: Any, **more: Any) -> dict[str, Any]:
    return {"value": str(uri), "cache": True, **more}


def info(log: str) -> Any:
    return json.loads(log.splitlines()[0].split("Fetcher Info: ")[1])


def actions(log: str) -> list[str]:
    return [item["action"] for item in info(log)["items"]]


def gets(stub: HttpStub) -> list[str]:
    return [path for method, path, _ in stub.requests if method == "GET"]


def in_cache(cache: FetcherCache) -> list[str]:
    return sorted(p.name for p in cache.folder.rglob("*") if p.is_file())


def test_what_is_in_the_cache_is_not_downloaded_again(cache: FetcherCache, sandboxes: Sandboxes) -> None:
    with http_stub({"/app.py": Answer(200, b"body")}) as stub:
        uri = cached(f"http://{stub.address}/app.py")
        first = fetch(sandboxes.new(), uri, cache=cache)
        other = sandboxes.new()
        second = fetch(other, uri, cache=cache)
        assert gets(stub) == ["/app.py"]
    assert actions(first) == ["DOWNLOAD_AND_CACHE"]
    assert "Downloading resource from" in first
    assert actions(second) == ["RETRIEVE_FROM_CACHE"]
    assert "Downloading" not in second
    assert "Fetching URI 'http" in second.splitlines()[2]
    assert second.splitlines()[2].endswith("' from cache")
    assert info(second)["items"][0]["cache_filename"] == "c1-app.py"
    assert (other / "app.py").read_bytes() == b"body"
    assert cache.used == 4


def test_a_cached_archive_is_not_in_the_sandbox(
    cache: FetcherCache, sandboxes: Sandboxes, tmp_path: Path
) -> None:
    archive = make_tar(tmp_path / "spark-1.2.3-bin-hadoop3.tgz")
    sandbox = sandboxes.new()
    log = fetch(sandbox, cached(archive), cached(archive, extract=False, output_file="raw"), cache=cache)
    assert files(sandbox) == {"top/bin/run", "raw"}
    assert f"Fetched '{archive}' to '{sandbox}'" in log
    assert actions(log) == ["DOWNLOAD_AND_CACHE"] * 2, "the second one needs no download, as in Mesos"
    assert in_cache(cache) == ["c1-spark-1.2._adoop3.tgz"]


def test_executables_are_so_in_the_sandbox_only(
    cache: FetcherCache, sandboxes: Sandboxes, tmp_path: Path
) -> None:
    (tmp_path / "run").write_text("x")
    sandbox = sandboxes.new()
    fetch(sandbox, cached(tmp_path / "run", executable=True), cache=cache)
    assert (sandbox / "run").stat().st_mode & 0o777 == 0o755
    assert (cache.folder / "c1-run").stat().st_mode & 0o111 == 0


def test_users_do_not_share(cache: FetcherCache, sandboxes: Sandboxes) -> None:
    with http_stub({"/a": Answer(200, b"body")}) as stub:
        uri = cached(f"http://{stub.address}/a")
        log = fetch(sandboxes.new(), uri, cache=cache, user="alice")
        fetch(sandboxes.new(), uri, cache=cache, user="bob")
        fetch(sandboxes.new(), uri, cache=cache)
        assert len(gets(stub)) == 3
    assert info(log)["cache_directory"] == str(cache.folder / "alice")
    assert info(log)["user"] == "alice"


def test_without_a_cache_everything_goes_past_it(sandboxes: Sandboxes, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x")
    assert actions(fetch(sandboxes.new(), cached(tmp_path / "a"))) == ["BYPASS_CACHE"]


def test_what_does_not_fit_or_has_no_size_goes_past_the_cache(
    cache: FetcherCache, sandboxes: Sandboxes, tmp_path: Path
) -> None:
    (tmp_path / "large").write_bytes(bytes(1001))
    assert actions(fetch(sandboxes.new(), cached(tmp_path / "large"), cache=cache)) == ["BYPASS_CACHE"]
    with http_stub({"/empty": Answer(200)}) as stub:
        for path in ("empty", "nope"):
            sandbox = sandboxes.new()
            try:
                fetch(sandbox, cached(f"http://{stub.address}/{path}"), cache=cache)
            except FetchError:
                assert path == "nope"
            assert actions((sandbox / "stderr").read_text()) == ["BYPASS_CACHE"]
    assert in_cache(cache) == []
    assert cache.used == 0


def test_the_least_recently_used_makes_way(cache: FetcherCache, sandboxes: Sandboxes, tmp_path: Path) -> None:
    for name in "abc":
        (tmp_path / name).write_bytes(bytes(400))
    for name in "aba":
        fetch(sandboxes.new(), cached(tmp_path / name), cache=cache)
    assert in_cache(cache) == ["c1-a", "c2-b"]
    fetch(sandboxes.new(), cached(tmp_path / "c"), cache=cache)
    assert in_cache(cache) == ["c1-a", "c3-c"]
    assert cache.used == 800
    assert actions(fetch(sandboxes.new(), cached(tmp_path / "a"), cache=cache)) == ["RETRIEVE_FROM_CACHE"]


def test_what_is_in_use_does_not_make_way(cache: FetcherCache) -> None:
    never = threading.Event()
    with cache.files(["/a"], None, never, lambda uri: 600) as first:
        first["/a"].path.write_bytes(bytes(600))
        cache.finished(first["/a"])
        with cache.files(["/b"], None, never, lambda uri: 600) as second:
            assert second == {}
    with cache.files(["/b"], None, never, lambda uri: 600) as third:
        assert third["/b"].to_download
        assert not first["/a"].path.exists()


def test_a_file_that_is_gone_is_downloaded_again(
    cache: FetcherCache, sandboxes: Sandboxes, tmp_path: Path
) -> None:
    (tmp_path / "a").write_text("x")
    fetch(sandboxes.new(), cached(tmp_path / "a"), cache=cache)
    (cache.folder / "c1-a").unlink()
    assert actions(fetch(sandboxes.new(), cached(tmp_path / "a"), cache=cache)) == ["DOWNLOAD_AND_CACHE"]
    assert in_cache(cache) == ["c2-a"]
    assert cache.used == 1


def test_sizes_that_were_not_what_was_said(cache: FetcherCache) -> None:
    never = threading.Event()
    for said, kept in ((10, True), (2, False)):
        with cache.files(["/a", f"/{said}"], None, never, lambda uri: said) as mine:  # noqa: B023
            file = mine[f"/{said}"]
            file.path.write_bytes(b"12345")
            cache.finished(file)
            assert file.path.exists(), "whoever has it may use it to the end"
        assert file.path.exists() == kept
    assert cache.used == 5


def test_concurrent_fetches_download_once(cache: FetcherCache, sandboxes: Sandboxes) -> None:
    asked, answer = threading.Event(), threading.Event()

    def reply(path: str) -> Answer:
        if "HEAD" not in [method for method, _, _ in stub.requests[-1:]]:
            asked.set()
            assert answer.wait(60)
        return Answer(200, b"body")

    with http_stub(reply) as stub, ThreadPoolExecutor(4) as pool:
        uri = cached(f"http://{stub.address}/a")
        first = pool.submit(fetch, sandboxes.new(), uri, cache=cache)
        assert asked.wait(60)
        others = [pool.submit(fetch, sandboxes.new(), uri, cache=cache) for _ in range(3)]
        answer.set()
        assert actions(first.result(60)) == ["DOWNLOAD_AND_CACHE"]
        assert [actions(other.result(60)) for other in others] == [["RETRIEVE_FROM_CACHE"]] * 3
        assert gets(stub) == ["/a"]


def waiting(cache: FetcherCache, cancelled: threading.Event) -> dict[str, Any]:
    with cache.files(["/a"], None, cancelled, lambda uri: 5) as got:
        return dict(got)


def still_waiting(other: Future[Any]) -> bool:
    return not wait([other], 0.2).done


def test_when_a_download_fails_those_who_wait_go_past_the_cache(cache: FetcherCache) -> None:
    never = threading.Event()
    with ThreadPoolExecutor() as pool:
        with cache.files(["/a"], None, never, lambda uri: 5) as mine:
            mine["/a"].path.write_bytes(b"123")
            other = pool.submit(waiting, cache, never)
            assert still_waiting(other)
        assert other.result(60) == {}
    assert in_cache(cache) == []
    assert cache.used == 0


def test_nobody_waits_for_a_download_that_is_given_up(cache: FetcherCache) -> None:
    given_up, never = threading.Event(), threading.Event()
    with ThreadPoolExecutor() as pool, cache.files(["/a"], None, given_up, lambda uri: 5) as mine:
        mine["/a"].path.write_bytes(b"123")
        other = pool.submit(waiting, cache, never)
        assert still_waiting(other)
        given_up.set()  # but its thread is still waiting for a silent server
        assert other.result(60) == {}
        with cache.files(["/a"], None, never, lambda uri: 5) as anew:
            assert anew["/a"].to_download
            assert anew["/a"].path != mine["/a"].path
            cache.finished(mine["/a"])  # too late, and nobody's business any more
            assert anew["/a"].entry.ready is None
    assert cache.used == 0
    assert in_cache(cache) == []


def test_waiting_can_be_given_up(cache: FetcherCache) -> None:
    given_up, never = threading.Event(), threading.Event()
    with ThreadPoolExecutor() as pool, cache.files(["/a"], None, never, lambda uri: 5) as mine:
        other = pool.submit(waiting, cache, given_up)
        given_up.set()
        with pytest.raises(FetchCancelled):
            other.result(60)
        mine["/a"].path.write_bytes(b"12345")
        cache.finished(mine["/a"])
    assert cache.used == 5


def test_what_was_there_is_cleared(tmp_path: Path) -> None:
    (tmp_path / "cache" / "alice").mkdir(parents=True)
    (tmp_path / "cache" / "alice" / "c1-a").touch()
    assert in_cache(FetcherCache(tmp_path / "cache")) == []


def test_a_download_for_a_former_agent_does_not_meddle(tmp_path: Path) -> None:
    never = threading.Event()
    former = FetcherCache(tmp_path / "cache")
    with former.files(["/a"], None, never, lambda uri: 5) as under_way:
        cache = FetcherCache(tmp_path / "cache")
        with cache.files(["/a"], None, never, lambda uri: 5) as anew:
            assert anew["/a"].path != under_way["/a"].path


def test_no_secret_is_in_the_name_of_a_cached_file(cache: FetcherCache, sandboxes: Sandboxes) -> None:
    with http_stub(lambda path: Answer(200, b"x")) as stub:
        log = fetch(sandboxes.new(), cached(f"http://{stub.address}/a?sig=hunter2"), cache=cache)
    assert "hunter2" not in log
    assert "hunter2" not in "".join(in_cache(cache))
