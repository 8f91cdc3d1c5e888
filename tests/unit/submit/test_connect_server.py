from __future__ import annotations

import errno
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sparkmesos_core.client_configuration import ClientConfiguration, read_client_configuration
from sparkmesos_core.conf.finding import Severity
from sparkmesos_core.errors import DaemonError, SparkNotFoundError, UsageError
from sparkmesos_core.submit.connect_server import (
    ADDRESS,
    INTERCEPTORS,
    PORT,
    RETRIES,
    TOKEN,
    TOKEN_VARIABLE,
    check_port,
)
from sparkmesos_core.submit.launch import Program
from sparkmesos_core.submit.shell_arguments import read_shell_arguments
from sparkmesos_core.submit.shells import SHELL_OF, client_for, program_for

CONNECT = SHELL_OF["connect"]
FIRST = (
    *("--class", "org.apache.spark.sql.connect.service.SparkConnectServer"),
    *("--name", "Spark Connect server"),
)
LISTENER = "org.sparkmesos.backend.ConnectListener"

Reader = Callable[..., ClientConfiguration]


@pytest.fixture
def read(make_spark, tmp_path: Path) -> Reader:
    """What a command line means with a Spark of this release, which has the server as that release has it."""

    def reader(
        *words: str, version: str = "4.3.0", jar: bool = True, **environment: str
    ) -> ClientConfiguration:
        scala = "2.13" if version.startswith("4") else "2.12"
        home = make_spark(version, scala, mesos=scala == "2.12", name=f"spark-{version}")
        if jar and scala == "2.13":
            (home / "jars" / f"spark-connect_{scala}-{version}.jar").touch()
        client = read_client_configuration(
            read_shell_arguments(CONNECT, words),
            spark_home=home,
            environment={"PATH": "", **environment},
        )
        return client_for(CONNECT, client, tmp_path)

    return reader


def conf(**properties: str) -> tuple[str, ...]:
    return tuple(part for key, value in properties.items() for part in ("--conf", f"{key}={value}"))


class TestProgram:
    def test_it_is_what_its_script_runs(self, read: Reader) -> None:
        assert program_for(CONNECT, read(), piped=True) == Program(
            "spark-submit",
            first=FIRST,
            options=("--conf", f"spark.extraListeners={LISTENER}"),
            variables={"SPARK_CONNECT_MODE": "0", "PYSPARK_PYTHON": "python3"},
        )

    def test_listeners_of_the_user_stay(self, read: Reader) -> None:
        client = read(*conf(**{"spark.extraListeners": "a.B,a.C"}))
        assert program_for(CONNECT, client, piped=False).options == (
            "--conf",
            f"spark.extraListeners=a.B,a.C,{LISTENER}",
        )

    @pytest.mark.parametrize(
        ("words", "variable", "python"),
        [
            ((), "/agents/python", "/agents/python"),
            (conf(**{"spark.pyspark.python": "/other/python"}), "/agents/python", "/other/python"),
            (conf(**{"spark.pyspark.driver.python": "/here/python"}), "", "python3"),
        ],
    )
    def test_the_python_of_executors(
        self, read: Reader, words: tuple[str, ...], variable: str, python: str
    ) -> None:
        program = program_for(CONNECT, read(*words, PYSPARK_PYTHON=variable), piped=False)
        assert program.variables["PYSPARK_PYTHON"] == python

    @pytest.mark.parametrize(
        "named",
        [
            ("--packages", "a:b:1,org.apache.spark:spark-connect_2.12:3.5.9"),
            ("--jars", "/jars/spark-connect_2.12-3.5.9.jar"),
            ("--driver-class-path", "/jars/spark-connect_2.12-3.5.9.jar"),
        ],
    )
    def test_spark_3_with_its_package(self, read: Reader, named: tuple[str, str]) -> None:
        program = program_for(CONNECT, read(*named, version="3.5.9"), piped=False)
        assert (program.first, program.options) == (FIRST, ())
        assert program.variables == {"PYSPARK_PYTHON": "python3"}

    @pytest.mark.parametrize("version", ["3.5.9", "4.3.0"])
    def test_what_is_for_daemons_stays_there(self, read: Reader, version: str) -> None:
        """Spark's launcher would take it for the server's, above spark.driver.memory."""
        of_daemons = {"SPARK_DAEMON_MEMORY": "512m", "SPARK_DAEMON_JAVA_OPTS": "-Dspark.x=1"}
        client = read(
            "--packages", "org.apache.spark:spark-connect_2.12:3.5.9", version=version, **of_daemons
        )
        variables = program_for(CONNECT, client, piped=False).variables
        assert {name: variables.get(name) for name in of_daemons} == dict.fromkeys(of_daemons, "")


