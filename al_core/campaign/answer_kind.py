"""What a person did to a frame, seen by comparing what came back with what was shown: one rule for every label tool."""

from collections.abc import Iterable

from al_core.masks.rle import run_lengths
from al_core.records import LabelKind, MaskLabel


def answer_kind(masks: Iterable[MaskLabel], shown: Iterable[MaskLabel]) -> LabelKind:
    """Tell whether somebody accepted what was shown, found nothing, or drew.

    Masks count pixel for pixel, with their track and category: a corrected category is a correction. An ignore region
    is something that was drawn: a frame with nothing else in it is not an empty one.

    Args:
        masks: what came back, ignore regions included.
        shown: what the person started from, ignore regions included; nothing where the frame was shown bare.

    Returns:
        ``ABSENT`` where nothing came back, ``ACCEPT`` where it equals what was shown, otherwise ``MASK``.
    """
    drawn = _content(masks)
    if not drawn:
        return LabelKind.ABSENT
    return LabelKind.ACCEPT if drawn == _content(shown) else LabelKind.MASK


def _content(masks: Iterable[MaskLabel]) -> list[tuple[int, int, bytes]]:
    """Return something equal for equal pixels, however they are coded, in whichever order the masks come."""
    return sorted((mask.track_id, mask.category_id, run_lengths(mask.rle).tobytes()) for mask in masks)
