"""What went wrong with S3, in words that say what to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from sparkmesos_core.errors import SparkMesosError, UploadError, UsageError
from sparkmesos_core.upload.connection_failures import connection_failure
from sparkmesos_core.upload.target import S3Options, TransientFailureError

_TRANSIENT = {
    "RequestTimeout",
    "RequestTimeoutException",
    "InternalError",
    "ServiceUnavailable",
    "SlowDown",
    "SlowDownRead",
    "SlowDownWrite",
    "Throttling",
    "ThrottlingException",
    "TooManyRequests",
    "OperationAborted",
    "IncompleteBody",
    "BadDigest",
    "XAmzContentSHA256Mismatch",
}
_EXPIRED = {"ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "RequestExpired"}
_UNKNOWN_KEY = {"InvalidAccessKeyId", "InvalidToken", "UnrecognizedClientException", "InvalidClientTokenId"}
_WRONG_REGION = {"PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"}
_NO_ROOM = {"QuotaExceeded", "XMinioStorageFull", "XMinioAdminBucketQuotaExceeded", "InsufficientStorage"}
_RENEW = (
    "Renew them (aws sso login, aws sts assume-role, or whatever gave them to you) and run the command again."
)
_NO_CREDENTIALS = "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name a profile of the AWS files."


@dataclass(frozen=True)
class S3Place:
    """What messages tell about."""

    label: str
    bucket: str
    server: str
    """The endpoint's host and port."""
    stall_seconds: float
    options: S3Options


def s3_failure(error: BaseException, place: S3Place) -> SparkMesosError | TransientFailureError:
    """What to raise for what botocore raised. No message holds a credential.

    The codes are those of https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html; the statuses
    are for answers without a body.
    """
    from botocore import exceptions as boto

    if isinstance(error, boto.ClientError):
        return _refusal(error, place)
    if isinstance(error, boto.NoCredentialsError | boto.PartialCredentialsError):
        return UploadError("there are no AWS credentials, or only a part of them", hint=_NO_CREDENTIALS)
    if isinstance(error, boto.ProfileNotFound):
        return UsageError(
            f"the AWS files have no profile '{place.options.profile or 'of AWS_PROFILE'}'",
            hint="List them with: aws configure list-profiles",
        )
    if isinstance(
        error,
        boto.CredentialRetrievalError
        | boto.TokenRetrievalError
        | boto.SSOError
        | boto.UnauthorizedSSOTokenError,
    ):
        return UploadError(f"no AWS credentials could be had ({type(error).__name__})", hint=_RENEW)
    if isinstance(error, boto.ParamValidationError | boto.InvalidConfigError | boto.NoRegionError):
        return UsageError(
            f"{place.label} cannot be asked for: {_one_line(error)}",
            hint="Correct the bucket's name, the key, or the option that it tells of.",
        )
    if isinstance(error, boto.InvalidProxiesConfigError):
        return UsageError(f"the proxy's settings cannot be used: {_one_line(error)}", hint="Correct them.")
    if isinstance(error, boto.BotoCoreError | OSError):
        host = urlsplit(f"//{place.server}").hostname or place.server
        return connection_failure(error, f"the S3 server {place.server}", host, place.stall_seconds)
    if isinstance(error, ValueError):
        # boto3 has no exception of its own for an endpoint that is no URL.
        return UsageError(
            f"S3 cannot be asked: {_one_line(error)}",
            hint="Correct --endpoint-url, or where it comes from: AWS_ENDPOINT_URL or the AWS files.",
        )
    return UploadError(f"S3 failed: {type(error).__name__}", hint="")


def field_of(answer: Any, name: str) -> Any:
    """What an answer has to have. botocore does not notice one that was cut in its headers."""
    from botocore.exceptions import IncompleteReadError

    if name not in answer:
        raise IncompleteReadError(actual_bytes=0, expected_bytes=0)
    return answer[name]


