"""The options that say how to reach the destination of an upload, and what they mean to one."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from sparkmesos_core.errors import UsageError

from . import options
from .grouped_options import GroupedOption, under
from .secret_files import read_hadoop_token, read_secret

if TYPE_CHECKING:
    from sparkmesos_core.upload.destination import Destination
    from sparkmesos_core.upload.target import UploadOptions

F = TypeVar("F", bound=Callable[..., Any])

_LONGEST_LIFETIME = 7 * 24 * 3600
"""Seconds that a presigned URL can live, by Amazon's rules for signatures of version 4."""

_HTTP, _S3, _HDFS, _FILE = "http(s)://", "s3a://", "hdfs://", "folders"
_KIND = {
    "http": _HTTP,
    "https": _HTTP,
    "s3": _S3,
    "s3a": _S3,
    "s3n": _S3,
    "hdfs": _HDFS,
    "webhdfs": _HDFS,
    "swebhdfs": _HDFS,
    "file": _FILE,
}
# Which kinds of destinations have a use for an option; all others have one for every kind.
_USED_BY = {
    "user": (_HTTP, _HDFS),
    "password_file": (_HTTP,),
    "token_file": (_HTTP, _HDFS),
    "ca_file": (_HTTP, _S3, _HDFS),
    "stall_timeout": (_HTTP, _S3, _HDFS),
    "resume": (_S3,),
    "presign": (_S3,),
    "endpoint_url": (_S3,),
    "path_style": (_S3,),
    "aws_profile": (_S3,),
    "region": (_S3,),
    "acl": (_S3,),
    "encryption": (_S3,),
    "kms_key": (_S3,),
    "storage_class": (_S3,),
    "hadoop_conf_dir": (_HDFS,),
    "replication": (_HDFS,),
    "permission": (_HDFS,),
}


def upload_option(name: str, *declarations: str, **attributes: Any) -> Callable[[F], F]:
    """An option that can also be given as the variable SPARKMESOS_UPLOAD_<NAME>."""
    return click.option(
        name, *declarations, cls=GroupedOption, envvar=_variable("--upload-" + name[2:]), **attributes
    )


def plain_option(name: str, *declarations: str, **attributes: Any) -> Callable[[F], F]:
    """An option that is no variable: what it says is said in the call."""
    return click.option(name, *declarations, cls=GroupedOption, **attributes)


def shared_option(name: str, *declarations: str, **attributes: Any) -> Callable[[F], F]:
    """An option that other commands have, too, and whose variable they share: SPARKMESOS_<NAME>."""
    return options.option(name, *declarations, cls=GroupedOption, **attributes)


def _variable(name: str) -> str:
    return "SPARKMESOS_" + name.removeprefix("--").split("/")[0].upper().replace("-", "_")


class _Lifetime(click.types.IntParamType):
    """How long a presigned URL lives, in seconds: `12h`, `7d`."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """As click wants it."""
        from sparkmesos_core.conf.values.durations import parse_duration

        if isinstance(value, int):
            return value
        try:
            seconds = parse_duration(value, "s")
        except UsageError as error:
            self.fail(error.message, param, ctx)
        if not 1 <= seconds <= _LONGEST_LIFETIME:
            self.fail(f"{value!r} is not between 1s and 7d, as S3 wants it", param, ctx)
        return seconds


class _Permission(click.types.StringParamType):
    """Three octal digits, or four with HDFS' sticky bit."""

    name = "permission"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """As click wants it."""
        if not re.fullmatch("[01]?[0-7]{3}", value):
            self.fail(f"{value!r} is not three octal digits, as 644 is", param, ctx)
        return value


_connection = under(
    "How it is sent",
    plain_option("--force", is_flag=True, help="Send it, whatever is there under that name."),
    upload_option(
        "--verify", is_flag=True, help="Read back what is there already, rather than trust its .sha256."
    ),
    upload_option(
        "--resume", is_flag=True, help="Keep the parts of an interrupted upload to S3, and go on from there."
    ),
    upload_option(
        "--stall-timeout",
        type=options.Seconds(for_system=True),
        default=60,
        show_default=True,
        metavar="SECONDS",
        help="How long a server may be silent before it is tried again.",
    ),
    shared_option(
        "--ca-file",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="Certificates (PEM) to trust.",
    ),
)
_credentials = under(
    "Who sends it (HTTP and HDFS)",
    upload_option("--user", metavar="NAME", help="As whom."),
    upload_option(
        "--password-file",
        type=click.Path(dir_okay=False, path_type=Path),
        help="A file that holds the user's password, and nothing else. HTTP.",
    ),
    upload_option(
        "--token-file",
        type=click.Path(dir_okay=False, path_type=Path),
        help="A file that holds a bearer token (HTTP) or a delegation token (HDFS), as of `hdfs fetchdt`.",
    ),
)
_s3 = under(
    "S3",
    upload_option(
        "--presign",
        type=_Lifetime(),
        metavar="DURATION",
        help="Print a URL that everybody can fetch it from for so long, as 12h or 7d.",
    ),
    upload_option("--endpoint-url", metavar="URL", help="Where S3 is, if not at Amazon."),
    upload_option(
        "--path-style/--no-path-style",
        default=None,
        help="Whether the bucket is in the URL's path.  [default: if there is an endpoint]",
    ),
    upload_option("--aws-profile", metavar="NAME", help="The profile of AWS' own files to use."),
    upload_option("--region", metavar="NAME", help="The region of the bucket."),
    upload_option(
        "--acl",
        type=click.Choice(
            [
                "private",
                "public-read",
                "authenticated-read",
                "aws-exec-read",
                "bucket-owner-read",
                "bucket-owner-full-control",
            ]
        ),
        help="Who may read it.",
    ),
    upload_option(
        "--encryption", type=click.Choice(["AES256", "aws:kms"]), help="How the server encrypts it."
    ),
    upload_option("--kms-key", metavar="ID", help="The key for --encryption aws:kms."),
    upload_option("--storage-class", metavar="CLASS", help="As STANDARD_IA."),
)
_hdfs = under(
    "HDFS",
    upload_option(
        "--hadoop-conf-dir",
        type=click.Path(exists=True, file_okay=False, path_type=Path),
        help="Where core-site.xml and hdfs-site.xml are.  [default: HADOOP_CONF_DIR, else HADOOP_HOME's]",
    ),
    upload_option("--replication", type=click.IntRange(1, 512), metavar="N", help="How many copies to keep."),
    upload_option(
        "--permission", type=_Permission(), metavar="MODE", help="The file's permission.  [default: 644]"
    ),
)


