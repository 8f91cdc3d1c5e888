"""Command lines of spark-submit: what people type, what scripts produce, and what nobody should."""

from __future__ import annotations

import random
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

MASTER = "{master}"
"""Stands for the dispatcher's URL, and DIRECTORY for the folder that everything runs in."""
DIRECTORY = "{directory}"

CLUSTER = ("--master", MASTER, "--deploy-mode", "cluster", "--conf", "spark.master.rest.enabled=true")

# Whatever can stand in one argument: nothing here may change on its way.
TEXTS = (
    "", " ", "  two  blanks  ", "a b", "\t", "line\nfeed", "\n", "trailing\n", "a\n\nb", "vertical\vform\f",
    "'", '"', "it's", '"quoted"', "'quoted'", '"half', "a\\", "\\", "\\\\", "\\n", "a\\ b", '\\"', "\\'",
    "$", "$HOME", "${HOME}", "$(id)", "`id`", "$$", "$1", "$@", "\\$HOME", "%HOME%", "%s %d %n %", "%20", "{}", "{{x}}",
    "*", "?", "*.py", "[a-z]", "~", "~/x", "~root", "!", "!!", "!$", "#", "# comment", "a#b", ";", "a;b", "a&b", "&&", "|",
    "a|b", "<", ">", ">out", "2>&1", "(", ")", "(a)", "=", "==", "a=b", "a=b=c", "=x", "x=", "a==b", ",", "a,b", ",,", ":",
    "a:b", "::", "@", "@file", "@/etc/hosts", "^", "-", "--", "---", "-x", "--flag", "--flag=1", "--conf", "--class=x",
    "--master", "--help", "--version", "-v", "--supervise", "+x", "/", "//", "/a/b", "./a", "../a", "C:\\x\\y", "null",
    "true", "0", "-1", "1e9", "café", "naïve €", "Привет", "日本語", "مرحبا", "e\u0301", "\u00a0", "\u200b", "\ufeff",
    "\u2028", "\u0085", "\u2014master", "\u2019", "\U0001f600", "\U00010348", "\ufffd", "\u0001", "\u001b[31m", "\u007f",
    "key: value", "[1, 2, 3]", '{"a": [1, "b c"], "d": null}', "<xml a='b'/>", "SELECT * FROM t WHERE a = 'b';",
    "2026-11-22T10:00:00Z", "s3a://bucket/path?x=1&y=2#z", "jdbc:postgresql://h:5432/d?user=a&password=b", "a" * 5000,
)  # fmt: skip

