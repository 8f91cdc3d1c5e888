"""`/files` of an embedded agent: pieces, offsets and errors as recorded from a real agent with a 2.9 MB log."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from sparkmesos_core.localcluster.cluster import AgentSpec, ClusterSpec, cluster_in_thread
from tests.contract.replay import load
from tests.contract.scheduler_client import request, subscribe

EXCHANGES = [
    x for x in load("agent-files-large-log")["exchanges"] if x["request"]["path"].startswith("/files")
]


@dataclass
class Log:
    agent_url: str
    sandbox: str
    framework_id: str

    def ask(self, path: str) -> tuple[int, dict[str, str], str]:
        """A recorded request, made of this log."""
        parts = urlsplit(path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        wanted = query.get("path", "")
        if wanted.startswith("/frameworks/"):
            query["path"] = (
                f"/frameworks/{self.framework_id}/executors/log-1/" + wanted.partition("/log-1/")[2]
            )
        elif "/runs/" in wanted:
            _, _, name = wanted.partition("/runs/")[2].partition("/")
            folder = str(Path(self.sandbox).parent / "latest") if "/latest/" in wanted else self.sandbox
            query["path"] = f"{folder}/{name}".rstrip("/")
        return request(self.agent_url, "GET", parts.path + ("?" + urlencode(query) if query else ""))


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Log]:
    spec = ClusterSpec(work_dir=tmp_path_factory.mktemp("work"), agents=(AgentSpec(),))
    command = next(
        x["request"]["body"]["accept"]["operations"][0]["launch"]["task_infos"][0]["command"]
        for x in load("agent-files-large-log")["exchanges"]
        if isinstance(x["request"].get("body"), dict) and x["request"]["body"]["type"] == "ACCEPT"
    )
    with cluster_in_thread(spec) as cluster:
        scheduler = subscribe(cluster.http_url, failover_timeout=60)
        offer = scheduler.await_type("OFFERS")["offers"]["offers"][0]
        scheduler.launch(offer, {"task_id": {"value": "log-1"}, "command": command})
        scheduler.await_state("TASK_FINISHED")
        state = json.loads(request(cluster.agent_urls[0], "GET", "/state")[2])
        framework = state["completed_frameworks"][0]
        yield Log(cluster.agent_urls[0], framework["completed_executors"][0]["directory"], framework["id"])
        scheduler.close()


@pytest.mark.parametrize("exchange", EXCHANGES, ids=lambda x: urlsplit(x["request"]["path"]).path)
def test_as_recorded(exchange: Any, log: Log) -> None:
    recorded = exchange["response"]
    status, headers, text = log.ask(exchange["request"]["path"])
    assert status == recorded["status"]
    for name in ("Content-Type", "Content-Disposition"):
        assert headers.get(name.lower()) == recorded["headers"].get(name)
    body, raw = recorded.get("body", ""), text.encode("utf-8", errors="surrogateescape")
    if isinstance(body, list):
        names = [Path(entry["path"]).name for entry in json.loads(text)]
        assert names == [Path(entry["path"]).name for entry in body]
        assert all(
            entry.keys() == wanted.keys() for entry, wanted in zip(json.loads(text), body, strict=True)
        )
        assert {e["mode"] for e in json.loads(text)} == {e["mode"] for e in body}
    elif isinstance(body, dict) and "sha256" in body:
        assert len(raw) == body["length"]
        assert raw[:28].decode("latin1") == body["first_bytes"][:28]
        if body["length"] > 1000:
            # The recorded sums lack their last digit.
            assert hashlib.sha256(raw).hexdigest().startswith(body["sha256"])
    elif isinstance(body, dict) and "data_length" in body:
        piece = json.loads(text)
        assert piece["offset"] == body["offset"]
        assert len(piece["data"]) == body["data_length"]
        assert piece["data"].startswith(body["data_first"])
        assert piece["data"].endswith(body["data_last"])
    elif isinstance(body, dict):
        assert json.loads(raw.decode("utf-8", errors="replace")) == body
    else:
        assert text == body


def test_bytes_that_are_no_utf8_stand_raw_in_the_json(log: Log) -> None:
    exchange = next(x for x in EXCHANGES if "raw_body_latin1" in x["response"])
    _, _, text = log.ask(exchange["request"]["path"])
    live = text.encode("utf-8", errors="surrogateescape").decode("latin1")
    assert live.replace("\\/", "/") == exchange["response"]["raw_body_latin1"].replace("\\/", "/")


def test_nothing_outside_the_sandboxes(log: Log, tmp_path: Path) -> None:
    root = Path(log.sandbox).parents[6]
    secret = tmp_path / "secret"
    secret.write_text("secret")
    (Path(log.sandbox) / "leak").symlink_to(secret)
    for path in (
        str(secret),
        f"{log.sandbox}/../../../../../../../../../../..{secret}",
        f"{log.sandbox}/leak",
        f"/frameworks/../../../../../../../../../..{secret}",
        f"/frameworks/{log.framework_id}",
        str(root),
        "/",
        "relative",
        f"{log.sandbox}/stdout\0",
    ):
        for what in ("read", "download", "browse"):
            status, _, text = request(log.agent_url, "GET", f"/files/{what}?" + urlencode({"path": path}))
            assert status in (400, 404), path
            assert "secret" not in text
