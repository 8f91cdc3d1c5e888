"""The web UI as HTTP, without a browser: what is there, what is refused, and what is never shown."""

from __future__ import annotations

import html
import re
import socket
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparkmesos_core.dispatcher.drivers.driver import Outcome, State
from sparkmesos_core.dispatcher.drivers.obstacle import Cause, Obstacle
from sparkmesos_core.dispatcher.server.pages import pages_app
from sparkmesos_core.dispatcher.server.settings import PagesSettings
from sparkmesos_core.durable_framework.condition import InDoubtError
from sparkmesos_core.http_service.access_token import AccessToken
from tests.agent_files import AgentFiles, agent_files
from tests.asgi_client import Response, ask
from tests.in_memory_dispatcher import STARTED_AT, InMemoryDispatcher
from tests.sample_drivers import EVIL, SECRET, launched, sample_dispatcher, sample_driver

NOW = STARTED_AT + 100000.0
SETTINGS = PagesSettings(address="mesos://h:7077", max_drivers=200, version="1.2.3")
QUEUED, RUNNING, FAILED = (f"driver-20260131120000-{number:04d}" for number in (11, 6, 2))
FORM = [
    ("Content-Type", "application/x-www-form-urlencoded"),
    ("Host", "h:8081"),
    ("Origin", "http://h:8081"),
]
TOKEN = "0123456789abcdef"


@pytest.fixture
def dispatcher() -> InMemoryDispatcher:
    return sample_dispatcher(NOW)


@pytest.fixture
def app(dispatcher: InMemoryDispatcher) -> Any:
    return pages_app(dispatcher, SETTINGS, clock=lambda: NOW)


@pytest.fixture
def agent(dispatcher: InMemoryDispatcher) -> Iterator[AgentFiles]:
    """Where the running driver is."""
    with agent_files(stdout=b"hello <b>\n") as agent:
        dispatcher.by_id[RUNNING] = launched(dispatcher.by_id[RUNNING], NOW - 10, agent_url=agent.url)
        yield agent


def text(response: Response) -> str:
    return response.body.decode()


def form_token(app: Any, driver_id: str) -> str:
    match = re.search(r'name="token" value="(\w+)"', text(ask(app, "GET", f"/driver/{driver_id}/kill")))
    assert match
    return match[1]


def test_every_driver_has_a_row_and_a_page(app: Any, dispatcher: InMemoryDispatcher) -> None:
    page = text(ask(app, "GET", "/"))
    for driver in dispatcher.drivers():
        assert f'href="/driver/{driver.id}"' in page
        answer = ask(app, "GET", f"/driver/{driver.id}")
        assert answer.status == 200
        assert driver.id in text(answer)


def test_the_address_that_sparks_dispatcher_has(app: Any) -> None:
    answer = ask(app, "GET", f"/driver?id={RUNNING}")
    assert (answer.status, answer.headers["location"]) == (302, f"/driver/{RUNNING}")
    assert ask(app, "GET", "/driver?id=//evil.example").headers["location"] == "/driver/%2F%2Fevil.example"


def all_pages(dispatcher: InMemoryDispatcher) -> list[str]:
    ids = [driver.id for driver in dispatcher.drivers()]
    return [
        *(
            "/",
            "/?state=queued",
            f"/?q={SECRET}",
            f"/?q={EVIL}",
            "/metrics",
            "/health",
            "/nowhere",
            "/driver/none",
        ),
        *(f"/driver/{id}" for id in ids),
        *(f"/driver/{id}/kill" for id in ids),
    ]


def test_nothing_secret_and_no_markup_of_others_is_on_any_page(
    app: Any, dispatcher: InMemoryDispatcher
) -> None:
    for path in all_pages(dispatcher):
        page = text(ask(app, "GET", path))
        if "q=" not in path:
            assert SECRET not in page, path
        assert EVIL not in page, path
        assert "<b>" not in page, path
    assert html.escape(EVIL, quote=False).replace("'", "&#39;") in text(ask(app, "GET", "/"))


def test_all_pages_keep_other_sites_and_caches_out(app: Any, dispatcher: InMemoryDispatcher) -> None:
    for path in all_pages(dispatcher):
        headers = ask(app, "GET", path).headers
        assert headers["cache-control"] == "no-store", path
        if headers["content-type"].startswith("text/html"):
            policy = headers["content-security-policy"]
            assert "default-src 'none'" in policy
            assert "frame-ancestors 'none'" in policy
            assert "unsafe-inline" not in policy.partition("script-src")[2]
            # "no-referrer" would make the origin of our own forms null.
            assert headers["referrer-policy"] == "same-origin"


