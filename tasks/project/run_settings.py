"""The settings that a command or a scheduled run asks for."""

from collections.abc import Mapping
from typing import Any

from al_core.project import Project
from al_core.settings import Settings, load_settings
from tasks.ledger.client import open_ledger


def asked_settings(project: Project, preset: str | None, changes: Mapping[str, Any]) -> Settings:
    """A preset or file with changes; without a preset, what the project's last round ran with.

    Args:
        changes: values by dotted name.

    Raises:
        BadSettings: a name that is no setting, or a value that does not fit.
    """
    last = open_ledger(project).last_round()
    base = load_settings(preset or "default") if preset or last is None else last.settings
    return base.changed(changes)