class TestNoServer:
    @pytest.mark.parametrize(
        ("version", "message", "hint"),
        [
            ("3.3.4", r"3\.3\.4 in .* has no Spark Connect, which came with Spark 3\.4", "a newer Spark"),
            ("3.4.4", "a package of its own", "--packages org.apache.spark:spark-connect_2.12:3.4.4"),
            ("3.5.9", "a package of its own", "spark-connect_2.12-3.5.9.jar"),
            ("4.3.0", r"comes without Spark Connect \(it has no jars/spark-connect_\*\.jar", "official"),
        ],
    )
    def test_it_is_said(self, read: Reader, version: str, message: str, hint: str) -> None:
        client = read(version=version, jar=False)
        with pytest.raises(SparkNotFoundError, match=message) as caught:
            program_for(CONNECT, client, piped=False)
        assert hint in caught.value.hint


class TestUntried:
    def test_the_server_of_spark_3(self, read: Reader) -> None:
        (first, *_) = read(version="3.5.9").findings
        assert (first.id, first.severity) == ("untried-connect-server", Severity.WARNING)
        assert "not tried on Mesos with Spark 3.5.9" in first.message

    def test_that_of_spark_4_was(self, read: Reader) -> None:
        assert "untried-connect-server" not in [one.id for one in read().findings]


class TestToken:
    @pytest.mark.parametrize("value", ["", " ", "\t"])
    @pytest.mark.parametrize("address", ["", "127.0.0.1", "0.0.0.0"])
    def test_an_empty_variable_is_refused(self, read: Reader, value: str, address: str) -> None:
        client = read(*(conf(**{ADDRESS: address}) if address else ()), **{TOKEN_VARIABLE: value})
        (finding,) = client.findings
        assert (finding.id, finding.severity) == ("connect-token-empty", Severity.ERROR)
        assert finding.message.startswith(f"{TOKEN_VARIABLE} is empty: ")
        assert "secrets" in finding.hint
        assert str(finding.origin) == TOKEN_VARIABLE

    @pytest.mark.parametrize("value", ["", " "])
    def test_an_empty_property_is_refused_even_above_a_good_variable(self, read: Reader, value: str) -> None:
        client = read(*conf(**{TOKEN: value, INTERCEPTORS: "a.B"}), **{TOKEN_VARIABLE: "hunter2"})
        (finding,) = client.findings
        assert (finding.id, finding.severity) == ("connect-token-empty", Severity.ERROR)
        assert finding.message.startswith(f"{TOKEN} is empty: ")
        assert str(finding.origin) == "--conf"
        assert "hunter2" not in f"{finding.message} {finding.hint}"


class TestExposure:
    @pytest.mark.parametrize(
        ("properties", "environment"),
        [
            ({TOKEN: "hunter2"}, {}),
            ({}, {TOKEN_VARIABLE: "hunter2"}),
            ({TOKEN: "hunter2"}, {TOKEN_VARIABLE: ""}),
            ({TOKEN: "hunter2", ADDRESS: "0.0.0.0", INTERCEPTORS: "a.B"}, {}),
        ],
    )
    def test_protected(self, read: Reader, properties: dict[str, str], environment: dict[str, str]) -> None:
        assert read(*conf(**properties), **environment).findings == ()

    @pytest.mark.parametrize("address", ["127.0.0.1", "localhost", "::1", "[::1]", ""])
    def test_on_this_machine(self, read: Reader, address: str) -> None:
        """An empty address is loopback to Java, and none at all is not."""
        (finding,) = read(*conf(**{ADDRESS: address})).findings
        assert (finding.id, finding.severity) == ("connect-server-is-local", Severity.NOTE)
        assert "everybody who has an account on this machine" in finding.message
        assert TOKEN_VARIABLE in finding.hint

    @pytest.mark.parametrize("properties", [{}, {ADDRESS: "127.0.0.1"}])
    @pytest.mark.parametrize("version", ["3.5.9", "4.3.0"])
    def test_an_interceptor(self, read: Reader, version: str, properties: dict[str, str]) -> None:
        client = read(*conf(**{INTERCEPTORS: "a.B", **properties}), version=version)
        finding = client.findings[-1]
        assert (finding.id, finding.severity) == ("connect-server-interceptor", Severity.NOTE)
        assert "whether 'a.B' lets only those in who may" in finding.message

    @pytest.mark.parametrize(
        ("version", "properties", "environment", "where", "hint"),
        [
            ("4.3.0", {}, {}, "at all addresses of this machine", TOKEN_VARIABLE),
            ("4.3.0", {}, {}, "at all addresses of this machine", "a proxy in front that ends TLS"),
            ("4.3.0", {ADDRESS: "0.0.0.0"}, {}, "at '0.0.0.0'", f"{ADDRESS}=127.0.0.1"),
            ("4.3.0", {ADDRESS: "gateway"}, {}, "at 'gateway'", TOKEN_VARIABLE),
            # Which Spark 3 does not read.
            ("3.5.9", {ADDRESS: "127.0.0.1"}, {}, "at all addresses of this machine", INTERCEPTORS),
            (
                "3.5.9",
                {TOKEN: "hunter2"},
                {TOKEN_VARIABLE: "hunter2"},
                "at all addresses of this machine",
                "firewall",
            ),
        ],
    )
    def test_open(
        self,
        read: Reader,
        version: str,
        properties: dict[str, str],
        environment: dict[str, str],
        where: str,
        hint: str,
    ) -> None:
        client = read(*conf(**properties), version=version, **environment)
        finding = client.findings[-1]
        assert (finding.id, finding.severity) == ("connect-server-is-open", Severity.WARNING)
        assert f"the server listens {where} and asks nobody" in finding.message
        assert hint in finding.hint
        assert "hunter2" not in f"{finding.message} {finding.hint}"


