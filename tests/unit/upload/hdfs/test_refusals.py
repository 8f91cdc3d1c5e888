from __future__ import annotations

import pytest

from sparkmesos_core.errors import UploadError
from sparkmesos_core.storage.namenodes import RefusedError
from sparkmesos_core.upload.hdfs.refusals import upload_error
from sparkmesos_core.upload.target import TransientFailureError

NAMENODE = "http://nn:9870"


@pytest.mark.parametrize(
    ("name", "reason", "status", "transient", "hint"),
    [
        ("SafeModeException", "Cannot create /a. Name node is in safe mode.", 403, True, "safemode get"),
        ("RemoteException", "Cannot create file/a. Name node is in safe mode.", 403, True, "safemode get"),
        ("DSQuotaExceededException", "The DiskSpace quota of /a is exceeded", 403, False, "-setSpaceQuota"),
        ("NSQuotaExceededException", "The NameSpace quota of /a is exceeded", 403, False, "-setSpaceQuota"),
        ("AccessControlException", "Permission denied: user=alice", 403, False, "--user"),
        ("RemoteException", "Permission denied: user=alice", 403, False, "--user"),
        ("InvalidToken", "token (token for alice) can't be found in cache", 403, False, "--token-file"),
        (
            "SecurityException",
            "Failed to obtain user group information: InvalidToken: token is expired",
            401,
            False,
            "--token-file",
        ),
        (None, "401 Unauthorized", 401, False, "Kerberos tickets"),
        ("IOException", "File /a could only be replicated to 0 nodes", 403, True, "dfsadmin -report"),
        (
            "IOException",
            "file /a on client 1. Requested replication 600 exceeds",
            403,
            False,
            "--replication",
        ),
        ("FileAlreadyExistsException", "Path is not a directory: /a", 403, False, "part of it is a file"),
        ("InvalidPathException", "Invalid path name", 400, False, "Correct"),
        ("IOException", "All datanodes are bad. Aborting", 403, True, "Try again later"),
        ("NullPointerException", "oops", 500, True, "Try again later"),
        ("UnsupportedOperationException", "no", 400, False, "Try again later"),
    ],
)
def test_what_refusals_mean(name: str | None, reason: str, status: int, transient: bool, hint: str) -> None:
    said = upload_error(RefusedError(NAMENODE, name, reason, status), "hdfs://lab/a")
    assert isinstance(said, TransientFailureError) is transient
    error = said.error if isinstance(said, TransientFailureError) else said
    assert isinstance(error, UploadError)
    assert hint in error.hint
    assert "hdfs://lab/a" in error.message
    assert NAMENODE in error.message
    assert reason in error.message or status == 401
