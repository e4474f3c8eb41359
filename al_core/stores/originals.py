"""Whether footage still shows what it showed when it was taken in, asked of the file system first."""

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from al_core.errors import BadVideo
from al_core.footage.sources import content_hash
from al_core.records import Video
from al_core.stores.file_hashes import FileHashes


class Originals:
    """Checks videos where they lie: one is read whole only where one of its files was written, or put there, since.

    Args:
        added: when each video was taken in, UTC without zone, by its number; others are not checked.
        hashes: of files as they are, so that what was only touched or moved is read once.
    """

    def __init__(self, added: Mapping[int, datetime], hashes: FileHashes) -> None:
        self._since = {number: at.replace(tzinfo=UTC).timestamp() for number, at in added.items()}
        self._hashes = hashes

    def check(self, video: Video, indices: Sequence[int] | None = None) -> None:
        """Check that a video shows what it did; nothing is said of one that is gone.

        Args:
            indices: of a folder of frames, those whose files tell whether anything was written; None for all.

        Raises:
            BadVideo: it shows something else.
        """
        written = _written(video, indices)
        if written <= self._since.get(video.video_id, written):
            return
        with suppress(FileNotFoundError):
            if content_hash(Path(video.uri), video.files, self._hashes.of) != video.sha256:
                raise BadVideo(
                    f"{video.uri}: was changed since the video {video.name!r} was taken in, and its labels would "
                    "belong to other pictures; put the old content back, or exclude that video and take the new "
                    "content in under another name"
                )
            self._since[video.video_id] = written

    def keep(self) -> None:
        """Keep what was read, for later processes."""
        self._hashes.keep()


def _written(video: Video, indices: Sequence[int] | None) -> float:
    """Return when a video was last written to or put where it is, seconds since 1970; 0 where it is gone."""
    path = Path(video.uri)
    names = video.files if indices is None else [video.files[i] for i in indices if video.files]
    with suppress(FileNotFoundError):
        states = [os.stat(path / name) for name in names] if video.kind == "folder" else [os.stat(path)]
        # A file that another took the place of may be older than it; when its entry changed cannot be chosen.
        return max((max(s.st_mtime, s.st_ctime) for s in states), default=0.0)
    return 0.0
