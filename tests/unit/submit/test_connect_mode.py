from __future__ import annotations

from collections.abc import Callable

import pytest

from sparkmesos_core.client_configuration import ClientConfiguration, read_client_configuration
from sparkmesos_core.errors import ConfigurationError
from sparkmesos_core.submit.connect_mode import refuse_connect_mode, refuse_remote
from sparkmesos_core.submit.shell_arguments import read_shell_arguments
from sparkmesos_core.submit.shells import SHELL_OF

Reader = Callable[..., ClientConfiguration]
CONNECT = "spark.api.mode=Connect"


@pytest.fixture
def read(make_spark) -> Reader:
    def reader(
        language: str, *words: str, version: str = "4.3.0", defaults: str = "", **environment: str
    ) -> ClientConfiguration:
        home = make_spark(version, "2.13", mesos=False, name=f"spark-{version}")
        (home / "conf").mkdir(exist_ok=True)
        (home / "conf" / "spark-defaults.conf").write_text(defaults)
        return read_client_configuration(
            read_shell_arguments(SHELL_OF[language], words),
            spark_home=home,
            environment={"PATH": "", **environment},
        )

    return reader


class TestRemote:
    @pytest.mark.parametrize("language", SHELL_OF)
    def test_an_option(self, read: Reader, language: str) -> None:
        client = read(language, "--remote", "sc://h")
        with pytest.raises(ConfigurationError, match=r"set by --remote: .* has no driver") as caught:
            refuse_remote(client.configuration)
        assert "pyspark --remote" in caught.value.hint

    def test_a_variable(self, read: Reader) -> None:
        with pytest.raises(ConfigurationError, match="SPARK_REMOTE"):
            refuse_remote(read("python", SPARK_REMOTE="sc://h").configuration)

    def test_a_local_one_of_sparks_own(self, read: Reader) -> None:
        refuse_remote(read("python", "--remote", "local", "--conf", "spark.local.connect=1").configuration)

    def test_none(self, read: Reader) -> None:
        refuse_remote(read("scala").configuration)


class TestConnectMode:
    @pytest.mark.parametrize("language", SHELL_OF)
    def test_an_option(self, read: Reader, language: str) -> None:
        client = read(language, "--conf", CONNECT)
        with pytest.raises(ConfigurationError, match=r"set by --conf: .*classic mode") as caught:
            refuse_connect_mode(client.configuration, client.spark)
        assert "spark.api.mode=classic" in caught.value.hint
        assert "--lang connect" in caught.value.hint

    def test_a_file(self, read: Reader) -> None:
        client = read("python", defaults="spark.api.mode connect\n")
        with pytest.raises(ConfigurationError, match=r"spark-defaults\.conf:1"):
            refuse_connect_mode(client.configuration, client.spark)

    @pytest.mark.parametrize("words", [(), ("--conf", "spark.api.mode=classic")])
    def test_classic(self, read: Reader, words: tuple[str, ...]) -> None:
        client = read("python", *words)
        refuse_connect_mode(client.configuration, client.spark)

    def test_spark_3_does_not_read_it(self, read: Reader) -> None:
        client = read("python", "--conf", CONNECT, version="3.5.9")
        refuse_connect_mode(client.configuration, client.spark)