# Values of paths and lists of paths, some of which exist (see `make_directory`).
PATHS = (
    "app.py", "./app.py", "libs/../app.py", "my app.py", "dep ü.py", "no-such-file.py", "libs", "libs/", "{directory}/app.py",
    "app.py#alias", "app.py#my alias", "dep ü.py#ü", "a#b#c", "#", "app.py?x=1", "a+b.py", "a%20b.py", "a%b.py", "50%.py",
    "file:app.py", "file:/srv/app.py", "file:///srv/app.py", "file://host/srv/app.py", "file:///srv/my%20app.py",
    "file:/srv/my app.py", "local:///opt/app.py", "local:/opt/app.py", "http://repo.example/app.py",
    "http://repo.example/a b.py", "http://repo.example/app.py?sig=a%2Fb&x=1", "https://u:p@repo.example/app.py",
    "HTTP://repo.example/app.py", "ftp://repo.example/app.py", "http://repo.example/dépôt/app.py", "http:app.py", "http://",
    "C:/app.py", "c:\\app.py", "a:b", "mailto:x", "~/app.py", "$HOME/app.py", "a|b.py", "a^b.py", "{a,b}.py", "a;b.py",
    "a=b.py", "a&b.py", "[1].py", "ab\\c.py", "'app.py'", "\"app.py\"", "日本.py", "\U0001f600.py", "a\tb.py", "a\nb.py",
)  # fmt: skip
LISTS = (
    "", ",", ",,", " ", "a.jar,b.jar", "a.jar, b.jar", " a.jar , b.jar ", "a.jar,,b.jar", ",a.jar", "a.jar,", "a.jar,a.jar",
    "libs/*", "libs/*.jar", "libs/?.jar", "libs/[ab].jar", "libs/{a,b}.jar", "libs/*.zip", "libs/*.jar,other.jar", "*.none",
    "libs/*.jar#x", "libs", "libs/", "a.jar#x,b.jar#y", "http://repo.example/a.jar,libs/a.jar", "http://repo.example/*.jar",
    "local:///opt/*.jar", "file:libs/a.jar", "file:///srv/a.jar,/srv/b.jar", "{directory}/libs/a.jar",
    "{directory}/libs/*.jar", "file:{directory}/libs/*.jar", "libs/a b.jar", "libs/ü.jar", "a;b.jar", "a:b.jar", "a.jar\nb.jar",
    "hdfs://nowhere.invalid/a.jar", "hdfs:///a.jar", "s3a://bucket/a.jar", "a" * 300 + ".jar",
)  # fmt: skip
CONFS = (
    "spark.x=y", "spark.x=", "spark.x", "=", "=x", "", " ", "spark.x =y", "spark.x= y", " spark.x=y", "spark.x = y ",
    "spark.x=a=b", "spark.x==", 'spark.x="a b"', "spark.x='a b'", "spark.x=a b", "spark.x=a\nb", "spark.x=\n", "spark.x=a\\",
    "spark.x=$HOME", "spark.x=${HOME}", "spark.x=a,b,c", "spark.x=é€日", "spark.é=1", "spark.=1", "spark=1", "Spark.x=1",
    "x=1", "hadoop.x=1", "spark.hadoop.fs.s3a.access.key=AK", "spark.driver.host=10.0.0.1", "spark.driver.port=7001",
    "spark.app.name=named", "spark.app.id=a-1", "spark.app.submitTime=17", "spark.master=mesos://other:7077",
    "spark.submit.deployMode=client", "spark.submit.pyFiles=a.py,b.zip", "spark.jars=x.jar,libs/*.jar", "spark.files=x y.txt",
    "spark.archives=x.tgz#y", "spark.jars.packages=g:a:1", "spark.jars.ivy=/var/ivy", "spark.jars.ivySettings=ivy.xml",
    "spark.jars.excludes=g:a", "spark.jars.repositories=http://r.example", "spark.driver.supervise=true",
    "spark.driver.cores=2", "spark.driver.cores=1.5", "spark.driver.cores=0", "spark.driver.cores=two",
    "spark.driver.memory=2g", "spark.driver.memory=2G", "spark.driver.memory=2gb", "spark.driver.memory=2048",
    "spark.driver.memory=0", "spark.driver.memory=-1g", "spark.driver.memory=1.5g", "spark.driver.memory= 2g",
    "spark.driver.memory=", "spark.executor.memory=3g", "spark.executor.memory=lots", "spark.executor.cores=2",
    "spark.executor.cores=x", "spark.executor.instances=3", "spark.executor.instances=0", "spark.cores.max=8",
    "spark.cores.max=0", "spark.cores.max=8.0", "spark.master.rest.enabled=false", "spark.master.rest.enabled=TRUE",
    "spark.master.rest.enabled=yes", "spark.mesos.dispatcher.queue=ROUTINE", "spark.mesos.constraints=os:centos7;zone:a,b",
    "spark.mesos.task.labels=a:b,c:d\\,e", "spark.mesos.uris=http://r.example/a.tgz", "spark.mesos.role=spark",
    "spark.mesos.driverEnv.X=a b\"c$d", "spark.mesos.executor.docker.volumes=/a:/b:ro,/c", "spark.executorEnv.A=b c",
    "spark.driver.extraJavaOptions=-Dx=1 -Dy='a b'", "spark.driver.extraJavaOptions=-Xmx1g", "spark.executor.extraJavaOptions=-Xmx1g",
    "spark.driver.extraJavaOptions=-Dhalf='open", "spark.driver.extraClassPath=/a/*:b.jar", "spark.driver.defaultJavaOptions=-Xmx1g",
    "spark.yarn.queue=q", "spark.yarn.dist.files=a.txt", "spark.yarn.principal=p", "spark.yarn.keytab=k", "spark.kerberos.principal=p",
    "spark.kerberos.keytab=k.tab", "spark.dynamicAllocation.enabled=true", "spark.dynamicAllocation.enabled=TRUE",
    "spark.local.connect=1", "spark.remote=sc://h", "spark.kubernetes.x=1", "spark.files.overwrite=true", "spark.pyspark.python=python3",
    "spark.kryoserializer.buffer.max.mb=64", "spark.yarn.jar=x", "spark.authenticate.secret=s", "spark.ui.port=4041",
    "spark.submit.callSystemExitOnMainExit=true", "spark.x=%s", "spark.x=100%", "spark.x.y=1,spark.z=2", "spark.x: y", "spark.x y",
    "spark.submit.proxyUser.allowCustomClasspathInClusterMode=true", "spark.driver.userClassPathFirst=true",
)  # fmt: skip
NUMBERS = (
    "1",
    "2",
    "0",
    "-1",
    "+3",
    "1.0",
    "1.5",
    "",
    " ",
    " 2",
    "two",
    "2147483647",
    "2147483648",
    "007",
    "1_000",
    "٣",
    "1e3",
)
SIZES = (
    "1g", "512m", "2G", "2GB", "2gb", "1t", "4096", "1024k", "100b", "1.5g", "0", "0g", "-1g", "", " ", "1 g", "g", "1g ", " 1g",
    "9999999999g", "9223372036854775807", "9223372036854775808", "1p", "1PB", "1x", "٣g", "1gib", "1kb", "1Mb",
)  # fmt: skip

