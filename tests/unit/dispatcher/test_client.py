"""The client with several dispatchers, lost answers, lists and tokens; tests/contract has what was recorded."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from sparkmesos_core.dispatcher.client import DispatcherClient, NotReadyError, RefusedError
from sparkmesos_core.dispatcher.messages import TOKEN_PROPERTY, CreateSubmissionRequest, Outcome
from sparkmesos_core.errors import DispatcherError, UnreachableError
from sparkmesos_core.master import Dispatcher, HostPort
from tests.http_stub import Answer, HttpStub, http_stub

ID = "driver-20260101000000-0001"
REQUEST = CreateSubmissionRequest("http://h/a.py", "", (), {"spark.app.name": "a"}, {}, "3.5.9")
CREATE = "/v1/submissions/create"


def message(action: str, status: int = 200, **fields: Any) -> Answer:
    return Answer(status, json.dumps({"action": action, "serverSparkVersion": "3.5.9", **fields}).encode())


CREATED = message("CreateSubmissionResponse", success=True, submissionId=ID)
RUNNING = message("SubmissionStatusResponse", success=True, driverState="RUNNING")
UNAVAILABLE = message("ErrorResponse", 503, message="it does not lead")
KILLING = message("KillSubmissionResponse", success=True, message="Killing running driver")
LISTED = message("ListSubmissionsResponse", success=True, total=0, submissions=[])


@pytest.fixture
def nobody() -> HostPort:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return HostPort("127.0.0.1", server.getsockname()[1])


def client(*addresses: HostPort, patience: float = 0, token: str | None = None) -> DispatcherClient:
    return DispatcherClient(
        Dispatcher(addresses[0], "http", addresses[1:]), timeout=10, patience=patience, token=token
    )


@contextmanager
def losing_dispatcher(lost: int, answers: dict[str, Answer]) -> Iterator[tuple[HostPort, list[bytes]]]:
    """Hangs up on its first `lost` creates, after it has read them; gives the bodies of all."""
    bodies: list[bytes] = []
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.05)

        def serve() -> None:
            while not over.is_set():
                try:
                    connection, _ = server.accept()
                except TimeoutError:
                    continue
                with connection:
                    connection.settimeout(5)
                    head, _, body = connection.recv(65536).partition(b"\r\n\r\n")
                    if b" HTTP/1.1\r\n" not in head:
                        continue  # the client wonders if it is TLS that is spoken here
                    method, path, _ = head.split(b"\r\n")[0].decode().split(" ")
                    if method == "POST":
                        bodies.append(body)
                        if len(bodies) <= lost:
                            continue
                    answer = answers[path.partition("?")[0]]
                    connection.sendall(
                        f"HTTP/1.1 {answer.status} X\r\nContent-Length: {len(answer.body)}\r\n\r\n".encode()
                        + answer.body
                    )

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield HostPort("127.0.0.1", server.getsockname()[1]), bodies
        finally:
            over.set()
            thread.join()


class TestSeveral:
    def test_the_next_one_is_asked_where_one_cannot_be_reached(self, nobody: HostPort) -> None:
        with http_stub(lambda _: CREATED) as stub:
            asking = client(nobody, stub.address)
            assert asking.create(REQUEST).submission_id == ID
        assert len(stub.requests) == 1

    def test_the_next_one_is_asked_where_one_cannot_serve(self) -> None:
        with http_stub(lambda _: UNAVAILABLE) as one, http_stub(lambda _: CREATED) as other:
            assert client(one.address, other.address).create(REQUEST).submission_id == ID

    def test_the_one_that_answered_is_asked_first_the_next_time(self) -> None:
        with http_stub(lambda _: UNAVAILABLE) as one, http_stub(lambda _: RUNNING) as other:
            asking = client(one.address, other.address)
            for _ in range(3):
                asking.status(ID)
        assert (len(one.requests), len(other.requests)) == (1, 3)

    def test_none_answers(self, nobody: HostPort) -> None:
        with pytest.raises(UnreachableError, match=f"None of the dispatchers at mesos://{nobody},{nobody}"):
            client(nobody, nobody).status(ID)

    def test_none_can_serve(self) -> None:
        with (
            http_stub(lambda _: UNAVAILABLE) as stub,
            pytest.raises(NotReadyError, match="it does not lead"),
        ):
            client(stub.address, stub.address).kill(ID)

    def test_what_one_refuses_is_not_asked_of_the_next(self) -> None:
        refused = message("ErrorResponse", 400, message="spark.driver.cores: no")
        with (
            http_stub(lambda _: refused) as one,
            http_stub(lambda _: CREATED) as other,
            pytest.raises(DispatcherError, match=r"spark\.driver\.cores: no"),
        ):
            client(one.address, other.address).create(REQUEST)
        assert other.requests == []

    def test_a_kill_whose_answer_was_lost_is_sent_to_the_next(self) -> None:
        with losing_dispatcher(1, {}) as (one, _), http_stub(lambda _: KILLING) as other:
            assert client(one, other.address, patience=30).kill(ID).success
        assert len(other.requests) == 1

    def test_a_kill_without_any_answer_says_that_it_may_be_sent_again(self) -> None:
        with (
            losing_dispatcher(1, {}) as (one, _),
            pytest.raises(UnreachableError, match="without an answer") as caught,
        ):
            client(one).kill(ID)
        assert "Send it again" in caught.value.hint
        assert "before you send it again" not in caught.value.hint

    def test_one_that_is_there_says_more_than_one_that_is_not(self, nobody: HostPort) -> None:
        for order in (0, 1):
            with http_stub(lambda _: UNAVAILABLE) as stub:
                addresses = [stub.address, nobody][:: 1 if order == 0 else -1]
                with pytest.raises(NotReadyError, match="it does not lead"):
                    client(*addresses).status(ID)

    @pytest.mark.parametrize("status", [502, 504])
    def test_a_question_that_was_passed_on_in_vain_is_asked_of_the_next(self, status: int) -> None:
        lost = message("ErrorResponse", status, message="the leader gave no answer")
        with http_stub(lambda _: lost) as one, http_stub(lambda _: RUNNING) as other:
            assert client(one.address, other.address).status(ID).outcome is Outcome.RUNNING
            with pytest.raises(UnreachableError, match="the leader gave no answer") as caught:
                client(one.address).status(ID)
            assert "carried out" not in caught.value.hint

    def test_a_kill_that_was_passed_on_in_vain_is_sent_to_the_next(self) -> None:
        lost = message("ErrorResponse", 502, message="the leader gave no answer")
        with http_stub(lambda _: lost) as one, http_stub(lambda _: KILLING) as other:
            assert client(one.address, other.address, patience=30).kill(ID).success
        assert (len(one.requests), len(other.requests)) == (1, 1)

    @pytest.mark.parametrize(("outcome", "success"), [("killed", True), ("succeeded", False)])
    def test_a_kill_that_was_carried_out_but_for_its_answer(self, outcome: str, success: bool) -> None:
        """The second time the driver has ended already, of which the status tells how."""
        kills = iter(
            [
                message("ErrorResponse", 502, message="the leader gave no answer"),
                message("KillSubmissionResponse", success=False, message="Driver already terminated"),
            ]
        )
        ended = message("SubmissionStatusResponse", success=True, driverState="FINISHED", outcome=outcome)
        with http_stub(lambda path: next(kills) if "/kill/" in path else ended) as stub:
            assert client(stub.address, patience=30).kill(ID).success is success


class TestForbidden:
    """What a dispatcher on loopback says to names of elsewhere, in plain text."""

    def test_the_reason_is_said_and_is_final(self) -> None:
        text = {"Content-Type": "text/plain; charset=utf-8"}
        refusal = Answer(403, b"The dispatcher answers only to\nthe names of this machine's loopback", text)
        with http_stub(lambda _: refusal) as stub, pytest.raises(RefusedError) as caught:
            client(stub.address).status(ID)
        assert caught.value.is_final
        assert "answers only to the names of this machine's loopback" in caught.value.message
        assert "--host" in caught.value.hint

    def test_a_web_page_is_no_reason(self) -> None:
        page = Answer(403, b"<title>Blocked by the proxy</title>", {"Content-Type": "text/html"})
        with (
            http_stub(lambda _: page) as stub,
            pytest.raises(DispatcherError, match="a web page: Blocked by the proxy"),
        ):
            client(stub.address).status(ID)


def test_the_port_of_the_web_pages_is_named() -> None:
    page = Answer(404, b"<title>Not found</title>", {"Content-Type": "text/html"})
    with http_stub(lambda _: page) as stub, pytest.raises(DispatcherError, match="a web page") as caught:
        client(stub.address).drivers()
    assert "not of its web pages (8081)" in caught.value.hint


class TestNobodyLeads:
    """As it is for some seconds after the leader's end."""

    def test_a_submission_waits_for_the_next_leader(self) -> None:
        answers = iter([UNAVAILABLE, UNAVAILABLE, CREATED])
        told: list[str] = []
        with http_stub(lambda _: next(answers)) as stub:
            asking = DispatcherClient(Dispatcher(stub.address, "http"), patience=30, on_wait=told.append)
            assert asking.create(REQUEST).submission_id == ID
        assert len(set(stub.bodies)) == 1
        assert len(stub.bodies) == 3
        (line,) = told
        assert "it does not lead; sending it again for up to 30 s" in line

    def test_not_without_end(self) -> None:
        with (
            http_stub(lambda _: UNAVAILABLE) as stub,
            pytest.raises(NotReadyError, match="it does not lead"),
        ):
            client(stub.address).create(REQUEST)

    def test_so_does_a_kill(self) -> None:
        answers = iter([UNAVAILABLE, message("KillSubmissionResponse", success=True, message="Killing")])
        with http_stub(lambda _: next(answers)) as stub:
            assert client(stub.address, patience=30).kill(ID).success

    def test_a_submission_that_was_lost_meanwhile_is_sent_to_those_that_know_tokens(self) -> None:
        creates = iter([UNAVAILABLE, message("ErrorResponse", 502, message="no answer"), CREATED])
        with http_stub(lambda path: next(creates) if path == CREATE else LISTED) as stub:
            assert client(stub.address, patience=30).create(REQUEST).submission_id == ID
        assert [path.partition("?")[0] for _, path, _ in stub.requests] == [
            CREATE,
            CREATE,
            "/v1/submissions",
            CREATE,
        ]

    def test_what_is_lost_is_sent_to_another_one_next(self) -> None:
        lost = message("ErrorResponse", 502, message="the leader gave no answer")
        with (
            http_stub(lambda _: lost) as one,
            http_stub(lambda path: CREATED if path == CREATE else LISTED) as other,
        ):
            assert client(one.address, other.address, patience=30).create(REQUEST).submission_id == ID
        assert len(one.requests) == 1
        assert one.bodies[0] == other.bodies[-1]


