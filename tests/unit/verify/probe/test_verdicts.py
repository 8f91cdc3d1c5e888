"""What a probe's checks make of what tasks have said."""

from __future__ import annotations

import pytest

from sparkmesos_core.conf.finding import Severity
from sparkmesos_core.verify.check import Problem, Verdict
from sparkmesos_core.verify.probe.machine_verdicts import (
    judge_block_manager_port,
    judge_disk,
    judge_driver_name,
    judge_driver_port,
)
from sparkmesos_core.verify.probe.result import Ending
from sparkmesos_core.verify.probe.spark_verdicts import (
    judge_java,
    judge_layout,
    judge_python,
    judge_spark_class,
    judge_spark_version,
)
from sparkmesos_core.verify.probe.stages import fetched, started, with_java, with_name, with_spark, with_user
from sparkmesos_core.verify.probe.start_verdicts import judge_agents, judge_fetch, judge_start, judge_user
from tests.unit.verify.probe.example_results import agent, failed, plan, result

FETCH = (
    "Failed to launch container: Failed to fetch all URIs for container "
    "'03bf07ce-21f3-4990-bb61-fb903039b524': exited with status 1"
)
"""As recorded (scheduler-fetcher), and what follows (scheduler-containers)."""
NO_USER = (
    "Failed to launch container: Failed to chown '/var/lib/mesos/x/runs/8f5a8652/stdout' to user 'spark' : "
    "No such user 'spark'"
)
NO_IMAGES = "Failed to launch container: Unsupported container image type: DOCKER"


def only(verdict: Verdict) -> Problem:
    (problem,) = verdict.problems
    assert problem.hint
    return problem


def test_all_is_well() -> None:
    sound = result(agent(1), agent(2))
    for judge in (
        judge_agents, judge_fetch, judge_user, judge_start, judge_layout, judge_java, judge_spark_class,
        judge_disk, judge_driver_name, judge_driver_port, judge_block_manager_port,
    ):  # fmt: skip
        verdict = judge(sound)
        assert verdict.problems == ()
        assert "2 agents" in verdict.seen
    assert judge_spark_version(sound, "3.5.9").problems == ()
    assert judge_python(sound, "3.11", matters=True).problems == ()
    stages = (fetched, with_user, started, with_spark, with_java, with_name)
    assert {len(stage(sound)) for stage in stages} == {2}


def test_each_agent_fails_at_one_thing_only() -> None:
    tried = result(
        failed(1, FETCH),
        failed(2, NO_USER),
        failed(3, NO_IMAGES),
        agent(4, layout="missing"),
        agent(5, java=""),
        agent(6, **{"class": "1"}),
        agent(7, name=""),
        agent(8, driver="refused"),
        agent(9, block_manager="silent"),
        agent(10),
    )
    found = {
        judge.__name__: [problem.message.partition(":")[0] for problem in judge(tried).problems]
        for judge in (
            judge_fetch, judge_user, judge_start, judge_layout, judge_java, judge_spark_class,
            judge_driver_name, judge_driver_port, judge_block_manager_port,
        )
    }  # fmt: skip
    assert found == {
        "judge_fetch": ["On 1 of 10 agents tried (agent1)"],
        "judge_user": ["On 1 of 9 agents tried (agent2)"],
        "judge_start": ["On 1 of 8 agents tried (agent3)"],
        "judge_layout": ["On 1 of 7 agents tried (agent4)"],
        "judge_java": ["On 1 of 6 agents tried (agent5)"],
        "judge_spark_class": ["On 1 of 5 agents tried (agent6)"],
        "judge_driver_name": ["On 1 of 7 agents tried (agent7)"],
        "judge_driver_port": ["On 1 of 6 agents tried (agent8)"],
        "judge_block_manager_port": ["On 1 of 5 agents tried (agent9)"],
    }


