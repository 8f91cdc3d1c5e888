from __future__ import annotations

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from sparkmesos_core.conf.editing.entries import Entry
from sparkmesos_core.conf.editing.properties_edit import format_property, redacted_properties, set_properties
from sparkmesos_core.conf.java_properties import parse_properties
from sparkmesos_core.errors import UsageError


def effective(text: str) -> dict[str, str]:
    return {setting.key: setting.value for setting in parse_properties(text, "f")}


class TestSetProperties:
    def test_a_new_file(self) -> None:
        edit = set_properties("", [Entry("spark.master", "mesos://h:5050")], "f")
        assert edit.text == "spark.master                      mesos://h:5050\n"
        assert edit.conflicts == ()

    def test_what_is_there_stays(self) -> None:
        text = "# first\n\n  a=1\nb : 2 # no comment\n!x\n"
        assert set_properties(text, [Entry("c", "3")], "f").text == text + format_property("c", "3") + "\n"

    @pytest.mark.parametrize(
        "line", ["a mesos://h", "a=mesos://h", "  a : mesos\\://h  ", "\\u0061 mesos:\\\n   //h"]
    )
    def test_the_same_value_written_differently_is_there(self, line: str) -> None:
        assert set_properties(line, [Entry("a", "mesos://h")], "f").text == line

    def test_another_value_is_a_conflict(self) -> None:
        edit = set_properties("# c\na 1\na 2\n", [Entry("a", "3"), Entry("b", "4")], "f")
        assert effective(edit.text) == {"a": "2", "b": "4"}
        (conflict,) = edit.conflicts
        assert (conflict.entry.name, conflict.line, conflict.present) == ("a", 3, "2")

    def test_another_value_is_replaced_on_demand(self) -> None:
        edit = set_properties(
            "a 1\nx \\\n  y\na \\\n  2\nz 0", [Entry("a", "3"), Entry("x", "4")], "f", replace=True
        )
        assert edit.text == f"a 1\n{format_property('x', '4')}\n{format_property('a', '3')}\nz 0"
        assert edit.conflicts == ()

    def test_an_entry_that_is_only_to_be_corrected(self) -> None:
        entry = Entry("a", "1", only_correct=True)
        assert set_properties("", [entry], "f").text == ""
        assert effective(set_properties("a 2", [entry], "f", replace=True).text) == {"a": "1"}
        assert set_properties("a 2", [entry], "f").conflicts

    def test_what_was_only_found_does_not_contradict(self) -> None:
        entry = Entry("a", "1", only_add=True)
        for replace in (False, True):
            edit = set_properties("a 2", [entry], "f", replace=replace)
            assert (edit.text, edit.conflicts) == ("a 2", ())
        assert effective(set_properties("", [entry], "f").text) == {"a": "1"}

    @pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
    def test_line_endings_stay(self, ending: str) -> None:
        text = set_properties(f"a 1{ending}b 2", [Entry("c", "3")], "f").text
        assert text == f"a 1{ending}b 2{ending}{format_property('c', '3')}{ending}"

    @pytest.mark.parametrize("text", ["a 1\\", "a 1\\\n", "\\", "# c\\", "# c\\\n"])
    def test_a_last_line_that_goes_on_does_not_swallow_the_entry(self, text: str) -> None:
        assert effective(set_properties(text, [Entry("c", "3")], "f").text) == {**effective(text), "c": "3"}

    def test_twice_is_as_once(self) -> None:
        entries = [Entry("a", " 1\\=:#\t"), Entry("b", ":")]
        once = set_properties("x 1", [Entry(e.name, e.value.strip()) for e in entries], "f").text
        assert set_properties(once, [Entry(e.name, e.value.strip()) for e in entries], "f").text == once

    def test_what_is_no_properties_file(self) -> None:
        with pytest.raises(UsageError, match="f:2"):
            set_properties("\na \\u00", [Entry("a", "1")], "f")

    @given(
        st.text(alphabet="ab=: \t\\#!\n\r1", max_size=60),
        st.text(alphabet=st.characters(exclude_categories=["Cs"])),
        st.booleans(),
    )
    @example("\n1\\\r", "", False)  # a CR at the end of a line that goes on, in a file of line feeds
    def test_nothing_else_changes(self, text: str, value: str, replace: bool) -> None:
        value = value.strip("".join(map(chr, range(0x21))))  # as Spark trims what it reads
        assume("\\u" not in text)
        before = effective(text)
        edit = set_properties(text, [Entry("a", value)], "f", replace=replace)
        if edit.conflicts:
            assert not replace
            assert edit.text == text
        else:
            assert effective(edit.text) == {**before, "a": value}
        assert set_properties(edit.text, [Entry("a", value)], "f", replace=replace).text == edit.text


def test_secrets_are_not_shown() -> None:
    text = (
        "spark.mesos.secret = one\\\n  two\r\n#spark.mesos.secret three\n# a secret is kept\n"
        "spark.master mesos://zk://u:four@h/m\na 1"
    )
    assert redacted_properties(text, "f") == [
        "spark.mesos.secret ***",
        "***",
        "#spark.mesos.secret ***",
        "# a secret is kept",
        "spark.master mesos://zk://u:***@h/m",
        "a 1",
    ]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("spark.master mesos\\://zk\\://u\\:hush@h/m", ["spark.master mesos://zk://u:***@h/m"]),
        ("spark.x http://u:\\\n  hush@h", ["spark.x http://u:***@h", "***"]),
        ("spark.x -Da=1 \\\n -Dmy.password=\\\n hush", ["spark.x -Da=1 -Dmy.password=***", "***", "***"]),
        ("spark.x C:\\\\a", ["spark.x C:\\\\a"]),
    ],
)
def test_secrets_behind_backslashes_are_not_shown(text: str, shown: list[str]) -> None:
    assert redacted_properties(text, "f") == shown
