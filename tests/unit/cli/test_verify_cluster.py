"""`sparkmesos verify-cluster`: what it takes, shows and exits with, with checks of the test's choice."""

from __future__ import annotations

import io
import itertools
import json
import re
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import pytest

from sparkmesos_cli.main import run
from sparkmesos_cli.terminal import Terminal
from sparkmesos_core.conf.finding import Severity
from sparkmesos_core.conf.setting import Origin, Source
from sparkmesos_core.errors import UnreachableError
from sparkmesos_core.verify.check import Check, Group, Verdict, not_applicable
from sparkmesos_core.verify.known import Known
from tests.verified import Stdout, check, problem

LONG = 60.0
MASTER = ("--master", "mesos://127.0.0.1:5050")
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@dataclass
class Said:
    code: int
    out: str
    err: str

    @property
    def rows(self) -> list[list[str]]:
        return [line.split("\t") for line in self.out.splitlines()]

    @property
    def left(self) -> str:
        """What a terminal shows for good, roughly: without colours and without the blanks at line ends."""
        return "\n".join(line.rstrip() for line in _ESCAPES.sub("", self.out).splitlines())


Verify = Callable[..., Said]


@pytest.fixture
def verify(capfd, tmp_path, monkeypatch) -> Verify:
    """Runs the command with these checks, where no Spark is installed and nothing is configured."""
    monkeypatch.setattr("sparkmesos_core.spark.home.importlib_util.find_spec", lambda name: None)
    for name in ("SPARKMESOS_MASTER", "SPARKMESOS_OUTPUT"):
        monkeypatch.delenv(name, raising=False)

    def call(
        *arguments: str,
        checks: tuple[Check, ...] = (check(),),
        stdout: Stdout | None = None,
        before: tuple[str, ...] = (),
        settings: str = "",
        defaults: str = "",
        **environment: str,
    ) -> Said:
        monkeypatch.setattr("sparkmesos_core.verify.all_checks.ALL_CHECKS", checks)
        if stdout is not None:
            monkeypatch.setattr("sys.stdout", stdout)
        conf = tmp_path / "conf"
        conf.mkdir(exist_ok=True)
        (conf / "spark-defaults.conf").write_text(defaults)
        config = tmp_path / "config.toml"
        config.write_text(settings)
        terminal = Terminal(
            environment={
                "PATH": "/usr/bin:/bin",
                "HOME": str(tmp_path),
                "SPARK_CONF_DIR": str(conf),
                "SPARKMESOS_CONFIG": str(config),
                **environment,
            }
        )
        code = run([*before, "verify-cluster", *arguments], terminal)
        out, err = capfd.readouterr()
        return Said(code, out if stdout is None else stdout.getvalue(), err)

    return call


def saying(*problems, seen: str = "seen") -> Callable[[Known], Verdict]:
    return lambda known: Verdict(seen, problems)


def looking(seen: list[Known], id: str = "one", *, needs_probe: bool = False) -> Check:
    """A check that keeps what it was given."""

    def look(known: Known) -> Verdict:
        seen.append(known)
        return Verdict("seen")

    return check(id, look, needs_probe=needs_probe)


def failing(severity: Severity = Severity.ERROR, id: str = "bad", **others) -> Check:
    return check(id, saying(problem(severity, **others)))


HEALED_THIRD = "healed at the third look"


def healing() -> Check:
    """A check that fails twice."""
    looks = itertools.count(1)

    def look(_known: Known) -> Verdict:
        return Verdict(HEALED_THIRD) if next(looks) >= 3 else Verdict("ill", (problem(),))

    return check("heals", look)