def test_severity_and_grouping() -> None:
    some = judge_java(result(*(agent(number, java="") for number in range(1, 6)), agent(6)))
    assert only(some).severity is Severity.WARNING
    assert only(some).message.startswith(
        "On 5 of 6 agents tried (agent1, agent2, agent3 and 2 more): no Java is found"
    )
    everywhere = judge_java(result(agent(1, java=""), agent(2, java="")))
    assert only(everywhere).severity is Severity.ERROR
    assert only(everywhere).message.startswith("On all 2 agents tried (agent1, agent2)")
    assert only(judge_java(result(agent(1, java="")))).message.startswith("On the only agent tried, agent1")
    two = judge_java(result(agent(1, java=""), agent(2, java_runs="no")))
    assert [problem.severity for problem in two.problems] == [Severity.ERROR] * 2


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("Error downloading resource: Couldn't connect to server", "firewall"),
        ("Error downloading resource: Couldn't resolve host name", "DNS"),
        ("Error downloading resource: unexpected HTTP status: 404 Not Found", "correct the URI"),
        ("Error downloading resource: 403 Forbidden", "Agents may not read it"),
        ("cp failed with status: 256\ncp: cannot stat '/x': No such file or directory", "on every agent"),
        ("Failed to create HDFS client: Hadoop client is not available", "--hadoop_home"),
        ("write: No space left on device", "Make room"),
        ("Failed to extract: tar: Unexpected EOF in archive", "cut off"),
        ("whatever", "fetcher says"),
    ],
)
def test_fetching(line: str, hint: str) -> None:
    said = f"E1122 fetcher.cpp:615] EXIT with status 1: Failed to fetch 'http://a:b@h/x.tgz': {line}"
    problem = only(judge_fetch(result(failed(1, FETCH, *said.split("\n")))))
    assert hint in problem.hint
    assert "Failed to fetch 'http://" in problem.message
    assert "a:b" not in problem.message
    assert problem.details


def test_what_could_not_be_fetched() -> None:
    archive, other = "http://dist.example/spark-3.5.9.tgz", "http://me:tell-no-one@dist.example/other.jar"

    def key(uri: str) -> str:
        said = failed(1, FETCH, f"EXIT with status 1: Failed to fetch '{uri}': 404 Not Found")
        return only(judge_fetch(result(said, plan=plan(uris=(archive, other))))).key

    assert (key(archive), key(other), key("/x")) == ("spark.executor.uri", "spark.mesos.uris", "")


def test_fetching_without_output() -> None:
    problem = only(judge_fetch(result(failed(1, FETCH, unread="refused"))))
    assert "Failed to fetch all URIs for the container: exited with status 1" in problem.message


def test_fetching_that_does_not_end() -> None:
    late = result(failed(1, ending=Ending.LATE, state="TASK_STAGING"))
    assert "is still fetching after 120 s" in only(judge_fetch(late)).message
    assert "--probe-timeout" in only(judge_fetch(late)).hint
    nothing_to_fetch = result(failed(1, ending=Ending.LATE, state=""), plan=plan(uris=(), archive=""))
    assert "has not come to its end" in only(judge_start(nothing_to_fetch)).message


@pytest.mark.parametrize(
    ("message", "fields", "words"),
    [
        (NO_IMAGES, {"image": "spark:3.5.9"}, "--containerizers"),
        ("Memory limit exceeded", {}, "out of memory"),
        ("Failed: No space left on device", {}, "Make room"),
        ("Command exited with status 3", {}, "the agent's log"),
    ],
)
def test_start(message: str, fields: dict[str, str], words: str) -> None:
    problem = only(judge_start(result(failed(1, message), plan=plan(**fields))))
    assert message.partition(": ")[2] in problem.message
    assert words in problem.hint


def test_task_that_nobody_heard() -> None:
    silent = failed(1, "Command exited with status 0", state="TASK_FINISHED", unread="no answer")
    problem = only(judge_start(result(silent)))
    assert "nor can its output be read" in problem.message
    assert problem.details == ("no answer",)
    assert "5051" in problem.hint


def test_user() -> None:
    problem = only(judge_user(result(failed(1, NO_USER))))
    assert "there is no user 'spark'" in problem.message
    assert "SPARK_USER" in problem.hint


