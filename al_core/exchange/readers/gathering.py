"""Gather the masks of many frames that stand anywhere in a file; a fault in a frame costs that frame and no other."""

from dataclasses import dataclass, field

from al_core.errors import BadLabel
from al_core.exchange.drawn import Asked, AskedBy, DrawnFrame, DrawnMask, FileContent, FrameName
from al_core.masks.rle import Rle, area
from al_core.records import IGNORE_TRACK


@dataclass(slots=True)
class _Gathered:
    """One frame: its masks so far, and whether the file numbers its objects."""

    asked: Asked
    masks: list[DrawnMask] = field(default_factory=list)
    unnumbered: int = 0


class Gatherer:
    """Puts what a file says into frames.

    Args:
        name: of the file, for messages.
        asked_by: finds the frame that a name means.
    """

    def __init__(self, name: str, asked_by: AskedBy) -> None:
        self._name = name
        self._asked_by = asked_by
        self._frames: dict[str, _Gathered] = {}
        self._known: dict[FrameName, str] = {}
        self._strange: list[str] = []
        self._faults: dict[str, str] = {}
        self._notes: dict[str, int] = {}

    def frame(self, name: FrameName, size: tuple[int, int] | None = None) -> Asked | None:
        """Note that the file labels a frame, with or without objects; returns None where it means none of the project.

        Args:
            size: (height, width) that the file gives, in pixels.
        """
        if name in self._known:
            known = self._known[name]
            return self._frames[known].asked if known else None
        try:
            asked = self._asked_by(name)
        except BadLabel as error:
            self._strange.append(str(error))
            self._known[name] = ""
            return None
        self._known[name] = asked.request_id
        self._frames.setdefault(asked.request_id, _Gathered(asked))
        if size is not None and size != (asked.height, asked.width):
            self.fault(
                asked,
                f"the file says {size[0]}x{size[1]} pixels (height x width), its frame is {asked.height}x{asked.width}",
            )
        return asked

    def add(
        self, asked: Asked, number: int | None, category: str | None, rle: Rle, attributes: tuple[str, ...] = ()
    ) -> None:
        """Add an object to a frame; one without a pixel is left out.

        Args:
            number: of the object, from 1; 0 for a region to ignore, None where the file gives none.
            attributes: what else is said of it, rising.
        """
        frame = self._frames[asked.request_id]
        if (rle.height, rle.width) != (asked.height, asked.width):
            self.fault(
                asked,
                f"a mask is {rle.height}x{rle.width} pixels (height x width), its frame is "
                f"{asked.height}x{asked.width}",
            )
        elif not area(rle):
            self.note("objects without a pixel were left out: {n}")
        elif number is None:
            frame.unnumbered += 1
            frame.masks.append(DrawnMask(frame.unnumbered, category, rle, attributes))
        elif number and number in [mask.track_id for mask in frame.masks]:
            self.fault(asked, f"object {number} is there twice; an object appears once in a frame")
        else:
            ignored = number == IGNORE_TRACK
            frame.masks.append(DrawnMask(number, None if ignored else category, rle, () if ignored else attributes))

    def fault(self, asked: Asked, message: str) -> None:
        """Say why a frame cannot be used; the first reason holds."""
        self._faults.setdefault(asked.request_id, message)

    def note(self, words: str, count: int = 1) -> None:
        """Count something that was read otherwise than it may have been meant; ``{n}`` in the words is the count."""
        self._notes[words] = self._notes.get(words, 0) + count

    def content(self) -> FileContent[DrawnFrame]:
        """Return what the file says.

        Raises:
            BadLabel: nothing of it can be used.
        """
        frames = {
            key: DrawnFrame(tuple(found.masks), numbered=not found.unnumbered)
            for key, found in self._frames.items()
            if key not in self._faults
        }
        faults = [f"{self._name}: {key}: {reason}" for key, reason in self._faults.items()]
        if self._strange:
            more = f" (and {len(self._strange) - 1:,} like it)" if len(self._strange) > 1 else ""
            faults.append(f"{self._name}: {self._strange[0]}{more}")
        if not frames:
            raise BadLabel("; ".join(faults[:3]) or f"{self._name}: it labels no frame")
        return FileContent(frames, tuple(faults), self._told())

    def _told(self) -> tuple[str, ...]:
        return tuple(f"{self._name}: {words.format(n=count)}" for words, count in self._notes.items())
