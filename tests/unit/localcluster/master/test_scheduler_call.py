"""What the recordings do not show of malformed calls; what they do is in tests/contract."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparkmesos_core.localcluster.call_body import CallRefused, parse_body
from sparkmesos_core.localcluster.master import scheduler_call as calls
from sparkmesos_core.localcluster.master.scheduler_call_parsing import parse_call

F = {"framework_id": {"value": "f"}}


def test_defaults_of_filters() -> None:
    for filters, expected in (
        ({}, 5.0),
        ({"filters": {}}, 5.0),
        ({"filters": {"refuse_seconds": 0}}, 0.0),
        ({"filters": {"refuse_seconds": -1}}, 5.0),
        ({"filters": {"refuse_seconds": float("nan")}}, 5.0),
        ({"filters": {"refuse_seconds": 1e300}}, 365 * 24 * 3600.0),
    ):
        call = parse_call({"type": "DECLINE", **F, "decline": {"offer_ids": [{"value": "o"}], **filters}})
        assert call == calls.Decline("f", ("o",), expected)


def test_grace_period_in_seconds() -> None:
    policy = {"grace_period": {"nanoseconds": 1500000000}}
    call = parse_call({"type": "KILL", **F, "kill": {"task_id": {"value": "t"}, "kill_policy": policy}})
    assert call == calls.Kill("f", "t", None, 1.5)


def test_calls_about_executors() -> None:
    about = {"agent_id": {"value": "a"}, "executor_id": {"value": "e"}}
    message = parse_call({"type": "MESSAGE", **F, "message": {**about, "data": "aGk="}})
    assert message == calls.Message("f", "a", "e", "aGk=")
    assert parse_call({"type": "SHUTDOWN", **F, "shutdown": about}) == calls.Shutdown("f", "a", "e")


@pytest.mark.parametrize(
    ("kind", "body", "text"),
    [
        (
            "MESSAGE",
            {},
            "Missing required fields: message.agent_id.value, message.executor_id.value, message.data",
        ),
        ("SHUTDOWN", {}, "Missing required fields: shutdown.executor_id.value, shutdown.agent_id.value"),
        ("MESSAGE", {"agent_id": {"value": "a"}, "executor_id": {"value": "e"}, "data": "???"}, "base64"),
        ("MESSAGE", {"agent_id": {"value": "a"}, "executor_id": {"value": "e"}, "data": 5}, "data is not"),
    ],
)
def test_malformed_calls_about_executors(kind: str, body: dict[str, Any], text: str) -> None:
    with pytest.raises(CallRefused) as refused:
        parse_call({"type": kind, **F, kind.lower(): body})
    assert refused.value.status == 400
    assert text in refused.value.text


ODD_NANOSECONDS: tuple[Any, ...] = (float("inf"), float("nan"), 10**400, "soon", [], None)


def kill_within(nanoseconds: Any) -> dict[str, Any]:
    policy = {"grace_period": {"nanoseconds": nanoseconds}}
    return {"type": "KILL", **F, "kill": {"task_id": {"value": "t"}, "kill_policy": policy}}


@pytest.mark.parametrize(
    "message",
    [
        {"type": "KILL", **F, "kill": {}},
        {"type": "KILL", **F, "kill": {"task_id": "t"}},
        {"type": "KILL", **F, "kill": {"task_id": {"value": "t"}, "kill_policy": {"grace_period": {}}}},
        *(kill_within(odd) for odd in ODD_NANOSECONDS),
        {"type": "KILL", **F, "kill": {"task_id": {"value": "t"}, "kill_policy": "soon"}},
        {
            "type": "SUBSCRIBE",
            "subscribe": {"framework_info": {"user": "u", "name": "n", "failover_timeout": float("inf")}},
        },
        {"type": "ACKNOWLEDGE", **F, "acknowledge": {"task_id": {"value": "t"}}},
        {"type": "DECLINE", **F, "decline": {"offer_ids": "o"}},
        {"type": "ACCEPT", **F, "accept": {"operations": ["x"]}},
        {"type": "ACCEPT", **F, "accept": []},
        {"type": "REVIVE", **F, "revive": {"roles": [1]}},
        {"type": "RECONCILE", **F, "reconcile": {"tasks": [{}]}},
        {"type": "REVIVE", "framework_id": "f"},
        {"type": 3},
        {"type": "SUBSCRIBE", "subscribe": {"framework_info": "x"}},
        {"type": "SUBSCRIBE", "subscribe": {"framework_info": {"user": "u", "name": 3}}},
        {
            "type": "SUBSCRIBE",
            "subscribe": {"framework_info": {"user": "u", "name": "n", "failover_timeout": "x"}},
        },
        {"type": "SUBSCRIBE", **F, "subscribe": {"framework_info": {"user": "u", "name": "n"}}},
        {
            "type": "SUBSCRIBE",
            "subscribe": {"framework_info": {"user": "u", "name": "n", "id": {"value": "f"}}},
        },
    ],
)
def test_malformed(message: dict[str, Any]) -> None:
    with pytest.raises(CallRefused) as refused:
        parse_call(message)
    assert refused.value.status == 400
    assert refused.value.text.startswith("Failed to ")


def test_what_is_not_implemented_says_so() -> None:
    with pytest.raises(CallRefused) as refused:
        parse_call({"type": "UPDATE_FRAMEWORK", **F, "update_framework": {}})
    assert refused.value.status == 501
    assert "UPDATE_FRAMEWORK" in refused.value.text


@pytest.mark.parametrize(
    ("body", "near"),
    [(b"nope", "ope"), (b'{"a": tru}', "}"), (b"", ""), (b"{\n]", "]"), (b"\xff", "\ufffd")],
)
def test_where_json_is_broken(body: bytes, near: str) -> None:
    with pytest.raises(CallRefused) as refused:
        parse_body(body)
    assert refused.value.text.endswith(f"near: {near}")


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b'{"id": "\\ud800"}', "surrogate"),
        (b'{"\\uDFFF": 1}', "surrogate"),
        (b'{"id": NaN}', "NaN is no number"),
        (b"[-Infinity]", "-Infinity is no number"),
        (b'{"timestamp": 1e999}', "1e999 is no number"),
        (b"[" * 100_000, "too deeply nested"),
        (b"[]", "JSON::Object expected"),
    ],
)
def test_json_that_is_none_to_mesos(body: bytes, why: str) -> None:
    with pytest.raises(CallRefused, match=why) as refused:
        parse_body(body)
    assert refused.value.status == 400


def test_characters_beyond_the_basic_plane_are_text() -> None:
    assert parse_body(b'{"name": "\\ud83d\\ude00"}') == {"name": "\U0001f600"}


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)
KINDS = [
    "SUBSCRIBE",
    "ACCEPT",
    "DECLINE",
    "REVIVE",
    "SUPPRESS",
    "KILL",
    "ACKNOWLEDGE",
    "RECONCILE",
    "TEARDOWN",
    "MESSAGE",
    "SHUTDOWN",
]


@given(st.sampled_from(KINDS), JSON, JSON)
def test_no_json_is_too_odd_to_be_refused(kind: str, body: Any, framework_id: Any) -> None:
    try:
        parse_call({"type": kind, kind.lower(): body, "framework_id": framework_id})
    except CallRefused as refused:
        assert refused.status == 400  # noqa: PT017 - most are refused, some are not
