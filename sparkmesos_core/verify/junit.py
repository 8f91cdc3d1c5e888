"""Results as JUnit XML, which CI servers show as tests: a suite per group, a case per check.

There is no standard; this keeps to what Jenkins, GitLab and their like read: `testsuites`, `testsuite`,
`testcase`, `failure`, `skipped` and `system-out`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from xml.etree import ElementTree

from sparkmesos_core.conf.finding import Severity
from sparkmesos_core.verify.check import Check, Group, Problem, Result, Status

# What XML 1.0 can hold in no form (https://www.w3.org/TR/xml/#charsets).
_NOT_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(checks: Sequence[Check], results: Iterable[Result], *, when: datetime, strict: bool = False) -> str:
    """The document, in the order of `checks`; ASCII, so that it is right in any encoding.

    Errors are failures, and warnings with `strict`; else warnings and notes stand in a passed case's output.
    `when` is the time at which verifying began.
    """
    by_id = {result.check.id: result for result in results}
    root = ElementTree.Element("testsuites", name="sparkmesos verify-cluster")
    suites = []
    for group in Group:
        chosen = [by_id[check.id] for check in checks if check.group is group and check.id in by_id]
        if chosen:
            suites.append(_suite(root, group, chosen, when, strict))
    # No "skipped" here: Jenkins' xUnit plugin checks documents, and its junit-10.xsd has it at suites only.
    for name in ("tests", "failures", "errors"):
        root.set(name, str(sum(int(suite.get(name, "0")) for suite in suites)))
    root.set("time", _seconds(by_id.values()))
    ElementTree.indent(root)
    document: bytes = ElementTree.tostring(root, encoding="us-ascii", xml_declaration=True)
    return document.decode("ascii")


def _suite(
    root: ElementTree.Element, group: Group, results: Sequence[Result], when: datetime, strict: bool
) -> ElementTree.Element:
    suite = ElementTree.SubElement(
        root,
        "testsuite",
        name=group.title,
        tests=str(len(results)),
        failures=str(sum(bool(_failures(result, strict)) for result in results)),
        errors="0",
        skipped=str(sum(result.status is Status.SKIPPED for result in results)),
        time=_seconds(results),
        timestamp=when.isoformat(timespec="seconds"),
    )
    for result in results:
        _case(suite, result, strict)
    return suite


def _case(suite: ElementTree.Element, result: Result, strict: bool) -> None:
    case = ElementTree.SubElement(
        suite,
        "testcase",
        classname=f"sparkmesos.{result.check.group.value}",
        name=result.check.id,
        time=_seconds([result]),
    )
    failures = _failures(result, strict)
    if failures:
        # More than one failure in a case is not read everywhere.
        failure = ElementTree.SubElement(
            case, "failure", message=_xml(failures[0].message), type=failures[0].severity.value
        )
        failure.text = _xml("\n\n".join(map(_text, failures)))
    elif result.status is Status.SKIPPED:
        ElementTree.SubElement(case, "skipped", message=_xml(result.seen))
    others = [_text(problem) for problem in result.problems if problem not in failures]
    output = ElementTree.SubElement(case, "system-out")
    output.text = _xml("\n\n".join([f"{result.check.title}: {result.seen}", *others]))


def _failures(result: Result, strict: bool) -> list[Problem]:
    bad = {Severity.ERROR, Severity.WARNING} if strict else {Severity.ERROR}
    return [problem for problem in result.problems if problem.severity in bad]


def _text(problem: Problem) -> str:
    place = f" ({problem.origin})" if problem.origin is not None else ""
    lines = [f"{problem.severity.value}: {problem.message}{place}"]
    if problem.hint:
        lines.append(f"hint: {problem.hint}")
    return "\n".join([*lines, *(f"  {line}" for line in problem.details)])


def _seconds(results: Iterable[Result]) -> str:
    return f"{sum(result.seconds for result in results):.3f}"


def _xml(text: str) -> str:
    """The text, with escapes such as `\\x1b` for what XML cannot hold: details may be any bytes of a task."""
    return _NOT_IN_XML.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)
