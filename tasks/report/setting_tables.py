"""The settings of a project for the terminal."""

import json
from collections.abc import Iterator
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from al_core.project import Project
from tasks.project.round_control import changed_in_words, command, pause_in_words
from tasks.report.formatting import many
from tasks.report.setting_rows import SettingRow, SettingsView


def print_settings(project: Project, view: SettingsView, chosen: SettingsView, console: Console) -> None:
    """Print settings with their defaults, what waits, how many are not shown, and how to change one.

    Args:
        view: all settings.
        chosen: those that are shown.
    """
    for line in _about(project, view):
        console.print(line, highlight=False, markup=False, soft_wrap=True)
    console.print(settings_table(chosen))
    for line in _below(project, view, chosen):
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def settings_table(view: SettingsView) -> Table:
    """Return one line per setting, below the name of its section; what is not as by default is bold."""
    waits = any(row.waits for row in view.rows)
    at_work = view.status == "running"
    columns = ["setting", "in force", "default"]
    columns += [f"round {view.round_id + 1}"] if waits else []
    columns += ["a change holds"] if at_work else []
    table = Table(header_style="bold", box=SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0))
    for name in columns:
        table.add_column(name, overflow="fold", no_wrap=name in ("setting", "a change holds"))
    section = ""
    for row in view.rows:
        if row.section != section:
            section = row.section
            table.add_row(Text(section))
        cells = [Text("  " * bool(section) + row.name.rpartition(".")[2]), Text(written(row.value))]
        cells += [Text("the same" if row.value == row.default else written(row.default))]
        cells += [Text(written(row.next) if row.waits else "")] if waits else []
        cells += [Text(_holds(view, row))] if at_work else []
        table.add_row(*cells, style="" if row.is_default else "bold")
    return table


def _holds(view: SettingsView, row: SettingRow) -> str:
    return "in this round" if row.holds_from == view.round_id else f"from round {row.holds_from}"


def written(value: Any) -> str:
    """Write a value as ``--set`` takes it; an empty text as two quotes."""
    if isinstance(value, str):
        return value or '""'
    return json.dumps(value)


def _about(project: Project, view: SettingsView) -> Iterator[str]:
    name = project.root.name
    if view.status == "running":
        done = f"done: {', '.join(view.done)}" if view.done else "no step is done"
        yield f"{name}: round {view.round_id} is at work with these settings ({done})."
    elif view.status:
        yield f"{name}: round {view.round_id} is {view.status}; the next round begins with these settings."
    else:
        yield f"{name}: no round has begun; the first begins with these settings."
    if view.paused is not None:
        yield f"It is {pause_in_words(view.paused)}; to go on: {command('resume', project)}"


def _below(project: Project, view: SettingsView, chosen: SettingsView) -> Iterator[str]:
    waiting = tuple(row.name for row in view.rows if row.waits)
    if waiting:
        yield f"{changed_in_words(waiting)} from round {view.round_id + 1} on."
    for row in chosen.rows:
        yield from _earlier(row)
    left = len(view.rows) - len(chosen.rows)
    if left:
        yield f"{many(left, 'other setting is', 'other settings are')} not shown: {command('settings --all', project)}"
    yield f"To change one: {command('run --set NAME=VALUE', project)}"


def _earlier(row: SettingRow) -> Iterator[str]:
    """Yield with which other values finished steps of the round at work ran, by value."""
    by_value: dict[str, list[str]] = {}
    for step, value in row.earlier.items():
        by_value.setdefault(written(value), []).append(step)
    for value, steps in by_value.items():
        yield f"With {row.name} = {value} ran: {', '.join(steps)}."
