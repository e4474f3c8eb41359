"""Every setting of a project: what is in force, what is default, what waits, and from when on a change holds."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from al_core.campaign.changes import differences, last_chance
from al_core.errors import UnknownName
from al_core.ledger.campaign.steering import Pause
from al_core.ledger.store import Ledger
from al_core.settings import Settings, leaves, load_settings

MATTER = (
    "student.config",
    "student.init_weights",
    "selection.strategy",
    "selection.frames_per_round",
    "annotator.backend",
    "annotator.ahead",
    "propagation.methods",
    "stopping.max_rounds",
    "stopping.max_human_frames",
    "schedule.deadline_hours",
)
"""Settings that shape a campaign most, and are shown although they are as by default."""


@dataclass(frozen=True, slots=True)
class SettingRow:
    """One setting.

    Attributes:
        name: dotted.
        value: in force: of the round at work, or else what the next round begins with.
        default: what it is where nobody asks for anything.
        waits: whether another value was asked for, which holds from the next round on.
        next: the value that the next round begins with.
        earlier: step -> value, for the finished steps of the round at work that ran with another value.
        holds_from: number of the round that would take a change made now.
    """

    name: str
    value: Any
    default: Any
    waits: bool
    next: Any
    earlier: Mapping[str, Any]
    holds_from: int

    @property
    def is_default(self) -> bool:
        """Whether it is as by default, in the next round too."""
        return self.value == self.default and not self.waits and not self.earlier

    @property
    def section(self) -> str:
        """The first part of its name; empty where it has one part."""
        return self.name.rpartition(".")[0]


@dataclass(frozen=True, slots=True)
class SettingsView:
    """All settings of a project.

    Attributes:
        round_id: of the newest round; 0 where there is none.
        status: of that round: "running", "finished" or "abandoned"; empty where there is none.
        done: its steps that are done, in order.
        paused: the pause that the project is in, or None.
        rows: one a setting, in the order of the settings.
    """

    round_id: int
    status: str
    done: tuple[str, ...]
    paused: Pause | None
    rows: tuple[SettingRow, ...]

    def chosen(self, name: str) -> "SettingsView":
        """Return the view of one section, or of one setting.

        Raises:
            UnknownName: there is neither of that name; the message says what may have been meant.
        """
        rows = tuple(row for row in self.rows if name in (row.name, row.section))
        if not rows:
            if "." in name:
                raise UnknownName("setting", name, (row.name for row in self.rows))
            raise UnknownName("section of settings", name, dict.fromkeys(row.section or row.name for row in self.rows))
        return SettingsView(self.round_id, self.status, self.done, self.paused, rows)

    def short(self) -> "SettingsView":
        """Return the view of what is not as by default, and of what shapes a campaign most."""
        rows = tuple(row for row in self.rows if row.name in MATTER or not row.is_default)
        return SettingsView(self.round_id, self.status, self.done, self.paused, rows)

    def to_json(self) -> dict[str, Any]:
        """Return the view for programs."""
        this = {"round_id": self.round_id, "status": self.status, "done": list(self.done)}
        return {
            "round": this if self.status else None,
            "paused": self.paused and {"who": self.paused.who, "since": f"{self.paused.since.isoformat()}Z"},
            "settings": {
                row.name: {
                    "value": row.value,
                    "default": row.default,
                    "next_round": row.next,
                    "steps": dict(row.earlier),
                    "change_holds_from_round": row.holds_from,
                }
                for row in self.rows
            },
        }


def view_settings(ledger: Ledger) -> SettingsView:
    """Read all settings of a project from its ledger; nothing is changed."""
    default = load_settings("default")
    with ledger.held():
        last, asked, paused = ledger.last_round(), ledger.wanted(), ledger.paused()
        steps = [] if last is None else [step for step in ledger.steps(last.round_id) if step.status == "finished"]
        ran = {step.name: ledger.step_settings(step.round_id, step.name).settings for step in steps}
    following = asked or (default if last is None else last.settings)
    at_work = last is not None and last.status == "running"
    current = last.settings if last is not None and at_work else following
    round_id = 0 if last is None else last.round_id
    done = tuple(step.name for step in steps)
    taking = {name: round_id for name, _ in leaves(default.model_dump()) if at_work and last_chance(name) not in ran}
    rows = tuple(_rows(current, following, default, ran if at_work else {}, taking, round_id + 1))
    return SettingsView(round_id, "" if last is None else last.status, done, paused, rows)


def _rows(
    current: Settings,
    following: Settings,
    default: Settings,
    ran: Mapping[str, Settings],
    taking: Mapping[str, int],
    next_round: int,
) -> Iterator[SettingRow]:
    value, later, usual = (dict(leaves(settings.shown())) for settings in (current, following, default))
    then = {step: dict(leaves(settings.shown())) for step, settings in ran.items()}
    waits = differences(current, following)
    for name in value:
        yield SettingRow(
            name,
            *(value[name], usual[name]),
            waits=name in waits,
            next=later[name],
            earlier={step: had[name] for step, had in then.items() if had[name] != value[name]},
            holds_from=taking.get(name, next_round),
        )
