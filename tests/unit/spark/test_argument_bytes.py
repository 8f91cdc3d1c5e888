from __future__ import annotations

import locale
import re
from collections.abc import Mapping

import pytest

from sparkmesos_core.conf.configuration import Configuration
from sparkmesos_core.conf.setting import Origin, Setting, Source
from sparkmesos_core.errors import UsageError
from sparkmesos_core.spark.argument_bytes import (
    check_arguments,
    check_java_encoding,
    driver_locale,
    locale_charset,
    locale_variables,
    secrets_locale,
)

INSTALLED = {
    "C": "ANSI_X3.4-1968",
    "POSIX": "ANSI_X3.4-1968",
    "C.UTF-8": "UTF-8",
    "en_US.UTF-8": "UTF-8",
    "de_DE.utf8": "UTF-8",
    "de_DE.ISO-8859-1": "ISO-8859-1",
}
PLAIN = ["--name", "x", "app.py"]
ODD = ["app.py", "café"]


def variables(
    arguments: list[str],
    environment: Mapping[str, str],
    without: tuple[str, ...] = (),
    encoding: str = "utf-8",
) -> dict[str, str]:
    installed = {name: charset for name, charset in INSTALLED.items() if name not in without}
    return locale_variables(arguments, environment, installed.get, encoding)


@pytest.mark.parametrize(
    "environment",
    [{}, {"LC_ALL": "C"}, {"LANG": "xx_YY.UTF-8"}, {"LC_ALL": "de_DE.ISO-8859-1"}],
)
def test_ascii_needs_no_locale(environment: dict[str, str]) -> None:
    assert variables(PLAIN, environment) == {}


@pytest.mark.parametrize(
    "environment",
    [
        {"LC_ALL": "C.UTF-8"},
        {"LC_ALL": "C.UTF-8", "LANG": "xx_YY", "LC_TIME": "none"},
        {"LANG": "de_DE.utf8"},
        {"LC_CTYPE": "en_US.UTF-8", "LANG": "C"},
        {"LC_ALL": "", "LANG": "C.UTF-8"},
        {"LC_CTYPE": "", "LANG": "C.UTF-8"},
        {"LANG": "C.UTF-8", "LC_NUMERIC": "C"},
    ],
)
def test_a_utf_8_locale_is_left_alone(environment: dict[str, str]) -> None:
    assert variables(ODD, environment) == {}


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"LC_ALL": "C"},
        {"LC_ALL": "C", "LANG": "C.UTF-8"},
        {"LANG": "POSIX"},
        {"LC_ALL": "xx_YY.UTF-8"},
        {"LANG": "xx_YY.UTF-8"},
        {"LANG": "xx_YY.UTF-8", "LC_CTYPE": "C.UTF-8"},
        {"LANG": "C.UTF-8", "LC_TIME": "xx_YY.UTF-8"},
        {"LC_TIME": "C.UTF-8"},
        {"LANG": "de_DE.ISO-8859-1"},
    ],
)
def test_any_other_locale_is_replaced(environment: dict[str, str]) -> None:
    assert variables(ODD, environment) == {"LC_ALL": "C.UTF-8"}


def test_the_first_installed_utf_8_locale_is_taken() -> None:
    assert variables(ODD, {"LC_ALL": "C"}, without=("C.UTF-8",)) == {"LC_ALL": "en_US.UTF-8"}


def test_no_utf_8_locale_is_an_error_that_names_the_argument() -> None:
    with pytest.raises(UsageError) as caught:
        variables(["--conf", "spark.mesos.secret=gehéim"], {}, without=("C.UTF-8", "en_US.UTF-8"))
    assert "not ASCII" in caught.value.message
    assert "LC_ALL" in caught.value.hint
    assert "im'" not in caught.value.message  # of the secret


def test_arguments_that_were_read_in_another_character_set_stay_in_it() -> None:
    assert variables(ODD, {"LC_ALL": "de_DE.ISO-8859-1"}, encoding="iso8859-1") == {}


@pytest.mark.parametrize(
    ("secret", "arguments", "environment", "expected"),
    [
        ("hush", PLAIN, {"LC_ALL": "C"}, {}),
        (None, PLAIN, {"LC_ALL": "C"}, {}),
        ("geheimnisträger", PLAIN, {"LC_ALL": "C"}, {"LC_ALL": "C.UTF-8"}),
        ("geheimnisträger", PLAIN, {"LANG": "de_DE.ISO-8859-1"}, {"LC_ALL": "C.UTF-8"}),
        ("geheimnisträger", PLAIN, {"LANG": "de_DE.utf8"}, {}),
        ("geheimnisträger", ODD, {"LANG": "de_DE.ISO-8859-1"}, {}),
    ],
)
def test_secrets_of_executors_want_a_locale_of_their_own(
    secret: str | None, arguments: list[str], environment: dict[str, str], expected: dict[str, str]
) -> None:
    key = "spark.mesos.executor.secret.values"
    settings = [] if secret is None else [Setting(key, secret, Origin(Source.FILE, "x"))]
    found = secrets_locale(arguments, environment, Configuration([settings]), INSTALLED.get)
    assert found == expected