# Each option that takes a value, with values that are its own business.
VALUES: dict[str, tuple[str, ...]] = {
    "--name": TEXTS[:40],
    "--class": ("Main", "com.example.Main", "com.example.Main$", "é.Main", "a b", "", "org.apache.spark.repl.Main",
                "org.apache.spark.sql.hive.thriftserver.SparkSQLCLIDriver",
                "org.apache.spark.sql.hive.thriftserver.HiveThriftServer2",
                "org.apache.spark.sql.connect.service.SparkConnectServer"),
    "--jars": LISTS, "--files": LISTS, "--py-files": LISTS, "--archives": LISTS,
    "--conf": CONFS, "-c": ("spark.x=y", "spark.x", "a=b"),
    "--packages": ("g:a:1", "g:a:1,h:b:2", " g:a:1 , h:b:2 ", "", "nonsense", "g:a:1\n,h:b:2"),
    "--exclude-packages": ("g:a", "g:a,h:b", ""), "--repositories": ("https://r.example/m2", "a,b", ""),
    "--driver-memory": SIZES, "--executor-memory": SIZES,
    "--driver-cores": NUMBERS, "--executor-cores": NUMBERS, "--total-executor-cores": NUMBERS, "--num-executors": NUMBERS,
    "--driver-java-options": ("-Dk='a b' -Xss1m", "-Xmx1g", "", "-Dhalf='", "-XX:+UseG1GC -Dé=ü", "-Da=$HOME"),
    "--driver-library-path": ("/opt/lib", "/a:/b", "", "a b"), "--driver-class-path": ("/opt/a.jar:/opt/b.jar", "a b.jar", ""),
    "--queue": ("URGENT", "", "a b"), "--proxy-user": ("alice", "", "a b"), "--principal": ("p@REALM", ""), "--keytab": ("k.tab", ""),
    "--properties-file": ("job.conf", "no-such.conf", "empty.conf", "", "libs", "odd.conf", "{directory}/job.conf"),
    "--deploy-mode": ("client", "cluster", "Cluster", "", "clusters"),
    "--remote": ("sc://h", ""),
}  # fmt: skip
SWITCHES = ("--supervise", "--verbose", "-v")

