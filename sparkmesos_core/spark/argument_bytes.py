"""What it takes for arguments to reach the application byte for byte, through Spark's scripts and the JVM.

The JVM reads its arguments in the character set of its locale and writes those of a Python driver in it. In
cron jobs, containers and on Mesos agents that is often ASCII: all else becomes question marks. So it
does if any of the locale variables names a locale that is not installed. And since Spark 3.4
`bin/spark-class` removes every carriage return. All of this was seen with Java 17, the locales with Spark
3.5.9, the carriage returns with 3.4.4 and 3.5.9, and not with 3.3.4.
"""

from __future__ import annotations

import locale
import re
import sys
from collections.abc import Callable, Mapping, Sequence

from sparkmesos_core.conf.configuration import Configuration
from sparkmesos_core.errors import UsageError
from sparkmesos_core.redaction import redact_arguments

# In the order of PEP 538; the last is what systems have whose C library knows no C.UTF-8.
_UTF_8_LOCALES = ("C.UTF-8", "C.utf8", "UTF-8", "en_US.UTF-8")
_LONGEST_SHOWN = 60
_JAVA_VARIABLES = (
    "JAVA_TOOL_OPTIONS",
    "JDK_JAVA_OPTIONS",
    "_JAVA_OPTIONS",
    "SPARK_LAUNCHER_OPTS",
    "SPARK_SUBMIT_OPTS",
)
_JAVA_PROPERTIES = ("spark.driver.defaultJavaOptions", "spark.driver.extraJavaOptions")
_FILE_ENCODING = re.compile(r"-Dfile\.encoding=([^\s'\"]*)")
_DRIVER_ENVIRONMENT = "spark.mesos.driverEnv."
_EXECUTOR_SECRETS = "spark.mesos.executor.secret.values"


def check_arguments(arguments: Sequence[str], spark_release: tuple[int, int] | None = None) -> None:
    """Raises UsageError for an argument that Spark or the JVM would change whatever the locale is.

    The arguments are those of the process, so that bytes that are no text are lone surrogates (PEP 383).
    `spark_release` is that of the Spark whose scripts they will pass, None if it is not known.
    """
    loses_carriage_returns = spark_release is None or spark_release >= (3, 4)
    for argument, shown in zip(arguments, redact_arguments(arguments), strict=True):
        if "\r" in argument and loses_carriage_returns:
            raise UsageError(
                f"The argument {_shorten(shown)} contains a carriage return, which Spark's scripts remove",
                hint="Convert the script or file that it is from, if that has Windows line ends; "
                "else pass the value in a file.",
            )
        if not _is_text(argument):
            raise UsageError(
                f"The argument {_shorten(shown)} is not valid UTF-8, and the JVM cannot carry other bytes",
                hint="Write it in UTF-8, or escape it, say as base64 or with % as in URLs.",
            )


def locale_charset(name: str) -> str | None:
    """The character set of a locale, as `nl_langinfo` names it; None if the locale is not installed.

    Changes the locale of the process for a moment: not while other threads run.
    """
    before = locale.setlocale(locale.LC_CTYPE)
    try:
        locale.setlocale(locale.LC_CTYPE, name)
        return locale.nl_langinfo(locale.CODESET)
    except (locale.Error, ValueError):
        return None
    finally:
        locale.setlocale(locale.LC_CTYPE, before)


def locale_variables(
    arguments: Sequence[str],
    environment: Mapping[str, str],
    charset: Callable[[str], str | None] = locale_charset,
    own_encoding: str | None = None,
) -> dict[str, str]:
    """The variables to set for spark-submit so that the JVM reads these arguments as they are.

    Empty if all of them are ASCII, or the locale of `environment` will do. `charset` tells the character set
    of a locale by its name, None if it is not installed; `own_encoding` is what this process has read its
    arguments in, that of Python by default. Raises UsageError if no installed locale can carry them.
    """
    if all(argument.isascii() for argument in arguments):
        return {}
    if not _is_utf_8(own_encoding or sys.getfilesystemencoding()):
        return {}  # The JVM and we read the arguments in the same locale, and it is not a UTF-8 one.
    if _has_utf_8_locale(environment, charset):
        return {}
    if variables := _utf_8_locale(charset):
        return variables
    shown = next(
        text
        for argument, text in zip(arguments, redact_arguments(arguments), strict=True)
        if not argument.isascii()
    )
    raise UsageError(
        f"The argument {_shorten(shown)} is not ASCII, and no UTF-8 locale for the JVM is installed",
        hint="Install a locale, such as en_US.UTF-8, and set LC_ALL to it.",
    )


