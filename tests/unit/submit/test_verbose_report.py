from __future__ import annotations

from pathlib import Path

from sparkmesos_core.client_configuration import read_client_configuration
from sparkmesos_core.spark.arguments import SubmitArguments
from sparkmesos_core.submit.verbose_report import verbose_report


def report(*arguments: str, **environment: str) -> list[str]:
    client = read_client_configuration(
        SubmitArguments.parse(arguments), spark_home=None, environment=environment
    )
    return list(verbose_report(client))


def test_arguments_files_and_origins(tmp_path: Path, make_spark) -> None:
    (tmp_path / "my.conf").write_text("\nspark.cores.max 4\nspark.executor.memory 1g\n")
    home = make_spark()
    options = ["--properties-file", f"{tmp_path}/my.conf", "--total-executor-cores", "2", "--supervise"]
    assert report(*options, "--class", "X", "a.jar", "b c", SPARK_HOME=str(home), MASTER="mesos://h") == [
        "Arguments:",
        f"  --properties-file {tmp_path}/my.conf",
        "  --total-executor-cores 2",
        "  --supervise",
        "  --class X",
        "  application: a.jar",
        "  main class: X",
        "  its arguments: 'b c'",
        f"Spark: {home}",
        "spark-env.sh: none",
        f"Properties file: {tmp_path}/my.conf",
        "Properties, each with where it is set:",
        "  spark.cores.max=2  (--total-executor-cores)",
        "  spark.driver.supervise=true  (--supervise)",
        f"  spark.executor.memory=1g  ({tmp_path}/my.conf:3)",
        "  spark.master=mesos://h  (MASTER)",
    ]


def test_neither_secrets_nor_control_characters() -> None:
    shown = "\n".join(
        report(
            "--conf", "spark.mesos.secret=hunter2",
            "--driver-java-options", "-Dx.password=hunter2",
            "--master", "mesos://zk://u:hunter2@z/m",
            "--name", "\x1b[2J",
            "https://u:hunter2@h/a.py", "token=hunter2", "\x1b]0;x",
        )
    )  # fmt: skip
    assert "hunter2" not in shown
    assert "hunter2" not in "\n".join(report("spark.mesos.secret=hunter2", "app.py"))  # without its --conf
    assert "\x1b" not in shown
    assert "  spark.mesos.secret=***  (--conf)" in shown
