"""Footage that was changed where it lies after it was taken in."""

import os
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from al_core.errors import BadVideo
from al_core.footage.sources import content_hash
from al_core.ledger.store import Ledger
from al_core.records import Video


def check_footage(ledger: Ledger) -> None:
    """Check that the videos in use show what they showed when they were taken in: their labels are of those pictures.

    A video is read whole only where one of its files was written since.

    Raises:
        BadVideo: one shows something else.
    """
    added, used = ledger.videos_added(), ledger.pool_lengths()
    for video in ledger.videos():
        if video.video_id not in used or _written(video) <= added[video.video_id]:
            continue
        with suppress(FileNotFoundError):
            if content_hash(Path(video.uri), video.files) == video.sha256:
                continue
            raise BadVideo(
                f"{video.uri}: was changed since the video {video.name!r} was taken in, and its labels would belong to "
                "other pictures; put the old content back, or exclude that video and take the new content in under "
                "another name"
            )


def _written(video: Video) -> datetime:
    """Return when a video was last written to, UTC without zone; long ago where it is gone: reading it says so."""
    path = Path(video.uri)
    files = [path / name for name in video.files] if video.kind == "folder" else [path]
    newest = 0.0
    with suppress(FileNotFoundError):
        newest = max(os.stat(file).st_mtime for file in files)
    return datetime.fromtimestamp(newest, UTC).replace(tzinfo=None)