def upload_options(function: F) -> F:
    """Declares them all. What they mean to a destination is told by `read_upload_options`."""
    for declare in (_hdfs, _s3, _credentials, _connection):
        function = declare(function)
    return function


@dataclass(frozen=True)
class _Given:
    """The options of a call, with what only the context knows of them."""

    context: click.Context

    def __getitem__(self, name: str) -> Any:
        return self.context.params[name]

    def typed(self, name: str) -> bool:
        """Whether it stands on the command line, rather than in a variable or the settings file."""
        return self.context.get_parameter_source(name) is ParameterSource.COMMANDLINE


def read_upload_options(
    context: click.Context, destination: Destination, environment: Mapping[str, str]
) -> UploadOptions:
    """What a command that has `upload_options` was told about a destination; reads the files of secrets.

    Raises UsageError for options that were typed and mean nothing there, that contradict each other, or
    whose file cannot be used. Variables and settings that mean nothing there are passed over.
    """
    from sparkmesos_core.upload.target import HdfsOptions, HttpOptions, S3Options, UploadOptions

    given = _Given(context)
    kind = _KIND[destination.scheme]
    _refuse_unused(given, destination.scheme, kind)
    http, s3, hdfs = HttpOptions(), S3Options(), HdfsOptions()
    if kind == _HTTP:
        http = _http_options(given, destination)
    elif kind == _S3:
        _check_kms_key(given)
        s3 = S3Options(
            endpoint_url=given["endpoint_url"],
            path_style=given["path_style"],
            profile=given["aws_profile"],
            region=given["region"],
            acl=given["acl"],
            encryption=given["encryption"],
            kms_key=given["kms_key"] if given["encryption"] == "aws:kms" else None,
            storage_class=given["storage_class"],
            ca_file=given["ca_file"],
        )
    elif kind == _HDFS:
        hdfs = HdfsOptions(
            conf_dir=given["hadoop_conf_dir"],
            user=given["user"],
            token=read_hadoop_token(given["token_file"], "--token-file"),
            replication=given["replication"],
            permission=given["permission"],
            ca_file=given["ca_file"],
        )
    return UploadOptions(
        environment=environment,
        http=http,
        s3=s3,
        hdfs=hdfs,
        stall_seconds=given["stall_timeout"],
        resume=given["resume"] and kind == _S3,
    )


def _check_kms_key(given: _Given) -> None:
    if given["kms_key"] is not None and given["encryption"] != "aws:kms":
        if given["encryption"] is not None and not given.typed("kms_key"):
            return  # a variable, for where aws:kms is asked for
        raise UsageError(
            "--kms-key is for --encryption aws:kms",
            hint="Give both; with AES256, or without encryption, no such key is used.",
        )


def _refuse_unused(given: _Given, scheme: str, kind: str) -> None:
    for name, kinds in _USED_BY.items():
        if kind not in kinds and given.typed(name):
            option = "--" + name.replace("_", "-")
            where = "a folder" if kind == _FILE else f"a destination of {scheme}://"
            raise UsageError(
                f"{option} means nothing to {where}",
                hint=f"It is for {' and '.join(kinds)}; leave it out.",
            )


def _http_options(given: _Given, destination: Destination) -> Any:
    from sparkmesos_core.upload.target import HttpOptions

    user, password, token = given["user"], given["password_file"], given["token_file"]
    if destination.user is not None:
        user = password = token = None  # the URL wins
    elif token is not None and (user is not None or password is not None):
        # What is typed wins over variables that are set for another destination.
        basic_typed = given.typed("user") or given.typed("password_file")
        if given.typed("token_file") == basic_typed:
            raise UsageError(
                "--token-file and --user are two ways to say who sends it", hint="Leave one of them out."
            )
        user, password, token = (user, password, None) if basic_typed else (None, None, token)
    if password is not None and user is None:
        raise UsageError("--password-file needs --user", hint="Say whose password it is.")
    return HttpOptions(
        user=user,
        password=read_secret(password, "--password-file"),
        token=read_secret(token, "--token-file"),
        ca_file=given["ca_file"],
    )
