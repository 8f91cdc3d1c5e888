"""Real S3 servers on loopback: rclone's, which checks signatures, and moto, which has ACLs and the like."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pytest

REGION = "us-east-1"
_READY = re.compile(r"(?:s3 server on \[?|Running on )(?P<url>https?://127\.0\.0\.1:\d+)")


@dataclass(frozen=True)
class S3Server:
    """A server, and the credentials that it takes."""

    url: str
    key: str
    secret: str
    process: subprocess.Popen[str]

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def environment(self) -> dict[str, str]:
        """The variables with which boto3 talks to this server, and to no other, whatever the machine has."""
        return {
            "AWS_ACCESS_KEY_ID": self.key,
            "AWS_SECRET_ACCESS_KEY": self.secret,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ENDPOINT_URL_S3": self.url,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def client(self) -> Any:
        """A client of the server, by path and with version 4 signatures."""
        import boto3
        from botocore.config import Config

        return boto3.session.Session().client(
            "s3",
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id=self.key,
            aws_secret_access_key=self.secret,
            config=Config(signature_version="s3v4", s3={"addressing_style": "path"}),
        )


def set_aws_environment(monkeypatch: pytest.MonkeyPatch, environment: Mapping[str, str]) -> None:
    """Let this process have these AWS_* variables, and none of the machine's."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)


@contextmanager
def rclone_s3(
    folder: Path,
    *,
    key: str = "test-access-key",
    secret: str = "test-secret-key",
    fresh: bool = False,
    certificate: Path | None = None,
) -> Iterator[S3Server]:
    """Serve a folder, whose subfolders are the buckets, until the block ends. It refuses other credentials.

    With `fresh` it notices files that come into the folder in other ways; that costs a core all the time.
    With a `certificate`, a file that has its private key, too, it speaks TLS.
    """
    command = [
        *(str(Path(sys.executable).parent / "rclone"), "serve", "s3", str(folder)),
        *("--addr", "127.0.0.1:0", "--auth-key", f"{key},{secret}"),
        *(("--dir-cache-time", "0s") if fresh else ()),
        *(("--cert", str(certificate), "--key", str(certificate)) if certificate else ()),
    ]
    with _running(command, {"RCLONE_CONFIG": os.devnull}) as (url, process):
        yield S3Server(url, key, secret, process)


@contextmanager
def moto_s3() -> Iterator[S3Server]:
    """An empty moto until the block ends. It keeps all in memory and takes any credentials."""
    command = [str(Path(sys.executable).parent / "moto_server"), "-H", "127.0.0.1", "-p", "0"]
    with _running(command, {}) as (url, process):
        yield S3Server(url, "test-access-key", "test-secret-key", process)


@contextmanager
def _running(
    command: Sequence[str], environment: Mapping[str, str]
) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    own = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "RCLONE_"))}
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={**own, **environment, "PYTHONUNBUFFERED": "1"},
    ) as process:
        assert process.stderr is not None
        log: list[str] = []
        try:
            for line in process.stderr:
                log.append(line)
                if found := _READY.search(line):
                    break
            else:
                pytest.fail(f"{command[0]} did not start: {''.join(log)}")
            # Who does not read what it says would stop it when the pipe is full.
            reader = threading.Thread(target=_read_on, args=(process.stderr,), daemon=True)
            reader.start()
            yield found["url"], process
        finally:
            process.kill()
            process.wait()
    reader.join()


def _read_on(stream: IO[str]) -> None:
    for _ in stream:
        pass
