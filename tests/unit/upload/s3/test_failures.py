"""What is said of S3's answers."""

from __future__ import annotations

from typing import Any

import pytest
from botocore import exceptions as boto

from sparkmesos_core.errors import SparkMesosError, UnreachableError, UploadError, UsageError
from sparkmesos_core.upload.s3.failures import S3Place, s3_failure
from sparkmesos_core.upload.target import S3Options, TransientFailureError
from tests.unit.upload.fake_s3 import refusal

URL = "http://s3.host:9000"


def failure(error: BaseException, **options: Any) -> SparkMesosError | TransientFailureError:
    return s3_failure(error, S3Place("s3a://b/k", "b", "s3.host:9000", 60, S3Options(**options)))


@pytest.mark.parametrize(
    ("error", "said", "advice"),
    [
        (refusal("ExpiredToken"), "the AWS credentials have expired", "Renew them"),
        (refusal("InvalidAccessKeyId", 403), "does not know the access key", "AWS_ACCESS_KEY_ID"),
        (refusal("SignatureDoesNotMatch", 403), "the secret is wrong", "AWS_SECRET_ACCESS_KEY"),
        (refusal("RequestTimeTooSkewed", 403), "the clock of this machine", "Set the clock"),
        (refusal("NoSuchBucket", 404), "the bucket 'b' does not exist on s3.host:9000", "Create it"),
        (refusal("404", 404), "the bucket 'b' does not exist", "Create it"),
        (refusal("AccessDenied", 403), "forbids it (AccessDenied) for s3a://b/k", "s3:PutObject"),
        (refusal("403", 403), "forbids it", "s3:PutObject"),
        (
            refusal("PermanentRedirect", 301, **{"x-amz-bucket-region": "eu-west-1"}),
            "in another region: eu-west-1",
            "--region eu-west-1",
        ),
        (refusal("AuthorizationHeaderMalformed"), "is in another region", "--region REGION"),
        (refusal("AccessControlListNotSupported"), "takes no ACLs", "Leave out --acl"),
        (refusal("NoSuchUpload", 404), "does not know the upload's parts any more", "again"),
        (refusal("QuotaExceeded", 403), "has no room", "Make room"),
        (refusal("XMinioStorageFull", 507), "has no room", "Make room"),
        (refusal("InvalidArgument", 400, "what?"), "refuses s3a://b/k: InvalidArgument: what?", ""),
        (boto.NoCredentialsError(), "there are no AWS credentials", "AWS_ACCESS_KEY_ID"),
        (boto.PartialCredentialsError(provider="env", cred_var="x"), "only a part", "AWS_ACCESS_KEY_ID"),
        (boto.CredentialRetrievalError(provider="p", error_msg="secret"), "could be had", "Renew"),
        (boto.UnauthorizedSSOTokenError(), "could be had", "Renew"),
    ],
)
def test_a_refusal_says_what_to_do(error: BaseException, said: str, advice: str) -> None:
    raised = failure(error)
    assert type(raised) is UploadError
    assert said in raised.message
    assert advice in raised.hint
    assert "secret'" not in raised.message
    assert "\n" not in raised.message


def test_options_are_named_that_may_be_the_reason() -> None:
    raised = failure(refusal("InvalidStorageClass"), acl="public", storage_class="COLD", encryption="AES256")
    assert isinstance(raised, UploadError)
    assert "--acl public, --encryption AES256, --storage-class COLD" in raised.hint
    denied = failure(refusal("AccessDenied", 403), acl="private", kms_key="key")
    assert isinstance(denied, UploadError)
    assert "s3:PutObjectAcl" in denied.hint
    assert "kms:GenerateDataKey" in denied.hint


@pytest.mark.parametrize(
    ("error", "after"),
    [
        (refusal("SlowDown", 503, **{"retry-after": "3"}), 3.0),
        (refusal("InternalError", 500), None),
        (refusal("502", 502, **{"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}), None),
        (refusal("429", 429), None),
        (refusal("RequestTimeout", 400), None),
        (refusal("BadDigest", 400), None),
    ],
)
def test_what_may_pass(error: BaseException, after: float | None) -> None:
    raised = failure(error)
    assert isinstance(raised, TransientFailureError)
    assert type(raised.error) is UploadError
    assert raised.error.message.startswith("the S3 server s3.host:9000 fails: ")
    assert raised.retry_after == after


@pytest.mark.parametrize(
    "error",
    [
        boto.EndpointConnectionError(
            endpoint_url=URL, error=ConnectionRefusedError(111, "Connection refused")
        ),
        boto.ConnectTimeoutError(endpoint_url=URL, error=TimeoutError("timed out")),
        boto.ReadTimeoutError(endpoint_url=URL, error=TimeoutError("timed out")),
        boto.ConnectionClosedError(endpoint_url=URL),
        boto.HTTPClientError(error=OSError("x")),
        ConnectionResetError(104, "Connection reset by peer"),
    ],
)
def test_no_answer(error: BaseException) -> None:
    raised = failure(error)
    assert isinstance(raised, TransientFailureError)
    assert type(raised.error) is UnreachableError
    assert raised.error.message.startswith("the S3 server s3.host:9000 ")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (boto.ProfileNotFound(profile="work"), "no profile 'work'"),
        (boto.ParamValidationError(report="bad\n  bucket"), "s3a://b/k cannot be asked for: "),
        (ValueError("Invalid endpoint: nonsense"), "S3 cannot be asked: Invalid endpoint: nonsense"),
    ],
)
def test_mistakes_of_the_user(error: BaseException, said: str) -> None:
    raised = failure(error, profile="work")
    assert isinstance(raised, UsageError)
    assert said in raised.message
    assert "\n" not in raised.message