# What is refused before anything is asked


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "No Mesos master given"),
        (("--master", "yarn"), "means a Hadoop YARN cluster"),
        ((*MASTER, "--only", "non"), "neither a check nor a group 'non'"),
        ((*MASTER, "--skip", "master"), "leave no check"),
        ((*MASTER, "--timeout", "5"), "--timeout is about --watch and --wait-for-agents"),
        ((*MASTER, "--interval", "5"), "--interval is about --watch and --wait-for-agents"),
        (("--list", "--bogus"), "--bogus"),
        ((*MASTER, "--probe-agents", "2"), "--probe-agents is about the probe"),
        ((*MASTER, "--probe-timeout", "2"), "--probe-timeout is about the probe"),
        ((*MASTER, "--history-server", "ftp://h:1"), "not the address of a history server"),
        ((*MASTER, "--history-server", "h:port"), "not the address of a history server"),
        ((*MASTER, "--dispatcher", "mesos://zk://z:2181/mesos"), "a zk:// URL names Mesos masters"),
        ((*MASTER, "--agents-file", "/nonexistent/agents"), "cannot be read: No such file"),
        ((*MASTER, "--expect-agents", "-1"), "-1 is not at least 0"),
        ((*MASTER, "--wait-for-agents", "0"), "0 is not at least 1"),
        ((*MASTER, "--status", "driver-1"), "With --status nothing is submitted"),
        ((*MASTER, "--conf", "spark.cores.max"), "spark.cores.max"),
        ((*MASTER, "--stritc"), "Did you mean --strict?"),
        (("--list", "--output", "junit"), "--list has no results for JUnit"),
    ],
)
def test_wrong_use_is_refused_before_any_check(verify, arguments, message):
    def never(_known: Known) -> Verdict:
        raise AssertionError("it was checked")

    said = verify(*arguments, checks=(check("one", never),))
    assert said.code == 2, said
    assert message in said.err
    assert "hint: " in said.err
    assert said.out == ""


def test_options_behind_the_application_are_told_of(verify):
    said = verify(*MASTER, "app.py", "--probe", "--strict", "--probe", "--output", "x", "--expect-agents=2")
    assert said.code == 0
    assert said.err.splitlines()[:2] == [
        "warning: --probe, --strict, --expect-agents behind app.py are arguments of the application, not of "
        "verify-cluster",
        "hint: Write options in front of the application.",
    ]
    assert "behind" not in verify(*MASTER, "app.py", "--output", "x").err


def test_agents_may_come_by_stdin(verify, monkeypatch):
    seen: list[Known] = []
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"a1\na2 # new\n")))
    assert verify(*MASTER, "--agents-file", "-", checks=(looking(seen),)).code == 0
    assert seen[0].subject.expected_hosts == ("a1", "a2")
    monkeypatch.setattr("sys.stdin", None)
    said = verify(*MASTER, "--agents-file", "-")
    assert (said.code, said.out) == (2, "")
    assert "--agents-file: - cannot be read: it is closed" in said.err


def test_in_cluster_mode_the_configured_master_is_no_mesos_master(verify):
    defaults = "spark.submit.deployMode cluster\nspark.master mesos://dispatcher:7077\n"
    said = verify(defaults=defaults)
    assert said.code == 2
    assert "spark-defaults.conf:2, is that of a dispatcher in cluster mode" in said.err
    assert verify(*MASTER, defaults=defaults).code == 0


def test_in_cluster_mode_the_own_dispatcher_is_not_taken_for_the_master(verify):
    seen: list[Known] = []
    looks = looking(seen)
    settings = 'master = "mesos://m:5050"\ndispatcher = "mesos://d:7077"\n'
    assert verify("--deploy-mode", "cluster", checks=(looks,), settings=settings).code == 0
    assert (str(seen[0].subject.master), seen[0].subject.dispatcher) == ("mesos://m:5050", "mesos://d:7077")


# What is to be verified


def test_the_subject_is_what_the_command_line_says(verify, tmp_path):
    seen: list[Known] = []
    looks = looking(seen, needs_probe=True)
    agents = tmp_path / "agents"
    agents.write_text("a1\na2\n")
    said = verify(
        *MASTER,
        "--executor-memory=4g", "--conf", "spark.mesos.role=etl", "--mesos-driver", "http",
        "--expect-agents", "2", "--agents-file", str(agents), "--dispatcher", "mesos://d:7077",
        "--auth-token-file", "token", "--history-server", "http://h:18081", "--log-lines", "7",
        "--check-timeout", "9", "--probe-agents", "3", "--probe-spark", "--probe-timeout", "11",
        "app.py", "--strict",
        checks=(looks,),
    )  # fmt: skip
    assert said.code == 0, said
    (known,) = seen
    subject = known.subject
    assert known.timeout == 9
    assert subject.configuration.get("spark.executor.memory") == "4g"
    assert subject.configuration.get("spark.mesos.role") == "etl"
    assert subject.client.arguments.is_python
    assert subject.options.mesos_driver.value == "http"
    assert (subject.expected_agents, subject.expected_hosts) == (2, ("a1", "a2"))
    assert (subject.dispatcher, subject.auth_token_file) == ("mesos://d:7077", Path("token"))
    assert (str(subject.history_server), subject.log_lines) == ("http://h:18081", 7)
    assert subject.probe is not None
    assert (subject.probe.agents, subject.probe.runs_spark, subject.probe.timeout) == (3, True, 11)


