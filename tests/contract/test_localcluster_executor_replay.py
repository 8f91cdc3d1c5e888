"""Custom executors on the embedded agents: environment and conversation as recorded, and what the scheduler sees."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

from tests.contract.recorded import load
from tests.contract.scheduler_client import PATIENCE, Json, request
from tests.contract.stage import Stage, staged


def test_from_launch_to_shutdown(tmp_path: Path) -> None:
    with staged(tmp_path) as stage:
        with stage.replay("executor-http-scheduler-side", refuse_factor=1.0) as conversation:
            conversation.run().check()
        compare(stage, "executor-http")


def test_an_agent_dies_and_comes_back(tmp_path: Path) -> None:
    with staged(tmp_path, registration_backoff=0.1) as stage:
        # The agent has to be away for as long as it takes the executor to notice, as it was in the recording.
        name = "executor-http-agent-restart-scheduler-side"
        with stage.replay(name, refuse_factor=1.0) as conversation:
            conversation.run(until="the agent was started again")
            written(stage, "connect failed")
            conversation.run(until="RECONCILE")
            resubscribed(stage)
            conversation.run(until="TEARDOWN")
            compare(stage, "executor-http-agent-restart")
            conversation.run().check()


def test_malformed_calls(tmp_path: Path) -> None:
    with staged(tmp_path) as stage:
        agent = stage.cluster.agent_urls[0]
        conversation = stage.replay("executor-bad-requests")
        for exchange in conversation.recording["exchanges"]:
            wanted = exchange["request"]
            conversation.compare(
                exchange,
                *request(agent, wanted["method"], wanted["path"], wanted.get("body"), wanted.get("headers")),
            )
        conversation.check()


def sandbox(stage: Stage) -> Path:
    """That of the only executor."""
    (run,) = (run for run in stage.work_dir.glob("agent*/slaves/**/runs/*") if run.name != "latest")
    return run


def conversation_of(stage: Stage) -> list[Json]:
    lines = (sandbox(stage) / "conversation.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def written(stage: Stage, note: str) -> None:
    """Wait until the executor has noted something."""
    await_entry(stage, lambda entries: any(e.get("note", "").startswith(note) for e in entries))


def resubscribed(stage: Stage) -> None:
    await_entry(stage, lambda entries: len([e for e in entries if _event(e) == "SUBSCRIBED"]) == 2)


def await_entry(stage: Stage, there: Callable[[list[Json]], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not there(conversation_of(stage)):
        assert time.monotonic() < deadline, conversation_of(stage)
        time.sleep(0.02)


def _event(entry: Json) -> str:
    return str(entry.get("event", {}).get("type", ""))


def plain(entries: list[Json]) -> list[Json]:
    """Without times, and with only one of several vain attempts in a row: how many depends on time alone."""
    kept: list[Json] = []
    for entry in entries:
        bare = {key: value for key, value in entry.items() if key != "t"}
        if "note" in bare:
            bare["note"] = bare["note"].partition(":")[0]
        if "response" in bare:
            wanted = ("Content-Type", "Transfer-Encoding", "Content-Length")
            headers = {name.title(): value for name, value in bare["response"]["headers"].items()}
            bare["response"] = {
                **bare["response"],
                "headers": {n: v for n, v in headers.items() if n in wanted},
            }
        if not kept or bare != kept[-1] or "note" not in bare:
            kept.append(bare)
    return kept


def compare(stage: Stage, name: str) -> None:
    """What the executor was given and what it talked with the agent, against the recording."""
    recorded = load(name)
    theirs = plain(recorded["conversation"])
    await_entry(stage, lambda entries: len(plain(entries[1:])) >= len(theirs))
    given, *entries = conversation_of(stage)
    problems = [
        difference
        for key in ("environment", "argv", "cwd")
        for difference in stage.bindings.differences(recorded[key], given[key], key)
    ]
    problems += stage.bindings.differences(theirs, plain(entries))
    assert not problems, "\n".join(problems)
