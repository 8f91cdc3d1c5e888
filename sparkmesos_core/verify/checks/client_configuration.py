"""Checks of the configuration that applications started on this machine get."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sparkmesos_core.conf.finding import Finding, Severity
from sparkmesos_core.conf.setting import Setting, Source
from sparkmesos_core.redaction import redact_text
from sparkmesos_core.verify.check import Checks, Group, Problem, Verdict, not_applicable, problem_of
from sparkmesos_core.verify.facts.client import FINDINGS, drives_here
from sparkmesos_core.verify.facts.master import CREDENTIALS
from sparkmesos_core.verify.known import Known, UnknownFactError

CHECKS = Checks(Group.CLIENT)

OTHER_CHECKS = {
    "libmesos-missing": "mesos-library",
    "driver-on-loopback": "driver-host",
    "master-url": "master-url",
    "no-master": "master-url",
    "cores-max-unset": "frameworks-own-cores-max",
    "executor-uri-differs": "executor-uri-agrees",
    "executor-home-of-this-machine": "executor-home",
    "executor-home-characters": "executor-home",
    "executor-uri-name": "uri-name",
    "executor-uri-ambiguous": "uri-name",
    "executor-uri-not-unpacked": "uri-name",
    "uri-file-slash": "uri-scheme",
    "uri-needs-hadoop": "uri-scheme",
    "uri-scheme-misspelt": "uri-scheme",
    "uri-relative": "uri-scheme",
    "missing-file": "spark-files",
    "untried-spark": "spark-version",
}
"""Rules of `config check` about what other checks look at, each with the check that reports it."""


CREDENTIAL_RULES = frozenset({"credential-file", "secret-without-principal"})
"""Rules about what keeps a driver from reading its own credentials."""


def hinted(finding: Finding) -> Problem:
    """A finding as a problem, which always says what to do."""
    problem = problem_of(finding)
    if problem.hint or problem.severity is Severity.NOTE:
        return problem
    return replace(
        problem, hint="Correct it, or leave it out. `sparkmesos config explain` shows what is set."
    )


@CHECKS.add(
    "configuration",
    "Configuration of Spark",
    Severity.ERROR,
    finds="properties, variables and options that Spark refuses, or does not know or read on Mesos: what "
    "`sparkmesos config check` finds",
    remedy="Correct each at the place that is named; `sparkmesos config explain` shows what is set where.",
)
def _configuration(known: Known) -> Verdict:
    client = known.subject.client
    findings = [finding for finding in known[FINDINGS] if finding.id not in OTHER_CHECKS]
    here = drives_here(known.subject)
    problems = _with_credentials(known, findings) if here else tuple(map(hinted, findings))
    files = [str(file) for file in (client.env.script, client.properties_file) if file is not None]
    count = len(client.configuration)
    of = f", with {' and '.join(files)}" if files else ""
    return Verdict(f"{count} propert{'y' if count == 1 else 'ies'}{of}", problems)


def _with_credentials(known: Known, findings: Sequence[Finding]) -> tuple[Problem, ...]:
    """The findings as problems: that a driver here cannot read its credentials is an error, told once."""
    try:
        known[CREDENTIALS]
    except UnknownFactError as unknown:
        told = [one for one in findings if one.id in CREDENTIAL_RULES]
        if not told:
            return (
                *map(hinted, findings),
                Problem(Severity.ERROR, unknown.error.message, unknown.error.hint),
            )
        worse = [replace(one, severity=Severity.ERROR) if one in told else one for one in findings]
        return tuple(map(hinted, worse))
    return tuple(map(hinted, findings))


@CHECKS.add(
    "configuration-master",
    "Master in the configuration files",
    Severity.NOTE,
    finds="another master in spark-defaults.conf or the settings than the one looked at: applications "
    "that are submitted without `--master` go there",
    remedy="Make them equal, if this is the cluster that is meant.",
)
def _configuration_master(known: Known) -> Verdict:
    configuration = known.subject.configuration
    used = configuration.setting("spark.master")
    if used is None:
        return not_applicable("no master is configured")
    others = [one for one in configuration.overridden("spark.master") if _is_another(one, used)]
    problems = tuple(
        Problem(
            Severity.NOTE,
            f"{one.origin} names another master, {redact_text(one.value)}, for applications without --master",
            "Correct it, if this is the cluster that is meant.",
            one.key,
            one.origin,
        )
        for one in others
    )
    return Verdict(f"{redact_text(used.value)} ({used.origin})", problems)


def _is_another(setting: Setting, used: Setting) -> bool:
    lasting = (Source.FILE, Source.SPARKMESOS, Source.VARIABLE)
    return setting.origin.source in lasting and setting.value.strip() != used.value.strip()


@CHECKS.add(
    "executor-uri-agrees",
    "Agreement on the executor URI",
    Severity.WARNING,
    finds="a `SPARK_EXECUTOR_URI`, mostly of spark-env.sh, that names another archive than "
    "`spark.executor.uri`, which counts",
    remedy="Make them equal, or unset the variable.",
)
def _executor_uri_agrees(known: Known) -> Verdict:
    setting = known.subject.configuration.setting("spark.executor.uri")
    if setting is None:
        return not_applicable("no executor URI is set")
    problems = tuple(hinted(one) for one in known[FINDINGS] if one.id == "executor-uri-differs")
    return Verdict(f"{redact_text(setting.value)} ({setting.origin})", problems)