def test_agents() -> None:
    verdict = judge_agents(result(agent(1), unfit=2, left_out=3))
    assert verdict.problems == ()
    assert verdict.seen == (
        "1 agent tried, 2 left out that do not take part or do not meet the constraints, 3 left out by "
        "--probe-agents"
    )
    assert only(judge_agents(result(agent(1), without_offers=("agent2",)))).severity is Severity.WARNING
    problem = only(judge_agents(result(without_offers=("agent1", "agent2"), plan=plan(role="etl"))))
    assert problem.severity is Severity.ERROR
    assert problem.message == (
        "2 agents (agent1, agent2) offered less than 0.1 cores and 128 MiB for the role etl within 10 s"
    )


def test_agents_whose_turn_has_not_come() -> None:
    """Theirs is no lack of resources."""
    verdict = judge_agents(result(agent(1), put_off=("agent2", "agent3")))
    assert verdict.seen == "1 agent tried, 2 put off"
    assert only(verdict).severity is Severity.WARNING
    assert only(verdict).message.startswith("2 agents (agent2, agent3) had no turn within 120 s")
    assert "--probe-timeout" in only(verdict).hint


def test_what_is_wrong_on_many_agents_is_told_once() -> None:
    """Though each of them has a sandbox and a task of its own, and an address."""

    def sandbox(number: int) -> str:
        return f"/var/lib/mesos/slaves/5f1c4f4e-2a0c-4c39-9bd9-8bd7ba3f30f0-S{number}/frameworks/F/executors/E/runs/R"

    numbers = range(1, 501)
    words = [f"Cannot use {sandbox(number)}/x for sparkmesos-probe-{number}" for number in numbers]
    lost = [failed(number, words[number - 1]) for number in numbers]
    assert only(judge_start(result(*lost))).message.startswith("On all 500 agents tried")
    far = [failed(n, state="TASK_FINISHED", unread=f"http://agent{n}:5051: no answer") for n in numbers]
    assert only(judge_start(result(*far))).details == ("http://agent1:5051: no answer",)
    line = "Failed to fetch 'http://dist.example/spark-3.5.9.tgz': cannot write {}/spark"
    full = [failed(number, FETCH, line.format(sandbox(number))) for number in numbers]
    assert only(judge_fetch(result(*full))).key == "spark.executor.uri"
    jar = "spark-core_2.12-3.3.4.jar"
    homes = [f"{sandbox(number)}/spark-3.3.4" for number in numbers]
    old = [
        agent(n, folder=home, spark_home=home, spark_jar=jar) for n, home in zip(numbers, homes, strict=True)
    ]
    assert "the Spark in the archive is 3.3.4" in only(judge_spark_version(result(*old), "3.5.9")).message
    javas = [
        agent(number, folder=home, java=f"{home}/jre/bin/java", java_runs="no")
        for number, home in zip(numbers, homes, strict=True)
    ]
    assert "jre/bin/java of the archive does not run" in only(judge_java(result(*javas))).message


def test_layout() -> None:
    assert "no bash" in only(judge_layout(result(agent(1, bash="")))).message
    assert "cannot be executed" in only(judge_layout(result(agent(1, layout="not-executable")))).message
    missing = only(judge_layout(result(agent(1, layout="missing", layout_holds="stderr stdout data"))))
    assert "`cd spark-3*` goes to" in missing.message
    assert missing.details == ("It holds: stderr stdout data",)
    both = agent(1, layout="missing", layout_holds=". .. spark-3.5.9 spark-3.5.9.tgz")
    assert "fetcherCache" in only(judge_layout(result(both))).hint
    cached = only(judge_layout(result(both, plan=plan(caches=True))))
    assert "fetcherCache" not in cached.hint
    home = plan(archive="", uris=(), home="/opt/spark")
    assert (
        "there is no Spark in /opt/spark"
        in only(judge_layout(result(agent(1, layout="missing"), plan=home))).message
    )
    nowhere = plan(archive="", uris=(), home="")
    assert "nobody says" in only(judge_layout(result(agent(1, layout="missing"), plan=nowhere))).message


