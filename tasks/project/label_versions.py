"""What each round delivered is a version of the labels: list them, and compare two of them."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from al_core.errors import BadVideo, UnknownName
from al_core.evaluation.label_diff import LabelDiff, compare
from al_core.ledger.store import Ledger
from al_core.project import Project
from al_core.records import DeliveredMask, FrameRef, Provenance
from al_core.stores.delivered import read_delivered


@dataclass(frozen=True, slots=True)
class Version:
    """The labelled videos of one round.

    Attributes:
        delivered_at: when the round was finished, UTC without zone; None while it goes on.
        abandoned: whether the round was given up, so that nothing goes on from what it delivered.
        masks: by provenance.
        sha256: of every mask with its frame, track, category, provenance and pixels: equal content, equal hash.
    """

    round_id: int
    delivered_at: datetime | None
    human_frames: int
    masks: dict[str, int]
    sha256: str
    abandoned: bool = False


def versions(project: Project, ledger: Ledger) -> list[Version]:
    """Return every round that delivered masks, in order.

    All masks of all rounds are read for their hashes.
    """
    with ledger.held():
        coverage = {row["round_id"]: row for row in ledger.coverage()}
        rounds = [(this, ledger.delivered_paths(this.round_id)) for this in ledger.rounds()]
    found = []
    for this, paths in rounds:
        if paths:
            known = coverage[this.round_id]
            masks = {name: count for name, (_, count) in known["delivered"].items()}
            sha256 = _content_hash(project, paths)
            abandoned = this.status == "abandoned"
            found.append(Version(this.round_id, this.finished_at, known["human_frames"], masks, sha256, abandoned))
    return found


def abandoned_note(round_id: int) -> str:
    """Say of an abandoned round what its masks are."""
    return f"round {round_id} was abandoned: later rounds were made as if it had delivered nothing"


def compare_rounds(
    project: Project, ledger: Ledger, before: int, after: int, video: str | None = None
) -> dict[str, LabelDiff]:
    """Compare the masks of two rounds, by video.

    Raises:
        UnknownName: a round that delivered nothing, or a video that neither has.
    """
    old, new = (_delivered(ledger, round_id) for round_id in (before, after))
    videos = ledger.videos() if video is None else [ledger.video(video)]
    known = {v.name: v for v in videos if v.video_id in old or v.video_id in new}
    if video is not None and video not in known:
        others = [v.name for v in ledger.videos() if v.video_id in old or v.video_id in new]
        raise UnknownName("video with delivered masks", video, others)
    said_then, said_now = (_said(ledger, round_id) for round_id in (before, after))
    return {
        name: compare(
            _masks(project, old.get(this.video_id), this.video_id, said_then),
            _masks(project, new.get(this.video_id), this.video_id, said_now),
            this.identities,
        )
        for name, this in known.items()
    }


def frame_of(ledger: Ledger, video: str, frame_idx: int) -> FrameRef:
    """Return a frame by the name of its video.

    Raises:
        UnknownName: no such video.
        BadVideo: the video has no such frame.
    """
    found = ledger.video(video)
    if frame_idx >= found.n_frames:
        raise BadVideo(f"{video} has the frames 0 to {found.n_frames - 1:,}, got {frame_idx}")
    return FrameRef(found.video_id, frame_idx)


def _delivered(ledger: Ledger, round_id: int) -> dict[int, str]:
    paths = ledger.delivered_paths(round_id)
    if not paths:
        known = [str(r.round_id) for r in ledger.rounds() if ledger.delivered_paths(r.round_id)]
        raise UnknownName("round with delivered masks", str(round_id), known)
    return paths


Said = dict[tuple[int, int, int], tuple[str, ...]]
"""What people said of objects beside their masks, by video, frame and track; most say nothing."""


def _said(ledger: Ledger, round_id: int) -> Said:
    """Return what was said when a round ended: files of delivered masks do not keep it."""
    labels = ledger.human_labels(up_to_round=round_id, as_of=ledger.round(round_id).finished_at)
    return {
        (label.frame.video_id, label.frame.frame_idx, mask.track_id): mask.attributes
        for label in labels
        for mask in label.objects
        if mask.attributes
    }


def _masks(project: Project, path: str | None, video_id: int, said: Said) -> Iterator[tuple[int, list[DeliveredMask]]]:
    for frame_idx, masks in () if path is None else read_delivered(project.absolute(path)):
        yield (
            frame_idx,
            [
                replace(m, attributes=said.get((video_id, frame_idx, m.track_id), ()))
                if m.provenance is Provenance.HUMAN
                else m
                for m in masks
            ],
        )


def _content_hash(project: Project, paths: dict[int, str]) -> str:
    digest = hashlib.sha256()
    for video_id, path in sorted(paths.items()):
        for frame_idx, masks in read_delivered(project.absolute(path)):
            for mask in sorted(masks, key=lambda m: m.track_id):
                what = [video_id, frame_idx, mask.track_id, mask.category_id, mask.provenance.value, mask.rle.to_json()]
                digest.update(json.dumps(what).encode())
    return digest.hexdigest()