def test_kill_asks_first_and_then_does_it(app: Any, dispatcher: InMemoryDispatcher) -> None:
    token = form_token(app, QUEUED)
    assert dispatcher.by_id[QUEUED].state is State.QUEUED
    answer = ask(app, "POST", f"/driver/{QUEUED}/kill", f"token={token}".encode(), FORM)
    assert (answer.status, answer.headers["location"]) == (303, f"/driver/{QUEUED}")
    assert dispatcher.by_id[QUEUED].outcome is Outcome.KILLED
    page = text(ask(app, "GET", f"/driver/{QUEUED}/kill"))
    assert "needs no killing" in page
    assert "<form" not in page


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"", FORM, 403),
        (b"token=", FORM, 403),
        (b"token=0", FORM, 403),
        (b"token=\xff", FORM, 400),
        (b"other={token}", FORM, 403),
        (b"&".join([b"a=1"] * 30), FORM, 400),
        (b"token=" + b"x" * 5000, FORM, 413),
        (b"token={token}", [*FORM[:2], ("Origin", "http://evil.example")], 403),
        (b"token={token}", [*FORM[:2], ("Origin", "null")], 403),
        (b"token={token}", [*FORM, ("Sec-Fetch-Site", "cross-site")], 403),
        (b"token={other}", FORM, 403),
    ],
)
def test_only_our_own_form_kills(
    body: bytes, headers: list[tuple[str, str]], status: int, app: Any, dispatcher: InMemoryDispatcher
) -> None:
    body = body.replace(b"{token}", form_token(app, QUEUED).encode())
    body = body.replace(b"{other}", form_token(app, RUNNING).encode())
    assert ask(app, "POST", f"/driver/{QUEUED}/kill", body, headers).status == status
    assert dispatcher.by_id[QUEUED].state is State.QUEUED


def test_a_kill_that_is_too_late_or_impossible_now_says_so(app: Any, dispatcher: InMemoryDispatcher) -> None:
    token = f"token={form_token(app, RUNNING)}".encode()
    dispatcher.change(RUNNING, state=State.FINISHED, outcome=Outcome.SUCCEEDED, finished_at=NOW)
    answer = ask(app, "POST", f"/driver/{RUNNING}/kill", token, FORM)
    assert answer.status == 409
    assert "Driver already terminated" in text(answer)
    dispatcher.fails = "The store cannot be written"
    answer = ask(app, "POST", f"/driver/{RUNNING}/kill", token, FORM)
    assert answer.status == 503
    assert "The store cannot be written" in text(answer)
    dispatcher.failure = InDoubtError
    answer = ask(app, "POST", f"/driver/{RUNNING}/kill", token, FORM)
    assert answer.status == 502
    assert "Perhaps done" in text(answer)


def test_what_may_yet_be_undone_is_not_shown(app: Any, dispatcher: InMemoryDispatcher) -> None:
    """And pages that are open come back by themselves."""
    dispatcher.unsettled = "The store does not answer"
    for path in ("/", f"/driver/{RUNNING}", f"/driver/{RUNNING}/kill"):
        answer = ask(app, "GET", path)
        assert answer.status == 503, path
        assert "The store does not answer" in text(answer)
        assert RUNNING not in text(answer)
        assert 'http-equiv="refresh"' in text(answer)
        assert "data-refresh" in text(answer)


def test_what_is_not_there(app: Any) -> None:
    for path in (
        "/nowhere",
        "/driver/none",
        "/driver/none/kill",
        "/driver/none/files/",
        "/driver/none/read/stdout",
        f"/driver/{RUNNING}/",
        "/driver/%3Cb%3E",
        "/driver/%FF%00",
    ):
        answer = ask(app, "GET", path)
        assert answer.status == 404, path
        assert "<b>" not in text(answer)
    assert ask(app, "POST", "/").status == 405
    assert ask(app, "DELETE", f"/driver/{RUNNING}").headers["allow"]


def test_what_keeps_the_dispatcher_from_working_is_on_every_page(
    app: Any, dispatcher: InMemoryDispatcher
) -> None:
    assert 'class="notice' not in text(ask(app, "GET", "/"))
    dispatcher.condition = replace(
        dispatcher.condition, subscribed=False, reason="No master at https://u:hunter2@m:5050 answers"
    )
    for path in ("/", f"/driver/{QUEUED}", "/nowhere"):
        page = text(ask(app, "GET", path))
        assert "Submissions are taken, and wait" in page
        assert "No master at https://u:***@m:5050 answers" in page
    dispatcher.condition = replace(dispatcher.condition, ready=False)
    assert "takes no submissions" in text(ask(app, "GET", "/"))