@pytest.mark.parametrize(
    ("says", "jar", "words"),
    [
        ('java version "1.8.0_352"', "spark-core_2.12-3.5.9.jar", ""),
        (
            'java version "1.7.0_80"',
            "spark-core_2.12-3.5.9.jar",
            "is Java 7, but Spark 3.5.9 needs Java 8 to 21",
        ),
        ('openjdk version "25" 2025-09-16', "spark-core_2.12-3.5.9.jar", "is Java 25, but Spark 3.5.9 needs"),
        ('openjdk version "17.0.9"', "spark-core_2.11-2.4.8.jar", "is Java 17, but Spark 2.4.8 needs Java 8"),
        ('openjdk version "17.0.9"', "spark-assembly-1.6.3-hadoop2.6.0.jar", "but Spark 1.6.3 needs Java 8"),
        ('Picked up JAVA_TOOL_OPTIONS: -Dx\nopenjdk version "17.0.9"', "spark-core_2.12-3.5.9.jar", ""),
        ("something else", "spark-core_2.12-3.5.9.jar", ""),
        ('openjdk version "25"', "", ""),
    ],
)
def test_java(says: str, jar: str, words: str) -> None:
    verdict = judge_java(result(agent(1, java_says=says, spark_jar=jar)))
    assert [words in problem.message for problem in verdict.problems] == ([True] if words else [])


@pytest.mark.parametrize(
    ("says", "words", "key"),
    [
        (
            "Unrecognized VM option 'X'\nError: Could not create the Java Virtual Machine.",
            "Java refuses",
            "extraJava",
        ),
        ("Failed to find Spark jars directory (/x).", "jars are missing", "uri"),
        ("Error: Could not find or load main class x", "classes of Spark are missing", "uri"),
        (
            "Error occurred during initialization of boot layer\n"
            "java.lang.module.FindException: Module jdk.incubator.vector not found",
            "its Java has no module jdk.incubator.vector",
            "JAVA_HOME",
        ),
        ("Killed", "it was killed (137)", ""),
    ],
)
def test_spark_class(says: str, words: str, key: str) -> None:
    problem = only(judge_spark_class(result(agent(1, class_says=says, **{"class": "137"}))))
    slow = only(judge_spark_class(result(agent(1, class_says="x", **{"class": "124"}))))
    assert "within a minute" in slow.message
    assert words in problem.message
    assert key in problem.key
    assert problem.details == tuple(says.split("\n"))


def test_spark_class_that_ends_well_and_does_nothing() -> None:
    problem = only(judge_spark_class(result(agent(1, class_says="", **{"class": "0"}))))
    assert problem.message.endswith("ends as if all were well, and has not started Spark's executor")
    assert "pack Spark again" in problem.hint


def test_archive_whose_name_is_none_for_a_shell() -> None:
    """The task finds its folder; executors, which go there without quotes, do not."""
    odd = plan(archive="http://dist.example/my spark.tgz")
    problem = only(judge_layout(result(agent(1), plan=odd)))
    assert "unquoted in a shell" in problem.message
    signed = plan(archive="http://dist.example/spark-3.5.9.tgz?a=1&b=2")
    assert judge_layout(result(agent(1), plan=signed)).problems == ()


def test_task_that_the_principal_may_not_run() -> None:
    words = "Not authorized to launch as user 'spark'"
    (one,) = [failed(1, words, state="TASK_ERROR", reason="REASON_TASK_UNAUTHORIZED")]
    problem = only(judge_start(result(one)))
    assert words in problem.message
    assert "run_tasks" in problem.hint
    assert "SPARK_USER" in problem.hint


def test_another_patch_of_the_same_spark() -> None:
    """As uri-version has it."""
    near = judge_spark_version(result(agent(1, spark_jar="spark-core_2.12-3.5.1.jar")), "3.5.9")
    assert only(near).severity is Severity.WARNING
    far = judge_spark_version(result(agent(1, spark_jar="spark-core_2.12-3.4.1.jar")), "3.5.9")
    assert only(far).severity is Severity.ERROR


