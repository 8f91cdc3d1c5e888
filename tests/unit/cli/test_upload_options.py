from __future__ import annotations

import base64
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest

from sparkmesos_cli.grouped_options import GroupedCommand
from sparkmesos_cli.upload_options import read_upload_options, upload_options
from sparkmesos_core.errors import UsageError
from sparkmesos_core.upload.destination import parse_destination
from sparkmesos_core.upload.target import HdfsOptions, HttpOptions, S3Options, UploadOptions


def read(destination: str, *arguments: str, settings: dict[str, Any] | None = None) -> UploadOptions:
    """What the command line means to a destination; `settings` is what a settings file says."""

    def run(**_: Any) -> Any:
        context = click.get_current_context()
        return read_upload_options(context, parse_destination(destination, "s.tgz"), {"HOME": "/h"})

    result: UploadOptions = put(run).main(list(arguments), standalone_mode=False, default_map=settings)
    return result


def put(run: Callable[..., Any]) -> click.Command:
    declare: Callable[[Any], click.Command] = click.command("put", cls=GroupedCommand)
    return declare(upload_options(run))


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "secret"
    path.write_text("hush hush\n")
    return path


def test_nothing_given() -> None:
    for destination in ("https://r/", "s3a://b/", "hdfs://n/", "/mnt/"):
        assert read(destination) == UploadOptions({"HOME": "/h"})


def test_http(secret: Path, tmp_path: Path) -> None:
    options = read(
        "https://r/d/",
        *("--user", "me", "--password-file", str(secret), "--ca-file", str(secret), "--stall-timeout", "5"),
    )
    assert options.http == HttpOptions("me", "hush hush", None, secret)
    assert (options.s3, options.hdfs, options.stall_seconds) == (S3Options(), HdfsOptions(), 5)
    assert "hush" not in repr(options)


def test_a_bearer_token(secret: Path) -> None:
    assert read("http://r/", "--token-file", str(secret)).http == HttpOptions(token="hush hush")


def test_s3(secret: Path) -> None:
    options = read(
        "s3://b/d/",
        *("--endpoint-url", "http://s:9000", "--path-style", "--aws-profile", "p", "--region", "r"),
        *("--acl", "public-read", "--encryption", "AES256", "--storage-class", "STANDARD_IA"),
        *("--ca-file", str(secret), "--resume"),
    )
    assert options.s3 == S3Options(
        "http://s:9000", True, "p", "r", "public-read", "AES256", None, "STANDARD_IA", secret
    )
    assert options.resume


@pytest.mark.parametrize(
    ("arguments", "path_style", "encryption"),
    [
        ((), None, None),
        (("--no-path-style",), False, None),
        (("--kms-key", "k", "--encryption", "aws:kms"), None, "aws:kms"),
    ],
)
def test_what_s3_may_find_out_itself(
    arguments: tuple[str, ...], path_style: bool | None, encryption: str | None
) -> None:
    options = read("s3a://b/", *arguments)
    assert (options.s3.path_style, options.s3.encryption) == (path_style, encryption)


@pytest.mark.parametrize("encryption", [(), ("--encryption", "AES256")])
def test_a_key_that_nothing_is_encrypted_with(encryption: tuple[str, ...]) -> None:
    with pytest.raises(UsageError, match="--kms-key is for --encryption aws:kms"):
        read("s3a://b/", "--kms-key", "k", *encryption)


@pytest.mark.parametrize("scheme", ["hdfs", "webhdfs", "swebhdfs"])
def test_hdfs(scheme: str, secret: Path, tmp_path: Path) -> None:
    options = read(
        f"{scheme}://n/d/",
        *("--hadoop-conf-dir", str(tmp_path), "--user", "me", "--token-file", str(secret)),
        *("--replication", "2", "--permission", "640", "--ca-file", str(secret)),
    )
    assert options.hdfs == HdfsOptions(tmp_path, "me", "hush hush", 2, "640", secret)


def test_hadoops_own_file_of_a_token(tmp_path: Path) -> None:
    token = b"\1i\2pw\x15HDFS_DELEGATION_TOKEN\3n:1"
    file = tmp_path / "token"
    file.write_bytes(b"HDTS\0\1\1a" + token + b"\0")
    found = read("hdfs://n/", "--token-file", str(file)).hdfs.token
    assert found is not None
    assert base64.urlsafe_b64decode(found + "=" * (-len(found) % 4)) == token
    file.write_bytes(b"HDTS\0\1\1a")
    with pytest.raises(UsageError, match=r"--token-file .*: it is a damaged file"):
        read("hdfs://n/", "--token-file", str(file))
    # For HTTP it means nothing.
    with pytest.raises(UsageError, match="more than one line"):
        read("https://r/", "--token-file", str(file))


