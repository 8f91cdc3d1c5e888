"""Where a master sends those who look for the leader, whatever stands in ZooKeeper."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from starlette.types import Message

from sparkmesos_core.localcluster.credentials import Authentication
from sparkmesos_core.localcluster.master.master import Master
from sparkmesos_core.localcluster.master.master_http import leader_authority, master_app
from sparkmesos_core.localcluster.master.master_records import MasterOptions
from sparkmesos_core.localcluster.master.registry import Registry

Json = dict[str, Any]
UNCLEAR: list[Json] = [
    {},
    {"hostname": "h"},
    {"port": 5050},
    {"hostname": "h", "port": "5050"},
    {"hostname": "h", "port": True},
    {"hostname": "h", "port": 65536},
    {"hostname": "h/evil?", "port": 1},
    {"hostname": "a b", "port": 1},
    {"hostname": "h\r\nSet-Cookie: x", "port": 1},
    {"hostname": 5, "port": 1, "pid": 7},
    {"address": "h:5050", "pid": ["master@h:5050"]},
    {"address": [], "ip": 16777343},
]


@pytest.mark.parametrize(
    ("info", "where"),
    [
        ({"hostname": "h", "port": 1, "address": {"ip": "10.0.0.1", "port": 2}}, "h:1"),
        ({"address": {"hostname": "n", "ip": "10.0.0.1", "port": 2}}, "n:2"),
        ({"hostname": "", "port": 1, "address": {"ip": "10.0.0.1", "port": 2}}, "10.0.0.1:2"),
        ({"hostname": "::1", "port": 1}, "[::1]:1"),
    ],
)
def test_a_leader_that_says_where_it_is(info: Json, where: str) -> None:
    assert leader_authority(info) == where


@pytest.mark.parametrize("info", UNCLEAR, ids=str)
def test_one_that_does_not_breaks_nothing(info: Json) -> None:
    assert leader_authority(info) is None

    async def get(path: str) -> int:
        sent: list[Message] = []

        async def send(message: Message) -> None:
            sent.append(message)

        async def receive() -> Message:
            return {"type": "http.request"}

        master = Master(MasterOptions(), lambda: 1000.0, Registry())
        master.follow(info)
        scope = {"type": "http", "method": "GET", "path": path, "headers": [], "query_string": b""}
        await master_app(master, Authentication())(scope, receive, send)
        return int(sent[0]["status"])

    assert [asyncio.run(get(path)) for path in ("/redirect", "/state", "/")] == [503, 503, 200]