@pytest.mark.parametrize(
    ("given", "server"),
    [
        ("h", "http://h:18080"),
        ("h:81", "http://h:81"),
        ("[::1]", "http://[::1]:18080"),
        ("http://h", "http://h:80"),
        ("https://h/spark/", "https://h:443/spark"),
    ],
)
def test_history_servers(verify, given, server):
    seen: list[Known] = []
    assert verify(*MASTER, "--history-server", given, checks=(looking(seen),)).code == 0
    assert str(seen[0].subject.history_server) == server


def test_without_being_asked_for_there_is_no_probe(verify):
    seen: list[Known] = []
    looks = looking(seen)
    probing = looking(seen, "probe-java", needs_probe=True)
    assert verify(*MASTER, checks=(looks, probing)).code == 0
    (known,) = seen
    assert known.subject.probe is None


def test_a_timeout_of_submit_in_the_settings_is_another_one(verify):
    said = verify(*MASTER, settings="[submit]\ntimeout = 3\nmesos-driver = 'http'\n")
    assert said.code == 0, said


def test_a_timeout_in_the_settings_is_for_when_one_waits(verify):
    settings = "[verify-cluster]\ntimeout = 0.1\n"
    assert verify(*MASTER, settings=settings).code == 0
    assert verify(*MASTER, "--watch", "--interval", "0.01", settings=settings, checks=(failing(),)).code == 6


def test_options_may_be_variables(verify, monkeypatch):
    monkeypatch.setenv("SPARKMESOS_EXPECT_AGENTS", "3")
    seen: list[Known] = []
    looks = looking(seen)
    said = verify(
        checks=(looks,),
        SPARKMESOS_MASTER="mesos://127.0.0.1:5050",
    )
    assert said.code == 0, said
    assert seen[0].subject.expected_agents == 3


# In a pipe


def test_a_line_for_each_check_in_the_order_of_the_table(verify):
    first_may_end = threading.Event()

    def slow(_known: Known) -> Verdict:
        assert first_may_end.wait(LONG)
        return Verdict("at last")

    def quick(_known: Known) -> Verdict:
        first_may_end.set()
        return Verdict("seen\tat\nonce")

    said = verify(*MASTER, checks=(check("slow", slow), check("quick", quick)))
    assert said.rows == [["ok", "slow", "at last", ""], ["ok", "quick", "seen\\tat\\nonce", ""]]
    assert said.err == "2 ok\n"


def test_a_line_for_each_problem(verify):
    bad = check("bad", saying(problem(Severity.WARNING, "odd", hint="look"), problem(message="wrong")))
    skipped = check("idle", lambda known: not_applicable("no URI is set"))
    said = verify(*MASTER, checks=(bad, skipped))
    assert said.rows == [
        ["error", "bad", "wrong", "mend it"],
        ["warning", "bad", "odd", "look"],
        ["skipped", "idle", "no URI is set", ""],
    ]
    assert said.code == 1
    assert said.err.splitlines() == [
        "1 error, 1 skipped",
        "What to do first:",
        "  1. mend it",
        "     wrong  [bad]",
        "  2. look",
        "     odd  [bad]",
        "More on each check: `sparkmesos verify-cluster --list --output json`",
    ]


def test_what_shows_a_problem_has_lines_of_its_own_behind_it(verify):
    frames = ("Exception in thread", "\tat a.B.c")
    bad = check("bad", saying(problem(details=frames, brief=frames[:1]), problem(message="wrong")))
    assert verify(*MASTER, checks=(bad,)).rows == [
        ["error", "bad", "it is wrong", "mend it"],
        ["detail", "bad", "Exception in thread", ""],
        ["detail", "bad", "    at a.B.c", ""],
        ["error", "bad", "wrong", "mend it"],
    ]