@pytest.mark.parametrize(
    ("destination", "typed", "said"),
    [
        ("/mnt/d/", "--user=me", "--user means nothing to a folder"),
        ("file:///mnt/", "--stall-timeout=5", "--stall-timeout means nothing to a folder"),
        ("https://r/", "--acl=private", "--acl means nothing to a destination of https://"),
        ("http://r/", "--resume", "--resume means nothing"),
        ("hdfs://n/", "--presign=1h", "--presign means nothing"),
        ("hdfs://n/", "--password-file=/f", "--password-file means nothing"),
        ("s3a://b/", "--user=me", "--user means nothing to a destination of s3a://"),
        ("s3n://b/", "--replication=2", "--replication means nothing to a destination of s3n://"),
    ],
)
def test_options_that_are_for_other_destinations(destination: str, typed: str, said: str) -> None:
    with pytest.raises(UsageError, match=said) as caught:
        read(destination, typed)
    assert caught.value.hint.startswith("It is for ")


def test_variables_and_settings_for_other_destinations_are_passed_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SPARKMESOS_UPLOAD_USER", "me")
    monkeypatch.setenv("SPARKMESOS_UPLOAD_PASSWORD_FILE", "/no/such/file")
    settings = {"acl": "private", "resume": True, "presign": "1h"}
    assert read("/mnt/d/", settings=settings) == UploadOptions({"HOME": "/h"})
    assert read("hdfs://n/", settings=settings).hdfs == HdfsOptions(user="me")
    assert read("s3a://b/", settings=settings).s3 == S3Options(acl="private")


class TestWhoSendsIt:
    def test_the_url_wins(self, secret: Path) -> None:
        options = read("https://you:pw@r/", "--user", "me", "--password-file", "/no/such/file")
        assert options.http == HttpOptions()

    def test_two_ways(self, secret: Path) -> None:
        with pytest.raises(UsageError, match="two ways"):
            read("https://r/", "--user", "me", "--token-file", str(secret))

    def test_two_ways_in_variables(self, secret: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SPARKMESOS_UPLOAD_USER", "me")
        monkeypatch.setenv("SPARKMESOS_UPLOAD_TOKEN_FILE", str(secret))
        with pytest.raises(UsageError, match="two ways"):
            read("https://r/")

    def test_what_is_typed_wins_over_a_variable(self, secret: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SPARKMESOS_UPLOAD_USER", "me")
        assert read("https://r/", "--token-file", str(secret)).http == HttpOptions(token="hush hush")
        monkeypatch.setenv("SPARKMESOS_UPLOAD_TOKEN_FILE", str(secret))
        typed = ("--user", "you", "--password-file", str(secret))
        assert read("https://r/", *typed).http == HttpOptions("you", "hush hush")

    def test_a_password_of_nobody(self, secret: Path) -> None:
        with pytest.raises(UsageError, match="needs --user"):
            read("https://r/", "--password-file", str(secret))


class TestFilesOfSecrets:
    @pytest.mark.parametrize(
        ("content", "said"),
        [
            (b"", "is empty"),
            (b"\n", "is empty"),
            (b"hush\nhush\n", "more than one line"),
            (b"hush\x00", "more than one line"),
            (b"h" * 70_000, "more than one line"),
            (b"hush\xff", "holds no text"),
        ],
    )
    def test_what_is_no_secret(self, secret: Path, content: bytes, said: str) -> None:
        secret.write_bytes(content)
        with pytest.raises(UsageError, match=said) as caught:
            read("https://r/", "--token-file", str(secret))
        assert "hush" not in (caught.value.message + caught.value.hint).replace(str(secret), "")

    @pytest.mark.parametrize("content", [b"hush", b"hush\n", b"hush\r\n"])
    def test_a_line_end_is_not_part_of_it(self, secret: Path, content: bytes) -> None:
        secret.write_bytes(content)
        assert read("https://r/", "--token-file", str(secret)).http.token == "hush"

    def test_one_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match=r"--token-file .* cannot be read: No such file"):
            read("https://r/", "--token-file", str(tmp_path / "no"))

    def test_what_a_shell_gives_for_a_command(self) -> None:
        reader, writer = os.pipe()

        def write() -> None:
            with os.fdopen(writer, "wb") as pipe:
                pipe.write(b"hush\n")

        thread = threading.Thread(target=write)
        thread.start()
        try:
            assert read("https://r/", "--token-file", f"/dev/fd/{reader}").http.token == "hush"
        finally:
            thread.join()
            os.close(reader)


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("--presign=8d", "between 1s and 7d"),
        ("--presign=0", "between 1s and 7d"),
        ("--presign=soon", "is not a time"),
        ("--permission=rw", "three octal digits"),
        ("--permission=888", "three octal digits"),
        ("--replication=0", "0"),
        ("--acl=everybody", "everybody"),
        ("--stall-timeout=0", "0"),
        ("--stall-timeout=1e99", "1000000"),
    ],
)
def test_values_that_cannot_be(typed: str, said: str) -> None:
    with pytest.raises(click.BadParameter, match=said):
        read("s3a://b/", typed)


@pytest.mark.parametrize("value", ["nan", "inf"])
def test_a_time_that_is_no_number(value: str) -> None:
    with pytest.raises(click.BadParameter, match="is not a number of seconds"):
        read("https://r/", f"--stall-timeout={value}")


def test_the_help_has_headings() -> None:
    command = put(lambda **_: None)
    text = command.get_help(click.Context(command, info_name="put"))
    headings = [line for line in text.splitlines() if line.endswith(":") and not line.startswith(" ")]
    assert headings == ["How it is sent:", "Who sends it (HTTP and HDFS):", "S3:", "HDFS:", "Options:"]
