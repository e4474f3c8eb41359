"""Messages to a webhook about a project's rounds.

A message never fails a round, and holds it up for a few seconds at most: an address that does not answer is tried
again for that long, and then a line in the log says so.
"""

import logging
import os
import time
from collections.abc import Mapping
from enum import StrEnum

import httpx

from al_core.ledger.file.owner import read_owner
from al_core.project import Project
from al_core.settings import NotifySettings

_log = logging.getLogger(__name__)

BUDGET = 5.0
"""Seconds that telling somebody may take, all tries together."""

_FIRST_WAIT = 0.25
_MOST_SECONDS_A_TRY = 2.0


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
    url = os.environ.get(settings.url_variable, "") or settings.url
    if not url:
        return False
    owner = read_owner(project.ledger_path)
    body = {
        "event": event.value,
        "project": project.root.name,
        "round": round_id,
        "text": text,
        "counts": dict(counts or {}),
        "link": settings.page_url or ("" if owner is None else owner.url),
        "mend": mend,
    }
    return _deliver(url, body, time.monotonic() + budget)


def _deliver(url: str, body: Mapping[str, object], until: float) -> bool:
    wait, problem = _FIRST_WAIT, ""
    while (left := until - time.monotonic()) > 0:
        try:
            answer = httpx.post(url, json=body, timeout=min(left, _MOST_SECONDS_A_TRY), follow_redirects=False)
            if answer.is_success:
                return True
            problem = f"it answered {answer.status_code}"
            if answer.is_client_error and answer.status_code != httpx.codes.TOO_MANY_REQUESTS:
                break
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            problem = type(error).__name__
        time.sleep(max(0.0, min(wait, until - time.monotonic())))
        wait *= 2
    # The address may be a secret, and so may be what libraries say about it.
    _log.warning("the message about %s was not delivered: %s; check notify.url", body["event"], problem)
    return False
