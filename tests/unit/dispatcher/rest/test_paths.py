"""What is asked for by a method and a path. What Spark answers is in the contract tests."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparkmesos_core.dispatcher.rest.paths import Action, Refusal, Route, find_route


@pytest.mark.parametrize(
    ("method", "path", "route"),
    [
        ("POST", "/v1/submissions/create", Route(Action.CREATE)),
        ("POST", "/v1/submissions/create/x/y", Route(Action.CREATE)),
        ("GET", "/v1/submissions/status/d-1", Route(Action.STATUS, "d-1")),
        ("HEAD", "/v1/submissions/status/d-1/x", Route(Action.STATUS, "d-1")),
        ("POST", "/v1/submissions/kill/d-1", Route(Action.KILL, "d-1")),
        ("POST", "/v1/submissions/killall", Route(Action.KILL_ALL)),
        ("POST", "/v1/submissions/killall/", Route(Action.KILL_ALL)),
        ("POST", "/v1/submissions/clear", Route(Action.CLEAR)),
        ("GET", "/v1/submissions/readyz", Route(Action.READY)),
        ("HEAD", "/v1/submissions/readyz", Route(Action.READY)),
        ("GET", "/v1/submissions", Route(Action.LIST)),
        ("GET", "/v1/submissions/", Route(Action.LIST)),
        ("HEAD", "/v1/submissions", Route(Action.LIST)),
    ],
)
def test_routes(method: str, path: str, route: Route) -> None:
    assert find_route(method, path) == route


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/submissions/killall", 405),
        ("GET", "/v1/submissions/clear", 405),
        ("POST", "/v1/submissions/readyz", 405),
        ("POST", "/v1/submissions", 400),
        ("DELETE", "/v1/submissions", 405),
        ("PUT", "/v1/submissions/", 405),
        ("PATCH", "/v1/submissions", 501),
        ("OPTIONS", "/v1/submissions", 200),
        ("DELETE", "/v1/submissions//x", 400),
        ("PATCH", "/v1/submissions/kill/x", 501),
        ("OPTIONS", "/v1/submissions/status/x", 200),
        ("GET", "/v1/submissions//x", 400),
        ("GET", "/v1//submissions/x", 400),
    ],
)
def test_refusals(method: str, path: str, status: int) -> None:
    found = find_route(method, path)
    assert isinstance(found, Refusal)
    assert found.status == status


def test_a_method_that_is_not_for_a_path_comes_with_those_that_are() -> None:
    found = find_route("DELETE", "/v1/submissions/status/x")
    assert isinstance(found, Refusal)
    assert found.headers == (("Allow", "GET, HEAD, OPTIONS"),)


def test_a_long_or_unprintable_version_is_shown_in_short() -> None:
    found = find_route("GET", "/\x1b[31m" + "v" * 10_000)
    assert isinstance(found, Refusal)
    assert "\x1b" not in found.message
    assert len(found.message) < 300


@given(
    st.sampled_from(["GET", "POST", "HEAD", "x"]), st.text(alphabet=st.sampled_from("/v1submisonkltacre\0é"))
)
def test_anything_is_a_route_or_a_refusal(method: str, path: str) -> None:
    found = find_route(method, path)
    if isinstance(found, Refusal):
        assert found.status in (200, 400, 405, 468, 501)
    elif found.action in (Action.KILL, Action.STATUS):
        assert found.submission_id
        assert "/" not in found.submission_id