def test_spark_version() -> None:
    own_home = agent(1, spark_home="/opt/old", spark_jar="spark-core_2.12-3.3.4.jar")
    problem = only(judge_spark_version(result(own_home), "3.5.9"))
    assert "the Spark in /opt/old is 3.3.4, and the driver's is 3.5.9" in problem.message
    assert "SPARK_HOME wins" in problem.hint
    home = plan(archive="", uris=(), home="/opt/old/")
    assert "spark.executor.uri" in only(judge_spark_version(result(own_home, plan=home), "3.5.9")).hint
    archive = agent(1, spark_jar="spark-core_2.12-3.3.4.jar")
    assert "upload-dist" in only(judge_spark_version(result(archive), "3.5.9")).hint


def test_python() -> None:
    other = result(agent(1, python="3.9"))
    assert only(judge_python(other, "3.11", matters=True)).severity is Severity.WARNING
    assert only(judge_python(other, "3.11", matters=False)).severity is Severity.NOTE
    assert (
        "is Python 3.9, and the driver's is 3.11" in only(judge_python(other, "3.11", matters=True)).message
    )
    assert judge_python(other, "", matters=True).problems == ()
    gone = result(agent(1, python="", python_says="sh: python3: not found"))
    problem = only(judge_python(gone, "", matters=True))
    assert "does not run" in problem.message
    assert problem.details == ("sh: python3: not found",)


@pytest.mark.parametrize(
    ("kib", "severity"),
    [
        (1 << 20, None),
        ((1 << 20) - 1, Severity.WARNING),
        ((64 << 10) - 1, Severity.ERROR),
        (0, Severity.ERROR),
    ],
)
def test_disk(kib: int, severity: Severity | None) -> None:
    verdict = judge_disk(result(agent(1, disk_kib=str(kib))))
    assert [problem.severity for problem in verdict.problems] == ([severity] if severity else [])


def test_disk_that_cannot_be_written() -> None:
    full = agent(1, disk_write="failed", disk_says="dd: error writing: No space left on device")
    problem = only(judge_disk(result(full)))
    assert "nothing can be written" in problem.message
    assert problem.details == ("dd: error writing: No space left on device",)


def test_names_that_nobody_could_look_up() -> None:
    told = result(agent(1, without=("name",)))
    assert judge_driver_name(told).problems == ()
    assert with_name(told) == told.agents


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("refused", "the connection is refused"),
        ("silent", "a firewall drops"),
        ("other", "something else answers"),
        ("failed", "no way there"),
    ],
)
def test_driver_port(said: str, words: str) -> None:
    told = result(agent(1, driver=said, block_manager=said))
    problem = only(judge_driver_port(told))
    assert "the driver at driver.example, port 7001: " in problem.message
    assert words in problem.message
    assert "spark.driver.port" in problem.hint
    assert judge_block_manager_port(told).problems == ()


def test_driver_goes_by_its_address_too_where_spark_makes_a_name_of_it() -> None:
    """Other checks, to whom Spark's name of it does not matter, say the address."""
    named = plan(host="localhost", address="127.0.0.1")
    refused = only(judge_driver_port(result(agent(1, driver="refused"), plan=named)))
    assert "the driver at localhost (127.0.0.1), port 7001: " in refused.message
    assert "between agents and localhost (127.0.0.1) for it" in refused.hint
    unknown = only(judge_driver_name(result(agent(1, name=""), plan=named)))
    assert "the driver's host, localhost (127.0.0.1), is unknown" in unknown.message
    seen = judge_driver_name(result(agent(1, name="127.0.0.1"), plan=named)).seen
    assert seen == "localhost is 127.0.0.1 on 1 agent"


def test_block_manager_port() -> None:
    problem = only(judge_block_manager_port(result(agent(1, block_manager="silent"))))
    assert "block manager at driver.example, port 7002" in problem.message
    assert problem.key == "spark.driver.blockManager.port"


def test_ports_that_could_not_be_tried() -> None:
    told = result(agent(1, bash="", without=("driver", "block-manager")))
    assert not judge_driver_port(told).applies
