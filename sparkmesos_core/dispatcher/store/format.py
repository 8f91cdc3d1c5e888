"""The text that drivers are stored as, whatever the store: JSON in ASCII, with secrets in it.

A driver that cannot be understood is left out by stores, and left where it is. So that this never happens to
all drivers after a step back to an older version of this toolkit, stores have a version of their own
(`VERSION`, to be raised together with that in `drivers/driver.py`), and one of a newer version is refused.
"""

from __future__ import annotations

import json

from sparkmesos_core.dispatcher.drivers.driver import Driver

VERSION = 1
"""Of what stores hold. Newer ones are refused."""


def encode(driver: Driver) -> str:
    """One line of ASCII. What JSON has no character for, such as half a surrogate pair, is escaped."""
    return json.dumps(driver.to_json(), separators=(",", ":"))


def decode(driver_id: str, text: bytes) -> Driver:
    """What `encode` made for the driver of this id. Raises ValueError, with what is wrong in words."""
    try:
        driver = Driver.from_json(json.loads(text))
    except KeyError as error:
        raise ValueError(f"it has no field {error}") from None
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        # The messages of others may quote what they stumbled on, and that may be a secret.
        raise ValueError(f"it is not the JSON of a driver ({type(error).__name__})") from None
    if driver.id != driver_id:
        raise ValueError("it is stored under an id that is not its own")
    if type(driver.number) is not int or driver.number < 1:
        raise ValueError("its number is none")
    return driver
