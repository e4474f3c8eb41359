"""The values that travel between the floors. Frozen; each one validates itself."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction
from itertools import pairwise
from typing import Any

from al_core.errors import BadLabel, BadVideo
from al_core.fingerprint import fingerprint
from al_core.masks.rle import Rle

IGNORE_CATEGORY = 0
"""Category of a region that counts neither as object nor as background (index 255 in DAVIS masks)."""

IGNORE_TRACK = 0
"""Track of such a region: objects are numbered from 1."""

COMPONENTS = (
    "class_entropy",
    "mutual_information",
    "box_spread",
    "mask_disagreement",
    "existence_disagreement",
    "temporal_inconsistency",
)
"""The named parts of a frame's uncertainty, in the order of their columns; each is higher where less is certain."""


class Provenance(StrEnum):
    """Who says that a mask is right. They are never mixed in a metric, a chart or an export unnamed.

    ``ACCEPTED``: a mask of the machine that a certificate vouches for, which bounds the error of all that it accepts.
    ``DISCOVERED``: of something that moves, found before anybody labelled; it is shown to people and never delivered.
    """

    HUMAN = "human"
    PROPAGATED = "propagated"
    TEACHER = "teacher"
    ACCEPTED = "accepted"
    DISCOVERED = "discovered"


DELIVERED = (Provenance.HUMAN, Provenance.PROPAGATED, Provenance.TEACHER, Provenance.ACCEPTED)
"""What delivered masks may come from."""

MADE = (Provenance.HUMAN, Provenance.PROPAGATED, Provenance.TEACHER)
"""What the masks of every project may come from; accepted ones are there once a certificate was made."""


class LabelKind(StrEnum):
    """What a person did to label a frame, or is asked to do at most; each kind has its own price in seconds.

    Asked for ``ACCEPT``, a person only looks: the answer is ``ACCEPT``, ``ABSENT``, or ``REJECT``, which says that
    the masks shown are wrong, but not what is right, and so labels nothing. ``TAG`` tells which of the objects that are
    known are in the frame, without a mask.
    """

    MASK = "mask"
    POLYGON = "polygon"
    SCRIBBLE = "scribble"
    BOX = "box"
    CLICK = "click"
    TAG = "tag"
    ABSENT = "absent"
    ACCEPT = "accept"
    REJECT = "reject"


class Identities(StrEnum):
    """Whether an object keeps its number from frame to frame in the labels of a video."""

    PERSISTENT = "persistent"
    PER_FRAME = "per_frame"


@dataclass(frozen=True, order=True, slots=True)
class FrameRef:
    """One frame: which video, and which frame of it, counted from 0 in presentation order."""

    video_id: int
    frame_idx: int

    def __post_init__(self) -> None:
        if self.frame_idx < 0:
            raise BadVideo(f"frames are counted from 0, got {self.frame_idx}")


@dataclass(frozen=True, slots=True)
class Video:
    """One ingested video or folder of frames.

    Attributes:
        uri: absolute path of the file or folder.
        kind: "file" or "folder".
        sha256: hash of the content, 64 hex digits; the same content is never stored twice.
        fps: exact frame rate; 30000/1001 stays that.
        height, width: size of an upright frame in pixels (rotation metadata applied).
        files: names of the frame files within a folder, in order; empty for a video file.
        bits: in use of a value in a folder's 16-bit images, 8 to 16.
    """

    video_id: int
    name: str
    uri: str
    kind: str
    sha256: str
    fps: Fraction
    n_frames: int
    height: int
    width: int
    rotation: int = 0
    variable_fps: bool = False
    identities: Identities = Identities.PERSISTENT
    files: tuple[str, ...] = ()
    bits: int = 16

    def __post_init__(self) -> None:
        if self.n_frames < 1:
            raise BadVideo(f"{self.uri}: a video needs at least one frame, got {self.n_frames}")
        if self.kind not in ("file", "folder"):
            raise BadVideo(f"{self.uri}: a video is a 'file' or a 'folder', got {self.kind!r}")
        if self.rotation not in (0, 90, 180, 270):
            raise BadVideo(f"{self.uri}: rotation is 0, 90, 180 or 270 degrees, got {self.rotation}")
        if not 8 <= self.bits <= 16:
            raise BadVideo(f"{self.uri}: a value has 8 to 16 bits, got {self.bits}")