def test_advice_tells_the_place_that_it_is_about(verify):
    place = Origin(Source.FILE, "spark-defaults.conf", 5)
    bad = check("bad", saying(problem(message="'x' is no number", hint="Write digits only", origin=place)))
    told = "     spark-defaults.conf:5: 'x' is no number  [bad]"
    assert told in verify(*MASTER, checks=(bad,)).err.splitlines()
    assert told in verify(*MASTER, checks=(bad,), stdout=at_terminal(), TERM="dumb").left.splitlines()


def test_the_three_most_important_things_are_told(verify):
    checks = tuple(failing(id=f"bad{number}", hint=f"do {number}") for number in range(5))
    err = verify(*MASTER, checks=checks).err
    assert re.findall(r"^  \d\. (.*)$", err, re.MULTILINE) == ["do 0", "do 1", "do 2"]


def test_quiet_leaves_the_data(verify):
    said = verify(*MASTER, checks=(failing(),), before=("-q",))
    assert (said.code, said.err) == (1, "")
    assert said.rows == [["error", "bad", "it is wrong", "mend it"]]


# Exit codes


@pytest.mark.parametrize(
    ("severity", "strict", "code"),
    [
        (Severity.ERROR, (), 1),
        (Severity.WARNING, (), 0),
        (Severity.WARNING, ("--strict",), 1),
        (Severity.NOTE, ("--strict",), 0),
    ],
)
def test_errors_fail_and_with_strict_warnings(verify, severity, strict, code):
    assert verify(*MASTER, *strict, checks=(failing(severity),)).code == code


def unreachable(known: Known) -> Verdict:
    from sparkmesos_core.verify.facts.master import LEADER

    return Verdict(known[LEADER].http_url)


def test_a_cluster_that_cannot_be_reached_has_a_code_of_its_own(verify, monkeypatch):
    def nobody(*_arguments, **_options):
        raise UnreachableError("nobody leads", hint="start a master")

    monkeypatch.setattr("sparkmesos_core.verify.facts.master.resolve_leader", nobody)
    leader = check("master-leader", unreachable)
    said = verify(*MASTER, checks=(leader, check("master-version", unreachable)))
    assert said.code == 5
    assert said.rows == [
        ["error", "master-leader", "nobody leads", "start a master"],
        ["skipped", "master-version", "cannot be checked: see master-leader", ""],
    ]


def test_a_cluster_that_cannot_be_reached_is_told_once_by_whichever_checks_are_made(verify, monkeypatch):
    def nobody(*_arguments, **_options):
        raise UnreachableError("nobody leads", hint="start a master")

    monkeypatch.setattr("sparkmesos_core.verify.facts.master.resolve_leader", nobody)
    checks = (
        check("agents-names", unreachable, severity=Severity.WARNING),
        check("agents-role", unreachable),
        check("agents-ports", unreachable),
    )
    said = verify(*MASTER, checks=checks)
    assert said.code == 5
    assert said.rows == [
        ["skipped", "agents-names", "cannot be checked: see agents-role", ""],
        ["error", "agents-role", "nobody leads", "start a master"],
        ["skipped", "agents-ports", "cannot be checked: see agents-role", ""],
    ]


def test_checks_that_do_without_the_cluster_do_not_fail_since_it_cannot_be_reached(verify, monkeypatch):
    def nobody(*_arguments, **_options):
        raise UnreachableError("nobody leads")

    def look(known: Known) -> Verdict:
        from sparkmesos_core.verify.facts.master import LEADER
        from sparkmesos_core.verify.known import UnknownFactError

        with pytest.raises(UnknownFactError):
            known[LEADER]
        return Verdict("seen from here")

    monkeypatch.setattr("sparkmesos_core.verify.facts.master.resolve_leader", nobody)
    assert verify(*MASTER, checks=(check("driver-host", look),)).code == 0


# Documents


def test_json(verify):
    said = verify(*MASTER, "--output", "json", checks=(failing(hint="größer"), check("fine")))
    assert said.code == 1
    content = json.loads(said.out)
    assert list(content) == ["version", "checks", "conclusion"]
    assert [(each["id"], each["status"]) for each in content["checks"]] == [("bad", "error"), ("fine", "ok")]
    assert content["conclusion"]["exit_code"] == 1
    assert content["conclusion"]["advice"][0]["hint"] == "größer"
    assert said.err == ""


