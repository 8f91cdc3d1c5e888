"""What does not go into an archive: `--exclude`, and what executors and drivers in the cluster never need."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from sparkmesos_core.errors import UsageError
from sparkmesos_core.quoting import quoted

DEFAULT_EXCLUDES: tuple[str, ...] = (
    # Examples, documentation, tests
    "/examples",
    "/data",
    "/python/dist",
    "/python/docs",
    "/python/build",
    "/python/run-tests*",
    "/python/test_coverage",
    "/python/test_support",
    "/python/pyspark/**/tests",
    "/R/lib/SparkR/doc",
    "/R/lib/SparkR/help",
    "/R/lib/SparkR/html",
    "/R/lib/SparkR/tests",
    # For YARN and for Kubernetes; the shuffle service for Mesos is among the jars of Spark 3
    "/yarn",
    "/kubernetes",
    # The operator's own configuration: it may hold secrets, and agents would source this spark-env.sh.
    "/conf/*",
    "!/conf/*.template",
    # What running and installing leave behind
    "/logs",
    "/pid",
    "/work",
    "/metastore_db",
    "/spark-warehouse",
    "derby.log",
    "*.pid",
    "__pycache__",
    "*.pyc",
    "*.egg-info",
    ".git",
    ".gitignore",
    ".DS_Store",
)
"""Patterns as those of `--exclude`, applied before them."""

# What the executor command and the dispatcher's driver command run, what these source, and the jars in which
# they find the class of an executor or of spark-submit.
_NEEDED = re.compile(
    r"RELEASE"
    r"|bin/(?:spark-class|spark-submit|find-spark-home|load-spark-env\.sh)"
    r"|jars/(?:spark-(?:core|mesos|launcher|network-common|network-shuffle|unsafe|common-utils(?:-java)?|config)"
    r"_[^/]*"
    r"|mesos-[^/]*|scala-library-[^/]*)\.jar"
)


class Excludes:
    """Which paths inside the top folder are left out: the last pattern that matches decides.

    A pattern is matched with the whole path if a `/` is in front or in the middle of it, else with every
    segment. What it matches is left out with all below. `*`, `?` and `[…]` are as in a shell, and never match
    a `/`; `**` stands for any number of folders; a final `/` is for folders only; a `!` in front brings back.
    """

    def __init__(self, patterns: Sequence[str] = (), *, defaults: bool = True) -> None:
        """`patterns` are the user's; `defaults`: whether DEFAULT_EXCLUDES come before them.

        Raises UsageError for a pattern that can match nothing.
        """
        given = [(pattern, True) for pattern in patterns]
        if defaults:
            given = [*((pattern, False) for pattern in DEFAULT_EXCLUDES), *given]
        self._rules = [_Rule(pattern, own) for pattern, own in given]

    @property
    def unused(self) -> list[str]:
        """The user's patterns that nothing has matched so far: mistyped, in all likelihood."""
        return [rule.pattern for rule in self._rules if rule.own and not rule.used]

    def leaves_out(self, name: str, *, folder: bool = False) -> bool:
        """Whether this path inside the top folder is left out.

        Raises UsageError if a pattern of the user leaves out something without which no executor starts.
        """
        path = name + "/" if folder else name
        out = None
        for rule in self._rules:
            if rule.matches(path):
                out = None if rule.brings_back else rule
        if out is not None and out.own and not folder and _NEEDED.fullmatch(name):
            raise UsageError(
                f"--exclude {quoted(out.pattern)} leaves out {name}, without which no executor starts",
                hint="Exclude less, or bring it back: a later pattern with a ! in front wins.",
            )
        return out is not None


def summary(left_out: Iterable[str], packed: Iterable[str]) -> list[str]:
    """What was left out, for messages: sorted; nothing that is in another that is in the list.

    Both are paths inside the top folder. The folders that were left out have a final `/`, here and in the
    result. What there is in more than two places, such as `__pycache__/`, is shown once: `**/__pycache__/`.
    """
    kept = {parent for name in packed for parent in _parents(name)}
    wholly = {name for name in left_out if name not in kept}
    topmost = [name for name in wholly if not any(parent in wholly for parent in _parents(name))]
    places: dict[str, list[str]] = {}
    for name in topmost:
        places.setdefault(_PARENT.sub("", name), []).append(name)
    return sorted(
        shown for last, names in places.items() for shown in ([f"**/{last}"] if len(names) > 2 else names)
    )


_PARENT = re.compile(r".*/(?=[^/]+/?$)", re.DOTALL)


def _parents(name: str) -> list[str]:
    """The folders that it is in, each with a final `/`."""
    segments = name.rstrip("/").split("/")
    return ["/".join(segments[:count]) + "/" for count in range(1, len(segments))]


class _Rule:
    def __init__(self, pattern: str, own: bool) -> None:
        self.pattern = pattern
        self.own = own
        self.used = False
        self.brings_back = pattern.startswith("!")
        self._expression = _expression(pattern, pattern[self.brings_back :])

    def matches(self, path: str) -> bool:
        matched = self._expression.fullmatch(path) is not None
        self.used = self.used or matched
        return matched


def _expression(written: str, pattern: str) -> re.Pattern[str]:
    """A regular expression for paths, those of folders with a final `/`."""
    inside = pattern.rstrip("/")
    segments = inside.removeprefix("/").split("/")
    if any(segment in ("", ".", "..") for segment in segments):
        raise UsageError(
            f"--exclude {quoted(written)} can match nothing",
            hint="Patterns are matched with paths inside the top folder, such as jars/hive-*.jar or R.",
        )
    begin = "" if "/" in inside else "(?:[^/]+/)*"
    parts = []
    for segment in segments[:-1]:
        parts.append("(?:[^/]+/)*" if segment == "**" else _segment(segment) + "/")
    last = "[^/]+" if segments[-1] == "**" else _segment(segments[-1])
    end = "/.*" if pattern.endswith("/") else "(?:/.*)?"
    try:
        return re.compile(begin + "".join(parts) + last + end, re.DOTALL)
    except re.error as error:
        raise UsageError(
            f"--exclude {quoted(written)} cannot be understood: {error.msg}",
            hint="Put a backslash in front of a [ that is meant as such.",
        ) from error


_TOKEN = re.compile(
    r"(?P<any>\*+)"
    r"|(?P<one>\?)"
    r"|\[(?P<not>[!^]?)(?P<set>\]?[^\]]*)\]"
    r"|\\(?P<escaped>.)"
    r"|(?P<plain>.)",
    re.DOTALL,
)


_RANGE = re.compile(r"(?P<first>.)(?:-(?P<last>.))?", re.DOTALL)


def _escaped_range(match: re.Match[str]) -> str:
    first, last = match["first"], match["last"]
    return re.escape(first) if last is None else f"{re.escape(first)}-{re.escape(last)}"


def _segment(segment: str) -> str:
    """A regular expression for what a shell's pattern without `/` matches."""
    result = ""
    for token in _TOKEN.finditer(segment):
        if token["any"]:
            result += "[^/]*"
        elif token["one"]:
            result += "[^/]"
        elif token["set"]:
            result += f"(?!/)[{'^' if token['not'] else ''}{_RANGE.sub(_escaped_range, token['set'])}]"
        else:
            result += re.escape(token["escaped"] or token["plain"] or token[0])
    return result
