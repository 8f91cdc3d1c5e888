"""Texts as an operator, an editor or a bad day would write them: seeded, mostly near what is valid."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

_SPECIAL = (
    *" \t\n\r\f\v\0\x1f\x7f\x85\xa0",
    *"\\'\"`$&|;<>(){}[]*?!#~%^@,.:=+-_/",
    *"0123456789",
    "é",
    "ß",
    "İ",
    "K",
    "ſ",
    "٣",
    "\u2003",
    "\u2028",
    "\u202e",
    "\ufeff",
    "\ud800",
    "\udfff",
    "\U0001f600",
    "\r\n",
    "\\u0041",
    "\\u12",
    "\\u",
    "${HOME}",
    "$(id)",
    "%s",
    "{0}",
    "../",
    "-D",
    "--",
    "spark.",
    "true",
    "null",
    "NaN",
    "1e999",
    "9223372036854775808",
)

SAMPLES: dict[str, tuple[str, ...]] = {
    "size": ("512m", "2g", "1024", "0", "64KB", "8191p", " 1 ", "0.5g", "-1m", "1x", "9999999999999999999t"),
    "time": ("10s", "500ms", "120", "2min", "-1", "1d", "250us", "1.5h", "5 s", "9223372036854775807d"),
    "boolean": ("true", "FALSE", "yes", "1", ""),
    "number": ("4", "0.5", "-3", "1e3", "0x1p3", "NaN", "Infinity", "2147483648", "1_000", "1.5f"),
    "choice": ("docker", "mesos", "host", "container", "ZOOKEEPER", "NONE", "cluster", "client"),
    "constraints": (
        "os:centos7;zone:us-east-1a,us-east-1b",
        "os:",
        "rack:3;gpu:",
        "a:b;a:c",
        "os;x:y",
        ":v",
        ";",
    ),
    "labels": ("key:value,key2:value2", r"key:a\:b", r"k:a\,b", "k:", "a:b:c", ",", r"k:\\"),
    "volumes": ("/data:/data:ro,/tmp", "/a:rw", "/h:/c", "/a:/b:z", ":", "/a,/b:ro"),
    "port maps": ("8080:80,53:53:udp", "80", "a:b", "80:81:icmp", "0:1", "70000:80"),
    "parameters": ("env=a=b,net=host", "x", "=y", "k="),
    "secrets": ("/one,/two", "one", "A,B", "etc/one,etc/two", ",", "A,A"),
    "java options": (
        "-Xss4m -Dx='a b'",
        '-Dspark.a="b c"',
        "-Dx=\\",
        "'",
        "-XX:+UseG1GC -Dlog4j=file:/a",
        "",
    ),
    "role": ("*", "analytics", "eng/data", "/a", "..", "a b", "-a"),
    "url": (
        "http://h:8080/x",
        "mesos://h:5050",
        "mesos://zk://a:2181,b:2181/mesos",
        "http://[::1]:80",
        "h",
        "http://",
    ),
    "attributes": ("os:centos7;rack:3", "ports:[1-5,7-9];tags:{a,b}", "a:[5-1]", "a:{", "a:-1.5"),
    "text": ("", "a b", "it's", "/opt/spark", "s3a://bucket/x.tgz", "${HOME}", "päth"),
}
"""By kind: values that are right, wrong and nearly right."""


class OddTexts(random.Random):
    """A source of odd texts. The same seed makes the same texts."""

    def value(self, kind: str) -> str:
        """A text that is, was or nearly is of a kind of `SAMPLES`."""
        text = self.choice(SAMPLES[kind])
        if self.random() < 0.1:
            text += self.choice((",", ";", " ", ":")) + self.choice(SAMPLES[kind])
        return self.mutated(text)

    def any_value(self) -> str:
        """A text of any kind."""
        return self.value(self.choice(list(SAMPLES)))

    def noise(self, longest: int = 40) -> str:
        """Characters that mean something to somebody."""
        return "".join(self.choices(_SPECIAL, k=self.randint(0, longest)))

    def mutated(self, text: str) -> str:
        """`text` after none to four accidents; once in a while one that makes it very long."""
        for _ in range(self.choice((0, 0, 0, 1, 1, 2, 4))):
            text = self.choice(_ACCIDENTS)(self, text)
        return text

    def place(self, text: str) -> int:
        """A place in a text, between its characters."""
        return self.randint(0, len(text))

    def encoded(self, text: str) -> bytes:
        """The bytes of a file that holds `text`, now and then in a wrong encoding or damaged."""
        odds = self.random()
        if odds < 0.03:
            return text.encode(self.choice(("utf-16", "latin-1", "utf-8-sig")), "replace")
        data = text.encode("utf-8", "surrogatepass" if odds < 0.06 else "replace")
        if odds > 0.97 and data:
            place = self.randrange(len(data))
            return data[:place] + bytes([self.randrange(256)]) + data[place + 1 :]
        return data


def _insert(odd: OddTexts, text: str) -> str:
    at = odd.place(text)
    return text[:at] + odd.choice(_SPECIAL) + text[at:]


def _delete(odd: OddTexts, text: str) -> str:
    at = odd.place(text)
    return text[:at] + text[at + 1 :]


def _truncate(odd: OddTexts, text: str) -> str:
    return text[: odd.place(text)]


def _double(odd: OddTexts, text: str) -> str:
    first, last = sorted((odd.place(text), odd.place(text)))
    return text[:last] + text[first:last] + text[last:]


def _change_case(odd: OddTexts, text: str) -> str:
    return odd.choice((text.upper(), text.lower(), text.title()))


def _surround(odd: OddTexts, text: str) -> str:
    around = odd.choice((" ", "'", '"', "\t", "\n", "\xa0", "`"))
    return around + text + around


def _lengthen(odd: OddTexts, text: str) -> str:
    if odd.random() < 0.95:
        return text
    first = odd.place(text)
    piece = text[first : first + odd.randint(1, 20)] if odd.random() < 0.7 else odd.noise(3)
    return text + piece * (odd.choice((1_000, 20_000, 200_000)) // max(1, len(piece)))


_ACCIDENTS: Sequence[Callable[[OddTexts, str], str]] = (
    _insert,
    _insert,
    _delete,
    _truncate,
    _double,
    _change_case,
    _surround,
    _lengthen,
)
