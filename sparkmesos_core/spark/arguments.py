"""The arguments of `spark-submit`, read as Spark's own launcher reads them.

Source of the rules: `org.apache.spark.launcher.SparkSubmitOptionParser` of Spark 3.5.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

# Options without a value; every other option takes the next argument.
_SWITCHES = frozenset({"--help", "-h", "--supervise", "--usage-error", "--verbose", "-v", "--version"})
_VALUED = frozenset(
    {
        "--archives", "--class", "--conf", "-c", "--deploy-mode", "--driver-class-path", "--driver-cores",
        "--driver-java-options", "--driver-library-path", "--driver-memory", "--exclude-packages",
        "--executor-cores", "--executor-memory", "--files", "--jars", "--keytab", "--kill", "--master",
        "--name", "--num-executors", "--packages", "--principal", "--properties-file", "--proxy-user",
        "--py-files", "--queue", "--remote", "--repositories", "--status", "--total-executor-cores",
    }
)  # fmt: skip

SPARK_SUBMIT_OPTIONS = _SWITCHES | _VALUED
"""All options of spark-submit."""

# Options that are another spelling of a property.
_OPTION_OF_PROPERTY = {"spark.master": "--master", "spark.submit.deployMode": "--deploy-mode"}


@dataclass(frozen=True)
class SparkSubmitArguments:
    """A command line of spark-submit, cut where its options end and the application begins."""

    options: tuple[str, ...]
    """Everything up to the application, verbatim."""
    application: tuple[str, ...]
    """The primary resource and the arguments of the application, verbatim; may be empty."""

    @classmethod
    def parse(cls, arguments: Sequence[str]) -> SparkSubmitArguments:
        """Cuts the arguments in two. What Spark does not know ends the options: Spark refuses it."""
        end = 0
        while end < len(arguments):
            argument = arguments[end]
            name, equals, _ = argument.partition("=")
            if argument in _SWITCHES or (equals and name in _VALUED):
                end += 1
            elif argument in _VALUED:
                end += 2
            else:
                break
        return cls(options=tuple(arguments[:end]), application=tuple(arguments[end:]))

    def pairs(self) -> Iterator[tuple[str, str]]:
        """The options with their values in order; switches have the value ''."""
        rest = iter(self.options)
        for argument in rest:
            name, equals, value = argument.partition("=")
            if argument in _SWITCHES:
                yield argument, ""
            elif equals and name in _VALUED:
                yield name, value
            else:
                yield argument, next(rest, "")

    def option(self, name: str) -> str | None:
        """The value of an option, the last one winning; None if it is not given."""
        values = [value for option, value in self.pairs() if option == name]
        return values[-1] if values else None

    def property(self, name: str) -> str | None:
        """The value of a Spark property as the arguments set it.

        An option of its own wins over --conf wherever it stands (`SparkSubmitArguments`).
        """
        if (option := _OPTION_OF_PROPERTY.get(name)) and (value := self.option(option)) is not None:
            return value
        return self._last(name)

    def driver_class_path(self) -> str | None:
        """The driver's extra class path: the last one given, as an option or a property.

        The launcher, which starts the driver's JVM, keeps both in one map (`SparkSubmitCommandBuilder`).
        """
        return self._last("spark.driver.extraClassPath", "--driver-class-path")

    def _last(self, name: str, option: str | None = None) -> str | None:
        found: str | None = None
        for given, value in self.pairs():
            if given == option:
                found = value
            elif given in ("--conf", "-c"):
                key, equals, conf_value = value.partition("=")
                if equals and key.strip() == name:
                    found = conf_value
        return found

    def with_options(self, *extra: str) -> list[str]:
        """The whole command line again, with more options behind the user's own, where they win."""
        return [*self.options, *extra, *self.application]
