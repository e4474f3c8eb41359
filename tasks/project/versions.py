"""What each round delivered is a version of the labels: list them, and compare two of them."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from al_core.errors import BadSettings, UnknownName
from al_core.evaluation.label_diff import LabelDiff, compare
from al_core.ledger.store import Ledger
from al_core.project import Project
from al_core.records import DeliveredMask, FrameRef
from al_core.stores.delivered import read_delivered


@dataclass(frozen=True, slots=True)
class Version:
    """The labelled videos of one round.

    Attributes:
        delivered_at: when the round was finished, UTC without zone; None while it goes on.
        masks: by provenance.
        sha256: of every mask with its frame, track, category, provenance and pixels: equal content, equal hash.
    """

    round_id: int
    delivered_at: datetime | None
    human_frames: int
    masks: dict[str, int]
    sha256: str


def versions(project: Project, ledger: Ledger) -> list[Version]:
    """Every round that delivered masks, in order."""
    effort = {row["round_id"]: row["human_frames"] for row in ledger.coverage()}
    found = []
    for this in ledger.rounds():
        paths = ledger.delivered_paths(this.round_id)
        if paths:
            masks, sha256 = _content(project, paths)
            found.append(Version(this.round_id, this.finished_at, effort[this.round_id], masks, sha256))
    return found


def compare_rounds(
    project: Project, ledger: Ledger, before: int, after: int, video: str | None = None
) -> dict[str, LabelDiff]:
    """How the masks of two rounds differ, by video.

    Raises:
        UnknownName: a round that delivered nothing, or a video that neither has.
    """
    paths = [ledger.delivered_paths(round_id) for round_id in (before, after)]
    for round_id, found in zip((before, after), paths, strict=True):
        if not found:
            known = [str(r.round_id) for r in ledger.rounds() if ledger.delivered_paths(r.round_id)]
            raise UnknownName("round with delivered masks", str(round_id), known)
    names = {v.name: v for v in ledger.videos() if v.video_id in paths[0] or v.video_id in paths[1]}
    if video is not None and video not in names:
        raise UnknownName("video with delivered masks", video, names)
    return {
        name: compare(
            _masks(project, paths[0], this.video_id), _masks(project, paths[1], this.video_id), this.identities
        )
        for name, this in names.items()
        if video in (None, name)
    }


def frame_of(ledger: Ledger, text: str) -> FrameRef:
    """A frame from ``VIDEO:FRAME``.

    Raises:
        BadSettings: another form, or a frame that the video does not have.
        UnknownName: no such video.
    """
    name, _, number = text.rpartition(":")
    if not name or not number.isdecimal():
        raise BadSettings(f"a frame is given as VIDEO:FRAME, e.g. clip:120, got {text!r}")
    video = ledger.video(name)
    if int(number) >= video.n_frames:
        raise BadSettings(f"{name} has frames 0 to {video.n_frames - 1}, got {number}")
    return FrameRef(video.video_id, int(number))


def _masks(project: Project, paths: dict[int, str], video_id: int) -> Iterator[tuple[int, list[DeliveredMask]]]:
    yield from read_delivered(project.absolute(paths[video_id])) if video_id in paths else ()


def _content(project: Project, paths: dict[int, str]) -> tuple[dict[str, int], str]:
    counts: dict[str, int] = {}
    digest = hashlib.sha256()
    for video_id, path in sorted(paths.items()):
        for frame_idx, masks in read_delivered(project.absolute(path)):
            for mask in sorted(masks, key=lambda m: m.track_id):
                counts[mask.provenance.value] = counts.get(mask.provenance.value, 0) + 1
                what = (video_id, frame_idx, mask.track_id, mask.category_id, mask.provenance.value, mask.rle)
                digest.update(repr(what).encode())
    return counts, digest.hexdigest()