@dataclass(frozen=True, slots=True)
class Shots:
    """Where a video cuts to another scene, and where it shows the same thing over and over.

    Attributes:
        cuts: the first frame of each shot but the first, rising.
        stills: first and last frame of each stretch of two or more frames that show the same thing, rising, apart.

    Raises:
        BadVideo: numbers that do not rise, or a cut at the first frame.
    """

    cuts: tuple[int, ...] = ()
    stills: tuple[tuple[int, int], ...] = ()

    def __post_init__(self) -> None:
        for numbers in ((0, *self.cuts), (-1, *(i for still in self.stills for i in still))):
            if any(a >= b for a, b in pairwise(numbers)):
                raise BadVideo(f"cuts and still stretches rise from frame to frame, got {self.cuts} and {self.stills}")

    def shot_of(self, frame_idx: int) -> int:
        """Return the number of the shot that a frame belongs to, from 0."""
        return bisect_right(self.cuts, frame_idx)

    def together(self, first: int, second: int) -> bool:
        """Tell whether two frames belong to the same shot."""
        return self.shot_of(first) == self.shot_of(second)

    def ranges(self, n_frames: int) -> list[range]:
        """Return the frames of each shot of a video of this length, in order."""
        inside = [cut for cut in self.cuts if cut < n_frames]
        return [range(a, b) for a, b in pairwise([0, *inside, n_frames])]

    @property
    def repeats(self) -> list[range]:
        """The stretches of two or more frames that show the same thing; a cut parts them, whoever found it."""
        parts: list[range] = []
        for first, last in self.stills:
            inside = [cut for cut in self.cuts if first < cut <= last]
            parts += [range(a, b) for a, b in pairwise([first, *inside, last + 1]) if b - a > 1]
        return parts

    def distinct(self, n_frames: int) -> list[int]:
        """Return the frames of a video of this length that show nothing that one before them shows, rising."""
        again = {frame for stretch in self.repeats for frame in stretch[1:]}
        return [frame for frame in range(n_frames) if frame not in again]

    def to_json(self) -> list[Any]:
        """Return both as plain lists, for a fingerprint."""
        return [list(self.cuts), [list(still) for still in self.stills]]


ONE_SHOT = Shots()
"""A video without cuts in which something moves all the time, or of which nothing is known."""


@dataclass(frozen=True, slots=True)
class MaskLabel:
    """One object in one frame, at the frame's full resolution.

    Attributes:
        track_id: the object's identity within its video, from 1; 0 marks an ignore region.
        category_id: from 1; 0 marks an ignore region.
        kind: what came to this mask, where that is known of a label that was stored; it is no part of what the label
            says, and does not count where labels are compared.
        attributes: what a person said of the object beside its mask, such as "occluded"; nothing learns from it, and it
            does not count where labels are compared.
    """

    track_id: int
    category_id: int
    rle: Rle
    kind: LabelKind | None = field(default=None, compare=False, repr=False)
    attributes: tuple[str, ...] = field(default=(), compare=False)

    def __post_init__(self) -> None:
        if (self.track_id == IGNORE_TRACK) != (self.category_id == IGNORE_CATEGORY):
            raise BadLabel(f"an ignore region has track 0 and category 0, got {self.track_id}, {self.category_id}")
        if self.track_id < 0 or self.category_id < 0:
            raise BadLabel(f"track and category are at least 0, got {self.track_id}, {self.category_id}")

    @property
    def ignore(self) -> bool:
        """True for a region that counts neither as object nor as background."""
        return self.category_id == IGNORE_CATEGORY

    def to_json(self) -> list[int | str | list[str]]:
        """Return ``[track, category, height, width, counts]``, and a list of attributes where there are any, as our own
        files and columns keep a mask."""
        attributes = [list(self.attributes)] if self.attributes else []
        return [self.track_id, self.category_id, *self.rle.to_json(), *attributes]

    @classmethod
    def from_json(cls, stored: Sequence[Any]) -> "MaskLabel":
        """Read what :meth:`to_json` returned."""
        track_id, category_id, height, width, counts, *attributes = stored
        rle = Rle.from_json([height, width, counts])
        return cls(track_id, category_id, rle, attributes=tuple(attributes[0]) if attributes else ())


