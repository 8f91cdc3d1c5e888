from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Callable

from sparkmesos_cli.terminal import Terminal
from sparkmesos_core.errors import SparkMesosError


def printed(print_with: Callable[[Terminal], None], encoding: str = "utf-8") -> tuple[str, str]:
    """stdout and stderr, made as Python makes them: what cannot be encoded is an error on the former."""
    streams = (
        io.TextIOWrapper(io.BytesIO(), encoding),
        io.TextIOWrapper(io.BytesIO(), encoding, "backslashreplace"),
    )
    with contextlib.redirect_stdout(streams[0]), contextlib.redirect_stderr(streams[1]):
        print_with(Terminal())
    texts = []
    for stream in streams:
        stream.flush()
        assert isinstance(stream.buffer, io.BytesIO)
        texts.append(stream.buffer.getvalue().decode(encoding))
    return texts[0], texts[1]


def test_errors_and_warnings_cannot_command_the_terminal() -> None:
    def say(terminal: Terminal) -> None:
        terminal.error(SparkMesosError("no such \x1b[2Jfile\udcff:\n  it", hint="\x07see\r"))
        terminal.warn("\u202ebackwards")

    assert printed(say)[1].splitlines() == [
        r"error: no such \x1b[2Jfile\udcff:",
        "  it",
        r"hint: \x07see\r",
        r"warning: \u202ebackwards",
    ]


def test_data_that_cannot_be_encoded_is_escaped() -> None:
    assert printed(lambda terminal: terminal.data("é\udcff"))[0] == "é\\udcff\n"
    assert printed(lambda terminal: terminal.data("é"), "ascii")[0] == "\\xe9\n"
    out, _ = printed(lambda terminal: terminal.json("value", "a\ud800"))
    assert json.loads(out)["value"] == "a\ud800"
    out, _ = printed(lambda terminal: terminal.json("value", "é😀"), "ascii")
    assert json.loads(out)["value"] == "é😀"


def test_a_row_in_a_pipe_is_one_line() -> None:
    rows = [["x\ty", "line\nend\x1b\udcff"], ["größe", ""]]
    out, _ = printed(lambda terminal: terminal.table(["A", "B"], rows))
    assert out.splitlines() == ["x\\ty\tline\\nend\\x1b\\udcff", "größe\t"]
