"""Numbers for the objects of files that give none: one object over a whole video has one number where that can be."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from al_core.exchange.drawn import DrawnFrame, DrawnMask
from al_core.records import IGNORE_TRACK


@dataclass(frozen=True, slots=True)
class Numbered:
    """The frames of one video with numbered objects.

    Attributes:
        lasting: whether a number is the same object in all of them.
    """

    frames: dict[int, DrawnFrame]
    lasting: bool


def number_objects(frames: Mapping[int, DrawnFrame], known: Mapping[str, int]) -> Numbered:
    """Give every object of one video a number.

    Numbers of the file hold. Where frames lack them, and no frame shows two objects of a category, an object is told by
    its category. Otherwise objects keep the numbers that they have by their order in each frame, which do not last.

    Args:
        frames: by frame.
        known: by category, the number of the only object that earlier labels show of it.
    """
    if all(frame.numbered for frame in frames.values()):
        return Numbered(dict(frames), True)
    if any(_shows_two_alike(frame) for frame in frames.values()):
        return Numbered(dict(frames), False)
    numbers = _numbers(frames, known)
    told = {
        index: frame if frame.numbered else replace(frame, masks=tuple(_renumbered(m, numbers) for m in frame.masks))
        for index, frame in frames.items()
    }
    return Numbered(told, True)


def _shows_two_alike(frame: DrawnFrame) -> bool:
    """Tell whether a frame shows two objects of a category."""
    return len({mask.category for mask in frame.objects}) < len(frame.objects)


def _numbers(frames: Mapping[int, DrawnFrame], known: Mapping[str, int]) -> dict[str, int]:
    """Return a number for the object of each category: one that is known or given, else the next free one."""
    numbers = dict(known)
    given = [mask for frame in frames.values() if frame.numbered for mask in frame.objects]
    for mask in given:
        numbers.setdefault(mask.category or "", mask.track_id)
    for mask in (mask for frame in frames.values() for mask in frame.objects):
        taken = {*numbers.values(), *(m.track_id for m in given)}
        free = next(n for n in range(1, len(taken) + 2) if n not in taken)
        numbers.setdefault(mask.category or "", free)
    return numbers


def _renumbered(mask: DrawnMask, numbers: Mapping[str, int]) -> DrawnMask:
    return mask if mask.track_id == IGNORE_TRACK else replace(mask, track_id=numbers[mask.category or ""])
