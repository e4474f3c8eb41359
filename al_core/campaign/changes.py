"""Which changed settings an unfinished round still takes, and which wait for the next one.

Each step runs with the settings that the round has when it begins, and keeps them. A change holds at once where the
step that it is about has not been done; otherwise the round would mix what was done with what was not.
"""

from collections.abc import Collection
from typing import Any, NamedTuple

from al_core.settings import Settings, leaves

LAST_CHANCE = {
    "seed": "select",
    "selection": "select",
    "annotator": "request",
    "discovery": "request",
    "annotator.lease_seconds": "collect",
    "annotator.same_video": "collect",
    "annotator.refiner": "train",
    "annotator.refiner_seconds": "train",
    "annotator.refiner_steps": "train",
    "annotator.review": "collect",
    "annotator.review_share": "collect",
    "annotator.review_order": "finish",
    "annotator.label_studio_url": "collect",
    "annotator.label_studio_token_variable": "collect",
    "annotator.cvat_url": "collect",
    "annotator.cvat_token_variable": "collect",
    "schedule": "collect",
    "student": "train",
    "student.device": "predict",
    "student.long_side": "predict",
    "student.lower_on_memory": "predict",
    "student.max_objects": "predict",
    "teachers": "predict",
    "teachers.decays": "train",
    "teachers.seeds": "train",
    "uncertainty": "predict",
    "frames": "predict",
    "frames.cache_gigabytes": "finish",
    "propagation": "propagate",
    "audit": "audit",
    "certificates": "collect",
    "certificates.judged": "audit",
    "certificates.teach": "train",
    "stopping": "finish",
    "notify": "finish",
    "compute": "finish",
}
"""The step that a setting must come before, to hold in a round that has begun: by name, or by section."""


class Change(NamedTuple):
    """Settings that were asked for while a round is under way.

    Attributes:
        settings: what the steps of the round that are not done run with.
        now: names of the changed settings that hold in this round.
        later: names of those that hold from the next round on.
    """

    settings: Settings
    now: tuple[str, ...]
    later: tuple[str, ...]


def differences(one: Settings, other: Settings) -> list[str]:
    """Return the dotted names of the settings in which two differ, in the order of the settings."""
    return [name for name, value in leaves(other.model_dump()) if value != _value(one, name)]


def taken_by_round(current: Settings, asked: Settings, done: Collection[str]) -> Change:
    """Tell which of the settings asked for an unfinished round takes.

    Args:
        current: what the round runs with.
        done: names of its steps that are done, or are being done.
    """
    changed = differences(current, asked)
    later = tuple(name for name in changed if last_chance(name) in done)
    now = tuple(name for name in changed if name not in later)
    return Change(current.changed({name: _value(asked, name) for name in now}), now, later)


def last_chance(name: str) -> str:
    """Return the step that a setting must come before."""
    return LAST_CHANCE.get(name) or LAST_CHANCE[name.partition(".")[0]]


def _value(settings: Settings, name: str) -> Any:
    value: Any = settings
    for part in name.split("."):
        value = getattr(value, part)
    return value
