"""Messages to a webhook about a project's rounds.

A message never fails a round, and holds it up for five seconds at most: an address that does not answer is tried again
for that long. Then a line in the log says so, and a note in the project, which ``status``, ``doctor`` and the dashboard
show until a message comes through again.
"""

import json
import logging
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from al_core.files import write_whole
from al_core.ledger.file.owner import read_owner
from al_core.project import Project
from al_core.settings import NotifySettings

_log = logging.getLogger(__name__)

BUDGET = 5.0
"""Seconds that telling somebody may take, all tries together."""


class Event(StrEnum):
    """What a message is about."""

    ROUND_READY = "round_ready"
    ROUND_FINISHED = "round_finished"
    NEEDS_YOU = "needs_you"
    FAILED = "failed"


def notify(
    project: Project,
    settings: NotifySettings,
    event: Event,
    text: str,
    *,
    round_id: int | None = None,
    counts: Mapping[str, float] | None = None,
    mend: str = "",
    budget: float = BUDGET,
) -> bool:
    """Tell the webhook of a project, where it has one; returns whether it got the message.

    The body is JSON: ``event``, ``project``, ``round``, ``text`` (a sentence, as chat programs show it), ``counts``,
    ``link`` (to the page) and ``mend`` (what to do).

    Args:
        budget: seconds for all tries together.
    """
    try:
        return _tell(project, settings, event, text, round_id, dict(counts or {}), mend, budget)
    except Exception as error:
        # Nobody's round fails because somebody could not be told of it.
        _log.warning("the message about %s was not delivered: %s", event.value, type(error).__name__)
        return False


@dataclass(frozen=True, slots=True)
class Undelivered:
    """The last message, which nobody got.

    Attributes:
        event: what it was about.
        problem: why; never the address, which may be a secret.
        at: when (UTC without zone).
    """

    event: str
    problem: str
    at: datetime

    def __str__(self) -> str:
        return f"the message about {self.event} at {self.at:%Y-%m-%d %H:%M} UTC was not delivered: {self.problem}"


def undelivered(project: Project) -> Undelivered | None:
    """Return the last message of a project if nobody got it; None where it was delivered, or there was none."""
    try:
        note = json.loads(_note(project).read_text())
        return Undelivered(str(note["event"]), str(note["problem"]), datetime.fromisoformat(note["at"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _tell(
    project: Project,
    settings: NotifySettings,
    event: Event,
    text: str,
    round_id: int | None,
    counts: Mapping[str, float],
    mend: str,
    budget: float,
) -> bool:
    url = os.environ.get(settings.url_variable, "") or settings.url
    if not url:
        return False
    # It costs a tenth of a second to load, for something that most projects never need.
    from tasks.network.delivery import deliver

    owner = read_owner(project.ledger_path)
    body = {
        "event": event.value,
        "project": project.root.name,
        "round": round_id,
        "text": text,
        "counts": counts,
        "link": settings.page_url or ("" if owner is None else owner.url),
        "mend": mend,
    }
    problem = deliver(url, body, budget)
    # On a full disk the note stays what it was.
    with suppress(OSError):
        _keep(project, event, problem)
    if problem:
        _log.warning("the message about %s was not delivered: %s; check notify.url", event.value, problem)
    return not problem


def _keep(project: Project, event: Event, problem: str) -> None:
    if problem:
        now = datetime.now(UTC).replace(tzinfo=None)
        note = {"event": event.value, "problem": problem, "at": now.isoformat(timespec="seconds")}
        write_whole(_note(project), json.dumps(note).encode())
    else:
        _note(project).unlink(missing_ok=True)


def _note(project: Project) -> Path:
    return project.root / "undelivered.json"
