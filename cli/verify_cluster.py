"""`sparkmesos verify-cluster`."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from sparkmesos_core.errors import ExitCode, TimedOutError, UsageError

from .held_interrupts import HeldInterrupts
from .terminal import Terminal
from .verify_options import VerifyCommand, verify_options
from .verify_report import Lines, NoReport, counts_text, say_conclusion

if TYPE_CHECKING:
    from sparkmesos_core.verify.check import Check, Result
    from sparkmesos_core.verify.conclusion import Conclusion
    from sparkmesos_core.verify.known import Known
    from sparkmesos_core.verify.subject import Subject

    from .verify_report import Report


@click.command("verify-cluster", cls=VerifyCommand, options_metavar="[OPTIONS]")
@verify_options
@click.pass_context
def command(
    context: click.Context,
    /,
    *,
    list_checks: bool,
    only: tuple[str, ...],
    skip: tuple[str, ...],
    output: str,
    probe: bool,
    probe_spark: bool,
    timeout: float | None,
    **_others: Any,
) -> int:
    """Tell exactly why Spark will or will not run on a cluster, and what to do about it.

    Takes the arguments of `sparkmesos submit`, and checks whether such an application could run: this
    machine, the master, the agents, what executors need, and what has gone wrong there. It only reads, unless
    --probe lets it try. Exits with 1 if there is an error, with 5 if the cluster cannot be reached.

    \b
      sparkmesos verify-cluster --master mesos://HOST:5050
      sparkmesos verify-cluster --master mesos://zk://ZK1:2181,ZK2:2181/mesos --probe --executor-memory 4g
      sparkmesos verify-cluster --master mesos://HOST:5050 --wait-for-agents 5 --output junit > report.xml
    """
    from sparkmesos_core.verify.all_checks import ALL_CHECKS
    from sparkmesos_core.verify.selection import select_checks

    terminal = context.find_object(Terminal) or Terminal()
    checks = select_checks(ALL_CHECKS, only=only, skip=skip, with_probe=probe or probe_spark or list_checks)
    if list_checks:
        from sparkmesos_core.spark.arguments import SubmitArguments

        SubmitArguments.parse(context.params["arguments"])  # for what is mistyped
        _list(terminal, checks, output)
        return int(ExitCode.OK)
    _refuse_idle_options(context)
    from .verify_subject import running, subject_of

    subject, embedded = subject_of(context, terminal)
    began = time.monotonic()
    deadline = None if timeout is None else began + timeout
    with running(subject, embedded, terminal) as subject:
        verification = _Verification(terminal, subject, checks, context.params)
        verification.wait_for_agents()
        last = verification.rounds(deadline)
        verification.tell(last)
        if last.late:
            raise TimedOutError(
                f"After {round(time.monotonic() - began, 1):g} s all is not well:"
                f" {counts_text(last.conclusion)}",
                hint="Do what the checks advise; --timeout waits longer.",
            )
        return int(last.conclusion.exit_code)


@dataclass(frozen=True)
class _Round:
    """What came of making all checks once."""

    began: datetime
    results: Mapping[str, Result]
    conclusion: Conclusion
    report: Report
    took: float
    """Seconds."""
    late: bool = False
    """Whether the time for another round is up, though not all is well."""


@dataclass(frozen=True)
class _Verification:
    terminal: Terminal
    subject: Subject
    checks: Sequence[Check]
    given: Mapping[str, Any]

    def wait_for_agents(self) -> None:
        """Returns when as many are there as --wait-for-agents says."""
        wanted: int | None = self.given["wait_for_agents"]
        if wanted is None:
            return
        from sparkmesos_core.verify.waiting import active_agents, wait_for_agents

        wait_for_agents(
            wanted,
            lambda left: active_agents(self.subject, min(left, self.given["check_timeout"])),
            self.terminal.say,
            interval=min(self.given["interval"], _LONGEST_PAUSE),
            timeout=self.given["timeout"],
        )

    def rounds(self, deadline: float | None) -> _Round:
        """The last round: the first one, or with --watch the first one in which all is well.

        None is begun that would most likely end after the `deadline`, by the time that the last one took.
        """
        from sparkmesos_core.verify.waiting import next_pause

        before: Mapping[str, Result] = {}
        while True:
            last = self._round(before)
            if last.conclusion.healthy or not self.given["watch"]:
                return last
            left = None if deadline is None else deadline - time.monotonic()
            pause = next_pause(self.given["interval"], left, last.took)
            if pause is None:
                return replace(
                    last, late=True, conclusion=replace(last.conclusion, exit_code=ExitCode.TIMED_OUT)
                )
            last.report.pause(last.conclusion, pause)
            before = last.results

    def tell(self, last: _Round) -> None:
        """The summary, or the document."""
        if self.given["output"] == "json":
            from sparkmesos_core.verify.records import conclusion_record, result_record

            self.terminal.json(
                "checks",
                [result_record(last.results[check.id]) for check in self.checks],
                conclusion=conclusion_record(last.conclusion),
            )
        elif self.given["output"] == "junit":
            from sparkmesos_core.verify.junit import junit

            strict: bool = self.given["strict"]
            self.terminal.data(junit(self.checks, last.results.values(), when=last.began, strict=strict))
        elif self.terminal.stdout.isatty():
            from .verify_checklist import show_conclusion

            show_conclusion(self.terminal, last.conclusion)
        else:
            say_conclusion(self.terminal, last.conclusion)

    def _round(self, before: Mapping[str, Result]) -> _Round:
        from sparkmesos_core.verify.conclusion import conclude
        from sparkmesos_core.verify.facts.master import LEADER
        from sparkmesos_core.verify.run import run_checks

        began, started = datetime.now(timezone.utc), time.monotonic()
        results: dict[str, Result] = {}
        report = self._report(before)
        with _known(self.terminal, self.subject, self.checks, self.given["check_timeout"]) as known:
            try:
                report.begin()
                for result in run_checks(self.checks, known):
                    results[result.check.id] = result
                    report.add(result)
            finally:
                report.end()
            conclusion = conclude(
                self.checks, results.values(), strict=self.given["strict"], unreachable=known.failure(LEADER)
            )
        return _Round(began, results, conclusion, report, time.monotonic() - started)

    def _report(self, before: Mapping[str, Result]) -> Report:
        if self.given["output"] != "table":
            return NoReport(self.terminal, before)
        if not self.terminal.stdout.isatty():
            return Lines(self.terminal, self.checks, before)
        from .verify_checklist import Checklist

        return Checklist(self.terminal, self.checks, before)


_LONGEST_PAUSE = 2.0
"""Seconds between two looks at how many agents there are, which cost the master next to nothing."""


@contextlib.contextmanager
def _known(terminal: Terminal, subject: Subject, checks: Sequence[Check], timeout: float) -> Iterator[Known]:
    """What is known in one round. What that has started on the cluster is ended, also after a Ctrl-C.

    One that comes while it is being ended counts when it has ended.
    """
    from sparkmesos_core.verify.known import Known

    known = Known(subject, timeout=timeout, reads_tasks=any(check.reads_tasks for check in checks))
    try:
        yield known
    finally:
        with HeldInterrupts(
            lambda: terminal.say("Cleaning up; once more, and what was started may stay")
        ) as held:
            known.close()
        if held.came:
            raise KeyboardInterrupt


def _list(terminal: Terminal, checks: Sequence[Check], output: str) -> None:
    if output == "json":
        from sparkmesos_core.verify.records import check_record

        terminal.json("checks", [check_record(check) for check in checks])
        return
    if output == "junit":
        raise UsageError(
            "--list has no results for JUnit", hint="Use --output json with it, or leave that out."
        )
    terminal.table(
        ("Check", "Group", "Worst", "Title"),
        [(check.id, check.group.value, check.severity.value, check.title) for check in checks],
        whole=3,
    )


def _refuse_idle_options(context: click.Context) -> None:
    """Raises UsageError for what nothing would heed; in the settings it is for when one waits."""
    given = context.params
    if given["watch"] or given["wait_for_agents"] is not None:
        return
    for name in ("timeout", "interval"):
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            raise UsageError(
                f"--{name} is about --watch and --wait-for-agents",
                hint="Add one of them; --check-timeout is for each check, and --probe-timeout for the probe.",
            )