@dataclass(frozen=True, slots=True)
class FrameLabel:
    """What is known of one frame; no masks in a complete one means that nothing is there, which is a label too.

    Attributes:
        complete: whether it is all that is there. Of a frame that is not, only the objects of ``tracks`` are known: it
            says nothing of others, and is no example of a frame without them.
        absent: tracks that are known not to be in a frame that is not complete.
    """

    frame: FrameRef
    masks: tuple[MaskLabel, ...]
    complete: bool = True
    absent: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        tracks = [m.track_id for m in self.masks if not m.ignore]
        if len(set(tracks)) != len(tracks):
            raise BadLabel(f"{self.frame}: an object appears once in a frame, got tracks {sorted(tracks)}")
        if self.absent and (self.complete or set(tracks) & set(self.absent)):
            raise BadLabel(f"{self.frame}: tracks {sorted(self.absent)} are said not to be there, got {sorted(tracks)}")
        if len({(m.rle.height, m.rle.width) for m in self.masks}) > 1:
            raise BadLabel(f"{self.frame}: the masks of a frame have one size")

    @property
    def objects(self) -> tuple[MaskLabel, ...]:
        """The masks without the ignore regions."""
        return tuple(m for m in self.masks if not m.ignore)

    @property
    def tracks(self) -> frozenset[int]:
        """The objects of which the label says where they are, or that they are not there."""
        return frozenset(m.track_id for m in self.objects) | frozenset(self.absent)

    def amended(self, later: "FrameLabel") -> "FrameLabel":
        """Return what is known of the frame once somebody has said more: all of it, where that is complete."""
        if later.complete:
            return later
        masks = (*(m for m in self.masks if m.ignore or m.track_id not in later.tracks), *later.masks)
        gone = () if self.complete else sorted((set(self.absent) | set(later.absent)) - {m.track_id for m in masks})
        return FrameLabel(self.frame, masks, self.complete, tuple(gone))


@dataclass(frozen=True, order=True, slots=True)
class CategoryTag:
    """What a person said of a category in a stretch of a video, without a mask.

    Attributes:
        first_frame, last_frame: of the stretch, both of it.
        present: True where every frame shows an object of the category, False where none does; None takes back what was
            said of these frames before.
    """

    video_id: int
    first_frame: int
    last_frame: int
    category_id: int
    present: bool | None

    def __post_init__(self) -> None:
        if not 0 <= self.first_frame <= self.last_frame:
            raise BadLabel(
                f"a stretch goes from a frame to the same or a later one, got {self.first_frame} to {self.last_frame}"
            )

    @property
    def frames(self) -> range:
        """The numbers of its frames."""
        return range(self.first_frame, self.last_frame + 1)


@dataclass(frozen=True, slots=True)
class Gesture:
    """One thing that a person did to an object of a frame.

    Attributes:
        tool: what with, e.g. "click", "box", "scribble", "polygon", "brush"; "accept" and "tag" say yes or no.
        adds: False where it takes pixels away, or says no.
        points: (x, y) in pixels of the frame: clicks, two corners of a box, the way of a line or an outline.
        taken_back: True where the person undid what it came to.
    """

    tool: str
    track_id: int
    adds: bool = True
    points: tuple[tuple[float, float], ...] = ()
    taken_back: bool = False

    def to_json(self) -> list[Any]:
        """Return ``[tool, track, adds, [[x, y], ...]]``, as the ledger keeps it, and a fifth value, true, where it was
        taken back."""
        stored = [self.tool, self.track_id, self.adds, [list(point) for point in self.points]]
        return [*stored, True] if self.taken_back else stored

    @classmethod
    def from_json(cls, stored: Sequence[Any]) -> "Gesture":
        """Read what :meth:`to_json` returned."""
        tool, track_id, adds, points, *taken_back = stored
        return cls(tool, track_id, adds, tuple((float(x), float(y)) for x, y in points), any(taken_back))


