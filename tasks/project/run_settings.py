"""The settings that a command or a scheduled run asks for."""

import tomllib
from collections.abc import Iterable, Mapping
from typing import Any

from al_core.errors import BadSettings
from al_core.ledger.store import Ledger
from al_core.project import Project
from al_core.settings import Settings, load_settings
from tasks.ledger.client import open_ledger


def settings_for_run(
    project: Project, preset: str | None, changes: Mapping[str, Any], ledger: Ledger | None = None
) -> Settings:
    """Return a preset or file with changes; without a preset, what was asked for last, or else what the project's last
    round ran with.

    Args:
        changes: values by dotted name.
        ledger: of the project; None to open it.

    Raises:
        BadSettings: a name that is no setting, or a value that does not fit.
    """
    base = load_settings(preset) if preset else settings_in_force(ledger or open_ledger(project))
    return base.changed(changes)


def settings_in_force(ledger: Ledger) -> Settings:
    """Return what the next round begins with where nobody asks for anything else."""
    with ledger.held():
        last = ledger.last_round()
        return ledger.wanted() or (load_settings("default") if last is None else last.settings)


def parse_overrides(overrides: Iterable[str]) -> dict[str, Any]:
    """Parse settings as people write them, NAME=VALUE; a value is TOML, or plain text where it is none.

    Returns:
        Values by dotted name.

    Raises:
        BadSettings: there is no "=".
    """
    values: dict[str, Any] = {}
    for override in overrides:
        name, equals, text = override.partition("=")
        if not equals:
            raise BadSettings(f"--set takes NAME=VALUE, got {override!r}; e.g. --set selection.strategy=random")
        try:
            values[name] = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            values[name] = text
    return values