JOB_CONF = """
# what operators write
spark.executor.memory   2g
spark.driver.memory=1g
spark.app.name: from the file
spark.cores.max 12
spark.mesos.constraints os:centos7;zone:us-east-1a
spark.continued one \\
    two
spark.trailing value   \t
spark.unicode \\u00e9\\u20ac
spark.escaped a\\:b\\=c\\\\d\\te
spark.empty
spark.quoted "a b"
spark.sharp a # b
not.spark ignored
spark.executor.memory  3g
! another comment
spark.jars = libs/a.jar,file.jar
spark.submit.pyFiles = x.py
spark.driver.host = 10.9.8.7
"""
ODD_CONF = "spark.a=1\rspark.b=2\r\nspark.c = \\\n   3\nspark\\ .d=4\n=5\nspark.\\=e:6\nspark.f \\u0041\\\nspark.g=7\nspark.h=é\n   spark.i   :   8\nspark.j"
DEFAULTS = """
spark.executor.memory 5g
spark.default only from spark-defaults.conf
spark.mesos.role defaults
spark.executor.cores 3
spark.driver.supervise true
spark.files default.txt
"""


@dataclass(frozen=True)
class Case:
    """One run of spark-submit."""

    name: str
    arguments: tuple[str, ...]
    environment: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    """What it needs in the folder beside what all cases find there."""

    def place(self, master: str, directory: Path) -> tuple[list[str], dict[str, str]]:
        """Arguments and environment with the placeholders filled in."""

        def fill(text: str) -> str:
            return text.replace(MASTER, master).replace(DIRECTORY, str(directory))

        return [fill(argument) for argument in self.arguments], {
            name: fill(value) for name, value in self.environment.items()
        }


def make_directory(directory: Path) -> None:
    """Fills the folder that all cases run in."""
    (directory / "libs").mkdir(parents=True)
    names = (
        "app.py",
        "app.R",
        "my app.py",
        "dep ü.py",
        "libs/a.jar",
        "libs/b.jar",
        "libs/a b.jar",
        "libs/ü.jar",
        "k.tab",
    )
    for name in names:
        (directory / name).touch()
    (directory / "job.conf").write_text(JOB_CONF, encoding="utf-8")
    (directory / "odd.conf").write_bytes(ODD_CONF.encode())
    (directory / "empty.conf").touch()
    (directory / "conf").mkdir()
    (directory / "conf" / "spark-defaults.conf").write_text(DEFAULTS, encoding="utf-8")
    for name, manifest in (
        ("app.jar", "Manifest-Version: 1.0\r\nMain-Class: com.example.Main\r\n\r\n"),
        ("my app.jar", "Manifest-Version: 1.0\r\nMain-Class: com.example.with.a.name.that.is.longer.than.sev\r\n enty.Bytes\r\n\r\n"),
        ("no-main.jar", "Manifest-Version: 1.0\r\n\r\n"),
    ):  # fmt: skip
        with zipfile.ZipFile(directory / name, "w") as jar:
            jar.writestr("META-INF/MANIFEST.MF", manifest)
    with zipfile.ZipFile(directory / "no-manifest.jar", "w") as jar:
        jar.writestr("x", "")
    (directory / "not-a-zip.jar").write_text("no", encoding="utf-8")


