"""What refusals of HDFS mean for an upload: whether to try again, and what the user can do."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sparkmesos_core.errors import UploadError
from sparkmesos_core.storage.namenodes import RefusedError
from sparkmesos_core.upload.target import TransientFailureError


@dataclass(frozen=True)
class _Meaning:
    """Of a refusal whose exception has one of the names or whose text the pattern is found in.

    By both, since a datanode that passes on what a namenode told it often names it RemoteException.
    """

    names: tuple[str, ...]
    pattern: str
    hint: str
    transient: bool = False


_MEANINGS = (
    _Meaning(
        ("SafeModeException",),
        r"[Nn]ame ?node is in safe mode",
        "It leaves it by itself when enough datanodes have reported; `hdfs dfsadmin -safemode get` tells.",
        transient=True,
    ),
    _Meaning(
        ("DSQuotaExceededException", "NSQuotaExceededException", "QuotaByStorageTypeExceededException"),
        r"quota .*is exceeded|quota of .* exceeded",
        "Remove something from that folder, or have its quota raised (hdfs dfsadmin -setSpaceQuota).",
    ),
    _Meaning(
        ("InvalidToken",),
        r"InvalidToken|token .*(expired|can't be found)|Token .*(expired|can't be found)",
        "Get a new delegation token (hdfs fetchdt --webservice URL FILE) and give it with --token-file.",
    ),
    _Meaning(
        ("AccessControlException",),
        r"[Pp]ermission denied",
        "Write as another user (--user or HADOOP_USER_NAME), or have the folder's permissions changed.",
    ),
    _Meaning(
        (),
        r"could only be (replicated|written) to",
        "No datanode that can be used has room, or none is up: `hdfs dfsadmin -report` tells.",
        transient=True,
    ),
    _Meaning(
        (), r"replication factor|Requested replication", "Give another number of copies with --replication."
    ),
    _Meaning(
        ("FileAlreadyExistsException", "ParentNotDirectoryException"),
        r"is not a directory",
        "Correct the path: a part of it is a file.",
    ),
    _Meaning(("InvalidPathException", "IllegalArgumentException"), "", "Correct the path or the option."),
)
_LATER = "Try again later; the logs of the namenode and its datanodes tell more."
# What fails inside HDFS, between its servers: of those, others may do it the next time.
_OF_SERVERS = (
    *("IOException", "RemoteException", "ConnectException", "SocketException", "SocketTimeoutException"),
    *("NoRouteToHostException", "ClosedChannelException", "EOFException", "StandbyException"),
    *("RetriableException", "LeaseExpiredException", "InterruptedIOException", "ConnectTimeoutException"),
    *("RecoveryInProgressException", "AlreadyBeingCreatedException"),
)


def upload_error(refused: RefusedError, label: str) -> UploadError | TransientFailureError:
    """The error to raise for a refusal; `label` names what was to be written."""
    said = f"HDFS refused {label}: {refused.reason} ({refused.address})"
    if refused.status == 401 and not _is_token_trouble(refused):
        return UploadError(
            f"{refused.address} wants to know who writes {label} (401): it uses Kerberos or another login",
            hint="Kerberos tickets are not used here: get a delegation token with `hdfs fetchdt --webservice "
            "URL FILE` and give it with --token-file.",
        )
    for meaning in _MEANINGS:
        if _fits(meaning, refused):
            error = UploadError(said, hint=meaning.hint)
            return TransientFailureError(error) if meaning.transient else error
    error = UploadError(said, hint=_LATER)
    if refused.name in _OF_SERVERS or (refused.status or 0) >= 500:
        return TransientFailureError(error)
    return error


def _fits(meaning: _Meaning, refused: RefusedError) -> bool:
    if refused.name in meaning.names:
        return True
    return bool(meaning.pattern and re.search(meaning.pattern, refused.reason))


def _is_token_trouble(refused: RefusedError) -> bool:
    return any("InvalidToken" in each.names and _fits(each, refused) for each in _MEANINGS)
