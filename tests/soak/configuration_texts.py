"""Files, command lines and values of a configuration, made of odd texts."""

from __future__ import annotations

import os

from sparkmesos_core.conf.properties.registered_property import ValueType
from sparkmesos_core.conf.properties.registry import PROPERTIES, find_property
from sparkmesos_core.conf.spark_variables import VARIABLES
from sparkmesos_core.spark.submit_options import OPTIONS
from tests.soak.odd_texts import SAMPLES, OddTexts

_KINDS = {
    "integer": "number",
    "list": "secrets",
    "docker parameters": "parameters",
    "Java options": "java options",
    "URL": "url",
    "URI": "url",
}


def as_given(arguments: list[str]) -> list[str]:
    """What a process gets of these: no NUL, nothing of more than 128 KiB, and bytes that are no text escaped."""
    return [
        os.fsdecode(argument.replace("\0", "").encode("utf-8", "surrogatepass")[:131_071])
        for argument in arguments
    ]


def nearly(kind: ValueType) -> str:
    """Which texts are nearly of a type."""
    name = _KINDS.get(kind.name, kind.name)
    return name if name in SAMPLES else "text"


def any_text(odd: OddTexts) -> str:
    return odd.noise() if odd.random() < 0.3 else odd.mutated(odd.any_value())


def property_name(odd: OddTexts) -> str:
    known = odd.choice(PROPERTIES)
    if known.prefix is None:
        return known.name
    return known.prefix + odd.choice(("NAME", "spark.mesos.role", "x", "", "A.b"))


def property_value(odd: OddTexts, key: str) -> str:
    found = find_property(key)
    if found is not None and found.secret and odd.random() < 0.7:
        return "hush-" + odd.noise(8)
    if found is None or odd.random() < 0.2:
        return any_text(odd)
    if found.type.choices and odd.random() < 0.5:
        return odd.mutated(odd.choice(found.type.choices))
    return odd.value(nearly(found.type))


def properties_text(odd: OddTexts) -> str:
    lines = []
    for _ in range(odd.randint(0, 8)):
        key = property_name(odd)
        value = property_value(odd, key)
        if odd.random() < 0.8:
            value = value.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
        if odd.random() < 0.2:
            key = odd.mutated(key)
        lines.append(
            f"{odd.choice(('', ' ', '# ', '!') if odd.random() < 0.2 else ('',))}{key}{odd.choice(' =:	')}{value}"
        )
        if odd.random() < 0.1:
            lines[-1] += odd.choice(
                ("\\", "\\\\", "\\\n  more", "\\u00e9", "\\u12", "\\ud83d", "\\ud83d\\ude00")
            )
    text = odd.choice(("\n", "\n", "\r\n", "\r", "\n\n")).join(lines)
    return odd.mutated(text) if odd.random() < 0.3 else text


def script_text(odd: OddTexts) -> str:
    lines = [
        odd.choice(
            (
                f"export {odd.choice(VARIABLES).name}={any_text(odd)}",
                f'{odd.choice(VARIABLES).name}="{any_text(odd)}"',
                f"export {odd.choice(VARIABLES).name}='{odd.value('text')}'",
                "if [ -f x ]; then",
                "fi",
                "f() { A=1; }",
                "cat <<EOF",
                "EOF",
                "unset SPARK_HOME",
                f"# {odd.noise()}",
                f"A=$(echo {odd.noise(5)})",
                "B=${C:-${D}}",
                f"B=$(case {odd.noise(3)} in a|(b)) echo 1;; esac)",
                f"B=(1 # {odd.noise()}\n2)",
                "((B = 1 << 3))",
                odd.noise(),
            )
        )
        for _ in range(odd.randint(0, 8))
    ]
    return odd.mutated("\n".join(lines))


def toml_text(odd: OddTexts) -> str:
    lines = [
        odd.choice(
            (
                f'master = "{odd.value("url")}"',
                f"dispatcher = '{odd.value('url')}'",
                f'staging-url = """{odd.value("url")}"""',
                'output = "json"',
                f"{odd.choice(('output', 'spark-home', 'ca-file', 'mastre'))} = {odd.choice(('1', 'true', '[]', '{a=1}', '2026-01-01', '1e999', 'nan'))}",
                f'"{odd.noise(5)}" = 1',
                "[submit]",
                "[config.show]",
                "[[submit]]",
                'start-timeout = "1m"',
                "start-timeout = " + "9" * odd.choice((3, 30, 5000)),
                "a = " + "[" * odd.choice((1, 50, 5000)),
                f"# {odd.noise()}",
                odd.noise(),
            )
        )
        for _ in range(odd.randint(0, 6))
    ]
    return odd.mutated("\n".join(lines))


def argument_list(odd: OddTexts) -> list[str]:
    arguments: list[str] = []
    for _ in range(odd.randint(0, 8)):
        option = odd.choice(OPTIONS)
        name = odd.choice((option.name, *option.aliases))
        value = any_text(odd)
        if name == "--conf":
            key = property_name(odd)
            value = f"{key}={property_value(odd, key)}"
        if odd.random() < 0.05:
            name = odd.mutated(name)
        if option.metavar is None:
            arguments.append(name if odd.random() < 0.9 else f"{name}={value}")
        elif odd.random() < 0.2:
            arguments.append(f"{name}={value}")
        else:
            arguments += [name, value]
    if odd.random() < 0.8:
        arguments.append(
            odd.choice(("app.py", "app.jar", "app.R", "http://h/a.jar", "spark-shell", "spark-internal", ""))
        )
        arguments += [any_text(odd) for _ in range(odd.randint(0, 3))]
    if odd.random() < 0.1 and arguments:
        del arguments[odd.randrange(len(arguments))]
    return arguments