class TestLostAnswers:
    def test_ours_gets_the_same_again(self) -> None:
        answers = {CREATE: CREATED, "/v1/submissions": LISTED}
        with losing_dispatcher(2, answers) as (address, bodies):
            assert client(address, patience=30).create(REQUEST).submission_id == ID
        assert len(bodies) == 3
        assert len(set(bodies)) == 1, "the token, by which it knows them for one"
        assert json.loads(bodies[0])["sparkProperties"][TOKEN_PROPERTY]

    def test_sparks_own_would_accept_it_twice(self) -> None:
        missing = message("ErrorResponse", 400, message="Missing an action: please specify one of /create")
        with (
            losing_dispatcher(1, {CREATE: CREATED, "/v1/submissions": missing}) as (address, bodies),
            pytest.raises(UnreachableError, match="without an answer") as caught,
        ):
            client(address, patience=30).create(REQUEST)
        assert len(bodies) == 1
        assert "may have been carried out" in caught.value.hint

    def test_tokens_are_never_the_same(self) -> None:
        with http_stub(lambda _: CREATED) as stub:
            for _ in range(2):
                client(stub.address).create(REQUEST)
        tokens = {json.loads(body)["sparkProperties"][TOKEN_PROPERTY] for body in stub.bodies}
        assert len(tokens) == 2

    def test_a_token_of_the_user_stays(self) -> None:
        with http_stub(lambda _: CREATED) as stub:
            client(stub.address).create(
                CreateSubmissionRequest("a.py", "", (), {TOKEN_PROPERTY: "mine"}, {}, "3.5.9")
            )
        assert json.loads(stub.bodies[0])["sparkProperties"] == {TOKEN_PROPERTY: "mine"}


