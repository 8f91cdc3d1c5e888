"""Reads the lines of a unit file as systemd does: words, quotes, C escapes, specifiers, variables.

After `extract_first_word`, `cunescape`, `unit_full_printf` and `replace_env_argv` of systemd 252.
"""

from __future__ import annotations

_PLAIN_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", '"': '"', "'": "'", "s": " "}


def values(text: str, key: str) -> list[str]:
    """What stands behind `key=`, in order."""
    return [line.partition("=")[2] for line in text.splitlines() if line.partition("=")[0] == key]


def command(value: str) -> list[str]:
    """The arguments that ExecStart= runs a program with, the program first."""
    program, *rest = words(value)
    assert ";" not in value.split(" "), "a bare semicolon ends a command"
    return [program, *(_variables(one) for one in rest)]


def words(value: str) -> list[str]:
    """The words of a value, with specifiers replaced."""
    found: list[str] = []
    word: str | None = None
    quote = ""
    at = 0
    while at < len(value):
        char = value[at]
        at += 1
        if char == "\\":
            text, at = _escape(value, at)
            word = (word or "") + text
        elif quote:
            if char == quote:
                quote = ""
            else:
                word = (word or "") + char
        elif char in "\"'":
            quote, word = char, word or ""
        elif char in " \t":
            if word is not None:
                found.append(word)
            word = None
        else:
            word = (word or "") + char
    assert not quote, "an open quote"
    if word is not None:
        found.append(word)
    return [_specifiers(one) for one in found]


def _escape(value: str, at: int) -> tuple[str, int]:
    char = value[at]
    if char == "x":
        return chr(int(value[at + 1 : at + 3], 16)), at + 3
    return _PLAIN_ESCAPES[char], at + 1


def _specifiers(word: str) -> str:
    assert word.replace("%%", "").count("%") == 0, f"a specifier in {word}"
    return word.replace("%%", "%")


def _variables(word: str) -> str:
    assert word.replace("$$", "").count("$") == 0, f"a variable in {word}"
    return word.replace("$$", "$")
