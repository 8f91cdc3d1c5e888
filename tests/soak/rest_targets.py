"""Malformed requests to the REST server of the dispatcher: each gets an answer of the protocol, and no 500.

What is accepted can be stored and launched, nothing secret comes back, and a good submission is accepted
whatever came before it.
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
import json
import socket
import struct
import threading
from functools import cache
from pathlib import Path
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from sparkmesos_core.conf.properties.registry import PROPERTIES
from sparkmesos_core.dispatcher.dispatcher import Created
from sparkmesos_core.dispatcher.drivers.driver import Driver
from sparkmesos_core.dispatcher.drivers.matching import need_of
from sparkmesos_core.dispatcher.drivers.submission import Submission
from sparkmesos_core.dispatcher.launch.cluster import Cluster
from sparkmesos_core.dispatcher.launch.task_info import build
from sparkmesos_core.dispatcher.rest.application import LARGEST_BODY, RestApplication
from sparkmesos_core.dispatcher.rest.rules import Rules
from sparkmesos_core.dispatcher.server.standby import standby_rest
from sparkmesos_core.durable_framework.offers import Offer
from sparkmesos_core.durable_framework.standing_by import StandbyState
from sparkmesos_core.errors import SparkMesosError, UsageError
from sparkmesos_core.http_service.leader_connections import LeaderConnections
from tests.asgi_client import Response, request
from tests.in_memory_dispatcher import InMemoryDispatcher
from tests.soak.fuzzing import Case, ContractError
from tests.soak.odd_texts import SAMPLES, OddTexts

CREATE = "/v1/submissions/create"
SECRET = "hunter2-hunter2"
RULES = Rules(queues={"default": 0.0, "URGENT": 2.0}, defaults={"spark.ui.enabled": "false"}, max_retries=3)
STATUSES = {200, 400, 405, 413, 468, 501}
LONGEST_ANSWER = 64 * 1024
_WAITING = 0.01
"""Seconds without a byte after which a server is taken to wait for the rest of a request."""
_OFFER = Offer("o", "agent-S0", "localhost", "http://127.0.0.1:5051", (), ())
_GOOD = {
    "action": "CreateSubmissionRequest",
    "appArgs": ["1"],
    "appResource": "http://repo.mesos.example/app.py",
    "clientSparkVersion": "3.5.9",
    "environmentVariables": {"SPARK_ENV": "x"},
    "mainClass": "",
    "sparkProperties": {"spark.app.name": "app", "spark.executor.uri": "http://repo.mesos.example/spark.tgz"},
}
_HOLD_SECRETS = (
    "spark.mesos.secret",
    "spark.mesos.driver.secret.values",
    "spark.hadoop.fs.s3a.secret.key",
    "spark.mesos.dispatcher.token",
    "spark.ssl.keyPassword",
)
_METHODS = ("GET", "POST", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "get", "BREW", "PROPFIND")
_SEGMENTS = (
    "v1",
    "v2",
    "submissions",
    "create",
    "kill",
    "status",
    "killall",
    "clear",
    "readyz",
    "",
    "driver-1",
    "x",
)
_NOT_TEXTS: tuple[Any, ...] = (
    None,
    True,
    0,
    -1.5,
    1e300,
    [],
    {},
    ["x"],
    {"a": {}},
    [[[]]],
    "",
    "\0",
    "\ud800",
)


class _UnfitError(BaseException):
    """What was accepted cannot be used; no `Exception`, so that nothing makes an answer of it."""


class _Accepting(InMemoryDispatcher):
    """Remembers the last driver only; sees to it that it can be stored and launched."""

    _build = staticmethod(build(Cluster("127.0.0.1:5050", {})))

    async def create(self, submission: Submission, token: str = "") -> Created:
        stored = json.loads(json.dumps(submission.to_json(), ensure_ascii=False).encode("utf-8"))
        if Submission.from_json(stored) != submission:
            raise _UnfitError("the submission is another one after it was stored")
        texts = (submission.name, *submission.app_args, *submission.properties.values())
        if any("\0" in text for text in texts):
            raise _UnfitError("a command line holds no NUL")
        if any("\r" in text for text in (submission.name, submission.main_class, *submission.app_args)):
            raise _UnfitError("Spark's scripts take carriage returns out")
        if not (submission.cores > 0 and 0 < submission.heap <= submission.memory):
            raise _UnfitError(f"{submission.cores} cores, {submission.heap} of {submission.memory} MiB")
        need_of(submission)
        driver = Driver("driver-1", 1, submission, 1795332154.0, token=token)
        try:
            self._build(driver, driver.id, "5e0a-0001-driver-1", _OFFER, ())
        except SparkMesosError as error:
            raise _UnfitError(f"accepted, and cannot be launched: {error.message}") from error
        self.by_id = {driver.id: driver}
        return Created(driver)


@cache
def _application() -> RestApplication:
    return RestApplication(_Accepting(), RULES)


@cache
def _loop() -> asyncio.AbstractEventLoop:
    return asyncio.new_event_loop()


def _ask(
    method: str, target: str, body: bytes | list[bytes] = b"", headers: tuple[tuple[str, str], ...] = ()
) -> Response:
    try:
        return _loop().run_until_complete(request(_application(), method, target, body, headers))
    except _UnfitError as error:
        raise ContractError(str(error)) from error


def _judge(answer: Response, method: str = "POST") -> None:
    """Raises ContractError for an answer that is none of the protocol's, UsageError for a refusal."""
    if answer.status not in STATUSES:
        raise ContractError(f"{answer.status}: {answer.body[:2000]!r}")
    if method != "HEAD" and int(answer.headers["content-length"]) != len(answer.body):
        raise ContractError("the length is wrong")
    if SECRET.encode() in answer.body:
        raise ContractError(f"a secret is shown: {answer.body[:2000]!r}")
    if len(answer.body) > LONGEST_ANSWER:
        raise ContractError(f"the answer has {len(answer.body)} bytes")
    if not answer.body:
        return
    message = json.loads(answer.body.decode("utf-8"))
    if not message["action"] or message["serverSparkVersion"] != "3.5.9":
        raise ContractError(f"no message of the protocol: {message}")
    if answer.status != 200:
        raise UsageError(message["message"][:500])