class TestAccess:
    def test_the_token_is_shown(self) -> None:
        with http_stub(lambda _: RUNNING) as stub:
            client(stub.address, token="t0ken").status(ID)
        assert stub.requests[0][2]["Authorization"] == "Bearer t0ken"

    @pytest.mark.parametrize(("token", "said"), [(None, "wants a token"), ("t", "and not this one")])
    def test_without_the_right_one(self, token: str | None, said: str) -> None:
        with (
            http_stub(lambda _: message("ErrorResponse", 401, message="no")) as stub,
            pytest.raises(DispatcherError, match=said) as caught,
        ):
            client(stub.address, token=token).status(ID)
        assert "--auth-token-file" in caught.value.hint


class TestList:
    @staticmethod
    def pages(count: int) -> Any:
        """A dispatcher with so many drivers, which gives 1000 at once at most."""

        def answer(path: str) -> Answer:
            query = dict(pair.split("=") for pair in path.partition("?")[2].split("&"))
            last = int(query.get("after", count + 1))
            numbers = range(last - 1, max(0, last - 1 - int(query["limit"])), -1)
            rows = [{"submissionId": f"driver-{n}", "driverState": "QUEUED"} for n in numbers]
            following: dict[str, Any] = {"next": str(numbers[-1])} if numbers and numbers[-1] > 1 else {}
            return message("ListSubmissionsResponse", total=count, submissions=rows, **following)

        return answer

    @pytest.mark.parametrize(
        ("count", "limit", "shown", "requests"),
        [(0, None, 0, 1), (5, None, 5, 1), (2500, None, 2500, 3), (2500, 10, 10, 1), (2500, 1500, 1500, 2)],
    )
    def test_pages_are_put_together(self, count: int, limit: int | None, shown: int, requests: int) -> None:
        with http_stub(self.pages(count)) as stub:
            found = client(stub.address).drivers(limit=limit)
        assert (len(found.drivers), found.total, len(stub.requests)) == (shown, count, requests)
        assert [d.submission_id for d in found.drivers] == [f"driver-{count - i}" for i in range(shown)]

    def test_states_are_asked_for(self) -> None:
        with http_stub(lambda _: LISTED) as stub:
            client(stub.address).drivers(states=["RUNNING", "LOST"])
        assert "state=RUNNING%2CLOST" in stub.requests[0][1]

    def test_sparks_own_cannot(self) -> None:
        missing = message("ErrorResponse", 400, message="Missing an action: please specify one of /create")
        with http_stub(lambda _: missing) as stub, pytest.raises(DispatcherError, match="cannot list"):
            client(stub.address).drivers()

    def test_something_else(self) -> None:
        with (
            http_stub(lambda _: message("ListSubmissionsResponse", submissions=[7])) as stub,
            pytest.raises(DispatcherError, match="no message of its protocol"),
        ):
            client(stub.address).drivers()


