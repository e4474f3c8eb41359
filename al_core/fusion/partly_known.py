"""Labels that do not say all that is in their frames: each object is carried from the frames in which it is known."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from al_core.fusion.pairing import Propagated
from al_core.propagation.base import PropagatedFrame
from al_core.records import FrameLabel


def known_alike(labels: Mapping[int, FrameLabel]) -> list[dict[int, FrameLabel]]:
    """Split the labels of a video by objects, so that those of each part say all of its objects.

    Args:
        labels: by frame, with identities that hold for the whole video.

    Returns:
        Parts in the order of their first objects, each with complete labels. Where all labels are complete there is one
        part; where none is and none has a mask, it has no labels.
    """
    complete = frozenset(i for i, label in labels.items() if label.complete)
    if len(complete) == len(labels):
        return [dict(labels)]
    known: dict[int, set[int]] = {m.track_id: set(complete) for label in labels.values() for m in label.objects}
    for frame_idx, label in labels.items():
        for track in label.tracks & known.keys():
            known[track].add(frame_idx)
    together: defaultdict[frozenset[int], set[int]] = defaultdict(set)
    for track in sorted(known):
        together[frozenset(known[track])].add(track)
    return [_of_tracks(labels, frames, tracks) for frames, tracks in together.items()] or [
        {i: labels[i] for i in sorted(complete)}
    ]


def _of_tracks(labels: Mapping[int, FrameLabel], frames: frozenset[int], tracks: set[int]) -> dict[int, FrameLabel]:
    mine = {i: tuple(m for m in labels[i].masks if m.track_id in tracks) for i in sorted(frames)}
    return {i: replace(labels[i], masks=masks, complete=True, absent=()) for i, masks in mine.items()}


def side_by_side(sources: Sequence[Propagated]) -> Propagated:
    """Return the objects of several propagations of one clip together; no object is in two of them."""

    def frames() -> Iterator[PropagatedFrame]:
        for found in zip(*(source() for source in sources), strict=True):
            tracks = {track: carried for frame in found for track, carried in frame.tracks.items()}
            yield PropagatedFrame(found[0].frame_idx, dict(sorted(tracks.items())))

    return sources[0] if len(sources) == 1 else frames