def handwritten() -> Iterator[Case]:
    """Cases each made for a reason."""

    def case(name: str, *arguments: str, **environment: str) -> Case:
        return Case(name, arguments, environment)

    app = "http://repo.example/app.py"
    yield case("all texts as arguments", *CLUSTER, app, *TEXTS)
    yield case("nothing")
    yield case("only a master", "--master", MASTER)
    yield case("cluster without application", *CLUSTER)
    yield case("an empty application", *CLUSTER, "")
    yield case("a blank application", *CLUSTER, " ", "app.py")
    yield case("a double dash", *CLUSTER, "--", app)
    yield case("a single dash", *CLUSTER, "-", app)
    yield case("unknown long option", *CLUSTER, "--executer-memory", "2g", app)
    yield case("unknown option with a value", *CLUSTER, "--executer-memory=2g", app)
    yield case("unknown short option", *CLUSTER, "-x", app)
    yield case("an em dash", *CLUSTER, "\u2014name", "x", app)
    yield case("option in capitals", *CLUSTER, "--Name", "x", app)
    yield case("option with an underscore", *CLUSTER, "--driver_memory", "2g", app)
    yield case("option behind the application", *CLUSTER, app, "--name", "x", "--conf", "spark.y=z")
    yield case("blank behind a comma", *CLUSTER, "--jars", "a.jar,", "b.jar", app)
    yield case("line continuation with a blank", *CLUSTER, " ", app)
    yield case("missing value at the end", *CLUSTER, "--name")
    yield case("option as a value", *CLUSTER, "--name", "--class", app)
    yield case("application swallowed by a missing value", *CLUSTER, "--queue", app)
    yield case("value with equals signs", *CLUSTER, "--name=a=b=c", app)
    yield case("empty value behind equals", *CLUSTER, "--name=", app)
    yield case("value with line feeds behind equals", *CLUSTER, "--name=a\nb", app)
    yield case("line feed only behind equals", *CLUSTER, "--name=\n", app)
    yield case("equals and conf", *CLUSTER, "--conf=spark.x=a=b", "-c=spark.y=1", app)
    yield case("switch with a value", *CLUSTER, "--supervise=false", "--verbose=0", app)
    yield case("switch with an empty value", *CLUSTER, "--supervise=", app)
    yield case("conf glued together", *CLUSTER, "--confspark.x=y", app)
    yield case("conf without equals", *CLUSTER, "--conf", "spark.x", app)
    yield case("conf at the end", *CLUSTER, app, "--conf")
    yield case(
        "repeated options",
        *CLUSTER,
        "--name",
        "a",
        "--name",
        "b",
        "--driver-memory",
        "1g",
        "--driver-memory=2g",
        app,
    )
    yield case("repeated conf", *CLUSTER, "--conf", "spark.x=1", "--conf", "spark.x=2", app)
    yield case("repeated lists", *CLUSTER, "--jars", "a.jar", "--jars", "b.jar", "--class", "A", "c.jar")
    for first, second in (("--driver-memory", "spark.driver.memory"), ("--driver-class-path", "spark.driver.extraClassPath"),
                          ("--driver-java-options", "spark.driver.extraJavaOptions"),
                          ("--driver-library-path", "spark.driver.extraLibraryPath"),
                          ("--executor-memory", "spark.executor.memory"), ("--total-executor-cores", "spark.cores.max"),
                          ("--driver-cores", "spark.driver.cores"), ("--name", "spark.app.name"), ("--jars", "spark.jars"),
                          ("--files", "spark.files"), ("--py-files", "spark.submit.pyFiles"), ("--archives", "spark.archives"),
                          ("--packages", "spark.jars.packages"), ("--exclude-packages", "spark.jars.excludes"),
                          ("--repositories", "spark.jars.repositories"), ("--principal", "spark.kerberos.principal"),
                          ("--executor-cores", "spark.executor.cores"), ("--num-executors", "spark.executor.instances"),
                          ("--master", "spark.master"), ("--deploy-mode", "spark.submit.deployMode")):  # fmt: skip
        values = {"--master": (MASTER, "mesos://other:1"), "--deploy-mode": ("cluster", "client")}
        one, two = values.get(first, ("1", "2"))
        base = CLUSTER
        yield case(f"{first} before its property", *base, first, one, "--conf", f"{second}={two}", app)
        yield case(f"{first} after its property", *base, "--conf", f"{second}={two}", first, one, app)
        yield case(f"{first} over the file", *base, first, one, "--properties-file", "job.conf", app)
    for action in ("--status", "--kill"):
        yield case(f"{action}", "--master", MASTER, action, "driver-1")
        yield case(f"{action} before the master", action, "driver-1", "--master", MASTER)
        yield case(f"{action} in cluster mode", *CLUSTER, action, "driver-1")
        yield case(f"{action} of nothing", "--master", MASTER, action, "")
        yield case(f"{action} without id", "--master", MASTER, action)
        yield case(f"{action} behind equals", f"--master={MASTER}", f"{action}=driver-1")
        yield case(f"{action} twice", "--master", MASTER, action, "a", action, "b")
        yield case(f"{action} and an application", "--master", MASTER, action, "driver-1", app)
        yield case(f"{action} and version", "--master", MASTER, action, "driver-1", "--version")
        yield case(f"version and {action}", "--master", MASTER, "--version", action, "driver-1")
        yield case(f"{action} of an odd id", "--master", MASTER, action, "a b/c?d#é")
        yield case(f"{action} with the master from a variable", action, "driver-1", MASTER=MASTER)
        yield case(
            f"{action} with the master from a file", action, "driver-1", "--conf", f"spark.master={MASTER}"
        )
        yield case(f"{action} without a master", action, "driver-1")
        yield case(f"{action} with unknown options", "--master", MASTER, "--foo", action, "driver-1")
    yield case("kill and status", "--master", MASTER, "--kill", "a", "--status", "b")
    yield case("version", "--version")
    yield case("version with an application", *CLUSTER, "--version", app)
    yield case("version with nonsense behind", "--version", "--foo", "bar")
    yield case("version behind nonsense", "--foo", "--version")
    yield case("help", "--help")
    yield case("short help", *CLUSTER, "-h")
    yield case("help and an application", *CLUSTER, "--help", app)
    yield case("usage error", "--usage-error")
    yield case("nonsense after help", "--help", "--foo")
    for name in ("app.py", "app.R", "app.r", "app.jar", "my app.py", "my app.jar", "no-main.jar", "no-manifest.jar", "not-a-zip.jar",
                 "no-such.jar", "no-such.py", "libs", "app.PY", "app.py.zip", "app.egg", "app", "spark-internal", "spark-shell",
                 "pyspark-shell", "sparkr-shell", "pyspark-shell-main", "sparkr-shell-main", "run-example",
                 "local:///opt/app.jar", "http://repo.example/app.jar", "file:///no/such.jar", "hdfs:///app.jar",
                 "{directory}/app.jar", "file:{directory}/app.jar", "file://{directory}/app.jar", "app.jar#x", "app.jar?x", *PATHS):  # fmt: skip
        yield case(f"resource {name}", *CLUSTER, name, "argument")
        yield case(f"resource {name} with a class", *CLUSTER, "--class", "com.example.Main", name, "argument")
    for special in ("pyspark-shell-main", "sparkr-shell-main", "run-example"):
        yield case(f"{special} first", special, *CLUSTER, "x")
        yield case(f"{special} alone", special)
    yield case("run-example Pi", "run-example", *CLUSTER, "SparkPi", "10")
    for name in VALUES["--class"][6:]:
        yield case(
            f"mixed arguments of {name}",
            *CLUSTER,
            "--class",
            name,
            "own",
            "--name",
            "n",
            "--own=1",
            "more",
            "--conf",
            "spark.x=y",
        )
        yield case(
            f"mixed arguments of {name} in client mode",
            "--master",
            MASTER,
            "--class",
            name,
            "own",
            "--name",
            "n",
            "--help",
        )
    for name, environment in (
        ("DEPLOY_MODE", {"DEPLOY_MODE": "cluster"}), ("MASTER", {"MASTER": MASTER}), ("empty MASTER", {"MASTER": ""}),
        ("memory", {"SPARK_DRIVER_MEMORY": "3g", "SPARK_EXECUTOR_MEMORY": "4g"}), ("empty memory", {"SPARK_DRIVER_MEMORY": "", "SPARK_EXECUTOR_MEMORY": ""}),
        ("bad memory", {"SPARK_EXECUTOR_MEMORY": "lots"}), ("cores", {"SPARK_EXECUTOR_CORES": "4"}), ("bad cores", {"SPARK_EXECUTOR_CORES": "x"}),
        ("SPARK_MEM", {"SPARK_MEM": "7g"}), ("SPARK_SUBMIT_OPTS", {"SPARK_SUBMIT_OPTS": "-Dspark.from.opts=1 -Dspark.executor.memory=9g '-Dspark.q=a b' -Dother=1"}),
        ("bad SPARK_SUBMIT_OPTS", {"SPARK_SUBMIT_OPTS": "-Dspark.x='half"}), ("SPARK_REMOTE", {"SPARK_REMOTE": "sc://h"}),
        ("SPARK_JAVA_OPTS", {"SPARK_JAVA_OPTS": "-Dspark.y=2"}), ("SPARK_YARN_APP_NAME", {"SPARK_YARN_APP_NAME": "yarn"}),
        ("conf dir", {"SPARK_CONF_DIR": "{directory}/conf"}), ("no conf dir", {"SPARK_CONF_DIR": "{directory}/none"}),
        ("empty conf dir", {"SPARK_CONF_DIR": ""}), ("relative conf dir", {"SPARK_CONF_DIR": "conf"}),
        ("others", {"SPARK_EXECUTOR_URI": "http://r/a b.tgz", "SPARK_FOO": "é\n$x", "MESOS_BAR": "", "SPARK_PUBLIC_DNS": "h", "SPARKX": "1",
                    "SPARK_ENV_LOADED": "1", "MESOS_SANDBOX": "/s", "SPARK_MESOS_PRINCIPAL": "p", "SPARK_MESOS_SECRET": "s",
                    "MESOS_NATIVE_JAVA_LIBRARY": "/l.so", "SPARK_PRINT_LAUNCH_COMMAND": "", "PYSPARK_PYTHON": "python9", "HADOOP_CONF_DIR": "/none",
                    "SPARK_USER": "root", "SPARK_DAEMON_JAVA_OPTS": "-Dspark.deploy.recoveryMode=ZOOKEEPER"}),
    ):  # fmt: skip
        yield Case(f"variables: {name}", (*CLUSTER, app), dict(environment))
        yield Case(
            f"variables: {name}, with a file",
            (*CLUSTER, "--properties-file", "job.conf", app),
            dict(environment),
        )
    rest = ("--conf", "spark.master.rest.enabled=true")
    yield case(
        "mode and master by conf",
        *rest,
        "--conf",
        f"spark.master={MASTER}",
        "--conf",
        "spark.submit.deployMode=cluster",
        app,
    )
    yield case("mode and master by variables", *rest, app, MASTER=MASTER, DEPLOY_MODE="cluster")
    yield case("REST not enabled", "--master", MASTER, "--deploy-mode", "cluster", app)
    yield case("no master in cluster mode", "--deploy-mode", "cluster", *rest, app)
    yield case(
        "all in the file",
        "--properties-file",
        "job.conf",
        *CLUSTER,
        "--executor-memory",
        "9g",
        app,
        SPARK_CONF_DIR="{directory}/conf",
    )
    yield case(
        "defaults and conf",
        *CLUSTER,
        "--conf",
        "spark.executor.memory=1g",
        app,
        SPARK_CONF_DIR="{directory}/conf",
    )
    yield case("proxy user and principal", *CLUSTER, "--proxy-user", "a", "--principal", "p", app)
    yield case(
        "proxy user and principal by property",
        *CLUSTER,
        "--proxy-user",
        "a",
        "--conf",
        "spark.kerberos.principal=p",
        app,
    )
    yield case(
        "dynamic allocation and number",
        *CLUSTER,
        "--conf",
        "spark.dynamicAllocation.enabled=true",
        "--num-executors",
        "0",
        app,
    )
    yield case("remote and master", *CLUSTER, "--remote", "sc://h", app)
    yield case(
        "remote with local connect", *CLUSTER, "--remote", "sc://h", "--conf", "spark.local.connect=1", app
    )
    yield case("java, everything", *CLUSTER, "--class", "a.B", "--jars", "x.jar,http://r/y.jar", "--files", "f.txt#g", "--archives", "z.tgz#z",
               "--packages", "g:a:1", "--exclude-packages", "g:b", "--repositories", "http://r", "--driver-memory", "1g", "--driver-cores", "2",
               "--executor-memory", "2g", "--total-executor-cores", "4", "--supervise", "--driver-class-path", "/x.jar", "--driver-library-path",
               "/l", "--driver-java-options", "-Da=b", "--verbose", "--name", "N", "app.jar", "1", "--2", "")  # fmt: skip
    yield case("python, everything", *CLUSTER, "--py-files", "x.py,http://r/y.zip,dep ü.py", "--jars", "x.jar", "--files", "f.txt", "--archives",
               "z.tgz#z", "--driver-memory", "1g", "--supervise", "app.py", "1")  # fmt: skip
    yield case(
        "r, everything", *CLUSTER, "--jars", "x.jar", "--files", "f.txt", "--class", "Ignored", "app.R", "1"
    )
    for master in ("local", "local[2]", "yarn", "spark://h:7077", "k8s://h", "mesos", "mesos:", "mesos://", "mesosx", "embedded", "", " ",
                   "mesos://h:1,h2:2", "mesos://zk://h:2181/mesos", "zk://h:2181/mesos", "mesos://h:port"):  # fmt: skip
        yield case(f"master {master!r}", "--master", master, "--deploy-mode", "cluster", *rest, app)


