"""A configuration: what all places together say, the strongest winning."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from sparkmesos_core.conf.setting import Setting
from sparkmesos_core.errors import ConfigurationError, UsageError


class Configuration(Mapping[str, str]):
    """The effective properties of one program, each with every place that set it.

    As a mapping it holds the effective values of what is set; defaults are the registry's business.
    """

    def __init__(self, layers: Iterable[Sequence[Setting]]) -> None:
        """Takes layers from the strongest to the weakest; within a layer the last setting of a key wins."""
        self._settings: dict[str, list[Setting]] = {}
        for layer in layers:
            for setting in reversed(layer):
                self._settings.setdefault(setting.key, []).append(setting)

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

    def typed(self, key: str) -> Any:
        """The value of a registered property as its type, or its default.

        None if it is neither set nor has a default. Raises ConfigurationError, naming the place, for a value
        that is not of the property's type, and KeyError for a key that is not in the registry.
        """
        from sparkmesos_core.conf.registry import find_property  # which is large, and not always needed

        found = find_property(key)
        if found is None:
            raise KeyError(key)
        setting = self.setting(key)
        if setting is None:
            return found.default_value()
        try:
            return found.type.parse(setting.value)
        except UsageError as error:
            raise ConfigurationError(setting, error) from error
