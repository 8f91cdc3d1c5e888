from __future__ import annotations

import subprocess

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sparkmesos_core.conf.editing.entries import Entry
from sparkmesos_core.conf.editing.script_edit import redacted_script, set_exports
from sparkmesos_core.conf.editing.shell_assignments import find_assignments
from sparkmesos_core.errors import SparkMesosError, UsageError


def sourced(text: str, *names: str) -> dict[str, str]:
    """What bash exports when it runs the script as Spark does."""
    program = (
        f"set -a\n{text}\nset +a\nfor n in {' '.join(names)}; do printf '%s\\0' \"${{!n-(unset)}}\"; done"
    )
    process = subprocess.run(["bash", "-c", program], capture_output=True, text=True, env={}, check=False)
    return dict(zip(names, process.stdout.split("\0"), strict=False))


def values(text: str) -> list[tuple[str, str | None, int, bool]]:
    return [(one.name, one.value, one.line, one.certain) for one in find_assignments(text, "f")]


class TestFindAssignments:
    @pytest.mark.parametrize(
        "text",
        [
            "export A=plain",
            "A=plain",
            "  A='single quoted; # no comment'",
            'A="double \\"quoted\\" \\\\ \\x \'"',
            "A=back\\ slash\\'",
            "A=two\\\nlines",
            "A='two\nlines'",
            "declare -x A=1",
            "A=1 B=2; C=3 && true",
            "A=a'b'\"c\"\\d",
            "A=",
            "A=1 # 'comment",
            "true || false; A=1",
            "A=a~b",
            "A='$(no)' B=\\$no",
            'A="a $ b$"',
            "A=1 2>/dev/null",
            "A=$'plain'x",
        ],
    )
    def test_it_knows_the_value_that_bash_gives(self, text: str) -> None:
        (first, *_) = find_assignments(text, "f")
        expected = sourced(text, "A")["A"]
        assert first.certain
        assert first.value == expected or (first.value is None and "$'" in text)

    @pytest.mark.parametrize(
        "text",
        [
            "A=$B",
            'A="$(echo 1)"',
            "A=`echo 1`",
            "A=~/x",
            "A=(1 2)",
            "A+=1",
            "unset A",
            'A="${B:-it\'s}"',
            "A=x:~",
            "A=$((1 + 2))",
            "A=$'a\\n'",
        ],
    )
    def test_what_only_the_shell_knows(self, text: str) -> None:
        assert [(one.name, one.value) for one in find_assignments(text, "f")] == [("A", None)]

    @pytest.mark.parametrize(
        "text",
        [
            "if x; then\nA=1\nfi",
            "x && A=1",
            "x ||\n\nA=1",
            "f() {\n A=1\n}",
            "(A=1)",
            "A=1 | cat",
            "A=1 &",
            "for i in 1; do A=1; done",
            "case x in a) A=1;; esac",
            "while x; do A=1; done",
        ],
    )
    def test_what_may_not_happen(self, text: str) -> None:
        assert [(one.name, one.value, one.certain) for one in find_assignments(text, "f")] == [
            ("A", "1", False)
        ]

    @pytest.mark.parametrize(
        "text",
        [
            "A=1 command",
            "# A=1",
            "echo A=1",
            "cat <<EOF\nA=1\nEOF",
            "cat <<-'EOF'\n\tA=1\n\tEOF\n",
            "echo 'x\nA=1\n'",
            "echo \\\nA=1",
            'echo "$(\nA=1\n)"',
            "export A",
            "",
        ],
    )
    def test_what_only_looks_like_it(self, text: str) -> None:
        assert find_assignments(text, "f") == []

    @pytest.mark.parametrize(
        "text",
        [
            "B=$(case x in a) echo 1;; (b) echo 2;; esac)",
            'B="$(case x in a|b) echo ")";; esac)"',
            "B=$(cat <<E\n it's ) \"\nE\n)",
            "B=$(cat <<E)\nit's\nE",
            "B=$(\n# it's\necho 1)",
            "B=(1 # it's\n case 2)",
            "((B = 1 << 3))",
            "B=$((1 << 3))",
            "B=$( (echo 1) | cat)",
            "B=$((echo 1) | cat)",
            "for ((i = 0; i < 2; i++)); do :; done",
            'echo "${B//{/}" ${B#*{}',
            "cat < <(echo it\\'s # it's\n)",
            "(case x in a) :;; esac)",
            "[[ x =~ ^(a|b)$ ]] || :",
        ],
    )
    def test_what_bash_understands_is_passed(self, text: str) -> None:
        checked = subprocess.run(["bash", "-n"], input=text, capture_output=True, text=True, check=False)
        assert checked.returncode == 0
        found = find_assignments(f"{text}\nA=1", "f")
        assert (found[-1].name, found[-1].value, found[-1].certain) == ("A", "1", True)
        assert found[-1].line == text.count("\n") + 2
        assert [one.name for one in found[:-1]] == ["B"] * text.startswith("B")

    def test_what_is_in_a_subshell_with_a_case(self) -> None:
        assert values("(case x in a) :;; esac; A=1)") == [("A", "1", 1, False)]

    def test_lines(self) -> None:
        assert values("fi\nA=1\n\nB='\n'\nif x; then :; fi\nC=3") == [
            ("A", "1", 2, True),
            ("B", "\n", 4, True),
            ("C", "3", 7, True),
        ]

    @pytest.mark.parametrize("text", ["\nA='", '\nA="', "\nA=$(", "\nA=`", "\ncat <<E\n", "\nA=$'", "\nA=${"])
    def test_quotes_without_end(self, text: str) -> None:
        with pytest.raises(UsageError, match=r"^f:[23]: .* has no end$"):
            find_assignments(text, "f")

    @pytest.mark.parametrize("text", ["cat <<{}\n", "cat <<{}"])
    def test_a_long_word_is_not_quoted_whole(self, text: str) -> None:
        with pytest.raises(UsageError, match=r"here-document that ends with 'E{80}…' has no end$"):
            find_assignments(text.format("E" * 5000), "f")

    def test_deep_nesting(self) -> None:
        with pytest.raises(UsageError, match=r"nested too deeply|has no end"):
            find_assignments("$(" * 100_000, "f")

    @given(st.text(alphabet="A=1'\"\\$(){}`#<>|&;\n ~fidoesac", max_size=200))
    def test_any_text_is_read_or_refused(self, text: str) -> None:
        try:
            found = find_assignments(text, "f")
        except SparkMesosError:
            return
        assert all(text.startswith(one.name, one.start) for one in found)


