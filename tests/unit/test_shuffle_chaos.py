"""The parts of scripts/soak's chaos around shuffle services: plan, verdict, who comes back when, the stand-in."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.servers.dispatcher import free_ports
from tests.soak.returns import Returns
from tests.soak.shuffle_chaos_plan import Blow, Size, plan
from tests.soak.shuffle_chaos_verdict import Deeds, Life, failures, hasty_starts, lives, violations
from tests.soak.stand_in_service import ADDRESS, Event, recorded, write_stand_in
from tests.soak.stand_in_service import plan as plan_service

HOST, OTHER = "127.0.0.2", "127.0.0.3"
SERVICE = "org.apache.spark.deploy.mesos.MesosExternalShuffleService"


def life(
    number: int,
    began: float,
    ended: float = math.inf,
    status: int | None = None,
    *,
    agent: str = "S0",
    framework: str = "F",
    alone: bool = True,
    host: str = HOST,
) -> Life:
    return Life(host, agent, framework, f"task-{number}", number, began, alone, ended, status)


def found(those: Sequence[Life], deeds: Deeds | None = None, *, lives_on: bool = True) -> list[str]:
    """What is wrong with these of one host; the last one lives unless told otherwise."""
    living = {those[-1].host: those[-1]} if lives_on else {}
    return list(violations({those[-1].host: those}, deeds or Deeds(), living))


def test_a_seed_decides_the_plan() -> None:
    size = Size(strikes=60, processes=3, masters=3)
    strikes = plan(7, size, 2.0, 4.0)
    assert strikes == plan(7, size, 2.0, 4.0) != plan(8, size, 2.0, 4.0)
    assert len(strikes) == 60
    assert {strike.blow for strike in strikes} == set(Blow)


def test_a_short_plan_has_each_blow_once_at_the_most_and_none_that_cannot_be() -> None:
    size = Size(strikes=12)
    blows = [strike.blow for strike in plan(7, size, 2.0, 4.0)]
    assert sorted(blow.value for blow in blows) == sorted(
        blow.value for blow in Blow if blow is not Blow.ZOOKEEPER_ENDED
    )
    assert len(plan(7, Size(strikes=5), 2.0, 4.0)) == 5


def test_agents_are_away_for_longer_than_masters_wait_and_for_less() -> None:
    strikes = [one for one in plan(7, Size(strikes=200), 2.0, 4.0) if one.blow is Blow.AGENT_PAUSED]
    assert {one.downtime > 2.0 for one in strikes} == {True, False}


def test_what_is_right() -> None:
    killed = Deeds(killed={1: 15.0, 2: 20.0})
    assert found([life(1, 10, 15), life(2, 16.1, 20), life(3, 22.2)], killed) == []
    crashed = Deeds(killed={1: 15.0}, crashes=[(HOST, 15.0, 19.0)])
    assert (
        found([life(1, 10, 15), life(2, 16.1, 16.2, 1), life(3, 18.3, 18.4, 1), life(4, 23)], crashed) == []
    )
    renewed = Deeds(renewals=[(HOST, 15.0, 16.0)])
    assert found([life(1, 10, 15.2, 143), life(2, 17, agent="S1")], renewed) == []
    assert found([life(1, 10), life(2, 17, agent="S1")], renewed) == []
    stopped = Deeds(stops=[(15.0, 16.0)])
    assert found([life(1, 10, 15.2, 143), life(2, 17, framework="G")], stopped) == []
    assert found([life(1, 10, 15.2, 143)], stopped, lives_on=False) == []


def test_two_on_one_agent() -> None:
    pair = [life(1, 10), life(2, 17, alone=False)]
    assert any("ran beside" in line for line in found(pair))
    wiped = Deeds(wipes=[(HOST, 15.0, 16.0)], renewals=[(HOST, 15.0, 16.0)])
    assert any("ran beside" in line for line in found(pair, wiped))
    # The memory of the agent was wiped, and what the last one ran had not ended yet.
    orphan = [life(1, 10, 18), life(2, 17, alone=False, agent="S1")]
    assert found(orphan, wiped) == []
    assert "ran beside" in found(orphan, Deeds(renewals=[(HOST, 15.0, 16.0)]))[0]
    unknown = [life(1, 10, 11, 143), life(2, 17, alone=False)]
    assert any("nobody knows" in line for line in found(unknown))


@pytest.mark.parametrize(
    ("status", "deeds"),
    [
        (143, Deeds()),
        (None, Deeds()),
        (143, Deeds(renewals=[(OTHER, 15.0, 16.0)])),
        (143, Deeds(renewals=[(HOST, 50.0, 51.0)])),
        (143, Deeds(stops=[(50.0, 51.0)])),
        (1, Deeds()),
        (1, Deeds(crashes=[(OTHER, 10.0, 15.0)])),
        (143, Deeds(crashes=[(HOST, 10.0, 15.0)])),
        (None, Deeds(killed={2: 15.0})),
    ],
)
def test_ends_that_nothing_explains(status: int | None, deeds: Deeds) -> None:
    ended = math.inf if status is None else 15.0
    assert "nothing explains" in found([life(1, 10, ended, status), life(2, 17)], deeds)[0]


def test_back_offs() -> None:
    assert "not 1 s" in next(hasty_starts([life(1, 10, 15), life(2, 15.5)]))
    assert "not 2 s" in next(hasty_starts([life(1, 10, 15), life(2, 16.1, 17), life(3, 18.1)]))
    assert list(hasty_starts([life(1, 10, 15), life(2, 16, 17), life(3, 19, 20), life(4, 24)])) == []
    # Another agent, or framework, has not failed before.
    assert list(hasty_starts([life(1, 10, 15), life(2, 15.5, agent="S1")])) == []
    assert list(hasty_starts([life(1, 10, 15), life(2, 15.5, framework="G")])) == []
    those = [life(1, 10, 15), life(2, 16.1, 17), life(3, 20)]
    assert failures(those) == 2
    assert failures([*those, life(4, 30, agent="S1")]) == 0
    assert failures([]) == 0


def test_frameworks_and_tasks() -> None:
    pair = [life(1, 10, 15, 143), life(2, 17, framework="G")]
    renewed = Deeds(renewals=[(HOST, 14.0, 16.0)])
    assert "nobody had them stopped" in found(pair, renewed)[0]
    back = [*pair[:1], life(2, 17, 18, 143, framework="G"), life(3, 30, agent="S1")]
    assert "had another one after it" in found(back, Deeds(stops=[(14.0, 16.0)]))[0]
    twice = [life(1, 10, 15), life(1, 17)]
    assert "began twice" in found(twice, Deeds(killed={1: 15.0}))[0]


def test_lives_are_made_of_events() -> None:
    events = (
        Event("t1", 10.0, 1, agent_id="S0", framework_id="F"),
        Event("t1", 12.0, 1, status=1, agent_id="S0", framework_id="F"),
        Event("t2", 14.0, 2, alone=False, agent_id="S0", framework_id="F"),
        Event("t3", 16.0, 3, agent_id="S0", framework_id="F"),
    )
    assert lives({HOST: events}, {2: 15.0}) == {
        HOST: [
            Life(HOST, "S0", "F", "t1", 1, 10.0, True, 12.0, 1),
            Life(HOST, "S0", "F", "t2", 2, 14.0, False, 15.0),
            Life(HOST, "S0", "F", "t3", 3, 16.0, True),
        ]
    }


def test_who_comes_back_when() -> None:
    returns: Returns[str] = Returns()
    back: list[str] = []
    returns.after(3600, "c", lambda: back.append("c"))
    returns.after(0, "b", lambda: back.append("b"))
    assert returns.away() == {"b", "c"}
    returns.wait(0)
    assert back == ["b"]
    assert returns.away() == {"c"}
    returns.after(0.01, "d", lambda: back.append("d"))
    first, last = returns.pending
    assert (first.who, last.who) == ("d", "c")
    returns.at_once(last)
    returns.wait_for_all()
    assert back == ["b", "c", "d"]


def launch(home: Path, task: str) -> subprocess.Popen[str]:
    (port,) = free_ports(1)
    environment = {
        **os.environ,
        ADDRESS: "127.0.0.1",
        "MESOS_EXECUTOR_ID": task,
        "MESOS_SANDBOX": str(home.parent),
        "MESOS_SLAVE_ID": "S0",
        "MESOS_FRAMEWORK_ID": "F",
        "SPARK_SHUFFLE_OPTS": f"-Dspark.shuffle.service.port={port}",
    }
    command = [sys.executable, str(home / "bin" / "spark-class"), SERVICE]
    return subprocess.Popen(command, env=environment, text=True, stderr=subprocess.PIPE)


def test_the_stand_in_tells_who_runs_beside_it_and_crashes_as_planned(tmp_path: Path) -> None:
    home, record = write_stand_in(tmp_path / "home", tmp_path / "record"), tmp_path / "record"
    with launch(home, "t0") as first:
        try:
            while not recorded(record).get("127.0.0.1"):
                assert first.poll() is None
            plan_service(record, "127.0.0.1", "crash")
            with launch(home, "t1") as second:
                assert "OutOfMemoryError" in second.communicate()[1]
            assert second.returncode == 1
            plan_service(record, "127.0.0.1", "")
            first.send_signal(signal.SIGTERM)
            assert first.wait() == 143
        finally:
            first.kill()
    (those,) = lives(recorded(record), {}).values()
    assert [(one.task_id, one.alone, one.status) for one in those] == [("t0", True, 143), ("t1", False, 1)]
    assert those[0].agent_id == "S0"
    assert those[0].framework_id == "F"