def _judge_submission(body: bytes | list[bytes], headers: tuple[tuple[str, str], ...] = ()) -> None:
    _judge(_ask("POST", CREATE, body, headers))
    for target in ("/v1/submissions/status/driver-1", "/v1/submissions"):
        _judge(_ask("GET", target), "GET")


def properties_of_all_kinds(odd: OddTexts, _folder: Path) -> None:
    """Properties that exist, with values of their type that are nearly right."""
    message = json.loads(json.dumps(_GOOD))
    properties = message["sparkProperties"]
    for _ in range(odd.randint(1, 6)):
        entry = odd.choice(PROPERTIES)
        key = entry.name if entry.prefix is None else entry.prefix + odd.mutated("NAME")
        kind = entry.type.name if entry.type.name in SAMPLES else odd.choice(list(SAMPLES))
        properties[odd.mutated(key) if odd.random() < 0.1 else key] = odd.value(kind)
    if odd.random() < 0.05:
        properties["spark.driver.cores"] = odd.choice(("1e308", "1e-308", "4e9"))
    if odd.random() < 0.5:
        properties[odd.choice(_HOLD_SECRETS)] = SECRET
    if odd.random() < 0.2:
        message["appResource"] = odd.choice(
            (f"http://u:{SECRET}@h/app.py", f"s3a://b/app.py?X-Amz-Signature={SECRET}", odd.any_value())
        )
    if odd.random() < 0.2:
        message["environmentVariables"][odd.mutated("SPARK_X")] = odd.any_value()
    if odd.random() < 0.2:
        message["appArgs"] = [odd.any_value() for _ in range(odd.randint(0, 5))]
    _judge_submission(json.dumps(message, ensure_ascii=odd.random() < 0.5).encode("utf-8", "replace"))


