"""JUnit XML: what CI servers read of it."""

from __future__ import annotations

from datetime import datetime, timezone
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparkmesos_core.conf.finding import Severity
from sparkmesos_core.conf.setting import Origin, Source
from sparkmesos_core.verify.check import Group, Status
from sparkmesos_core.verify.junit import junit
from tests.verified import check, problem, result

WHEN = datetime(2026, 11, 23, 8, 30, tzinfo=timezone.utc)
JAVA = check("java-found", group=Group.CLIENT)
LEADER = check("master-leader", group=Group.MASTER)
VERSION = check("master-version", group=Group.MASTER)
CHECKS = (JAVA, LEADER, VERSION)


def parsed(*results, strict: bool = False) -> ElementTree.Element:
    return ElementTree.fromstring(junit(CHECKS, results, when=WHEN, strict=strict))


def case(root: ElementTree.Element, name: str) -> ElementTree.Element:
    found = root.find(f".//testcase[@name='{name}']")
    assert found is not None
    return found


def test_a_suite_for_each_group_with_its_numbers():
    root = parsed(
        result(VERSION, status=Status.SKIPPED, seconds=0.25),
        result(LEADER, problem(), seconds=1.5),
        result(JAVA, seconds=0.125),
    )
    assert root.tag == "testsuites"
    assert root.attrib == {
        "name": "sparkmesos verify-cluster",
        "tests": "3",
        "failures": "1",
        "errors": "0",
        "time": "1.875",
    }
    client, master = root.findall("testsuite")
    assert (client.get("name"), client.get("tests"), client.get("failures")) == ("Client", "1", "0")
    assert (master.get("name"), master.get("tests"), master.get("failures")) == ("Master", "2", "1")
    assert (master.get("skipped"), master.get("time")) == ("1", "1.750")
    assert master.get("timestamp") == "2026-11-23T08:30:00+00:00"
    assert [each.get("name") for each in master] == ["master-leader", "master-version"]


def test_a_check_that_is_ok_is_a_case_that_has_passed():
    found = case(parsed(result(JAVA, seconds=0.5)), "java-found")
    assert (found.get("classname"), found.get("time")) == ("sparkmesos.client", "0.500")
    assert [child.tag for child in found] == ["system-out"]
    assert found.findtext("system-out") == "Title of java-found: seen by java-found"


def test_an_error_is_a_failure_with_all_there_is_to_say():
    origin = Origin(Source.VARIABLE, "JAVA_HOME")
    wrong = problem(message="no Java there", hint="set it", origin=origin, details=("line 1", "line 2"))
    failure = case(parsed(result(JAVA, wrong)), "java-found").find("failure")
    assert failure is not None
    assert (failure.get("message"), failure.get("type")) == ("no Java there", "error")
    assert failure.text == "error: no Java there (JAVA_HOME)\nhint: set it\n  line 1\n  line 2"


def test_several_errors_are_one_failure():
    found = case(parsed(result(JAVA, problem(message="a"), problem(message="b"))), "java-found")
    (failure,) = found.findall("failure")
    assert failure.get("message") == "a"
    assert failure.text == "error: a\nhint: mend it\n\nerror: b\nhint: mend it"


@pytest.mark.parametrize("strict", [False, True])
def test_warnings_fail_with_strict_only(strict):
    root = parsed(result(JAVA, problem(Severity.WARNING, "odd")), strict=strict)
    found = case(root, "java-found")
    assert (found.find("failure") is not None) is strict
    assert root.get("failures") == str(int(strict))
    assert ("warning: odd" in (found.findtext("system-out") or "")) is not strict


def test_what_was_skipped_says_why():
    found = case(parsed(result(VERSION, status=Status.SKIPPED, seen="see master-leader")), "master-version")
    skipped = found.find("skipped")
    assert skipped is not None
    assert skipped.get("message") == "see master-leader"


def test_a_group_without_results_is_no_suite():
    assert [each.get("name") for each in parsed(result(JAVA)).findall("testsuite")] == ["Client"]


@given(st.text(st.characters(), min_size=1))
def test_any_text_makes_a_document(text):
    """Details may hold any bytes of a task's stderr, decoded one way or another."""
    wrong = problem(message=text, hint=text, details=(text,))
    root = parsed(result(JAVA, wrong, seen=text), result(VERSION, status=Status.SKIPPED, seen=text))
    assert case(root, "java-found").find("failure") is not None


def test_control_characters_and_lone_surrogates_are_shown_as_escapes():
    failure = case(
        parsed(result(JAVA, problem(message="\x1b[31mred\x00\udcff <&>'\" ü"))), "java-found"
    ).find("failure")
    assert failure is not None
    assert failure.get("message") == "\\x1b[31mred\\x00\\udcff <&>'\" ü"


def test_the_document_is_ascii_so_that_it_fits_any_stdout():
    document = junit(CHECKS, [result(JAVA, seen="größer ✓")], when=WHEN)
    assert document.isascii()
    assert document.startswith("<?xml")