def test_what_keeps_a_driver_from_being_launched(app: Any, dispatcher: InMemoryDispatcher) -> None:
    message = f"no agent has {EVIL}"
    assert "Not launched yet" not in text(ask(app, "GET", f"/driver/{QUEUED}"))
    dispatcher.obstacles[QUEUED] = Obstacle(Cause.CONSTRAINTS, message, "Correct it.")
    for path in ("/", "/?state=queued", f"/driver/{QUEUED}"):
        page = text(ask(app, "GET", path))
        assert "Not launched yet" in page
        assert html.escape(f"No agent has {EVIL}", quote=False).replace("'", "&#39;") in page
        assert EVIL not in page
    assert "Correct it." in page


def test_health(app: Any, dispatcher: InMemoryDispatcher) -> None:
    answer = ask(app, "GET", "/health")
    assert (answer.status, answer.json()["ready"], answer.json()["framework_id"]) == (200, True, "5e0a-0001")
    dispatcher.condition = replace(dispatcher.condition, subscribed=False, reason="no master")
    assert ask(app, "GET", "/health").status == 200
    dispatcher.condition = replace(dispatcher.condition, ready=False, reason="The store is read-only")
    answer = ask(app, "GET", "/health")
    assert (answer.status, answer.json()["reason"]) == (503, "The store is read-only")
    dispatcher.condition = replace(dispatcher.condition, reason="no zk://u:hunter2@z:2181/mesos")
    assert ask(app, "GET", "/health").json()["reason"] == "no zk://u:***@z:2181/mesos"


def test_behind_a_token_only_health_is_open_and_it_says_little(dispatcher: InMemoryDispatcher) -> None:
    app = pages_app(dispatcher, SETTINGS, token=AccessToken(TOKEN), clock=lambda: NOW)
    for path in [*all_pages(dispatcher), "/assets/live.js", f"/driver/{RUNNING}/read/stdout"]:
        assert ask(app, "GET", path).status == (200 if path == "/health" else 401), path
    assert ask(app, "GET", "/health").json() == {"ready": True, "leads": True, "subscribed": True}
    known = [("Authorization", f"Bearer {TOKEN}")]
    assert "reason" in ask(app, "GET", "/health", headers=known).json()
    assert ask(app, "GET", "/", headers=known).status == 200
    # A browser sends what it knows with requests of other sites, too.
    assert (
        ask(app, "POST", f"/driver/{QUEUED}/kill", headers=[*known, ("Origin", "http://evil")]).status == 403
    )


def test_logs_and_files(app: Any, dispatcher: InMemoryDispatcher, agent: AgentFiles) -> None:
    assert ask(app, "GET", f"/driver/{RUNNING}/files").headers["location"] == f"/driver/{RUNNING}/files/"
    agent.files["a b/ü&.txt"] = b"x"
    page = text(ask(app, "GET", f"/driver/{RUNNING}/files/"))
    assert f'href="/driver/{RUNNING}/files/a%20b/"' in page
    page = text(ask(app, "GET", f"/driver/{RUNNING}/files/a%20b/"))
    assert f'href="/driver/{RUNNING}/download/a%20b/%C3%BC%26.txt"' in page
    answer = ask(app, "GET", f"/driver/{RUNNING}/download/a%20b/%C3%BC%26.txt")
    assert (answer.body, answer.headers["content-length"]) == (b"x", "1")
    assert answer.headers["content-disposition"] == "attachment; filename*=UTF-8''%C3%BC%26.txt"
    page = text(ask(app, "GET", f"/driver/{RUNNING}/files/stdout"))
    assert "hello &lt;b&gt;" in page
    assert 'data-next="10"' in page


def test_what_is_added_to_a_log(app: Any, dispatcher: InMemoryDispatcher, agent: AgentFiles) -> None:
    path = f"/driver/{RUNNING}/read/stdout"
    agent.files["stdout"] += b"more\n"
    expected = {"text": "more\n", "next": 15, "size": 15, "run": RUNNING, "ended": False}
    assert ask(app, "GET", f"{path}?offset=10").json() == expected
    dispatcher.change(RUNNING, state=State.FINISHED, outcome=Outcome.SUCCEEDED, finished_at=NOW)
    assert ask(app, "GET", f"{path}?offset=15").json() == {**expected, "text": "", "ended": True}
    for offset in ("-1", "x", "1" * 20, "²"):
        assert ask(app, "GET", f"{path}?offset={offset}").status == 400
    assert ask(app, "GET", f"/driver/{RUNNING}/read/none?offset=0").status == 404