def test_junit(verify):
    said = verify(*MASTER, "--output", "junit", "--strict", checks=(failing(Severity.WARNING), check("fine")))
    assert said.code == 1
    root = ElementTree.fromstring(said.out)
    assert (root.get("tests"), root.get("failures")) == ("2", "1")


def test_list_asks_nobody(verify):
    checks = (
        check("java-found", group=Group.CLIENT),
        check("probe-java", group=Group.PROBE, needs_probe=True),
    )
    said = verify("--list", checks=checks)
    assert said.code == 0
    assert said.rows == [
        ["java-found", "client", "error", "Title of java-found"],
        ["probe-java", "probe", "error", "Title of probe-java"],
    ]
    content = json.loads(verify("--list", "--output", "json", "--skip", "client", checks=checks).out)
    assert [each["id"] for each in content["checks"]] == ["probe-java"]


def test_names_of_checks_and_groups_are_completed(monkeypatch):
    from click.shell_completion import ShellComplete

    from sparkmesos_cli.main import cli

    checks = (check("master-leader"), check("master-version"), check("agents-role", group=Group.AGENTS))
    monkeypatch.setattr("sparkmesos_core.verify.all_checks.ALL_CHECKS", checks)
    complete = ShellComplete(cli, {}, "sparkmesos", "_SPARKMESOS_COMPLETE")

    def completed(option: str, text: str) -> list[str]:
        return [item.value for item in complete.get_completions(["verify-cluster", option], text)]

    assert completed("--only", "mas") == ["master", "master-leader", "master-version"]
    assert completed("--skip", "client,agents-") == ["client,agents-role"]


# --watch


def test_watch_repeats_until_all_is_well_and_tells_what_changes(verify):
    said = verify(*MASTER, "--watch", "--interval", "0.01", checks=(check("fine"), healing()))
    assert said.code == 0
    assert said.rows == [
        ["ok", "fine", "seen", ""],
        ["error", "heals", "it is wrong", "mend it"],
        ["ok", "heals", HEALED_THIRD, ""],
    ]
    assert said.err.splitlines() == [
        "1 error, 1 ok; looking again in 0.01 s",
        "1 error, 1 ok; looking again in 0.01 s",
        "2 ok",
    ]


def test_watch_makes_one_document_of_the_last_look(verify):
    said = verify(*MASTER, "--watch", "--interval", "0.01", "--output", "json", checks=(healing(),))
    (record,) = json.loads(said.out)["checks"]
    assert record["seen"] == HEALED_THIRD


def test_watch_heeds_strict(verify):
    looks = itertools.count()

    def look(_known: Known) -> Verdict:
        return Verdict("seen", () if next(looks) else (problem(Severity.WARNING),))

    assert (
        verify(*MASTER, "--watch", "--interval", "0.01", checks=(check("one", look),)).rows[0][0] == "warning"
    )
    assert next(looks) == 1
    looks = itertools.count()
    assert (
        verify(*MASTER, "--watch", "--interval", "0.01", "--strict", checks=(check("one", look),)).code == 0
    )
    assert next(looks) == 2


def test_watch_gives_up_in_time(verify):
    options = ("--watch", "--interval", "0.01", "--timeout", "0.2", "--output", "json")
    said = verify(*MASTER, *options, checks=(failing(),))
    assert said.code == 6
    assert re.search(r"After \d[\d.]* s all is not well: 1 error", said.err)
    assert json.loads(said.out)["conclusion"]["exit_code"] == 6


def test_who_watches_for_a_document_is_told_of_each_change_once(verify):
    said = verify(*MASTER, "--watch", "--interval", "0.01", "--output", "json", checks=(healing(),))
    assert said.err.splitlines() == [
        "1 error; looking again in 0.01 s",
        "  1. mend it",
        "     it is wrong  [heals]",
        "1 error; looking again in 0.01 s",
    ]