@dataclass(frozen=True, slots=True)
class Selected:
    """A frame that a human should see.

    Attributes:
        rank: 0 is asked first.
        score: what the strategy ranked by; its meaning is the strategy's own.
        reason: one sentence for the person who gets the frame.
        kind: what the person is asked to do at most.
        control: drawn at random, to measure what the strategy gains.
    """

    frame: FrameRef
    rank: int
    score: float
    reason: str
    kind: LabelKind = LabelKind.MASK
    control: bool = False


@dataclass(frozen=True, slots=True)
class LabelRequest:
    """A question to a person. The id is a function of round and frame, so asking twice is asking once.

    Attributes:
        kind: what the person is asked to do at most; less is enough where less is right.
    """

    request_id: str
    round_id: int
    frame: FrameRef
    rank: int
    reason: str
    kind: LabelKind = LabelKind.MASK

    @classmethod
    def of(cls, round_id: int, selected: Selected) -> "LabelRequest":
        """Return the request that round ``round_id`` makes for a selected frame."""
        frame = selected.frame
        name = f"r{round_id:04d}-v{frame.video_id:05d}-f{frame.frame_idx:07d}"
        return cls(name, round_id, frame, selected.rank, selected.reason, selected.kind)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back for a request.

    Attributes:
        answer_id: unique per answer and revision; the same id twice is the same answer.
        kind: what the person did; the price in human seconds depends on it.
        seconds: human time that the answer took, at least 0; None where nobody knows, as for imported labels.
        gestures: how the masks were made, in order; None where nobody noted it.
    """

    answer_id: str
    request_id: str
    label: FrameLabel
    kind: LabelKind
    seconds: float | None
    annotator: str
    gestures: tuple[Gesture, ...] | None = None

    def __post_init__(self) -> None:
        if self.seconds is not None and not self.seconds >= 0:
            raise BadLabel(f"{self.request_id}: seconds are at least 0, got {self.seconds}")


@dataclass(frozen=True, slots=True)
class DeliveredMask:
    """One object in one frame of the labelled video, at the frame's full resolution.

    Attributes:
        confidence: in [0, 1]; 1 for a human mask.
        attributes: of a human mask, see :class:`MaskLabel`; files of delivered masks keep none.
    """

    frame_idx: int
    track_id: int
    category_id: int
    provenance: Provenance
    confidence: float
    rle: Rle
    attributes: tuple[str, ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class Progress:
    """A step's progress: ``done`` of ``total`` units of work; ``note`` is shown beside the bar."""

    done: int
    total: int
    note: str = field(default="")


ALL = "all"
"""Name of the figure over every provenance, missing masks included."""


@dataclass(frozen=True, slots=True)
class QualityRow:
    """One measured figure of what a round delivered.

    Attributes:
        track_id: None for the whole video.
        provenance: whose masks it is of, or "all".
        metric: e.g. "j", "f", "jf", "ap50", "switches".
        value: in [0, 1]; a count for "switches".
        n_frames: frames that were measured.
    """

    round_id: int
    video_id: int
    track_id: int | None
    provenance: str
    metric: str
    value: float
    n_frames: int


def whole_video(rows: Iterable[QualityRow], metric: str, provenance: str = ALL) -> list[QualityRow]:
    """Return the figures of whole videos by one metric, in their order."""
    return [r for r in rows if r.track_id is None and (r.metric, r.provenance) == (metric, provenance)]


def fingerprint_labels(labels: Iterable[FrameLabel]) -> str:
    """Return the SHA-256 (64 hex digits) of a set of labels; masks count pixel for pixel, in any order of frames."""

    def content(label: FrameLabel) -> list[Any]:
        # A label that is complete counts as labels did before there were others.
        partly = [] if label.complete else [["absent", *label.absent]]
        return [label.frame.video_id, label.frame.frame_idx, [m.to_json() for m in label.masks], *partly]

    return fingerprint([content(label) for label in sorted(labels, key=lambda label: label.frame)])
