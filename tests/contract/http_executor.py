"""A custom executor that behaves like the recorded one and writes its conversation down; run by an agent.

Standard library only. Tasks whose id ends in "short" finish by themselves, others when they are killed.
The first line of `conversation.jsonl` in the sandbox has environment, arguments and working directory; each
further one is a call with its answer, an event, or a note, as in the recordings.
"""

from __future__ import annotations

import base64
import http.client
import json
import os
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Json = dict[str, Any]

SHORT_SECONDS = 0.1
RETRY_SECONDS = 0.1
PATH = "/slave(1)/api/v1/executor"
HEADERS = {"Content-Type": "application/json", "Accept": "application/json"}
PATIENCE = 20.0


class Executor:
    def __init__(self) -> None:
        self.began = time.monotonic()
        self.ids = {
            "executor_id": {"value": os.environ["MESOS_EXECUTOR_ID"]},
            "framework_id": {"value": os.environ["MESOS_FRAMEWORK_ID"]},
        }
        self.lock = threading.Lock()
        self.acknowledged = threading.Condition(self.lock)
        self.unacknowledged_tasks: dict[str, Json] = {}
        self.unacknowledged_updates: dict[str, Json] = {}
        self.log = Path("conversation.jsonl").open("a", encoding="utf-8")  # noqa: SIM115 - for life

    def write(self, **entry: Any) -> None:
        print(json.dumps({"t": time.monotonic() - self.began, **entry}), file=self.log, flush=True)

    def post(self, body: Json) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
        host, _, port = os.environ["MESOS_AGENT_ENDPOINT"].rpartition(":")
        connection = http.client.HTTPConnection(host, int(port))
        connection.request("POST", PATH, json.dumps(body), HEADERS)
        return connection, connection.getresponse()

    def note_call(self, body: Json, answer: http.client.HTTPResponse, text: str | None) -> None:
        response: Json = {"status": answer.status, "headers": dict(answer.getheaders())}
        if text is not None:
            response["body"] = text
        call = {"method": "POST", "path": PATH, "headers": HEADERS, "body": body}
        self.write(call=call, response=response)

    def call(self, kind: str, **content: Any) -> None:
        body = {**self.ids, "type": kind, **content}
        connection, answer = self.post(body)
        text = answer.read().decode()
        connection.close()
        with self.lock:
            self.note_call(body, answer, text)

    def update(self, task_id: str, state: str, **more: Any) -> None:
        """Send an update and wait until the agent has taken it."""
        key = base64.b64encode(uuid.uuid4().bytes).decode()
        status = {
            "task_id": {"value": task_id},
            "executor_id": self.ids["executor_id"],
            "state": state,
            "source": "SOURCE_EXECUTOR",
            "timestamp": time.time(),
            "uuid": key,
            **more,
        }
        body = {**self.ids, "type": "UPDATE", "update": {"status": status}}
        with self.lock:
            # Held until the call is written down: its acknowledgement must not be written before.
            self.unacknowledged_updates[key] = {"status": status}
            connection, answer = self.post(body)
            text = answer.read().decode()
            connection.close()
            self.note_call(body, answer, text)
            self.acknowledged.wait_for(lambda: key not in self.unacknowledged_updates, PATIENCE)

    def run_task(self, task_id: str) -> None:
        self.update(task_id, "TASK_STARTING")
        self.update(task_id, "TASK_RUNNING", message="up", data=base64.b64encode(b"status data").decode())
        if task_id.endswith("short"):
            time.sleep(SHORT_SECONDS)
            self.update(task_id, "TASK_FINISHED", message="done")

    def subscribe(self) -> None:
        with self.lock:
            subscribe = {
                "unacknowledged_tasks": list(self.unacknowledged_tasks.values()),
                "unacknowledged_updates": list(self.unacknowledged_updates.values()),
            }
        body = {"type": "SUBSCRIBE", **self.ids, "subscribe": subscribe}
        connection, answer = self.post(body)
        with self.lock:
            self.note_call(body, answer, None)
        for event in events(answer):
            with self.lock:
                self.write(event=event)
            self.handle(event)
        connection.close()

    def handle(self, event: Json) -> None:
        match event["type"]:
            case "LAUNCH":
                task = event["launch"]["task"]
                task_id = task["task_id"]["value"]
                with self.lock:
                    self.unacknowledged_tasks[task_id] = task
                threading.Thread(target=self.run_task, args=(task_id,), daemon=True).start()
            case "ACKNOWLEDGED":
                with self.lock:
                    self.unacknowledged_tasks.pop(event["acknowledged"]["task_id"]["value"], None)
                    self.unacknowledged_updates.pop(event["acknowledged"]["uuid"], None)
                    self.acknowledged.notify_all()
            case "KILL":
                task_id = event["kill"]["task_id"]["value"]
                arguments, more = (task_id, "TASK_KILLED"), {"message": "killed on request"}
                threading.Thread(target=self.update, args=arguments, kwargs=more, daemon=True).start()
            case "MESSAGE":
                text = b"echo " + base64.b64decode(event["message"]["data"])
                self.call("MESSAGE", message={"data": base64.b64encode(text).decode()})
            case "SHUTDOWN":
                self.write(note="executor process exits")
                self.log.close()
                os._exit(0)


def events(answer: http.client.HTTPResponse) -> Iterator[Json]:
    """The events of a stream, until it is cut or ends."""
    buffer = b""
    while chunk := answer.read1(65536):
        buffer += chunk
        while b"\n" in buffer:
            length, _, rest = buffer.partition(b"\n")
            if len(rest) < int(length):
                break
            yield json.loads(rest[: int(length)])
            buffer = rest[int(length) :]


def main() -> None:
    executor = Executor()
    executor.write(environment=dict(os.environ), argv=sys.argv, cwd=str(Path.cwd()))
    while True:
        try:
            executor.subscribe()
            executor.write(note="event stream ended: end of stream")
        except ConnectionRefusedError as error:
            executor.write(note=f"connect failed: {type(error).__name__}")
        except (OSError, http.client.HTTPException) as error:
            executor.write(note=f"event stream ended: {type(error).__name__}")
        if os.environ.get("MESOS_CHECKPOINT") != "1":
            executor.write(note="executor process exits")
            return
        time.sleep(RETRY_SECONDS)


if __name__ == "__main__":
    main()