def test_that_time_has_passed_is_no_change(verify):
    looks = itertools.count(1)

    def young(_known: Known) -> Verdict:
        message = f"started {next(looks)}.5 s ago, 3 of 4 agents are missing"
        return Verdict("seen", (problem(Severity.NOTE, message),))

    watching = (*MASTER, "--watch", "--interval", "0.01")
    said = verify(*watching, checks=(check("young", young), healing()))
    assert [row[1:3] for row in said.rows if row[1] == "young"] == [
        ["young", "started 1.5 s ago, 3 of 4 agents are missing"]
    ]
    assert next(looks) == 4

    def fewer(_known: Known) -> Verdict:
        return Verdict("seen", (problem(Severity.NOTE, f"{next(looks)} of 9 agents are missing"),))

    said = verify(*watching, checks=(check("fewer", fewer), healing()))
    assert len([row for row in said.rows if row[1] == "fewer"]) == 3


def test_each_look_knows_nothing_of_the_last_one(verify):
    seen: list[Known] = []
    closed: list[int] = []
    looks = itertools.count(1)

    def look(known: Known) -> Verdict:
        seen.append(known)
        known.on_close(lambda: closed.append(len(seen)))
        return Verdict("seen", () if next(looks) == 2 else (problem(),))

    assert verify(*MASTER, "--watch", "--interval", "0.01", checks=(check("one", look),)).code == 0
    assert seen[0] is not seen[1]
    assert closed == [1, 2]


# Ctrl-C


@dataclass
class Interrupting:
    checks: tuple[Check, ...]
    may_come: threading.Event


@pytest.fixture
def interrupting() -> Iterator[Interrupting]:
    """Checks of which one goes on for ever, and another has somebody press Ctrl-C when that may come."""
    import _thread

    over = threading.Event()
    may_come = threading.Event()
    started = threading.Event()

    def hang(known: Known) -> Verdict:
        known.on_close(over.set)
        started.set()
        over.wait(LONG)
        return Verdict("too late")

    def press(_known: Known) -> Verdict:
        assert started.wait(LONG)
        assert may_come.wait(LONG)
        _thread.interrupt_main()
        return Verdict("pressed")

    yield Interrupting((check("first", press), check("hangs", hang), check("fine")), may_come)
    assert over.is_set()  # what was started was ended


@pytest.mark.parametrize("output", ["table", "json", "junit"])
def test_ctrl_c_ends_what_was_started_and_exits_with_130(verify, interrupting, output):
    interrupting.may_come.set()
    said = verify(*MASTER, "--check-timeout", "60", "--output", output, checks=interrupting.checks)
    assert said.code == 130
    assert "Traceback" not in said.err
    if output != "table":
        assert said.out == ""  # half a document is none


@pytest.mark.parametrize("watching", [(), ("--watch", "--interval", "0.01")])
def test_cleaning_up_is_not_interrupted_at_the_first_ctrl_c_but_all_else_is(verify, watching):
    done: list[str] = []

    def clean() -> None:
        signal.raise_signal(signal.SIGINT)
        done.append("cleaned up")

    def start(known: Known) -> Verdict:
        known.on_close(clean)
        return Verdict("started", (problem(),))

    said = verify(*MASTER, *watching, checks=(check("one", start),))
    assert (said.code, done) == (130, ["cleaned up"])
    assert "Cleaning up; once more, and what was started may stay" in said.err


# At a terminal


