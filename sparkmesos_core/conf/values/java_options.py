"""Options of a JVM as one string: `-Xss4m -Dname="two words"`."""

from __future__ import annotations

from collections.abc import Iterable

from sparkmesos_core.errors import UsageError

# What Character.isWhitespace holds for: some controls, and Unicode's separators but the non-breaking ones.
_BLANKS = frozenset(
    "\t\n\v\f\r\x1c\x1d\x1e\x1f \u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2008\u2009\u200a"
    "\u2028\u2029\u205f\u3000"
)


def split_options(text: str) -> tuple[str, ...]:
    """The options as Spark's launcher splits them (`CommandBuilderUtils.parseOptionString`).

    So are read `spark.driver.extraJavaOptions` in client mode, `spark.executor.extraJavaOptions` on agents,
    and the variables SPARK_DAEMON_JAVA_OPTS, SPARK_SUBMIT_OPTS and the like. Blanks separate; either kind of
    quote groups; a backslash takes the next character as it is, everywhere but in single quotes. Raises
    UsageError for a quote that is never closed and a backslash at the end.
    """
    options: list[str] = []
    option: list[str] = []
    inside = False
    quote = ""
    characters = iter(text)
    for char in characters:
        if char == "\\" and quote != "'":
            escaped = next(characters, None)
            if escaped is None:
                raise UsageError("The options end in a backslash", hint="Double it to mean a backslash.")
            option.append(escaped)
            inside = True
        elif quote:
            if char == quote:
                quote = ""
            else:
                option.append(char)
        elif char in "'\"":
            quote = char
            inside = True
        elif char not in _BLANKS:
            option.append(char)
            inside = True
        elif inside:
            options.append("".join(option))
            option = []
            inside = False
    if quote:
        # Not with the options, of which any may be a secret.
        raise UsageError(f"The options have a quote {quote} that is never closed", hint="Close it.")
    if inside:
        options.append("".join(option))
    return tuple(options)


def split_words(text: str) -> tuple[str, ...]:
    """The words as `Utils.splitCommandString` has them, which Spark's dispatcher uses for a driver's options.

    Unlike `split_options` it takes a backslash outside double quotes literally, splits at the four ASCII
    blanks only, and lets a quote that is never closed reach to the end.
    """
    words: list[str] = []
    word: list[str] = []
    inside = False
    quote = ""
    characters = iter(text)
    for char in characters:
        if quote == '"' and char == "\\":
            word.append(next(characters, ""))
        elif quote:
            if char == quote:
                quote = ""
            else:
                word.append(char)
        elif char in "'\"":
            quote = char
            inside = True
        elif char not in " \t\r\n":
            word.append(char)
            inside = True
        elif inside:
            words.append("".join(word))
            word = []
            inside = False
    if inside:
        words.append("".join(word))
    return tuple(words)


def definitions(text: str) -> list[tuple[str, str]]:
    """The system properties that the options define with -Dkey=value, in order; a bare -Dkey is empty.

    Raises UsageError as `split_options` does.
    """
    found = []
    for option in split_options(text):
        key, _, value = option[2:].partition("=")
        if option.startswith("-D") and key:
            found.append((key, value))
    return found


def join_options(options: Iterable[str]) -> str:
    """The string that `split_options` splits into these."""
    return " ".join(option if _is_plain(option) else _quoted(option) for option in options)


def _is_plain(option: str) -> bool:
    return bool(option) and not any(char in _BLANKS or char in "\\'\"" for char in option)


def _quoted(option: str) -> str:
    return '"' + option.replace("\\", "\\\\").replace('"', '\\"') + '"'
