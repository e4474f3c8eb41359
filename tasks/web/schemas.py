"""Schemas of what people send, checked before anything is made of it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from al_core.campaign.answer_kind import answer_kind
from al_core.errors import BadLabel
from al_core.ledger.labelling.notes import LONGEST_NOTE
from al_core.masks.rle import Rle, run_lengths
from al_core.records import FrameLabel, Gesture, LabelKind, LabelRequest, MaskLabel, Video

MOST_CLICKS = 100
MOST_STROKES = 20
LONGEST_COUNTS = 2**20
"""Characters of one mask; the most ragged masks that people draw at 4K have some ten thousand."""
MOST_GESTURES = 2000
MOST_POINTS = 200
MOST_NAMED = 10_000
MOST_ATTRIBUTES = 40
LARGEST_TRACK = 65_534
"""What an index image of 16 bits can hold."""
LONGEST_ANSWER = 86_400.0

_CHEAP = frozenset({"click", "box", "scribble", "polygon"})
"""Tools that are kinds of label of their own."""

Lease = Annotated[str, Field(max_length=64)]
Seconds = Annotated[float, Field(ge=0, le=LONGEST_ANSWER, allow_inf_nan=False)]
Track = Annotated[int, Field(ge=1, le=LARGEST_TRACK)]
Reason = Annotated[str, Field(max_length=500)]
Name = Annotated[str, Field(max_length=80)]
AttributeName = Annotated[str, Field(max_length=40, pattern=r"^[^:,\s][^:,]*$")]
Coordinate = Annotated[float, Field(ge=-1e6, le=1e6, allow_inf_nan=False)]


class RleBody(BaseModel):
    """One mask."""

    size: tuple[int, int]
    counts: Annotated[str, Field(max_length=LONGEST_COUNTS)]

    def checked(self, video: Video) -> Rle:
        """Return the mask of a frame of a video; it is not decoded.

        Raises:
            BadLabel: another size than the frame's, or counts that are no run lengths of it.
        """
        if self.size != (video.height, video.width):
            raise BadLabel(
                f"the frame is {video.height}x{video.width} pixels (height x width), a mask is "
                f"{self.size[0]}x{self.size[1]}"
            )
        rle = Rle(*self.size, self.counts)
        run_lengths(rle)
        return rle


class MaskBody(BaseModel):
    """One object."""

    track_id: Annotated[int, Field(ge=0, le=LARGEST_TRACK)]
    category_id: Annotated[int, Field(ge=0)]
    rle: RleBody
    attributes: Annotated[list[AttributeName], Field(max_length=MOST_ATTRIBUTES)] = []


Masks = list[MaskBody]
"""As many as go into one body (:data:`tasks.web.middleware.BODY_LIMIT`)."""


class CategoryBody(BaseModel):
    """A category that a lead adds."""

    name: Name
    description: Annotated[str, Field(max_length=2000)] = ""
    colour: Annotated[str, Field(pattern="^(#[0-9a-fA-F]{6})?$")] = ""
    key: Annotated[str, Field(pattern="^[1-9]?$")] = ""


class LeaseBody(BaseModel):
    """A call that needs the frame in hand."""

    lease: Lease


class AsideBody(LeaseBody):
    """Skip, flag or drop."""

    reason: Reason = ""


class DraftBody(LeaseBody):
    """A drawing that is not finished."""

    masks: Masks
    seconds: Seconds


class GestureBody(BaseModel):
    """One thing that somebody did to an object, and perhaps took back: with a tool such as "click" or "brush"; "accept"
    and "tag" say yes or no."""

    tool: Annotated[str, Field(max_length=20, pattern="^[a-z]+$")]
    track_id: Annotated[int, Field(ge=0, le=LARGEST_TRACK)]
    adds: bool = True
    points: Annotated[list[tuple[Coordinate, Coordinate]], Field(max_length=MOST_POINTS)] = []
    taken_back: bool = False


NoteText = Annotated[str, Field(max_length=LONGEST_NOTE)]


class NoteBody(BaseModel):
    """What somebody writes about a frame; sending it twice with one id stores it once."""

    note_id: UUID
    text: NoteText


class ReviewBody(LeaseBody):
    """An approval; sending it twice with one id stores it once."""

    review_id: UUID
    base_revision: Annotated[int, Field(ge=0)]
    seconds: Seconds


class ReturnBody(ReviewBody):
    """An answer goes back to its author, with a note."""

    note: NoteText


class SubmitBody(LeaseBody):
    """An answer. One that is not complete says where its masks' objects are, and that those of ``absent`` are not here;
    of others it says nothing. A "reject" says that the masks shown are wrong, and nothing else. Who goes on gets the
    next frame with the acknowledgement."""

    answer_id: UUID
    base_revision: Annotated[int, Field(ge=0)]
    kind: Literal["mask", "accept", "absent", "reject", "tag"]
    seconds: Seconds
    masks: Masks
    complete: bool = True
    absent: Annotated[list[Track], Field(max_length=MOST_NAMED)] = []
    gestures: Annotated[list[GestureBody], Field(max_length=MOST_GESTURES)] | None = None
    note: NoteText = ""
    go_on: bool = False

    def made(self) -> tuple[Gesture, ...] | None:
        """Return how it was made; None where nobody noted it."""
        return made_with(self.gestures)


def made_with(gestures: Sequence[GestureBody] | None) -> tuple[Gesture, ...] | None:
    """Return how masks were made; None where nobody noted it."""
    if gestures is None:
        return None
    return tuple(Gesture(g.tool, g.track_id, g.adds, tuple(g.points), g.taken_back) for g in gestures)


def kind_by_tools(gestures: Sequence[GestureBody] | None) -> LabelKind:
    """Return the kind of label that everything was drawn with; whole masks where that is no cheap kind, or several.
    What was taken back drew nothing."""
    tools = {g.tool for g in gestures or () if g.tool not in ("accept", "tag") and not g.taken_back}
    return LabelKind(tools.pop()) if len(tools) == 1 and tools <= _CHEAP else LabelKind.MASK


class ClickBody(BaseModel):
    """A corrected pixel."""

    x: Coordinate
    y: Coordinate
    positive: bool


class StrokeBody(BaseModel):
    """A line along pixels that belong to an object or do not."""

    points: Annotated[list[tuple[Coordinate, Coordinate]], Field(min_length=1, max_length=MOST_POINTS)]
    positive: bool


class RefineBody(LeaseBody):
    """Clicks, strokes or a box that make a mask better, or a mask that was drawn coarsely, whose outline is to be
    fitted, in the frame in hand or another one of its video; of two gestures for an object the one that was made later
    counts, by the milliseconds of the page's clock. A preview is a gesture that nobody has made yet; a coarse mask is
    made in a tenth of a second, to be seen until the better one is there. Clicks mend a mask that somebody drew (own);
    of one that the machine shows, a first click far from it makes a new one."""

    track_id: Annotated[int, Field(ge=0, le=LARGEST_TRACK)] = 0
    category_id: Annotated[int, Field(ge=0)] = 0
    rle: RleBody | None = None
    clicks: Annotated[list[ClickBody], Field(max_length=MOST_CLICKS)] = []
    strokes: Annotated[list[StrokeBody], Field(max_length=MOST_STROKES)] = []
    box: tuple[Coordinate, Coordinate, Coordinate, Coordinate] | None = None
    outline: RleBody | None = None
    frame_idx: Annotated[int, Field(ge=0, le=2**31 - 1)] | None = None
    made_at: Annotated[int, Field(ge=0)] = 0
    preview: bool = False
    coarse: bool = False
    own: bool = False


def checked_masks(
    masks: list[MaskBody], video: Video, categories: Mapping[int, str], removed: Mapping[int, str] | None = None
) -> tuple[MaskLabel, ...]:
    """Return the masks of a frame; none is decoded.

    Args:
        removed: names of categories that are refused as ones that were there once.

    Raises:
        BadLabel: a mask of another size or that is no mask, an unknown category, or an object twice.
    """
    found = tuple(
        MaskLabel(m.track_id, m.category_id, m.rle.checked(video), attributes=tuple(sorted(set(m.attributes))))
        for m in masks
    )
    for mask in found:
        if not mask.ignore and mask.category_id not in categories and mask.category_id in (removed or {}):
            raise BadLabel(
                f"the category {(removed or {})[mask.category_id]!r} was removed: choose another one for object "
                f"{mask.track_id}, or delete it; your drawing is kept"
            )
        if not mask.ignore and mask.category_id not in categories:
            known = ", ".join(f"{number} ({name})" for number, name in categories.items())
            raise BadLabel(f"there is no category {mask.category_id}; known: {known}")
    counted = Counter(mask.track_id for mask in found if not mask.ignore)
    twice = sorted(track for track, times in counted.items() if times > 1)
    if twice:
        raise BadLabel(f"an object appears once in a frame, got several masks of tracks {twice}")
    return found


def understood(
    body: SubmitBody, question: LabelRequest, masks: tuple[MaskLabel, ...], shown: tuple[MaskLabel, ...]
) -> tuple[LabelKind, FrameLabel]:
    """Return what a person did, and the label that it is.

    Where less than whole masks was asked for and everything was drawn with one tool, the answer is of that kind, which
    may be another one than was asked for.

    Raises:
        BadLabel: as :func:`kind_of`; a no to masks that were not shown, or with masks; an answer that is not complete
            and names no object.
    """
    if body.kind == "reject":
        if masks or body.absent or not shown:
            raise BadLabel('a "reject" says of masks that were shown that they are wrong, and brings no others')
        return LabelKind.REJECT, FrameLabel(question.frame, (), complete=False)
    if body.complete and body.kind != "tag":
        kind = kind_of(body.kind, masks, shown)
        if kind is LabelKind.MASK and question.kind is not LabelKind.MASK:
            kind = kind_by_tools(body.gestures)
        return kind, FrameLabel(question.frame, masks)
    refuse_blank(masks)
    label = FrameLabel(question.frame, masks, complete=False, absent=tuple(sorted(set(body.absent))))
    if not label.tracks and body.kind != "tag":
        raise BadLabel("an answer that is not complete names objects that are here or are not; it names none")
    if not label.objects:
        return LabelKind.TAG, label
    as_shown = set(label.objects) <= set(shown)
    return LabelKind.ACCEPT if as_shown else LabelKind.MASK, label


def kind_of(said: str, masks: tuple[MaskLabel, ...], shown: tuple[MaskLabel, ...]) -> LabelKind:
    """Return what a person did, by what came back; what was said is only checked.

    Masks that are as they are shown are accepted, however that is called. What is said to be accepted and is not as
    shown now was shown before other masks were worked out: it is as good as drawn.

    Raises:
        BadLabel: a frame said to be empty is not, one with masks is accepted without any, or a mask has no pixel.
    """
    if said == "absent" and masks:
        raise BadLabel(f"nothing is said to be here, but there are {len(masks)} masks")
    refuse_blank(masks)
    if said == "accept" and shown and not masks:
        raise BadLabel("masks were shown, and none came back: say that nothing is here, if that is so")
    return answer_kind(masks, shown)


def refuse_blank(masks: tuple[MaskLabel, ...]) -> None:
    """Refuse masks without a pixel.

    Raises:
        BadLabel: there are some.
    """
    empty = [mask.track_id for mask in masks if not run_lengths(mask.rle)[1::2].sum()]
    if empty:
        raise BadLabel(f"an object that is not here has no mask: delete the empty masks of tracks {empty}")