def test_the_cursor_comes_back_even_if_the_last_thing_shown_is_interrupted(verify, monkeypatch):
    def interrupted(*_arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr("sparkmesos_cli.verify_checklist.Checklist._leave", interrupted)
    said = verify(*MASTER, stdout=at_terminal(), TERM="xterm")
    assert said.code == 130
    assert said.out.rindex("\x1b[?25h") > said.out.rindex("\x1b[?25l")


class Watched(Stdout):
    """A terminal that tells by an event when a text has been shown."""

    def __init__(self, text: str, shown: threading.Event) -> None:
        super().__init__(terminal=True)
        self._text = text
        self._shown = shown

    def write(self, text: str) -> int:
        written = super().write(text)
        if self._text in self.getvalue():
            self._shown.set()
        return written


def at_terminal(encoding: str = "utf-8") -> Stdout:
    return Stdout(terminal=True, encoding=encoding)


def test_the_checklist_has_groups_with_what_is_wrong_beneath(verify):
    checks = (
        check("java-found", saying(seen="Java 17"), group=Group.CLIENT),
        check(
            "master-role",
            saying(problem(message="the role is not there", hint="take another", details=("a1", "a2"))),
        ),
        check("uri", lambda known: not_applicable("no URI is set"), group=Group.DISTRIBUTION),
    )
    said = verify(*MASTER, checks=checks, stdout=at_terminal(), TERM="dumb", COLUMNS="120")
    assert said.left.splitlines() == [
        "Client",
        "  ✓ Title of java-found  Java 17",
        "Master",
        "  ✗ Title of master-role  [master-role]",
        "    the role is not there",
        "    → take another",
        "      a1",
        "      a2",
        "Distribution",
        "  – Title of uri  no URI is set",
        "1 error, 1 ok, 1 skipped",
        "What to do:",
        "  1. take another",
        "     the role is not there  [master-role]",
        "More on each check: `sparkmesos verify-cluster --list --output json`",
    ]
    assert said.err == ""


def test_of_much_output_a_terminal_shows_what_tells_the_most(verify):
    lines = tuple(f"line {number}" for number in range(40))
    bad = check("bad", saying(problem(details=lines, brief=(lines[7], "\tat a.B.c"))))
    left = verify(*MASTER, checks=(bad,), stdout=at_terminal(), TERM="dumb").left.splitlines()
    assert left[left.index("    → mend it") + 1 :][:4] == [
        "      line 7",
        "          at a.B.c",
        "      (in a pipe and with --output json there is more of it)",
        "1 error",
    ]


def test_what_is_skipped_for_the_same_reason_is_one_line(verify):
    def skipped(id: str, why: str) -> Check:
        return check(id, lambda known: not_applicable(why))

    checks = (
        skipped("a", "no URI"),
        skipped("b", "no URI"),
        skipped("c", "no agent"),
        check("d", saying(seen="no agent")),
    )
    said = verify(*MASTER, checks=checks, stdout=at_terminal(), TERM="dumb")
    assert said.left.splitlines() == [
        "Master",
        "  – 2 checks  no URI",
        "  – Title of c  no agent",
        "  ✓ Title of d  no agent",
        "1 ok, 3 skipped",
    ]


def test_what_a_terminal_would_obey_is_shown_as_escapes(verify):
    bad = check("bad", saying(problem(message="\x1b[2Jgone", hint="a\rb", details=("\x07",))))
    out = verify(*MASTER, checks=(bad,), stdout=at_terminal(), TERM="dumb").out
    assert "\\x1b[2Jgone" in out
    assert "a\\rb" in out
    assert "\x07" not in out


def test_square_brackets_are_no_markup(verify):
    bad = check("bad", saying(problem(message="[bold]set[/bold] [/]", hint="[red]x")))
    said = verify(*MASTER, checks=(bad,), stdout=at_terminal(), TERM="dumb")
    assert "    [bold]set[/bold] [/]" in said.left.splitlines()


def test_a_terminal_without_unicode_gets_ascii(verify):
    stdout = at_terminal("ascii")
    left = verify(*MASTER, checks=(failing(hint="größer"), check("fine")), stdout=stdout, TERM="xterm").left
    assert left.isascii()
    assert "x Title of bad" in left
    assert "> gr\\xf6\\xdfer" in left
    assert "+ Title of fine" in left


def test_what_is_under_way_is_shown_until_it_is_done(verify):
    is_shown = threading.Event()

    def slow(_known: Known) -> Verdict:
        assert is_shown.wait(LONG)
        return Verdict("at last")

    checks = (check("quick"), check("slow", slow))
    stdout = Watched("Title of slow", is_shown)
    said = verify(*MASTER, "--check-timeout", "60", checks=checks, stdout=stdout, TERM="xterm")
    assert said.code == 0
    assert "at last" in said.out


def test_what_is_under_way_fits_a_low_terminal(verify):
    is_shown = threading.Event()

    def slow(_known: Known) -> Verdict:
        assert is_shown.wait(LONG)
        return Verdict("at last")

    many = [check(f"slow-{number}", slow, group=Group.CLIENT) for number in range(40)]
    checks = (*many, check("last", slow, group=Group.LOGS))
    stdout = Watched("Logs  0 of 1", is_shown)  # below all that the first group has
    terminal = {"TERM": "xterm", "LINES": "24", "COLUMNS": "80"}
    said = verify(*MASTER, "--check-timeout", "60", checks=checks, stdout=stdout, **terminal)
    assert said.code == 0
    assert "0 of 40 are done" in said.out


def test_what_came_before_a_ctrl_c_stays(verify, interrupting):
    fine = check("early", group=Group.CLIENT)
    said = verify(
        *MASTER,
        "--check-timeout",
        "60",
        checks=(fine, *interrupting.checks),
        stdout=Watched("Title of early", interrupting.may_come),
        TERM="dumb",
    )
    assert said.code == 130
    assert "✓ Title of early" in said.left


def test_no_colour_without_being_wanted(verify):
    plain = verify(*MASTER, stdout=at_terminal(), TERM="xterm", NO_COLOR="1").out
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]m", plain)
    coloured = verify(*MASTER, stdout=at_terminal(), TERM="xterm", COLORTERM="truecolor").out
    assert re.search(r"\x1b\[[0-9;]*m", coloured)


