"""Requests that a browser makes for pages of other sites."""

from __future__ import annotations

import pytest
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse

from sparkmesos_core.http_service.cross_site import FormTokens, NotFromOtherSites, comes_from_elsewhere
from tests.asgi_client import ask

HOST = "dispatcher.example:8081"


@pytest.mark.parametrize(
    ("headers", "elsewhere"),
    [
        ({}, False),  # a program
        ({"Sec-Fetch-Site": "same-origin"}, False),
        ({"Sec-Fetch-Site": "none"}, False),  # typed, or a bookmark
        ({"Sec-Fetch-Site": "same-site"}, True),  # another port, or another host of the domain
        ({"Sec-Fetch-Site": "cross-site"}, True),
        ({"Sec-Fetch-Site": "whatever"}, True),
        ({"Origin": f"http://{HOST}"}, False),
        ({"Origin": f"https://{HOST}"}, False),  # TLS ends at a proxy
        ({"Origin": f"http://{HOST.upper()}"}, False),
        ({"Origin": "http://dispatcher.example"}, True),
        ({"Origin": "http://evil.example:8081"}, True),
        ({"Origin": f"http://{HOST}.evil.example"}, True),
        ({"Origin": "null"}, True),
        ({"Origin": ""}, True),
        ({"Origin": "http://["}, True),
        # What scripts cannot set decides, not what a proxy may have changed.
        ({"Sec-Fetch-Site": "same-origin", "Origin": "http://proxy.example"}, False),
        ({"Sec-Fetch-Site": "cross-site", "Origin": f"http://{HOST}"}, True),
    ],
)
def test_where_a_request_comes_from(headers: dict[str, str], elsewhere: bool) -> None:
    assert comes_from_elsewhere(Headers({"Host": HOST, **headers})) == elsewhere


def test_an_origin_without_a_host_is_elsewhere() -> None:
    assert comes_from_elsewhere(Headers({"Origin": "http://evil.example"}))


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "WHATEVER"])
def test_nothing_is_changed_for_other_sites(method: str) -> None:
    app = NotFromOtherSites(PlainTextResponse("done"))
    evil = [("Host", HOST), ("Origin", "http://evil.example")]
    own = [("Host", HOST), ("Origin", f"http://{HOST}")]
    assert ask(app, method, "/", headers=evil).status == 403
    assert ask(app, method, "/", headers=own).status == 200
    assert ask(app, method, "/").status == 200
    # Links from other sites lead here.
    assert ask(app, "GET", "/", headers=evil).status == 200


def test_tokens_of_forms_are_for_one_purpose_and_one_process() -> None:
    tokens = FormTokens()
    token = tokens.make("driver-1")
    assert tokens.fits(token, "driver-1")
    assert tokens.make("driver-1") == token
    for wrong in ("", token[:-1], token.upper() + "x", "ä\udcff", tokens.make("driver-2")):
        assert not tokens.fits(wrong, "driver-1")
    assert not FormTokens().fits(token, "driver-1")
    assert token not in (tokens.make(""), tokens.make("driver-\udcff"))