def _no_text(odd: OddTexts) -> Any:
    return copy.deepcopy(odd.choice(_NOT_TEXTS))


def structure(odd: OddTexts, _folder: Path) -> None:
    """JSON whose fields are missing, doubled, of other types, or nested."""
    message: dict[str, Any] = json.loads(json.dumps(_GOOD))
    for _ in range(odd.randint(1, 4)):
        name = odd.choice([*_GOOD, odd.mutated(odd.choice(list(_GOOD)))])
        accident = odd.random()
        if accident < 0.3:
            message.pop(name, None)
        elif accident < 0.7:
            message[name] = _no_text(odd)
        else:
            inner = message.get(name)
            if isinstance(inner, dict):
                inner[odd.mutated("spark.x")] = _no_text(odd)
            elif isinstance(inner, list):
                inner.append(_no_text(odd))
    text = json.dumps(message)
    if odd.random() < 0.3:
        text = text[:-1] + f', "{odd.choice(list(_GOOD))}": {json.dumps(_no_text(odd))}}}'
    if odd.random() < 0.1:
        deep = odd.choice((10, 1000, 200_000))
        text = odd.choice(("[" * deep, '{"a":' * deep, text[:-1] + ', "x": ' + "[" * deep + "]" * deep + "}"))
    if odd.random() < 0.1:
        text = text.replace('"3.5.9"', odd.choice(("9" * 5000, "1e999", "NaN", "-Infinity", "0x1", "1.0E+2")))
    _judge_submission(text.encode("utf-8", "surrogatepass"))


def damaged_bytes(odd: OddTexts, _folder: Path) -> None:
    """A body with accidents in its text or bytes, in pieces, or far too long."""
    text = odd.mutated(odd.mutated(json.dumps(_GOOD, indent=odd.choice((None, 2)))))
    body = odd.encoded(text)
    if odd.random() < 0.002:
        body += b" " * (LARGEST_BODY + 1)
    pieces = [body]
    if odd.random() < 0.3:
        places = sorted(odd.randint(0, len(body)) for _ in range(odd.randint(1, 4)))
        pieces = [body[a:b] for a, b in zip([0, *places], [*places, len(body)], strict=True)]
    _judge_submission(pieces, (("Content-Type", odd.any_value()[:100].encode("ascii", "replace").decode()),))


def paths_and_methods(odd: OddTexts, _folder: Path) -> None:
    """Paths, queries and methods that mean something, or nearly."""
    method = odd.choice(_METHODS)
    segments = [odd.choice(_SEGMENTS) for _ in range(odd.randint(0, 5))]
    if odd.random() < 0.5:
        segments[:2] = ["v1", "submissions"]
    path = "/" + "/".join(segments)
    if odd.random() < 0.5:
        path = "/" + odd.mutated(path).encode("utf-8", "replace").decode("latin-1").replace("?", "")
    query = ""
    if odd.random() < 0.5:
        names = ("state", "limit", "after", "order", "x")
        values = ("queued", "FAILED,running", "5", "0", "-1", "newest", "1e9", "")
        parts = [f"{odd.choice(names)}={odd.mutated(odd.choice(values))}" for _ in range(odd.randint(1, 4))]
        query = "?" + "&".join(parts).encode("utf-8", "replace").decode("latin-1")
    answer = _ask(method, path + query, b"" if odd.random() < 0.7 else odd.encoded(odd.noise()))
    _judge(answer, method)


def bytes_on_the_wire(odd: OddTexts, _folder: Path) -> None:
    """What is no HTTP, or nearly: the server answers or hangs up, and serves the next one."""
    _send_odd_bytes(odd, _server())


