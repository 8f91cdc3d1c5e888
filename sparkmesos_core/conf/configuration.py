"""A configuration: what all places together say, the strongest winning."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from sparkmesos_core.conf.setting import Setting
from sparkmesos_core.errors import ConfigurationError, UsageError


class Configuration(Mapping[str, str]):
    """The effective properties of one program, each with every place that set it.

    As a mapping it holds the effective values of what is set; defaults are the registry's business.
    """

    def __init__(self, layers: Iterable[Sequence[Setting]]) -> None:
        """Takes layers from the strongest to the weakest; within a layer the last setting of a key wins.

        Keys that do not begin with `spark.` are set aside, as Spark does (`SparkSubmitArguments`).
        """
        self._settings: dict[str, list[Setting]] = {}
        ignored: list[Setting] = []
        for layer in layers:
            for setting in reversed(layer):
                if setting.key.startswith("spark."):
                    self._settings.setdefault(setting.key, []).append(setting)
            ignored += [setting for setting in layer if not setting.key.startswith("spark.")]
        self.ignored: tuple[Setting, ...] = tuple(ignored)
        """What Spark passes over, since it does not begin with `spark.`."""

    def __getitem__(self, key: str) -> str:
        return self._settings[key][0].value

    def __iter__(self) -> Iterator[str]:
        return iter(self._settings)

    def __len__(self) -> int:
        return len(self._settings)

    def setting(self, key: str) -> Setting | None:
        """The effective setting of a key; None if nothing sets it."""
        settings = self._settings.get(key)
        return settings[0] if settings else None

    def overridden(self, key: str) -> tuple[Setting, ...]:
        """What else was said about a key, without effect, the strongest first."""
        return tuple(self._settings.get(key, ())[1:])

    def above(self, settings: Sequence[Setting]) -> Configuration:
        """This configuration with `settings` as a layer that is stronger than all others."""
        above = Configuration((settings,))
        for key, weaker in self._settings.items():
            stronger = above._settings.setdefault(key, [])
            stronger += [setting for setting in weaker if setting not in stronger]
        above.ignored += self.ignored
        return above

    def without(self, is_void: Callable[[Setting], bool]) -> Configuration:
        """This configuration without the settings for which `is_void` holds."""
        remaining = Configuration(())
        remaining.ignored = self.ignored
        for key, settings in self._settings.items():
            if kept := [setting for setting in settings if not is_void(setting)]:
                remaining._settings[key] = kept
        return remaining

    def typed(self, key: str) -> Any:
        """The value of a registered property as its type, or its default.

        None if it is neither set nor has a default. Raises ConfigurationError, naming the place but never a
        secret, for a value that is not of the property's type, and KeyError for a key that is not in the
        registry.
        """
        from sparkmesos_core.conf.properties.registry import (
            find_property,  # which is large, and not always needed
        )

        found = find_property(key)
        if found is None:
            raise KeyError(key)
        setting = self.setting(key)
        if setting is None:
            return found.default_value()
        try:
            return found.type.parse(setting.value)
        except UsageError as error:
            if not found.secret:
                raise ConfigurationError(setting, error) from error
        # Out of the except block, so that not even a traceback shows the text.
        reason = UsageError("its secret value is malformed", hint=f"Give {found.type.expects}.")
        raise ConfigurationError(setting, reason)