def status_of(stub: HttpStub) -> Outcome:
    return client(stub.address).status(ID).outcome


@pytest.mark.parametrize("outcome", ["succeeded", "failed", "killed", "lost"])
def test_the_outcome_that_ours_tells(outcome: str) -> None:
    text = 'task_id { value: "x" } state: TASK_FAILED'
    answer = message(
        "SubmissionStatusResponse", success=True, driverState="FINISHED", outcome=outcome, message=text
    )
    with http_stub(lambda _: answer) as stub:
        assert status_of(stub).value == outcome


@pytest.mark.parametrize("outcome", ["queued", "marvellous", 7, None])
def test_an_outcome_that_is_none_is_read_from_the_message(outcome: object) -> None:
    text = 'task_id { value: "x" } state: TASK_KILLED'
    answer = message(
        "SubmissionStatusResponse", success=True, driverState="FINISHED", outcome=outcome, message=text
    )
    with http_stub(lambda _: answer) as stub:
        assert status_of(stub) is Outcome.KILLED


@pytest.mark.parametrize(
    ("answer", "master"),
    [
        (message("ReadyzResponse", success=True, master="http://10.0.0.1:5050"), "http://10.0.0.1:5050"),
        (message("ReadyzResponse", success=True), None),
        (message("ErrorResponse", 400, message="Missing an action: please specify one of /create"), None),
    ],
)
def test_the_master_that_ours_tells(answer: Answer, master: str | None) -> None:
    with http_stub({"/v1/submissions/readyz": answer}) as stub:
        assert client(stub.address).mesos_master() == master


SPARKS = message(
    "ErrorResponse", 400, message="Missing an action: please specify one of /create, /kill, or /status."
)


@pytest.mark.parametrize(
    ("answer", "is_of_spark"),
    [
        (SPARKS, True),
        (message("ReadyzResponse", success=True, master="http://10.0.0.1:5050"), False),
        (message("ReadyzResponse", success=True), False),
        (message("ErrorResponse", 403, message="Missing an action"), False),
        (UNAVAILABLE, False),
        (Answer(404, b"a proxy's page"), False),
    ],
)
def test_whose_a_dispatcher_is(answer: Answer, is_of_spark: bool) -> None:
    with http_stub({"/v1/submissions/readyz": answer}) as stub:
        assert client(stub.address).is_of_spark(timeout=10) is is_of_spark


def test_whose_it_is_nobody_waits_long_to_know() -> None:
    """Nor is another dispatcher asked, which may be somebody else's."""
    with socket.create_server(("127.0.0.1", 0)) as silent, http_stub(lambda _: SPARKS) as stub:
        asking = client(HostPort("127.0.0.1", silent.getsockname()[1]), stub.address)
        assert not asking.is_of_spark(timeout=0.05)
        assert stub.requests == []
