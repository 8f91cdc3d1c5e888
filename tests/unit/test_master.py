"""Master and dispatcher URLs: every documented form, the way back to text, and every mistake."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from sparkmesos_core.errors import ExitCode, MasterUrlError
from sparkmesos_core.master import (
    Credential,
    Dispatcher,
    EmbeddedMaster,
    HostPort,
    MesosMaster,
    ZooKeeperMaster,
    parse_dispatcher,
    parse_master,
)

H = HostPort("h", 5050)
ZK = HostPort("h", 2181)


@pytest.mark.parametrize(
    ("text", "value", "canonical"),
    [
        ("mesos://h", MesosMaster((H,)), "mesos://h:5050"),
        ("mesos://h:5050", MesosMaster((H,)), "mesos://h:5050"),
        ("mesos://h:5050/", MesosMaster((H,)), "mesos://h:5050"),
        ("MESOS://h", MesosMaster((H,)), "mesos://h:5050"),
        ("http://h", MesosMaster((H,)), "mesos://h:5050"),
        ("mesos://http://h:1", MesosMaster((HostPort("h", 1),)), "mesos://h:1"),
        ("https://h:5050", MesosMaster((H,), "https"), "mesos://https://h:5050"),
        ("mesos://https://h", MesosMaster((H,), "https"), "mesos://https://h:5050"),
        ("mesos://master@h:5050", MesosMaster((H,)), "mesos://h:5050"),
        ("mesos://h1:5051,h2", MesosMaster((HostPort("h1", 5051), HostPort("h2", 5050))), None),
        ("mesos://master@h1,master@h2", MesosMaster((HostPort("h1", 5050), HostPort("h2", 5050))), None),
        ("mesos://https://h1,h2", MesosMaster((HostPort("h1", 5050), HostPort("h2", 5050)), "https"), None),
        ("mesos://[::1]", MesosMaster((HostPort("::1", 5050),)), "mesos://[::1]:5050"),
        ("mesos://[0:0::1]:65535", MesosMaster((HostPort("::1", 65535),)), "mesos://[::1]:65535"),
        ("mesos://10.0.0.1", MesosMaster((HostPort("10.0.0.1", 5050),)), "mesos://10.0.0.1:5050"),
        ("mesos://a_b-c.example.", MesosMaster((HostPort("a_b-c.example.", 5050),)), None),
        ("mesos://zk", MesosMaster((HostPort("zk", 5050),)), "mesos://zk:5050"),
        ("mesos://yarn", MesosMaster((HostPort("yarn", 5050),)), "mesos://yarn:5050"),
        ("zk://h/mesos", ZooKeeperMaster((ZK,), "/mesos"), "mesos://zk://h:2181/mesos"),
        ("mesos://zk://h:2181/mesos", ZooKeeperMaster((ZK,), "/mesos"), "mesos://zk://h:2181/mesos"),
        ("zk://h,[fd00::2]:99//a//b/", ZooKeeperMaster((ZK, HostPort("fd00::2", 99)), "/a/b"), "mesos://zk://h:2181,[fd00::2]:99/a/b"),
        ("mesos://zk://u:p@h/mesos", ZooKeeperMaster((ZK,), "/mesos", Credential("u", "p")), "mesos://zk://u:p@h:2181/mesos"),
        ("zk://u:a@b:c,d@h/m", ZooKeeperMaster((ZK,), "/m", Credential("u", "a@b:c,d")), "mesos://zk://u:a@b:c,d@h:2181/m"),
        ("embedded", EmbeddedMaster(2), "embedded[2]"),
        ("embedded[1]", EmbeddedMaster(1), "embedded[1]"),
        ("embedded[100]", EmbeddedMaster(100), "embedded[100]"),
    ],
)  # fmt: skip
def test_master_forms(text: str, value: object, canonical: str | None) -> None:
    parsed = parse_master(text)
    assert parsed == value
    assert parse_master(parsed.spark_url) == parsed
    if canonical is not None:
        assert parsed.spark_url == canonical


@pytest.mark.parametrize(
    ("text", "value", "canonical"),
    [
        ("mesos://h", Dispatcher(HostPort("h", 7077)), "mesos://h:7077"),
        ("mesos://h:7078/", Dispatcher(HostPort("h", 7078)), "mesos://h:7078"),
        ("http://h:7077", Dispatcher(HostPort("h", 7077)), "mesos://h:7077"),
        ("https://h", Dispatcher(HostPort("h", 7077), "https"), "mesos://https://h:7077"),
        ("mesos://https://[::1]", Dispatcher(HostPort("::1", 7077), "https"), "mesos://https://[::1]:7077"),
        (
            "mesos://a,b:7078",
            Dispatcher(HostPort("a", 7077), "http", (HostPort("b", 7078),)),
            "mesos://a:7077,b:7078",
        ),
    ],
)
def test_dispatcher_forms(text: str, value: Dispatcher, canonical: str) -> None:
    parsed = parse_dispatcher(text)
    assert parsed == value
    assert parsed.spark_url == str(parsed) == canonical
    assert parse_dispatcher(canonical) == value


MISTAKES = [
    ("", "the master URL is empty", "mesos://HOST:5050"),
    ("mesos://", "has no host", "mesos://HOST:5050"),
    ("mesos:///", "has no host", ""),
    ("mesos://:5050", "has no host before ':5050'", ""),
    ("mesos://h:0", "the port of 'h' in master URL 'mesos://h:0' is not a number from 1 to 65535: '0'", ""),
    ("mesos://h:65536", "'65536'", "mesos://HOST:5050"),
    ("mesos://h:abc", "'abc'", ""),
    ("mesos://h:", "not a number from 1 to 65535: ''", ""),
    ("mesos://h:1:2", "'1:2'", ""),
    ("mesos://h:+1", "'+1'", ""),
    ("mesos://h:٣", "'٣'", ""),
    ("mesos://a,,b", "an empty host between commas", ""),
    ("mesos://a,", "an empty host between commas", ""),
    ("mesos://5050", "'5050' in master URL 'mesos://5050' is not a host name", ""),
    ("mesos://10.0.0.256", "'10.0.0.256'", ""),
    ("mesos://-h", "'-h'", ""),
    ("mesos://" + "h" * 64, "is not a host name", ""),
    ("mesos://hä", "'hä'", ""),
    ("mesos://h:5050/mesos", "has a path ('/mesos')", ""),
    ("mesos://h:5050?x=1", "has '?x=1', which means nothing here", ""),
    ("mesos://h#f", "has '#f'", ""),
    ("mesos://::1", "needs brackets: [::1]", ""),
    ("mesos://[::1", "brackets that do not fit", ""),
    ("mesos://[::1]5050", "brackets that do not fit", ""),
    ("mesos://[h]:5050", "'h' in master URL 'mesos://[h]:5050' is not an IPv6 address", ""),
    ("mesos:h", "does not begin with mesos://", ""),
    ("h:5050", "'h:5050' does not begin with mesos://", "Did you mean mesos://h:5050?"),
    ("h1,h2:5050", "does not begin with mesos://", "Did you mean mesos://h1,h2:5050?"),
    (" mesos://h", "white space", ""),
    ("mesos://h\n", "white space", ""),
    ("mesos://a, b", "white space", ""),
    ("mesos://h\x00", "control characters", ""),
    ("ftp://h", "'ftp://' is not the scheme of a master URL", ""),
    ("mesos://ftp://h", "'ftp://' cannot stand within a mesos:// URL", ""),
    ("mesos://mesos://h", "'mesos://' cannot stand within", ""),
    ("mesos://file:///etc/mesos/zk", "not supported", "content of that file"),
    ("mesos://a,mesos://b:5051", "has 'mesos://' in front of a host", "Did you mean mesos://a,b:5051?"),
    ("mesos://a,https://b", "has 'https://' in front of a host", "Write mesos://HOST:5050"),
    ("mesos://https://a,mesos://https://b", "'mesos://https://' in", "Did you mean mesos://https://a,b?"),
    ("spark://h:7077", "Spark standalone", "mesos://HOST:5050"),
    ("spark+mesos://h", "users write mesos://", ""),
    ("yarn", "YARN", ""),
    ("yarn-client", "YARN", ""),
    ("local", "inside one process", "embedded[N]"),
    ("local[*]", "'local[*]' runs Spark inside one process", ""),
    ("local-cluster[2,1,1024]", "test cluster", ""),
    ("k8s://https://h:6443", "Kubernetes", ""),
    ("embedded[0]", "is no number of agents", "from 1 to 100"),
    ("embedded[101]", "is no number of agents", ""),
    ("embedded[*]", "is no number of agents", ""),
    ("embedded[2", "is no number of agents", ""),
    ("zk://h", "ZooKeeper URL 'zk://h' has no path", "mesos://zk://HOST1:2181"),
    ("mesos://zk://h:2181/", "has no path", ""),
    ("zk://h//", "has no path", ""),
    ("zk:///mesos", "has no host", ""),
    ("zk://h,,i/mesos", "an empty host", ""),
    ("zk://h:65536/mesos", "'65536'", ""),
    ("zk://h/a/../b", "a relative path ('..')", ""),
    ("zk://h/mesos?x", "has a '?' in its path", ""),
]  # fmt: skip


@pytest.mark.parametrize(("text", "message", "hint"), MISTAKES)
def test_mistakes_in_masters(text: str, message: str, hint: str) -> None:
    with pytest.raises(MasterUrlError) as caught:
        parse_master(text)
    assert message in caught.value.message
    assert caught.value.hint
    assert hint in caught.value.hint
    assert "\n" not in caught.value.message
    assert caught.value.exit_code is ExitCode.USAGE


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the dispatcher URL is empty"),
        ("mesos://", "has no host"),
        ("mesos://a:7077,", "has an empty host between commas"),
        ("mesos://zk://h:2181/mesos", "cluster mode wants the dispatcher's address"),
        ("zk://u:hunter2@h/mesos", "cluster mode wants the dispatcher's address"),
        ("mesos://h:7077/v1", "has a path ('/v1')"),
        ("mesos://a:7077,mesos://b:7077", "has 'mesos://' in front of a host that is not its first"),
        ("mesos://u:hunter2@h:7077", "'mesos://***@h:7077' has user information"),
        ("mesos://u:hunter,2@h:7077", "'mesos://***@h:7077' has user information"),
        ("spark://h:7077", "Spark standalone"),
        ("yarn", "YARN"),
        ("embedded", "has no dispatcher of its own"),
        ("h:7077", "does not begin with mesos://"),
    ],
)
def test_mistakes_in_dispatchers(text: str, message: str) -> None:
    with pytest.raises(MasterUrlError) as caught:
        parse_dispatcher(text)
    assert message in caught.value.message
    assert "hunter" not in caught.value.message + caught.value.hint
    assert caught.value.hint


@pytest.mark.parametrize("parse", [parse_master, parse_dispatcher])
@pytest.mark.parametrize(
    "text", [text for text, _, _ in MISTAKES if text.strip() and "\n" not in text and "\0" not in text]
)
@pytest.mark.parametrize("place", ["front", "behind", "each"])
def test_what_is_long_is_not_quoted_whole(text: str, place: str, parse: Callable[[str], object]) -> None:
    """Whatever part of it is wrong."""
    long = {
        "front": text[0] * 5000 + text,
        "behind": text + text[-1] * 5000,
        "each": re.sub(r"[\w.]", lambda match: match[0] * 1000, text),
    }[place]
    with pytest.raises(MasterUrlError) as caught:
        parse(long)
    assert len(caught.value.message) < 1500
    assert len(caught.value.hint) < 1500


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("mesos://u:hunter2@h:5050", "has user information"),
        ("https://u:hunter2@h:5050", "has user information"),
        ("mesos://u:hunt@hunter2@h", "user information and more than one '@'"),
        ("mesos://u:hunter2,x@h:5050", "has user information"),
        ("mesos://u:hunter2/x@h:5050", "has user information"),
        ("mesos://master@u:hunter2@h", "has user information"),
        ("mesos://u:hunter2,master@h", "the port of 'u'"),
        ("spark://u:hunter2@h", "Spark standalone"),
        ("ftp://u:hunter2@h", "'ftp://'"),
        ("u:hunter2@h:5050", "'***@h:5050' does not begin"),
        ("mesos:/zk:/u:hunter2@h/m", "does not begin"),
        ("zk://u:hunter2@h", "'zk://***@h' has no path"),
        ("zk://u:hunter2@/mesos", "'zk://***@/mesos' has no host"),
        ("zk://u:hunter2@h:99999/m", "'99999'"),
        ("zk://u:hunter2@h?/m", "'h?'"),
        ("zk://hunter2@h/m", "not USER:PASSWORD"),
        ("zk://:hunter2@h/m", "not USER:PASSWORD"),
        ("zk://u:@h/m", "not USER:PASSWORD"),
        ("zk://u:hunter2/x@h/m", "'@' behind its first '/'"),
        ("zk://u:hunter2/m", "the port of 'u'"),
        ("zk://u:hunter2,h:2181/m", "the port of 'u'"),
        ("zk://:hunter2/m", "has no host"),
        ("zk://[u]:hunter2/m", "not an IPv6 address"),
        ("mesos://zk://u:hunter2 @h/m", "white space"),
    ],
)
def test_passwords_are_not_in_errors(text: str, message: str) -> None:
    with pytest.raises(MasterUrlError) as caught:
        parse_master(text)
    assert message in caught.value.message
    error: BaseException | None = caught.value
    while error is not None:
        assert "hunter" not in f"{error} {error!r} {getattr(error, 'hint', '')}"
        error = error.__context__


def test_passwords_are_not_in_the_text_of_values() -> None:
    master = parse_master("mesos://zk://user:hunter2@h1,h2/mesos")
    assert isinstance(master, ZooKeeperMaster)
    assert str(master) == "mesos://zk://user:***@h1:2181,h2:2181/mesos"
    assert master.credential is not None
    for text in (repr(master), f"{master}", repr(master.credential), str(master.credential)):
        assert "hunter2" not in text
        assert "user" in text
    assert master.credential.digest == "user:hunter2"
    assert "hunter2" in master.spark_url


labels = st.from_regex(r"[A-Za-z_]([A-Za-z0-9_-]{0,10}[A-Za-z0-9_])?", fullmatch=True)
names = st.lists(labels, min_size=1, max_size=3).map(".".join)
hosts = st.one_of(names, st.ip_addresses().map(str))
addresses = st.builds(HostPort, hosts, st.integers(1, 65535))
several = st.lists(addresses, min_size=1, max_size=3).map(tuple)
schemes = st.sampled_from(["http", "https"])
visible = st.characters(codec="utf-8", categories=("L", "N", "P", "S"))
users = st.text(visible.filter(lambda c: c not in "/:"), min_size=1, max_size=10)
passwords = st.text(visible.filter(lambda c: c != "/"), min_size=1, max_size=10)
nodes = st.text(visible.filter(lambda c: c not in "/@?#"), min_size=1, max_size=10)
paths = st.lists(nodes.filter(lambda n: n not in (".", "..")), min_size=1, max_size=3).map(
    lambda parts: "/" + "/".join(parts)
)
masters = st.one_of(
    st.builds(MesosMaster, several, schemes),
    st.builds(ZooKeeperMaster, several, paths, st.one_of(st.none(), st.builds(Credential, users, passwords))),
    st.builds(EmbeddedMaster, st.integers(1, 100)),
)


@given(masters)
def test_every_master_survives_the_way_to_text_and_back(master: MesosMaster | ZooKeeperMaster) -> None:
    assert parse_master(master.spark_url) == master


@given(st.builds(Dispatcher, addresses, schemes, st.lists(addresses, max_size=2).map(tuple)))
def test_every_dispatcher_survives_the_way_to_text_and_back(dispatcher: Dispatcher) -> None:
    assert parse_dispatcher(dispatcher.spark_url) == dispatcher


@given(
    st.one_of(
        st.text(max_size=30),
        st.text("mesozkhtp:/@,[]1.?a", max_size=30),
        st.text("mesozkhtp:/@,[]1.?a", max_size=30).map("mesos://".__add__),
        st.text("mesozkhtp:/@,[]1.?a", max_size=30).map("zk://".__add__),
    )
)
def test_any_text_is_a_value_or_a_clear_error(text: str) -> None:
    for parse in (parse_master, parse_dispatcher):
        try:
            value = parse(text)
        except MasterUrlError:
            continue
        assert parse(value.spark_url) == value


@given(
    user=users,
    password=st.from_regex(r"hunter2[a-z0-9:@,/-]{0,5}", fullmatch=True),
    tail=st.text("hm/:1,@", max_size=8),
)
def test_no_malformed_url_with_credentials_shows_the_password(user: str, password: str, tail: str) -> None:
    assume("hunter2" not in user)
    for prefix in ("mesos://zk://", "zk://", "mesos://", "https://", "", "spark://", "foo://"):
        try:
            shown = str(parse_master(f"{prefix}{user}:{password}@{tail}"))
        except MasterUrlError as error:
            shown = error.message + error.hint
        assert "hunter2" not in shown
