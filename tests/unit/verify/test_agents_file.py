"""--agents-file."""

from __future__ import annotations

import pytest

from sparkmesos_core.errors import UsageError
from sparkmesos_core.verify.agents_file import parse_agents_file, read_agents_file


def test_a_host_a_line_in_their_order_and_once():
    text = "# rack 1\nnode1.example.com\n\n  10.0.0.2  # the old one\nnode1.example.com\n\tfd00::3\n"
    assert parse_agents_file(text, "agents") == ("node1.example.com", "10.0.0.2", "fd00::3")


def test_several_hosts_in_a_line_are_refused_with_its_number():
    with pytest.raises(UsageError, match=r"agents:2: 'b c' is more than one host"):
        parse_agents_file("a\nb c\n", "agents")


def test_it_is_read(tmp_path):
    path = tmp_path / "agents"
    path.write_text("größe.example\r\nb\r\n", encoding="utf-8")
    assert read_agents_file(path) == ("größe.example", "b")


def test_a_mark_of_byte_order_is_no_part_of_the_first_host(tmp_path):
    path = tmp_path / "agents"
    path.write_text("node1\nnode2\n", encoding="utf-8-sig")
    assert read_agents_file(path) == ("node1", "node2")


@pytest.mark.parametrize(
    ("content", "problem"), [(b"# nobody\n", "names no host"), (b"\xff\xfe", "is not a text in UTF-8")]
)
def test_what_is_no_list_is_refused(tmp_path, content, problem):
    path = tmp_path / "agents"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=problem) as caught:
        read_agents_file(path)
    assert str(path) in caught.value.message


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(UsageError, match="cannot be read: No such file") as caught:
        read_agents_file(tmp_path / "none")
    assert caught.value.hint
