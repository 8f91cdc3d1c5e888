"""Submits drivers as fast as a dispatcher takes them, over connections that stay open.

    python -m benchmarks.create_load PORT COUNT [CONNECTIONS]

A process of its own, so that it does not share an interpreter with what measures it. Prints the seconds that
it took, and how many were accepted.
"""

from __future__ import annotations

import json
import socket
import sys
import threading
import time

CONNECTIONS = 16
_BODY = {
    "action": "CreateSubmissionRequest",
    "appArgs": ["10"],
    "appResource": "http://repo.example/application.jar",
    "clientSparkVersion": "3.5.9",
    "environmentVariables": {"SPARK_USER": "somebody"},
    "mainClass": "org.example.Application",
    "sparkProperties": {
        "spark.app.name": "an application",
        "spark.cores.max": "8",
        # More than any agent has: it is queued, and stays there.
        "spark.driver.memory": "900g",
        "spark.driver.supervise": "false",
        "spark.executor.memory": "4g",
        "spark.executor.uri": "http://repo.example/spark-3.5.9-bin-hadoop3.tgz",
        "spark.jars": "http://repo.example/application.jar",
        "spark.master": "mesos://dispatcher.example:7077",
        "spark.mesos.coarse": "true",
        "spark.submit.deployMode": "cluster",
    },
}
_LENGTH = b"content-length:"
_ACCEPTED = b'"success" : true'


def request() -> bytes:
    """The request as it goes over the wire."""
    body = json.dumps(_BODY).encode()
    head = f"POST /v1/submissions/create HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def send(port: int, count: int, accepted: list[int]) -> None:
    """Sends so many over one connection, each when the one before has been answered."""
    content, agreed = request(), 0
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(count):
            connection.sendall(content)
            agreed += _ACCEPTED in _answer(connection)
    accepted.append(agreed)


def _answer(connection: socket.socket) -> bytes:
    data = b""
    while (end := data.find(b"\r\n\r\n")) < 0:
        data += _more(connection)
    head = data[:end].lower()
    start = head.index(_LENGTH) + len(_LENGTH)
    length = end + 4 + int(head[start:].split(b"\r\n", 1)[0])
    while len(data) < length:
        data += _more(connection)
    return data


def _more(connection: socket.socket) -> bytes:
    if not (data := connection.recv(65536)):
        raise ConnectionError("the dispatcher has closed the connection")
    return data


def main() -> None:
    """Prints the seconds and the number of those that were accepted."""
    port, count = int(sys.argv[1]), int(sys.argv[2])
    connections = int(sys.argv[3]) if len(sys.argv) > 3 else CONNECTIONS
    shares = [count // connections + (n < count % connections) for n in range(connections)]
    accepted: list[int] = []
    threads = [threading.Thread(target=send, args=(port, share, accepted)) for share in shares]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(time.perf_counter() - began, sum(accepted))


if __name__ == "__main__":
    main()