def test_without_sandbox_or_agent_the_page_says_why(
    app: Any, dispatcher: InMemoryDispatcher, agent: AgentFiles
) -> None:
    answer = ask(app, "GET", f"/driver/{QUEUED}/files/stdout")
    assert answer.status == 404
    assert "was never launched" in text(answer)
    for path in ("files/none", "files/none/", "files/..%2f..%2fx", "download/none", "download/..%2f..%2fx"):
        assert ask(app, "GET", f"/driver/{RUNNING}/{path}").status == 404, path
    agent.down = True
    for path in ("files/stdout", "download/stdout", "read/stdout", "files/"):
        assert ask(app, "GET", f"/driver/{RUNNING}/{path}").status == 502, path


def test_an_agent_that_is_gone(app: Any, dispatcher: InMemoryDispatcher) -> None:
    launch = dispatcher.by_id[RUNNING].launch
    assert launch is not None
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        dispatcher.change(RUNNING, launch=replace(launch, agent_url=url))
        page = text(ask(app, "GET", f"/driver/{RUNNING}/files/stdout"))
    assert f"The sandbox cannot be read from its agent: {url} refuses the connection" in page
    assert "If that agent is gone for good, so is the sandbox." in page


@pytest.mark.parametrize("value", ["1769860800000", "soon", "²", "-1", "9" * 14, "9" * 400])
def test_the_time_of_submission_is_shown_readable(
    app: Any, dispatcher: InMemoryDispatcher, value: str
) -> None:
    driver = dispatcher.by_id[RUNNING]
    properties = {**driver.submission.properties, "spark.app.submitTime": value}
    dispatcher.change(RUNNING, submission=replace(driver.submission, properties=properties))
    page = ask(app, "GET", f"/driver/{RUNNING}")
    assert page.status == 200
    assert value in text(page)
    assert ('datetime="2026-01-31T12:00:00Z"' in text(page)) is (value == "1769860800000")


def test_odd_times_do_not_break_a_page(app: Any, dispatcher: InMemoryDispatcher) -> None:
    driver = dispatcher.by_id[FAILED]
    assert driver.status is not None
    for timestamp in (1e300, -1e300, float("inf"), float("nan")):
        dispatcher.change(FAILED, status=replace(driver.status, timestamp=timestamp))
        assert ask(app, "GET", f"/driver/{FAILED}").status == 200


def test_without_drivers() -> None:
    app = pages_app(InMemoryDispatcher(), SETTINGS)
    assert "No driver is queued." in text(ask(app, "GET", "/"))
    dispatcher = InMemoryDispatcher()
    dispatcher.condition = replace(dispatcher.condition, framework_id=None)
    dispatcher.by_id = {"x": sample_driver(1, NOW)}
    assert "none yet" in text(ask(pages_app(dispatcher, SETTINGS), "GET", "/"))


def test_head_is_answered_as_get_without_a_body(app: Any) -> None:
    for path in ("/", "/health", "/metrics", "/assets/live.js"):
        assert ask(app, "HEAD", path).status == 200


_NAMES = st.sampled_from(
    ["Host", "Origin", "Sec-Fetch-Site", "Authorization", "Content-Type", "Range", "Accept"]
)
_VALUES = st.text(st.characters(codec="latin-1", exclude_characters="\r\n\0"), max_size=30)
_PARTS = st.one_of(
    st.sampled_from(
        ["driver", QUEUED, RUNNING, "kill", "files", "read", "download", "..", "", "assets", "metrics"]
    ),
    st.text(max_size=10).map(lambda text: quote(text.encode("utf-8", "replace"), safe="")),
    st.binary(max_size=5).map(quote),
)


@given(
    method=st.sampled_from(["GET", "HEAD", "POST", "PUT", "OPTIONS", "TRACE", "x"]),
    parts=st.lists(_PARTS, max_size=5),
    query=st.one_of(
        _VALUES.map(quote), st.sampled_from(["page=-1", "offset=1e9", "q=%ff", "id=%00", "&&=&", "state"])
    ),
    body=st.binary(max_size=50),
    headers=st.lists(st.tuples(_NAMES, _VALUES), max_size=4),
)
def test_nothing_that_is_sent_breaks_it(
    method: str, parts: list[str], query: str, body: bytes, headers: list[tuple[str, str]]
) -> None:
    dispatcher = sample_dispatcher(NOW)
    # Nobody is to be asked for files here.
    dispatcher.by_id[RUNNING] = launched(dispatcher.by_id[RUNNING], NOW, agent_url="")
    app = pages_app(dispatcher, SETTINGS, clock=lambda: NOW)
    answer = ask(app, method, f"/{'/'.join(parts)}?{query}", body, headers)
    assert answer.status < 500 or (answer.status == 502 and RUNNING in parts)
    assert all(
        driver.state is not State.FINISHED for driver in (dispatcher.by_id[QUEUED], dispatcher.by_id[RUNNING])
    )