def bytes_passed_on(odd: OddTexts, _folder: Path) -> None:
    """The same to a dispatcher that stands by while the other server leads."""
    _send_odd_bytes(odd, _standby())


def _send_odd_bytes(odd: OddTexts, server: tuple[str, int]) -> None:
    body = json.dumps(_GOOD).encode()
    length = f"Content-Length: {len(body)}"
    headers = ["Host: localhost", length, "Content-Type: application/json", "Connection: close"]
    method, target = "POST", CREATE
    if odd.random() < 0.3:
        method = odd.choice(_METHODS)
    if odd.random() < 0.3:
        target = odd.choice(("/v1/submissions", "*", "http://h/v1", "/%ff%00", "/v1/\xe9", "", "h:80"))
    if odd.random() < 0.3:
        headers[1] = odd.choice(
            (
                "Transfer-Encoding: chunked",
                f"{length}\r\nTransfer-Encoding: chunked",
                f"{length}\r\n{length}",
                *(f"Content-Length: {text}" for text in ("0", "-1", "x", "", "1", "1, 3", "9" * 20)),
            )
        )
    line = f"{method} {target} HTTP/1.1"
    if odd.random() < 0.3:
        line = odd.mutated(line)
    if odd.random() < 0.3:
        headers = [odd.mutated(header) for header in headers]
    if odd.random() < 0.2:
        body = odd.encoded(odd.noise(200))
    data = "\r\n".join([line, *headers, "", ""]).encode("latin-1", "replace") + body
    answer = _exchange(server, data)
    if answer and not answer.startswith(b"HTTP/1.1 "):
        raise ContractError(f"no HTTP: {answer[:200]!r}")
    if answer[9:12] in (b"500", b"502", b"503"):
        raise ContractError(answer[:2000].decode("latin-1"))
    if odd.random() < 0.02 and b'"success" : true' not in _exchange(server, _good_request(), patient=True):
        raise ContractError("a good submission is not accepted any more")
    if answer[9:12] != b"200":
        raise UsageError(f"hung up, or said {answer[9:12].decode('latin-1')}")


@cache
def _good_request() -> bytes:
    body = json.dumps(_GOOD).encode()
    head = f"POST {CREATE} HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def _exchange(address: tuple[str, int], data: bytes, *, patient: bool = False) -> bytes:
    """What comes back until the server hangs up; where it waits for more, it is told that nothing follows."""
    received = b""
    with socket.create_connection(address) as connection, contextlib.suppress(ConnectionError):
        # Else each of very many ports would be kept for a minute.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.sendall(data)
        for seconds in (30,) if patient else (_WAITING, 30):
            connection.settimeout(seconds)
            with contextlib.suppress(TimeoutError):
                while piece := connection.recv(65536):
                    received += piece
                return received
            connection.shutdown(socket.SHUT_WR)
    return received


@cache
def _server() -> tuple[str, int]:
    """A server as the dispatcher has it, in a thread that ends with the process."""
    return _serve(RestApplication(_Accepting(), RULES))


@cache
def _standby() -> tuple[str, int]:
    """One that passes on to that one."""
    host, port = _server()
    state = StandbyState(f"http://{host}:{port}", None, 0.0)
    return _serve(standby_rest(lambda: state, connections=LeaderConnections()))


def _serve(app: ASGIApp) -> tuple[str, int]:
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        app,
        http="httptools",
        lifespan="off",
        log_config=None,
        log_level="critical",
        access_log=False,
    )
    server = uvicorn.Server(config)
    threading.Thread(target=server.run, args=([listening],), daemon=True).start()
    address: tuple[str, int] = listening.getsockname()
    return address


TARGETS: dict[str, Case] = {
    "properties": properties_of_all_kinds,
    "structure": structure,
    "damaged bytes": damaged_bytes,
    "paths and methods": paths_and_methods,
    "bytes on the wire": bytes_on_the_wire,
    "bytes passed on": bytes_passed_on,
}
