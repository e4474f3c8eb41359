"""The objects of a video, as far as people or the loop know them: number, category, and where each was seen."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from al_core.ledger.campaign.categories import GONE
from al_core.masks.rle import Rle, area
from al_core.records import DeliveredMask, FrameLabel, MaskLabel


@dataclass(frozen=True, slots=True)
class VideoObject:
    """One object of a video.

    Attributes:
        track_id: its number in the video.
        category_id: what most people who drew it say it is; where nobody drew it, what the loop says.
        first_frame, last_frame: the first and the last frame in which it was seen.
        labelled: the frames in which people drew it, in order.
        example_frame: where its largest mask is, by people where there is one.
        example: that mask.
    """

    track_id: int
    category_id: int
    first_frame: int
    last_frame: int
    labelled: tuple[int, ...]
    example_frame: int
    example: Rle


Objects = Mapping[int, VideoObject]
"""Objects of a video by their number."""

_Seen = tuple[int, MaskLabel | DeliveredMask]
"""A frame, and a mask in it."""


def drawn_objects(labels: Iterable[FrameLabel]) -> Objects:
    """Return the objects that people drew in frames of one video; regions to ignore are none."""
    found = _gathered((label.frame.frame_idx, mask) for label in labels for mask in label.objects)
    return {
        track: _object(track, masks, tuple(sorted({frame for frame, _ in masks}))) for track, masks in found.items()
    }


def delivered_objects(frames: Iterable[tuple[int, Sequence[DeliveredMask]]]) -> Objects:
    """Return the objects of a delivered video, given its frames with their masks."""
    found = _gathered((frame_idx, mask) for frame_idx, masks in frames for mask in masks if mask.track_id > 0)
    return {track: _object(track, masks, ()) for track, masks in found.items()}


def standing_objects(objects: Objects, ended: Mapping[int, int]) -> Objects:
    """Return objects with the categories that theirs stand for; those of a removed category are left out.

    Args:
        ended: what categories that were merged or removed stand for (:mod:`al_core.ledger.campaign.categories`).
    """
    known = {track: ended.get(found.category_id, found.category_id) for track, found in objects.items()}
    return {track: replace(objects[track], category_id=number) for track, number in known.items() if number != GONE}


def merged(drawn: Objects, delivered: Objects) -> list[VideoObject]:
    """Return all objects in order of their numbers; what people said of one goes before what was worked out."""
    return [_both(drawn.get(track), delivered.get(track)) for track in sorted({*drawn, *delivered})]


def _gathered(masks: Iterable[_Seen]) -> Mapping[int, list[_Seen]]:
    found: defaultdict[int, list[_Seen]] = defaultdict(list)
    for frame_idx, mask in masks:
        found[mask.track_id].append((frame_idx, mask))
    return found


def _object(track: int, masks: Sequence[_Seen], labelled: tuple[int, ...]) -> VideoObject:
    category, _ = Counter(mask.category_id for _, mask in masks).most_common(1)[0]
    frames = [frame for frame, _ in masks]
    example_frame, largest = max(masks, key=lambda entry: area(entry[1].rle))
    return VideoObject(track, category, min(frames), max(frames), labelled, example_frame, largest.rle)


def _both(drawn: VideoObject | None, delivered: VideoObject | None) -> VideoObject:
    if drawn is None or delivered is None:
        found = drawn or delivered
        assert found is not None
        return found
    return replace(
        drawn,
        first_frame=min(drawn.first_frame, delivered.first_frame),
        last_frame=max(drawn.last_frame, delivered.last_frame),
    )