class TestPort:
    @pytest.fixture
    def taken(self) -> Iterator[int]:
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            yield other.getsockname()[1]

    @pytest.mark.parametrize("address", [None, "", "127.0.0.1", "localhost", "[127.0.0.1]"])
    def test_in_use(self, read: Reader, taken: int, address: str | None) -> None:
        client = read(*conf(**{PORT: str(taken), **({} if address is None else {ADDRESS: address})}))
        with pytest.raises(DaemonError, match=rf"^Port {taken} is in use.*, where the server") as caught:
            check_port(client.configuration, client.spark)
        assert f"--conf {PORT}=PORT" in caught.value.hint
        assert RETRIES in caught.value.hint

    def test_of_spark_3(self, read: Reader, taken: int) -> None:
        """It has neither an address nor another port to try."""
        ignored = conf(**{PORT: str(taken), ADDRESS: "203.0.113.1", RETRIES: "3"})
        client = read(*ignored, version="3.5.9")
        with pytest.raises(DaemonError, match=rf"Port {taken} is in use, where") as caught:
            check_port(client.configuration, client.spark)
        assert RETRIES not in caught.value.hint

    def test_spark_tries_the_next(self, read: Reader, taken: int) -> None:
        client = read(*conf(**{PORT: str(taken), RETRIES: "1"}))
        check_port(client.configuration, client.spark)

    @pytest.mark.parametrize("address", ["[::1]", "::1", "[::]"])
    def test_brackets(self, read: Reader, address: str) -> None:
        """Java takes them as they are."""
        with socket.socket(socket.AF_INET6) as other:
            try:
                other.bind(("::1", 0))
            except OSError:
                pytest.skip("this machine has no IPv6")
            other.listen()
            port = other.getsockname()[1]
            client = read(*conf(**{PORT: str(port), ADDRESS: address}))
            with pytest.raises(DaemonError, match=f"^Port {port} is in use"):
                check_port(client.configuration, client.spark)
        check_port(client.configuration, client.spark)

    @pytest.mark.parametrize("text", ["0", "x", "-1", "70000"])
    def test_any_and_what_is_refused_elsewhere(self, read: Reader, text: str) -> None:
        client = read(*conf(**{PORT: text}))
        check_port(client.configuration, client.spark)

    @pytest.mark.parametrize(
        ("address", "message"),
        [("203.0.113.1", "is not an address of this machine"), ("no.such.invalid", "cannot be resolved")],
    )
    def test_no_address_of_this_machine(self, read: Reader, address: str, message: str) -> None:
        client = read(*conf(**{PORT: "0", ADDRESS: address}))
        with pytest.raises(UsageError, match=f"{ADDRESS} '{address}' {message}"):
            check_port(client.configuration, client.spark)

    def test_a_machine_without_ipv6(self, read: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(*_: object) -> socket.socket:
            raise OSError(errno.EAFNOSUPPORT, "Address family not supported by protocol")

        monkeypatch.setattr(socket, "socket", refuse)
        client = read(*conf(**{PORT: "0", ADDRESS: "::1"}))
        with pytest.raises(UsageError, match="'::1' is not an address of this machine"):
            check_port(client.configuration, client.spark)
