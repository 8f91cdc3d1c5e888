"""Reading the beginning of a file of HDFS or S3."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from sparkmesos_core.errors import UsageError
from sparkmesos_core.network_failures import FailureKind, network_failure_of
from sparkmesos_core.preflight.opened_file import OpenedFile
from sparkmesos_core.preflight.reading_failures import (
    MISSING_HINT,
    NotKnownError,
    NotReadableError,
    raise_network_failure,
)
from sparkmesos_core.preflight.reading_time import seconds_left, until

_PIECE_BYTES = 1 << 16
_CREDENTIALS = (
    *("AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_WEB_IDENTITY_TOKEN_FILE"),
    *("AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"),
)


@contextmanager
def open_hdfs(uri: str, environment: Mapping[str, str], deadline: float) -> Iterator[OpenedFile]:
    """A file of HDFS, over WebHDFS; a context manager as `open_beginning`.

    It tells what is certain of a namenode that answers; of one without WebHDFS, whether it is there at all.
    """
    from sparkmesos_core.storage import hadoop_configuration as hadoop
    from sparkmesos_core.storage.namenodes import (
        DatanodeError,
        NameNodes,
        NoNamenodeError,
        RefusedError,
        WebHdfsAccess,
    )

    scheme, _, rest = uri.partition("://")
    authority, slash, path = rest.partition("/")
    try:
        settings = hadoop.hadoop_settings(hadoop.configuration_folder(environment))
        addresses = hadoop.namenode_addresses(scheme.lower(), authority, settings)
    except UsageError as error:
        raise NotKnownError(error.message) from None  # agents have a configuration of their own
    access = WebHdfsAccess(hadoop.hadoop_user(environment), stall_seconds=seconds_left(deadline))
    namenodes = NameNodes(addresses, access, lambda error, host: "")
    with closing(namenodes):
        try:
            status = namenodes.ask(_status_of(slash + path))
            if status["type"] != "FILE":
                raise NotReadableError("is a folder", MISSING_HINT)
            yield OpenedFile(
                until(deadline, namenodes.read(slash + path, _PIECE_BYTES)),
                size=_number(status, "length"),
                changed_at=_seconds(_number(status, "modificationTime")),
            )
        except RefusedError as error:
            if error.name == "FileNotFoundException":
                raise NotReadableError("does not exist", MISSING_HINT) from None
            if error.name == "AccessControlException":
                said = f"may not be read by the user '{access.user}'"
                hint = "See that agents may: they fetch as the user of the executors."
                raise NotReadableError(said, hint, certain=False) from None
            raise NotKnownError(f"the namenode refuses it ({error.name})") from None
        except NoNamenodeError:
            if scheme.lower() == "hdfs":
                _check_namenode(authority, deadline)
            raise NotKnownError("no namenode answers over WebHDFS") from None
        except DatanodeError:
            raise NotKnownError("no datanode can be reached from here") from None


def _status_of(path: str) -> Callable[[Any], dict[str, Any]]:
    def ask(client: Any) -> dict[str, Any]:
        status: dict[str, Any] = client.status(path)
        status["type"]  # KeyError: not what a namenode answers
        return status

    return ask


def _number(status: Mapping[str, Any], name: str) -> int | None:
    value = status.get(name)
    return value if isinstance(value, int) else None


def _seconds(milliseconds: int | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1000


def _check_namenode(authority: str, deadline: float) -> None:
    """Whether a namenode without WebHDFS is there at all. A nameservice has no port: it is not looked for."""
    host, colon, port = authority.rpartition(":")
    if not colon or not port.isdigit():
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), seconds_left(deadline)).close()
    except (OSError, OverflowError, UnicodeError) as error:
        failure = network_failure_of(error)
        if failure.kind in (FailureKind.NAME, FailureKind.REFUSED, FailureKind.UNREACHABLE):
            raise_network_failure(error, host)


@contextmanager
def open_s3(uri: str, size: int, deadline: float) -> Iterator[OpenedFile]:
    """The first `size` bytes of an object of S3; a context manager as `open_beginning`.

    NotKnownError for all that may be otherwise with the credentials of agents; at once if there are none
    here, since boto would then look for a machine of Amazon's to give it some, which can take seconds.
    """
    bucket, _, key = uri.partition("://")[2].partition("/")
    if not bucket or not key or "@" in bucket:
        raise NotReadableError("is not an S3 URI", "Write s3a://BUCKET/KEY.")
    if not _has_credentials():
        raise NotKnownError("there are no credentials for S3 here")
    from botocore.exceptions import BotoCoreError, ClientError

    from sparkmesos_core.storage.s3_client import is_amazon, new_s3_client

    try:
        client = new_s3_client(None, seconds_left(deadline), attempts=1)
        with closing(client):
            answer = client.get_object(Bucket=bucket, Key=key, Range=f"bytes=0-{size - 1}")
            with closing(answer["Body"]) as body:
                told = str(answer.get("ContentRange", "")).rpartition("/")[2]
                yield OpenedFile(
                    until(deadline, body.iter_chunks(_PIECE_BYTES)),
                    size=int(told) if told.isascii() and told.isdigit() else answer.get("ContentLength"),
                    changed_at=answer["LastModified"].timestamp() if "LastModified" in answer else None,
                )
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", ""))
        # Without an endpoint that somebody chose, agents may well be configured for another S3 than Amazon's.
        chosen = not is_amazon(client.meta.endpoint_url)
        if code in ("NoSuchKey", "404") or (code == "NoSuchBucket" and chosen):
            raise NotReadableError("does not exist", MISSING_HINT) from None
        if code == "NoSuchBucket":
            raise NotReadableError(
                "is in a bucket that Amazon does not have", MISSING_HINT, certain=False
            ) from None
        # Agents have credentials of their own.
        raise NotKnownError(f"S3 refuses it here ({code})" if code else "S3 refuses it here") from None
    except (BotoCoreError, OSError, ValueError) as error:
        raise NotKnownError(f"S3 cannot be asked here ({type(error).__name__})") from None


def _has_credentials() -> bool:
    """Whether there may be some in the environment or in the AWS files, where boto looks first."""
    if any(name in os.environ for name in _CREDENTIALS):
        return True
    files = (
        os.environ.get("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials"),
        os.environ.get("AWS_CONFIG_FILE", "~/.aws/config"),
    )
    return any(Path(file).expanduser().is_file() for file in files)