def test_without_a_utf_8_locale_secrets_stay_as_they_are() -> None:
    settings = [Setting("spark.mesos.executor.secret.values", "é", Origin(Source.FILE, "x"))]
    assert secrets_locale(PLAIN, {}, Configuration([settings]), {"C": "ANSI_X3.4-1968"}.get) == {}


def test_the_character_set_of_an_installed_locale() -> None:
    before = locale.setlocale(locale.LC_CTYPE)
    assert locale_charset("C") not in (None, "UTF-8")
    assert locale_charset("xx_YY.nonsense") is None
    assert locale_charset("a\0b") is None
    assert locale.setlocale(locale.LC_CTYPE) == before


@pytest.mark.parametrize(
    "text", ["", "a b", "$HOME", "a\nb", "\\r", "café", "\U0001f600", "\ufffd", "\u0085"]
)
def test_text_passes(text: str) -> None:
    check_arguments(["app.py", text])


@pytest.mark.parametrize("text", ["\r", "a\rb", "line\r\n", "end\r"])
def test_carriage_returns_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="carriage return") as caught:
        check_arguments(["app.py", "fine", text])
    assert ascii(text) in caught.value.message
    assert caught.value.hint
    with pytest.raises(UsageError, match="carriage return"):
        check_arguments([text], (3, 4))
    check_arguments([text], (3, 3))


@pytest.mark.parametrize("data", [b"\xff", b"caf\xe9", b"\xed\xa0\x80", b"\xc3", b"\xc0\x80"])
def test_bytes_that_are_no_text_are_refused(data: bytes) -> None:
    with pytest.raises(UsageError, match="not valid UTF-8") as caught:
        check_arguments([data.decode("utf-8", "surrogateescape")])
    caught.value.message.encode()  # it can be printed


def test_long_arguments_and_secrets_are_not_shown() -> None:
    with pytest.raises(UsageError) as caught:
        check_arguments(["x" * 5000 + "\r"])
    assert len(caught.value.message) < 200
    with pytest.raises(UsageError) as caught:
        check_arguments(["--conf", "spark.mesos.secret=hush\r"])
    assert "hush" not in caught.value.message


@pytest.mark.parametrize("name", ["JAVA_TOOL_OPTIONS", "SPARK_LAUNCHER_OPTS", "SPARK_SUBMIT_OPTS"])
def test_an_encoding_of_the_jvm_that_loses_arguments(name: str) -> None:
    none = Configuration([])
    latin = {name: "-Da=b '-Dfile.encoding=ISO-8859-1' -Dc=d"}
    with pytest.raises(UsageError, match=f"{name} sets file.encoding=ISO-8859-1"):
        check_java_encoding(ODD, latin, none)
    check_java_encoding(PLAIN, latin, none)
    for harmless in ("-Dfile.encoding=UTF-8", "-Dfile.encoding=utf8 -Dx=y", "-Dsun.x=file.encoding=C", ""):
        check_java_encoding(ODD, {name: harmless}, none)


def test_an_encoding_among_the_options_of_the_driver() -> None:
    origin = Origin(Source.FILE, "spark-defaults.conf", 7)
    options = Setting("spark.driver.extraJavaOptions", "-Dfile.encoding=US-ASCII", origin)
    with pytest.raises(UsageError, match=re.escape("spark-defaults.conf:7")):
        check_java_encoding(ODD, {}, Configuration([[options]]))


def test_a_driver_on_an_agent_gets_a_utf_8_locale_if_it_needs_one() -> None:
    assert driver_locale(PLAIN, {"spark.app.name": "x"}) == {}
    for arguments, properties in ((ODD, {}), (PLAIN, {"spark.app.name": "naïve"}), (PLAIN, {"spark.é": ""})):
        assert driver_locale(arguments, properties) == {"spark.mesos.driverEnv.LC_ALL": "C.UTF-8"}


@pytest.mark.parametrize("name", ["LC_ALL", "LC_CTYPE", "LANG"])
def test_a_drivers_locale_that_is_given_is_kept(name: str) -> None:
    assert driver_locale(ODD, {f"spark.mesos.driverEnv.{name}": "de_DE.UTF-8"}) == {}