def _refusal(error: BaseException, place: S3Place) -> SparkMesosError | TransientFailureError:
    answer = getattr(error, "response", {})
    said = answer.get("Error", {})
    code, message = str(said.get("Code", "")), str(said.get("Message", ""))
    meta = answer.get("ResponseMetadata", {})
    status, headers = int(meta.get("HTTPStatusCode", 0)), meta.get("HTTPHeaders", {})
    where = f"the S3 server {place.server}"
    options = place.options
    if code in _NO_ROOM or status == 507:
        return UploadError(f"{where} has no room: {code}", hint="Make room there, or have the quota raised.")
    if code in _TRANSIENT or status >= 500 or status in (408, 429):
        return TransientFailureError(
            UploadError(f"{where} fails: {code or status}", hint="Run the command again later."),
            _seconds(headers.get("retry-after")),
        )
    if code in _EXPIRED:
        return UploadError("the AWS credentials have expired", hint=_RENEW)
    if code in _UNKNOWN_KEY:
        return UploadError(f"{where} does not know the access key or session token", hint=_NO_CREDENTIALS)
    if code == "SignatureDoesNotMatch":
        return UploadError(
            f"{where} refuses the signature: the secret is wrong",
            hint="Check AWS_SECRET_ACCESS_KEY, or the profile's; or a proxy changes requests.",
        )
    if code == "RequestTimeTooSkewed":
        return UploadError(
            "the clock of this machine differs from the server's by more than S3 allows (15 min)",
            hint="Set the clock (timedatectl set-ntp true) and run the command again.",
        )
    if code == "NoSuchBucket" or (code == "404" and status == 404):
        return UploadError(
            f"the bucket '{place.bucket}' does not exist on {place.server}",
            hint="Create it, or check its name and --endpoint-url.",
        )
    if code in _WRONG_REGION or status in (301, 307, 308):
        region = headers.get("x-amz-bucket-region") or said.get("Region")
        return UploadError(
            f"the bucket '{place.bucket}' is in another region" + (f": {region}" if region else ""),
            hint=f"Give --region {region or 'REGION'}, or set AWS_DEFAULT_REGION.",
        )
    if code == "AccessControlListNotSupported":
        return UploadError(
            f"the bucket '{place.bucket}' takes no ACLs",
            hint="Leave out --acl; a bucket policy says who may read.",
        )
    if code in ("NoSuchUpload", "InvalidPart"):
        return UploadError(
            f"{where} does not know the upload's parts any more ({code})",
            hint="Somebody, or the bucket's lifecycle rules, removed them: run the command again.",
        )
    if status == 403 or code in ("AccessDenied", "AllAccessDisabled", "403"):
        return UploadError(f"{where} forbids it ({code}) for {place.label}", hint=_permissions(options))
    what = ": ".join(part for part in (code, message) if part) or f"status {status}"
    return UploadError(
        f"{where} refuses {place.label}: {what}",
        hint="Check the options (" + ", ".join(_named(options)) + ")." if _named(options) else "",
    )


def _permissions(options: S3Options) -> str:
    wanted = ["s3:PutObject", "s3:GetObject", "s3:ListBucket", "s3:AbortMultipartUpload"]
    if options.acl is not None:
        wanted.append("s3:PutObjectAcl")
    if options.encryption == "aws:kms" or options.kms_key is not None:
        wanted.append("kms:GenerateDataKey and kms:Decrypt of the key")
    return f"The credentials need {', '.join(wanted)}."


def _named(options: S3Options) -> list[str]:
    given = {
        "--acl": options.acl,
        "--encryption": options.encryption,
        "--kms-key": options.kms_key,
        "--storage-class": options.storage_class,
    }
    return [f"{name} {value}" for name, value in given.items() if value is not None]


def _seconds(text: object) -> float | None:
    """A Retry-After in seconds; dates are left to the back-off."""
    try:
        return float(str(text))
    except ValueError:
        return None


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())
