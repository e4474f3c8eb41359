"""Changes to settings as people write them: NAME=VALUE."""

import tomllib
from collections.abc import Iterable
from typing import Any

from al_core.errors import BadSettings


def parse_changes(changes: Iterable[str]) -> dict[str, Any]:
    """Values by dotted name; a value is TOML, or plain text where it is none.

    Raises:
        BadSettings: there is no "=".
    """
    values: dict[str, Any] = {}
    for change in changes:
        name, equals, text = change.partition("=")
        if not equals:
            raise BadSettings(f"--set takes NAME=VALUE, got {change!r}; e.g. --set selection.strategy=random")
        try:
            values[name] = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            values[name] = text
    return values
