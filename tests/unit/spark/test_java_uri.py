"""Expected URIs are what Spark 3.5.9 on Java 17 makes; tests/integration/spark_submit_jvm asks it again, about many more."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparkmesos_core.errors import UsageError
from sparkmesos_core.spark.java_uri import parse_uri, resolve_uri, resolve_uris

# Texts that are URIs with a scheme, and so stay as they are.
URIS = (
    "file:a.jar", "file:/a.jar", "file:///a.jar#", "file://host/x", "local:/x*.jar", "local:x", "http://h/*.jar",
    "http://h/a%2Cb.jar", "http://h/a%20b#f%20g", "ftp://u:p@h/x", "mailto:x@y", "a:b", "a+b.c-d:e", "a:/", "a:?q",
    "http://h/é", "http://é/x", "http://h:/x", "http://a_b/x", "http://h:99999999999/x", "http://u@:80/x",
    "http://%41/", "http://h?[x]", "http://h#[x]", "a:[x]", "http://[::1]:80/x", "http://u@[::1]:8/",
    "http://[fe80::1%25eth0]/", "http://[fe80::1%eth0]/", "http://[::ffff:1.2.3.4]/", "http://$;:@&=+/x", "FILE:///x",
)  # fmt: skip

# Everything else is a path: what becomes of it in the folder /srv/app, which does not exist.
PATHS = {
    "a.jar": "file:/srv/app/a.jar",
    "/opt//lib/a.jar": "file:/opt/lib/a.jar",
    "../lib/./a.jar": "file:/srv/lib/a.jar",
    "a.jar#x": "file:/srv/app/a.jar#x",
    "a.jar#": "file:/srv/app/a.jar#",
    "../lib/a.jar#x": "file:/srv/app/../lib/a.jar#x",  # only without a fragment a path is made canonical
    "a%41#f%20g": "file:/srv/app/aA#f%20g",  # and only without one it is taken literally
    "a%41": "file:/srv/app/a%2541",
    "a?b#f": "file:/srv/app/a#f",
    "?q": "file:/srv/app/%3Fq",
    "//x/y": "file:/x/y",
    "//x/y#f": "file:/y#f",
    "sp ace.jar": "file:/srv/app/sp%20ace.jar",
    "é.jar": "file:/srv/app/é.jar",
    "é\u00a0x": "file:/srv/app/é%C2%A0x",
    "a\u0085": "file:/srv/app/a%C2%85",
    "a\nb": "file:/srv/app/a%0Ab",
    "😀.jar": "file:/srv/app/😀.jar",
    "{a}[b]^|\\": "file:/srv/app/%7Ba%7D%5Bb%5D%5E%7C%5C",
    "~/$HOME": "file:/srv/app/~/$HOME",
    "C:\\x": "file:/srv/app/C:%5Cx",
    "x#y#z": "file:/srv/app/x%23y%23z",
    "none/": "file:/srv/app/none",
    "file:": "file:/srv/app/file:",
    "1a:b": "file:/srv/app/1a:b",
    ":x": "file:/srv/app/:x",
    "é:x": "file:/srv/app/é:x",
    "a://": "file:/srv/app/a:",
    "a:#f": "file:/srv/app/a:%23f",
    "http://h/%": "file:/srv/app/http:/h/%25",
    "http://h/a|b": "file:/srv/app/http:/h/a%7Cb",
    "http://h/[x]": "file:/srv/app/http:/h/%5Bx%5D",
    "http://[::1/x": "file:/srv/app/http:/%5B::1/x",
    "http://[1.2.3.4]/": "file:/srv/app/http:/%5B1.2.3.4%5D",
    "http://[::1]x/": "file:/srv/app/http:/%5B::1%5Dx",
    "http://a b/": "file:/srv/app/http:/a%20b",
    "http://h\u2028/x": "file:/srv/app/http:/h%E2%80%A8/x",
    "": "file:/srv/app",
    " ": "file:/srv/app/%20",
}  # fmt: skip


@pytest.mark.parametrize("text", URIS)
def test_uris_stay_as_they_are(text: str) -> None:
    assert resolve_uri(text, Path("/srv/app")) == text


@pytest.mark.parametrize("text", PATHS)
def test_paths_become_uris(text: str) -> None:
    assert resolve_uri(text, Path("/srv/app")) == PATHS[text]


def test_folders_end_in_a_slash_and_links_are_followed(tmp_path: Path) -> None:
    folder = tmp_path.resolve()
    (folder / "lib").mkdir()
    (folder / "a.jar").touch()
    (folder / "link.jar").symlink_to("a.jar")
    assert resolve_uri("lib", folder) == f"file:{folder}/lib/"
    assert resolve_uri("", folder) == resolve_uri(".", folder) == f"file:{folder}/"
    assert resolve_uri("link.jar", folder) == f"file:{folder}/a.jar"
    assert resolve_uri("link.jar#x", folder) == f"file:{folder}/link.jar#x"
    assert resolve_uri("/", folder) == "file:/"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        (" \t", ""),
        (",", ""),
        (",,a.jar,,", "file:/srv/app/a.jar"),
        ("a.jar, b.jar", "file:/srv/app/a.jar,file:/srv/app/%20b.jar"),
        ("http://h/a.jar,b.jar#x", "http://h/a.jar,file:/srv/app/b.jar#x"),
        ("\u00a0", "file:/srv/app/%C2%A0"),
    ],
)
def test_lists(text: str, expected: str) -> None:
    assert resolve_uris(text, Path("/srv/app")) == expected


def test_parts() -> None:
    uri = parse_uri("http://u@h:1/a%20b?c=%26#d%20e")
    assert uri is not None
    assert (uri.scheme, uri.authority, uri.path, uri.query, uri.fragment) == (
        "http", "u@h:1", "/a%20b", "c=%26", "d%20e",
    )  # fmt: skip
    assert (uri.decoded_path, uri.decoded_fragment) == ("/a b", "d e")
    opaque = parse_uri("file:a")
    assert opaque is not None
    assert (opaque.path, opaque.decoded_path, opaque.decoded_fragment) == (None, "", None)


def test_no_path_holds_a_nul() -> None:
    with pytest.raises(UsageError, match="NUL"):
        resolve_uri("a\0b", Path("/srv"))


def test_a_path_that_is_too_long_is_refused_at_once() -> None:
    with pytest.raises(UsageError, match="longer than any path"):
        resolve_uri("a/" * 500_000, Path("/srv"))


@given(st.one_of(st.text(), st.text(alphabet="ab:/?#[]@%4 é.")))
def test_whatever_comes_out_is_a_uri_with_a_scheme(text: str) -> None:
    try:
        resolved = resolve_uri(text, Path("/srv/app"))
    except UsageError:
        assert "\0" in text
        return
    uri = parse_uri(resolved)
    assert uri is not None or any("\ud800" <= character <= "\udfff" for character in text)
    assert uri is None or uri.scheme is not None
    assert resolve_uri(resolved, Path("/elsewhere")) == resolved