def secrets_locale(
    arguments: Sequence[str],
    environment: Mapping[str, str],
    configuration: Configuration,
    charset: Callable[[str], str | None] = locale_charset,
) -> dict[str, str]:
    """The variables to set for spark-submit so that executors get their secrets as they are; mostly none.

    Spark hands `spark.mesos.executor.secret.values` to Mesos in the character set of the driver's locale: in
    others than UTF-8 what it lacks becomes question marks (seen with Spark 3.5.9 and Java 17). Arguments that
    are not ASCII have decided on the locale, see `locale_variables`. Where no UTF-8 locale is installed it
    stays as it is.
    """
    values = configuration.get(_EXECUTOR_SECRETS) or ""
    if values.isascii() or not all(argument.isascii() for argument in arguments):
        return {}
    return {} if _has_utf_8_locale(environment, charset) else _utf_8_locale(charset)


def check_java_encoding(
    arguments: Sequence[str], environment: Mapping[str, str], configuration: Configuration
) -> None:
    """Raises UsageError if options of a JVM set an encoding in which the arguments would be lost.

    Up to Java 17 the launcher prints arguments, and the driver's JVM starts Python, in `file.encoding`.
    """
    if all(argument.isascii() for argument in arguments) or not _is_utf_8(sys.getfilesystemencoding()):
        return
    places = {name: environment.get(name, "") for name in _JAVA_VARIABLES}
    for key in _JAVA_PROPERTIES:
        if setting := configuration.setting(key):
            places[f"{key} ({setting.origin})"] = setting.value
    for place, options in places.items():
        for encoding in _FILE_ENCODING.findall(options):
            if not _is_utf_8(encoding):
                raise UsageError(
                    f"{place} sets file.encoding={encoding[:20]}, which spoils arguments that are not ASCII",
                    hint="Set -Dfile.encoding=UTF-8, or leave it out.",
                )


def driver_locale(arguments: Sequence[str], properties: Mapping[str, str]) -> dict[str, str]:
    """The property to add in cluster mode so that a driver reads its arguments as they are; mostly none.

    Agents give a driver the environment of `spark.mesos.driverEnv` and hardly anything else, so that its JVM
    runs in the locale C. `arguments` and `properties` become arguments of its spark-submit. Where the driver
    runs without such a locale it is no worse off than before.
    """
    if all(text.isascii() for text in (*arguments, *properties, *properties.values())):
        return {}
    if any(_DRIVER_ENVIRONMENT + name in properties for name in ("LC_ALL", "LC_CTYPE", "LANG")):
        return {}
    return {f"{_DRIVER_ENVIRONMENT}LC_ALL": _UTF_8_LOCALES[0]}


def _has_utf_8_locale(environment: Mapping[str, str], charset: Callable[[str], str | None]) -> bool:
    names = _locales(environment)
    return (
        bool(names)
        and all(charset(name) is not None for name in names)
        and _is_utf_8(charset(names[0]) or "")
    )


def _utf_8_locale(charset: Callable[[str], str | None]) -> dict[str, str]:
    """The variable for a UTF-8 locale that is installed; none if there is none.

    It is LC_ALL, for any other variable that names a missing locale would spoil it.
    """
    return next(({"LC_ALL": name} for name in _UTF_8_LOCALES if _is_utf_8(charset(name) or "")), {})


def _locales(environment: Mapping[str, str]) -> list[str]:
    """The locales that `setlocale(LC_ALL, "")` needs, that of the characters first; empty means C."""
    if everything := environment.get("LC_ALL"):
        return [everything]
    language = environment.get("LANG") or ""
    characters = environment.get("LC_CTYPE") or language
    others = [value for name, value in environment.items() if name.startswith("LC_") and value]
    return [characters, *filter(None, (*others, language))] if characters else []


def _is_utf_8(charset: str) -> bool:
    return charset.replace("-", "").lower() == "utf8"


def _is_text(argument: str) -> bool:
    try:
        argument.encode()
    except UnicodeEncodeError:
        return False
    return True


def _shorten(text: str) -> str:
    """The text in quotes, printable in any locale."""
    shown = ascii(text)
    return shown if len(shown) <= _LONGEST_SHOWN else f"{shown[:_LONGEST_SHOWN]}…"
