"""Rules about the credentials of frameworks, and about who can read secrets."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator

from sparkmesos_core.conf.checks.circumstances import FileFacts, Mode
from sparkmesos_core.conf.checks.connection import is_in_clear
from sparkmesos_core.conf.checks.properties import settings
from sparkmesos_core.conf.checks.rule import Found, Rules, Subject
from sparkmesos_core.conf.finding import Severity
from sparkmesos_core.conf.setting import Setting, Source
from sparkmesos_core.redaction import is_secret_name

RULES = Rules()

FRAMEWORKS = frozenset({Mode.CLIENT, Mode.CLUSTER, Mode.DISPATCHER})
"""The modes in which something registers with Mesos."""
HERE = frozenset({Mode.CLIENT, Mode.DISPATCHER})
"""The modes in which it does so on this machine, so that its files are files of this machine."""
_CREDENTIALS = ("principal", "secret")
_PRIVATE_KEY = "LIBPROCESS_SSL_KEY_FILE"


def sources(subject: Subject, name: str) -> list[Setting]:
    """What is set for `principal` or `secret`, the strongest first.

    As in Spark (`MesosSchedulerUtils.buildCredentials`): the property, the variable, the property that names
    a file, the variable that names one.
    """
    found = []
    for key in (f"spark.mesos.{name}", f"spark.mesos.{name}.file"):
        setting = subject.setting(key)
        if setting is not None:
            variables = [
                one for one in subject.configuration.overridden(key) if one.origin.source is Source.VARIABLE
            ]
            found += [setting, *variables]
    return found


def secrets(subject: Subject) -> Iterator[Setting]:
    """The settings that hold a secret, by their names."""
    for setting in settings(subject):
        if is_secret_name(setting.key) and setting.value.strip().lower() not in ("", "true", "false"):
            yield setting


@RULES.add(
    "secret-without-principal",
    Severity.ERROR,
    "a secret to authenticate to Mesos with, but no principal",
    modes=FRAMEWORKS,
)
def _secret_alone(subject: Subject) -> Iterable[Found]:
    if (secret := sources(subject, "secret")) and not sources(subject, "principal"):
        yield Found(
            "There is a secret to authenticate to Mesos with, but no principal",
            "Set spark.mesos.principal, or SPARK_MESOS_PRINCIPAL, or name a file with it in "
            "spark.mesos.principal.file.",
            secret[0].key,
        )


@RULES.add(
    "credential-twice",
    Severity.WARNING,
    "a principal or secret that is set in several ways, of which only the strongest counts; nothing is "
    "said if a property and its variable agree",
    modes=FRAMEWORKS,
)
def _twice(subject: Subject) -> Iterable[Found]:
    for name in _CREDENTIALS:
        found = sources(subject, name)
        for other in found[1:]:
            first = found[0]
            if other.key == first.key and other.value == first.value:
                continue
            yield Found(
                f"The {name} is set as {first.key} in {first.origin}, so {other.key} in {other.origin} has "
                "no effect",
                "Remove the one that is not meant. A property wins over a variable, and both win over a "
                "file.",
                other.key,
                origin=other.origin,
            )


@RULES.add(
    "credential-file",
    Severity.ERROR,
    "a file for principal or secret that does not exist, cannot be read, is empty or is no UTF-8 text; in "
    "`config check` a warning, since it may be checked on another machine",
    modes=HERE,
)
def _file(subject: Subject) -> Iterable[Found]:
    for setting, facts in _credential_files(subject):
        problem = (
            "does not exist"
            if not facts.exists
            else "is not a file"
            if not facts.is_file
            else "cannot be read"
            if not facts.readable
            else "is empty"
            if facts.empty
            else "is not UTF-8 text of a reasonable length"
            if not facts.is_text
            else ""
        )
        if problem:
            yield Found(
                f"The file {setting.value} of {setting.key} {problem}",
                _what_to_do(setting, facts),
                setting.key,
                None if subject.circumstances.starts_here else Severity.WARNING,
                origin=setting.origin,
            )


def _what_to_do(setting: Setting, facts: FileFacts) -> str:
    holds = "nothing but the text, in UTF-8"
    if not facts.exists or not facts.is_file:
        return f"Correct {setting.key}, or put the file there: it holds {holds}."
    if not facts.readable:
        return f"Let this user read it: chown or chmod {shlex.quote(setting.value)}."
    return f"It has to hold {holds}."


@RULES.add(
    "credential-file-newline",
    Severity.WARNING,
    "a file for principal or secret that ends in a newline, which Spark makes part of it; the bridge takes "
    "it off",
    modes=HERE,
)
def _newline(subject: Subject) -> Iterable[Found]:
    if subject.circumstances.over_http:
        return
    for setting, facts in _credential_files(subject):
        if facts.ends_with_newline:
            yield Found(
                f"The file {setting.value} of {setting.key} ends in a newline, which Spark makes part of "
                "the text: Mesos refuses it then",
                "Write the file without one: printf %s TEXT > FILE.",
                setting.key,
                origin=setting.origin,
            )


@RULES.add(
    "secret-readable",
    Severity.WARNING,
    "a file with a secret in it that everybody on this machine can read: a properties file, spark-env.sh, "
    "the file of a secret, or the key of libmesos",
)
def _readable(subject: Subject) -> Iterable[Found]:
    reported = set()
    for setting in secrets(subject):
        origin = setting.origin
        path = origin.name if origin.source is Source.FILE else origin.script
        facts = subject.circumstances.files.get(path)
        if facts is not None and facts.world_readable and path not in reported:
            reported.add(path)
            yield Found(
                f"The file that sets the secret {setting.key} can be read by everybody on this machine",
                _close(path),
                setting.key,
            )
    if subject.mode in HERE:
        for setting, facts in _credential_files(subject, "secret"):
            if facts.world_readable and setting.value not in reported:
                reported.add(setting.value)
                yield Found(
                    f"The secret in {setting.value} can be read by everybody on this machine",
                    _close(setting.value),
                    setting.key,
                    origin=setting.origin,
                )
        path = subject.variable(_PRIVATE_KEY) or ""
        facts = subject.circumstances.files.get(path)
        if facts is not None and facts.is_file and facts.world_readable:
            yield Found(
                f"The key in {path} can be read by everybody on this machine",
                _close(path),
                origin=subject.variable_origin(_PRIVATE_KEY),
            )


@RULES.add(
    "secret-on-command-line",
    Severity.WARNING,
    "a secret among the arguments of a command, where everybody on this machine can see it while it runs",
)
def _command_line(subject: Subject) -> Iterable[Found]:
    for setting in secrets(subject):
        if setting.origin.source in (Source.CONF, Source.OPTION):
            yield Found(
                f"{setting.key} is given on the command line, which everybody on this machine can see",
                "Put it into a properties file that only you can read.",
                setting.key,
            )


@RULES.add(
    "secret-in-submission",
    Severity.WARNING,
    "secrets that go in clear to a dispatcher on another machine, since that does not speak https; a note "
    "where the network does not see them, but the dispatcher keeps them",
    modes=frozenset({Mode.CLUSTER}),
)
def _submission(subject: Subject) -> Iterable[Found]:
    keys = [one.key for one in secrets(subject) if one.origin.source is not Source.VARIABLE]
    if not keys:
        return
    master = subject.circumstances.master
    in_clear = master is not None and is_in_clear(master)
    yield Found(
        f"The dispatcher is sent {', '.join(keys)}, "
        + ("in clear over the network" if in_clear else "and keeps what it is sent"),
        ("Use a dispatcher behind https, mesos://https://HOST. " if in_clear else "")
        + "What spark.mesos.driver.secret.names refer to is not sent, but needs a store of secrets.",
        keys[0],
        severity=Severity.WARNING if in_clear else Severity.NOTE,
    )


def _close(path: str) -> str:
    return f"Run: chmod o-r {shlex.quote(path)}"


def _credential_files(subject: Subject, *names: str) -> Iterator[tuple[Setting, FileFacts]]:
    """The files that will be read, for principal and secret or one of them, with what is known of each."""
    for name in names or _CREDENTIALS:
        found = sources(subject, name)
        if found and found[0].key.endswith(".file"):
            facts = subject.circumstances.files.get(found[0].value)
            if facts is not None:
                yield found[0], facts
