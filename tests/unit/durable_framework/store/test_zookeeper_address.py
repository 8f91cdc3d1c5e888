"""How servers and node are written, and the mistakes in them."""

from __future__ import annotations

import pytest

from sparkmesos_core.dispatcher.drivers.kind import DRIVERS
from sparkmesos_core.durable_framework.store.zookeeper_address import ZooKeeperAddress, parse_zookeeper
from sparkmesos_core.errors import UsageError
from sparkmesos_core.master import Credential, HostPort

H1, H2 = HostPort("h1", 2181), HostPort("h2", 2182)
DEFAULT = "/sparkmesos_dispatcher"


@pytest.mark.parametrize(
    ("servers", "base", "expected"),
    [
        ("h1:2181,h2:2182", None, ZooKeeperAddress((H1, H2), DEFAULT)),
        (" h1 ", None, ZooKeeperAddress((H1,), DEFAULT)),
        ("h1", "/a/b", ZooKeeperAddress((H1,), "/a/b")),
        ("h1", "//a/b/", ZooKeeperAddress((H1,), "/a/b")),
        ("h1/", None, ZooKeeperAddress((H1,), DEFAULT)),
        ("zk://h1,h2:2182/c", None, ZooKeeperAddress((H1, H2), "/c")),
        ("mesos://ZK://h1/c", "/d", ZooKeeperAddress((H1,), "/d")),
        ("[::1]:7", None, ZooKeeperAddress((HostPort("::1", 7),), DEFAULT)),
        ("me:p@ss@h1", None, ZooKeeperAddress((H1,), DEFAULT, Credential("me", "p@ss"))),
    ],
)
def test_forms(servers: str, base: str | None, expected: ZooKeeperAddress) -> None:
    assert parse_zookeeper(servers, base, DRIVERS) == expected


@pytest.mark.parametrize(
    ("servers", "base", "reason"),
    [
        ("", None, "has no host"),
        ("h1,,h2", None, "empty host"),
        ("h1:port", None, "port of 'h1'"),
        ("me@h1", None, "is not USER:PASSWORD"),
        ("h1", "a", "does not begin with a /"),
        ("h1", "/", "has no path"),
        ("h1", "/a/../b", "relative path"),
        ("h1", "/a b", "white space"),
    ],
)
def test_mistakes(servers: str, base: str | None, reason: str) -> None:
    with pytest.raises(UsageError, match=reason) as caught:
        parse_zookeeper(servers, base, DRIVERS)
    assert caught.value.hint


@pytest.mark.parametrize("servers", ["me:opensesame@h1:x", "me:opensesame@", "me:opensesame/h1"])
def test_a_password_is_never_shown(servers: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_zookeeper(servers, None, DRIVERS)
    assert "opensesame" not in caught.value.message + caught.value.hint
    shown = ZooKeeperAddress((H1, H2), "/a", Credential("me", "opensesame"))
    assert str(shown) == "/a in ZooKeeper (h1:2181,h2:2182)"
    assert "opensesame" not in repr(shown)