def each_value() -> Iterator[Case]:
    """Each option with each of its values, apart and behind an equals sign."""
    app = "http://repo.example/app.py"
    for option, values in VALUES.items():
        for value in values:
            yield Case(f"{option} {value!r}", (*CLUSTER, option, value, app), {})
            yield Case(f"{option}={value!r}", (*CLUSTER, f"{option}={value}", app), {})


def generated(count: int, seed: int) -> Iterator[Case]:
    """Random command lines: several options, odd values, often nothing wrong with them."""
    chance = random.Random(seed)
    good = {
        "--driver-memory": ("1g", "512m"), "--executor-memory": ("2g", "4096m"), "--driver-cores": ("1", "4"), "--executor-cores": ("1", "2"),
        "--total-executor-cores": ("8", "16"), "--num-executors": ("2", "4"), "--deploy-mode": ("cluster",), "--remote": (),
        "--properties-file": ("job.conf", "odd.conf"), "--principal": (), "--class": ("com.example.Main", "Main"),
    }  # fmt: skip
    for number in range(count):
        arguments = list(CLUSTER)
        values = VALUES if chance.random() < 0.2 else {**VALUES, **good}
        for _ in range(chance.randrange(8)):
            if chance.random() < 0.15:
                arguments.append(chance.choice(SWITCHES))
                continue
            option = chance.choice([name for name, some in values.items() if some])
            value = chance.choice(values[option])
            if option == "--conf" and chance.random() < 0.5:
                value = f"spark.{chance.choice('abc')}={chance.choice(TEXTS)}"
            arguments += [f"{option}={value}"] if chance.random() < 0.3 else [option, value]
        arguments.append(chance.choice((*PATHS, "app.jar", "my app.jar", "app.R", "local:///opt/a.jar")))
        arguments += chance.choices(TEXTS, k=chance.randrange(6))
        environment = {}
        if chance.random() < 0.2:
            environment["SPARK_CONF_DIR"] = DIRECTORY + "/conf"
        if chance.random() < 0.1:
            environment["SPARK_EXECUTOR_MEMORY"] = chance.choice(("3g", "", "x"))
        yield Case(f"random {seed}/{number}", tuple(arguments), environment)