def test_watch_shows_at_a_terminal_what_changes(verify):
    options = ("--watch", "--interval", "0.01")
    checks = (check("fine"), healing())
    left = verify(*MASTER, *options, checks=checks, stdout=at_terminal(), TERM="dumb").left
    assert left.count("Title of fine") == 1
    assert left.count("Title of heals") == 2
    assert HEALED_THIRD in left


def shown_by(out: str) -> list[str]:
    """What was drawn, frame by frame: each begins by going back over the last one."""
    return [_ESCAPES.sub("", frame) for frame in re.split(r"(?:\x1b\[2K(?:\x1b\[1A)?)+", out)]


def test_what_is_wrong_stays_in_sight_between_two_looks(verify, monkeypatch):
    monkeypatch.setenv("LINES", "24")
    monkeypatch.setenv("COLUMNS", "80")
    checks = (
        check("odd", saying(problem(Severity.WARNING, "it is odd", hint="look at it"))),
        check("young", saying(problem(Severity.NOTE, "it is young"))),
        healing(),
    )
    said = verify(*MASTER, "--watch", "--interval", "0.3", checks=checks, stdout=at_terminal(), TERM="xterm")
    assert said.code == 0
    pauses = [frame.splitlines() for frame in shown_by(said.out) if "looking again in" in frame]
    lines = [line.rstrip() for line in pauses[0] if line.strip()]
    assert lines == [
        "  ✗ it is wrong  [heals]",
        "    → mend it",
        "  ! it is odd  [odd]",
        "    → look at it",
        "    1 error, 1 warning, 1 note; looking again in 1 s",
    ]
    assert said.err == ""
    # What lasts has been shown for good once, in the first round.
    assert [line for line in said.left.splitlines() if line.startswith("    it is odd")] == ["    it is odd"]


def test_as_much_stays_in_sight_as_there_is_room_for(verify, monkeypatch):
    monkeypatch.setenv("LINES", "10")
    monkeypatch.setenv("COLUMNS", "80")
    looks = itertools.count()

    def look(_known: Known) -> Verdict:
        troubles = () if next(looks) else tuple(problem(message=f"trouble {number}") for number in range(20))
        return Verdict("seen", troubles)

    said = verify(
        *MASTER,
        "--watch",
        "--interval",
        "0.2",
        checks=(check("many", look),),
        stdout=at_terminal(),
        TERM="xterm",
    )
    assert said.code == 0
    pause = next(frame for frame in shown_by(said.out) if "looking again in" in frame)
    assert [line.rstrip() for line in pause.splitlines() if line.strip()] == [
        "  ✗ trouble 0  [many]",
        "    → mend it",
        "  ✗ trouble 1  [many]",
        "    → mend it",
        "  ✗ trouble 2  [many]",
        "    → mend it",
        "    and 17 more",
        "    1 error; looking again in 1 s",
    ]


def test_a_terminal_that_cannot_be_drawn_over_gets_a_line_for_each_change(verify):
    said = verify(
        *MASTER, "--watch", "--interval", "0.01", checks=(healing(),), stdout=at_terminal(), TERM="dumb"
    )
    assert said.err.splitlines() == ["1 error; looking again in 0.01 s"]


def test_secrets_are_not_shown(verify, tmp_path):
    said = verify(
        "--master",
        "mesos://zk://user:tale-of-two-cities@127.0.0.1:2181/mesos",
        "--conf",
        "spark.mesos.secret=tale-of-two-cities",
        "--output",
        "json",
    )
    assert "tale-of-two-cities" not in said.out + said.err
