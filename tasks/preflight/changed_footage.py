"""Footage that was changed where it lies after it was taken in."""

from al_core.ledger.store import Ledger
from al_core.project import Project
from tasks.project.ingest import originals


def check_footage(project: Project, ledger: Ledger) -> None:
    """Check that the videos in use show what they showed when they were taken in: their labels are of those pictures.

    A video is read whole only where one of its files was written since, and once.

    Raises:
        BadVideo: one shows something else.
    """
    known, used = originals(project, ledger), ledger.pool_lengths()
    for video in ledger.videos():
        if video.video_id in used:
            known.check(video)
    known.keep()
