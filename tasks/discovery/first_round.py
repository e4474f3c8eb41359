"""Objects are looked for while people have frames in hand: what is found joins those that nobody has opened yet."""

import logging
from dataclasses import dataclass

from al_core.discovery import DISCOVERERS
from al_core.errors import FewframesError, NotReady, first_line
from al_core.records import Progress, Video
from tasks.discovery.finding import discover
from tasks.progress import progress_of
from tasks.steps.context import RoundContext

_log = logging.getLogger(__name__)

LOOK_EVERY = 32
"""Frames after which it is asked whether anybody still waits for a frame."""


class _NobodyWaits(Exception):
    """All frames are answered."""


@dataclass
class _Watch:
    """Tells how far it is, and ends it when the round waits for no frame any more."""

    context: RoundContext

    def __call__(self, progress: Progress) -> None:
        progress_of("discover")(progress)
        if progress.done % LOOK_EVERY == 0:
            self.look()

    def look(self) -> None:
        """End the search where the round waits for no frame."""
        if not self.context.ledger.requests(self.context.round_id, status="open"):
            raise _NobodyWaits


def discover_for(context: RoundContext) -> int:
    """Look for objects in the videos that a round asks about: where nothing was delivered so far, or from labels.

    Only our page can show what is found after a frame was asked for. What cannot be read is passed over, and so is a
    way for which people have not given enough yet: the round goes on without.

    Returns:
        In how many videos it was looked for.
    """
    settings, ledger = context.settings, context.ledger
    if not settings.discovery.methods or settings.annotator.backend != "page":
        return 0
    method = settings.discovery.methods[0]
    if ledger.last_delivered_round(before=context.round_id) is not None and not DISCOVERERS[method].needs:
        return 0
    done = 0

    def passed_over(video: Video, error: FewframesError) -> None:
        _log.warning("nothing is looked for in %s: %s", video.name, first_line(error))

    videos, watch = _asked_videos(context), _Watch(context)
    try:
        found = discover(context.project, ledger, settings, videos, watch, passed_over=passed_over) if videos else ()
        for _ in found:
            done += 1
            watch.look()
    except _NobodyWaits:
        pass
    except NotReady as error:
        _log.info("nothing is looked for yet: %s", first_line(error))
    except FewframesError as error:
        _log.warning("nothing more is looked for: %s", first_line(error))
    return done


def _asked_videos(context: RoundContext) -> list[Video]:
    """Return the videos of the round's open requests, those that are asked about first before others."""
    asked = sorted(context.ledger.requests(context.round_id, status="open"), key=lambda request: request.rank)
    videos = {video.video_id: video for video in context.videos}
    return [videos[number] for number in dict.fromkeys(r.frame.video_id for r in asked) if number in videos]
