"""Follow footage that was moved: it is known by its content, wherever it lies and whatever it is called now."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from al_core.errors import BadVideo, FewframesError
from al_core.footage.discovery import survey
from al_core.footage.sources import Source
from al_core.ledger.store import Ledger
from al_core.records import Progress, Video


@dataclass(frozen=True, slots=True)
class Moves:
    """What became of the footage of a project.

    Attributes:
        moved: (video, its place before) of those that were found elsewhere.
        missing: videos whose footage is nowhere now.
        others: footage that is none of the project's, or cannot be read.
    """

    moved: tuple[tuple[Video, str], ...]
    missing: tuple[Video, ...]
    others: tuple[Path, ...]


def relocate(ledger: Ledger, paths: Iterable[Path], on_progress: Callable[[Progress], None] | None = None) -> Moves:
    """Look for the footage of a project below some paths, by content, and note where it lies now.

    Footage that lies where the project looks for it stays there.

    Raises:
        BadVideo: one of the paths is not there; nothing is changed.
    """
    found: list[Source] = []
    for path in paths:
        if not path.exists():
            raise BadVideo(f"{path}: there is no such file or folder; name where the footage lies now")
        found += survey(path).sources
    known = {video.sha256: video for video in ledger.videos()}
    moved, others = [], []
    for done, source in enumerate(found, start=1):
        video = known.get(_content_of(source))
        if video is None:
            others.append(source.path)
        elif not Path(video.uri).exists():
            known[video.sha256] = ledger.move_video(video.video_id, str(source.path.absolute()))
            moved.append((known[video.sha256], video.uri))
        if on_progress is not None:
            on_progress(Progress(done, len(found), source.name))
    missing = tuple(video for video in known.values() if not Path(video.uri).exists())
    return Moves(tuple(moved), missing, tuple(others))


def _content_of(source: Source) -> str:
    """Return the hash of a source; empty where it cannot be read."""
    try:
        return source.sha256()
    except (FewframesError, OSError):
        return ""
