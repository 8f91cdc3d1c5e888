"""Paths and lists of paths as URIs: ours against those of Spark's own code, over generated texts."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote

import pytest

from sparkmesos_core.errors import UsageError
from sparkmesos_core.spark.file_patterns import resolve_files
from sparkmesos_core.spark.java_uri import parse_uri, resolve_uri, resolve_uris
from tests.integration.spark_submit_jvm.cases import DIRECTORY, LISTS, PATHS, TEXTS
from tests.integration.spark_submit_jvm.submitter import Submitter

pytestmark = pytest.mark.slow

SEED = 20261122
PIECES = (
    "a", "b", ".jar", "/", "//", "#", "?", "%", "%20", "%zz", ":", "*", "[", "]", "{", "}", " ", "\t", "\n", "ü", "日",
    "\U0001f600", "@", "&", "=", "+", "$", ";", "!", "~", "'", '"', "\\", "|", "^", "`", "<", ">", "..", ".", "libs", "libs/a",
    "app.py", "file:", "file://", "http://h/", "local:", "hdfs://h/", "C:", "-", "_", ",", "(", ")", "\u00a0", "\u0085", "\u200b",
    "\x01", "\x7f", "[::1]", "h:80", "x+y", "1", "user@",
)  # fmt: skip


def texts(directory: Path) -> list[str]:
    chance = random.Random(SEED)
    made = ["".join(chance.choices(PIECES, k=chance.randrange(1, 7))) for _ in range(5000)]
    # Longer names than file systems allow end in an error of the system in Java.
    known = [text for text in (*PATHS, *LISTS, *TEXTS) if len(text) < 200]
    return [text.replace(DIRECTORY, str(directory)) for text in (*known, *made)]


def test_uris(submitter: Submitter, directory: Path) -> None:
    def ours(resolve: Callable[[str, Path], str], text: str | None) -> str | None:
        try:
            return None if text is None else resolve(text, directory)
        except UsageError:
            return None

    every = texts(directory)
    wrong = []
    for text, theirs in zip(every, submitter.resolve(every), strict=True):
        one, several = ours(resolve_uri, text), ours(resolve_uris, text)
        files = ours(resolve_files, several)
        if [one, several] != theirs[:2] or not is_as_good(files, theirs[2], several):
            wrong.append((text, theirs, [one, several, files]))
    assert wrong[:10] == []


def is_as_good(ours: str | None, theirs: str | None, uris: str | None) -> bool:
    """Whether we resolve patterns as Spark does, or better, on purpose."""
    items = (uris or "").split(",")
    if ours == theirs:
        return True
    if ours is None:
        # Spark leaves out what it does not find, and mistakes these characters of a name for a pattern or a query.
        named = any(
            character in unquote(item.removeprefix("file:")) for item in items for character in ":?[]"
        )
        return named or len((theirs or "").split(",")) < len(items) or not theirs
    if theirs is None:
        # It asks file systems that are not this machine's, which we do not; a backslash can be an error there.
        return any(not item.startswith("file:") or "%5C" in item for item in items)
    # It undoes the percent-encoding of what follows a path, so that the result is no URI any more.
    return any(
        parsed is not None and "%" in f"{parsed.query}{parsed.fragment}" for parsed in map(parse_uri, items)
    )
