"""The JSON of checks and results, whose keys scripts rely on."""

from __future__ import annotations

import json

from sparkmesos_core.conf.finding import Severity
from sparkmesos_core.conf.setting import Origin, Source
from sparkmesos_core.verify.check import Group, Status
from sparkmesos_core.verify.conclusion import conclude
from sparkmesos_core.verify.records import check_record, conclusion_record, result_record
from tests.verified import check, problem, result

ONE = check("agents-role", group=Group.AGENTS)


def test_a_check():
    assert check_record(ONE) == {
        "id": "agents-role",
        "group": "agents",
        "title": "Title of agents-role",
        "severity": "error",
        "finds": "finds agents-role",
        "remedy": "Remedy of agents-role.",
        "needs_probe": False,
    }


def test_a_result_with_a_problem():
    origin = Origin(Source.FILE, "/etc/spark/spark-defaults.conf", 7)
    wrong = problem(
        Severity.WARNING, "no agent has it", key="spark.mesos.role", origin=origin, details=("a1", "a2")
    )
    assert result_record(result(ONE, wrong, seconds=0.12345)) == {
        "id": "agents-role",
        "group": "agents",
        "title": "Title of agents-role",
        "status": "warning",
        "seen": "seen by agents-role",
        "follows": None,
        "seconds": 0.123,
        "problems": [
            {
                "severity": "warning",
                "message": "no agent has it",
                "hint": "mend it",
                "key": "spark.mesos.role",
                "place": {
                    "source": "file",
                    "name": "/etc/spark/spark-defaults.conf",
                    "line": 7,
                    "script": None,
                },
                "details": ["a1", "a2"],
            }
        ],
    }


def test_a_result_that_follows_another():
    record = result_record(result(ONE, status=Status.SKIPPED, follows="master-leader"))
    assert (record["status"], record["follows"], record["problems"]) == ("skipped", "master-leader", [])


def test_what_a_problem_is_not_about_is_null():
    (record,) = result_record(result(ONE, problem()))["problems"]
    assert (record["key"], record["place"]) == (None, None)


def test_the_conclusion():
    conclusion = conclude([ONE], [result(ONE, problem())])
    record = conclusion_record(conclusion)
    assert record == {
        "healthy": False,
        "exit_code": 1,
        "counts": {"ok": 0, "note": 0, "warning": 0, "error": 1, "skipped": 0},
        "advice": [
            {
                "hint": "mend it",
                "message": "it is wrong",
                "key": None,
                "place": None,
                "severity": "error",
                "checks": ["agents-role"],
            }
        ],
    }
    assert json.loads(json.dumps(record)) == record


def test_advice_says_what_it_is_about_and_where_that_is():
    origin = Origin(Source.FILE, "/etc/spark/spark-defaults.conf", 7)
    wrong = problem(key="spark.mesos.role", origin=origin)
    (advice,) = conclusion_record(conclude([ONE], [result(ONE, wrong)]))["advice"]
    assert advice["key"] == "spark.mesos.role"
    assert (advice["place"]["name"], advice["place"]["line"]) == (origin.name, 7)
