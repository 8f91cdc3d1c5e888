from __future__ import annotations

import traceback

import pytest

from sparkmesos_core.conf.configuration import Configuration
from sparkmesos_core.conf.setting import Origin, Setting, Source
from sparkmesos_core.errors import ConfigurationError

CONF = Origin(Source.CONF, "--conf")
FILE = Origin(Source.FILE, "some.conf", 3)


def test_the_strongest_layer_wins_and_the_last_setting_in_it() -> None:
    first, second = Setting("spark.a", "1", CONF), Setting("spark.a", "2", CONF)
    third, other = Setting("spark.a", "3", FILE), Setting("spark.b", "4", FILE)
    configuration = Configuration(([first, second], [third, other]))
    assert dict(configuration) == {"spark.a": "2", "spark.b": "4"}
    assert configuration.setting("spark.a") == second
    assert configuration.overridden("spark.a") == (first, third)
    assert configuration.setting("spark.c") is None
    assert configuration.overridden("spark.c") == ()


def test_what_is_not_sparks_is_set_aside() -> None:
    odd, file = Setting("odd.key", "1", CONF), Setting("spark", "2", FILE)
    configuration = Configuration(([odd, Setting("spark.a", "1", CONF)], [file]))
    assert list(configuration) == ["spark.a"]
    assert configuration.ignored == (odd, file)


def test_a_layer_above() -> None:
    below, kept = Setting("spark.a", "1", CONF), Setting("spark.b", "2", CONF)
    above, odd = Setting("spark.a", "0", Origin(Source.OPTION, "--option")), Setting("odd", "", CONF)
    configuration = Configuration(([below, kept, odd],)).above([above, kept])
    assert dict(configuration) == {"spark.a": "0", "spark.b": "2"}
    assert configuration.overridden("spark.a") == (below,)
    assert configuration.overridden("spark.b") == ()  # said once, not twice
    assert configuration.ignored == (odd,)


def test_without_some_settings() -> None:
    first, second, odd = (Setting(key, "1", CONF) for key in ("spark.a", "spark.b", "odd"))
    third = Setting("spark.a", "2", FILE)
    configuration = Configuration(([first, second, odd], [third])).without(lambda one: one.origin == CONF)
    assert dict(configuration) == {"spark.a": "2"}
    assert configuration.overridden("spark.a") == ()
    assert configuration.ignored == (odd,)


def test_typed_values() -> None:
    configuration = Configuration([[Setting("spark.mesos.coarse", "false", CONF)]])
    assert configuration.typed("spark.mesos.coarse") is False
    assert configuration.typed("spark.mesos.extra.cores") == 0  # the default
    assert configuration.typed("spark.mesos.role") is None
    with pytest.raises(KeyError):
        configuration.typed("spark.mesos.no.such")


def test_a_value_of_the_wrong_type_names_its_place() -> None:
    configuration = Configuration([[Setting("spark.mesos.coarse", "maybe", FILE)]])
    with pytest.raises(ConfigurationError, match=r"^spark\.mesos\.coarse, set in some\.conf:3: .*maybe"):
        configuration.typed("spark.mesos.coarse")


def test_a_secret_of_the_wrong_type_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    from sparkmesos_core.conf.properties import registry
    from sparkmesos_core.conf.properties.registered_property import Property
    from sparkmesos_core.conf.values import value_types

    secret = Property("spark.mesos.pin", value_types.INTEGER, "A pin", "1.0.0", frozenset(), secret=True)
    monkeypatch.setattr(registry, "find_property", lambda key: secret if key == secret.name else None)
    configuration = Configuration([[Setting(secret.name, "hunter2", FILE)]])
    with pytest.raises(ConfigurationError, match=r"some\.conf:3: its secret value is malformed") as caught:
        configuration.typed(secret.name)
    shown = "".join(traceback.format_exception(caught.value)).replace('"hunter2"', "")  # our own source line
    assert "hunter2" not in shown + caught.value.hint