class TestSetExports:
    def test_a_new_file(self) -> None:
        assert set_exports("", [Entry("A", "it's $x")], "f").text == "export A='it'\"'\"'s $x'\n"

    @pytest.mark.parametrize("text", ["A=x", 'export A="x"', "  A='x' # why", "A=y; A=x\n"])
    def test_the_same_value_written_differently_is_there(self, text: str) -> None:
        assert set_exports(text, [Entry("A", "x")], "f").text == text

    @pytest.mark.parametrize(
        ("text", "line", "present"),
        [("#\nA=y\n", 2, "y"), ("A=$B", 1, None), ("[ x ] && A=x", 1, None), ("A=x\nunset A", 2, None)],
    )
    def test_another_value_is_a_conflict(self, text: str, line: int, present: str | None) -> None:
        edit = set_exports(text, [Entry("A", "x")], "f")
        assert edit.text == text
        assert [(one.line, one.present) for one in edit.conflicts] == [(line, present)]

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("# one\nexport A='y'  # two\nB=1\n", "# one\nexport A=x  # two\nB=1\n"),
            ("A=$B", "A=x"),
            ("A=1\nA=2", "A=1\nA=x"),
            ("if y; then A=1; fi", "if y; then A=1; fi\nexport A=x\n"),
            ("A=1\nunset A\n", "A=1\nunset A\nexport A=x\n"),
        ],
    )
    def test_another_value_is_replaced_on_demand(self, text: str, expected: str) -> None:
        edit = set_exports(text, [Entry("A", "x")], "f", replace=True)
        assert edit.text == expected
        assert edit.conflicts == ()
        assert sourced(edit.text, "A") == {"A": "x"}

    @pytest.mark.parametrize("text", ["true", "true \\", "true \\\n", "# c\\", "\n\n"])
    def test_a_last_line_that_goes_on_does_not_swallow_the_entry(self, text: str) -> None:
        assert sourced(set_exports(text, [Entry("A", "x")], "f").text, "A") == {"A": "x"}

    def test_an_entry_that_is_only_to_be_corrected(self) -> None:
        entry = Entry("A", "x", only_correct=True)
        assert set_exports("", [entry], "f").text == ""
        assert set_exports("A=y", [entry], "f").conflicts
        assert set_exports("A=y", [entry], "f", replace=True).text == "A=x"

    @pytest.mark.parametrize("text", ["A=y", "A=$B", "x && A=y", "A=y\nunset A"])
    def test_what_was_only_found_does_not_contradict(self, text: str) -> None:
        entry = Entry("A", "x", only_add=True)
        for replace in (False, True):
            edit = set_exports(text, [entry], "f", replace=replace)
            assert (edit.text, edit.conflicts) == (text, ())
        assert set_exports("", [entry], "f").text == "export A=x\n"

    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(
        st.lists(
            st.sampled_from(
                ["A=1", "export A='a b'", 'A="$HOME x"', "true && A=2", "if false; then A=3; fi", "# A='", "B='\n'",
                 "unset A", "A=$(echo 'x')", "(A=4)", "f() { A=5; }", "declare -x A=6", "cat <<E >/dev/null\nA=7\nE",
                 "B=$(case x in A=8) A=9;; esac)", "B=(A=1 # it's\n case)", "((B = 1 << 3))", "B=$(cat <<E\nit's )\nE\n)",
                 "(case x in x) :;; esac; A=2)"]
            )
        ),
        st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\0\r"), max_size=20),
    )  # fmt: skip
    def test_bash_agrees(self, lines: list[str], value: str) -> None:
        text = "\n".join(lines)
        edit = set_exports(text, [Entry("A", value)], "f", replace=True)
        assert sourced(edit.text, "A") == {"A": value}
        assert set_exports(edit.text, [Entry("A", value)], "f", replace=True).text == edit.text


def test_secrets_are_not_shown() -> None:
    text = "export SPARK_MESOS_SECRET='one\ntwo' A=1\n# SPARK_MESOS_SECRET=three\nB=http://u:four@h\nunset X_SECRET\n"
    assert redacted_script(text, "f") == [
        "export SPARK_MESOS_SECRET=***",
        "*** A=1",
        "# SPARK_MESOS_SECRET=***",
        "B=http://u:***@h",
        "unset X_SECRET",
    ]
