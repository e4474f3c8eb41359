"""What an import would store, worked out before anything is stored."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from al_core.errors import UnknownName, did_you_mean
from al_core.exchange.drawn import DrawnFrame, DrawnMask
from al_core.exchange.object_numbers import number_objects
from al_core.ledger.store import Ledger
from al_core.records import IGNORE_TRACK, FrameLabel, FrameRef, Identities, LabelRequest, Video
from tasks.imports.reading import Read

PURPOSES = {"labels": "label", "holdout": "holdout", "prelabels": "prelabel"}
"""What a file can be imported as, and how the ledger calls it."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wants of an import.

    Attributes:
        purpose: one of the values of ``PURPOSES``.
        renamed: categories by the names that files give them, and what the project calls them.
        category: of objects whose file says none; empty where there is no such name.
    """

    purpose: str
    author: str
    renamed: Mapping[str, str] = field(default_factory=dict)
    category: str = ""


@dataclass(frozen=True, slots=True)
class ImportPlan:
    """What an import would store.

    Attributes:
        frames: what would be stored, with the project's names of categories.
        already: how many frames have exactly this label.
        faults: one line for each frame that cannot be taken, with the reason.
        new_categories: names that the project does not know yet.
        unnumbered: videos whose objects would have no lasting numbers from then on.
    """

    wish: Wish
    frames: Mapping[FrameRef, DrawnFrame]
    already: int
    faults: tuple[str, ...]
    notes: tuple[str, ...]
    new_categories: tuple[str, ...]
    unnumbered: tuple[int, ...]
    files: tuple[str, ...]

    def counts(self) -> dict[int, tuple[int, int]]:
        """Return (frames, objects) that would be stored, by video."""
        found: dict[int, tuple[int, int]] = {}
        for frame, drawn in sorted(self.frames.items()):
            frames, objects = found.get(frame.video_id, (0, 0))
            found[frame.video_id] = frames + 1, objects + len(drawn.objects)
        return found


def plan_import(ledger: Ledger, read: Read, wish: Wish) -> ImportPlan:
    """Return what would be stored of files that were read.

    Raises:
        UnknownName: ``renamed`` names a category that no file has.
    """
    faults, notes = list(read.faults), list(read.notes)
    frames, new = _named(read.frames, wish, _Categories(ledger.categories(), ledger.category_ids()), faults)
    names = {video.video_id: video.name for video in ledger.videos()}
    by_video: defaultdict[int, dict[int, DrawnFrame]] = defaultdict(dict)
    for frame, drawn in sorted(frames.items()):
        by_video[frame.video_id][frame.frame_idx] = drawn
    kept: dict[FrameRef, DrawnFrame] = {}
    already, unnumbered = 0, []
    project = _ProjectFrames.of(ledger)
    for video in ledger.videos():
        if video.video_id not in by_video:
            continue
        known = _Known.of(ledger, project, video, wish.purpose, list(by_video[video.video_id]))
        numbered, loose = _numbered(video, by_video[video.video_id], known, faults, notes)
        unnumbered += [video.video_id] if loose else []
        for index, drawn in numbered.items():
            frame = FrameRef(video.video_id, index)
            reason = known.refusal(f"{names[video.video_id]}:{index}", index, drawn)
            if reason:
                faults.append(reason)
            elif known.same(index, drawn):
                already += 1
            else:
                kept[frame] = drawn
    used = {mask.category for drawn in kept.values() for mask in drawn.objects}
    return ImportPlan(
        wish,
        kept,
        already,
        tuple(faults),
        tuple(notes),
        tuple(name for name in new if name in used),
        tuple(unnumbered),
        tuple(read.files),
    )


@dataclass(frozen=True, slots=True)
class _Categories:
    """What objects may be called.

    Attributes:
        standing: names by number.
        numbers: by name, of these and of those that were merged into one.
    """

    standing: Mapping[int, str]
    numbers: Mapping[str, int]

    def now(self, name: str) -> str:
        """Return what a category is called that may have been merged since; an unknown name as it is."""
        return self.standing[self.numbers[name]] if name in self.numbers else name

    @property
    def only(self) -> str:
        """The category of a project that has one, else an empty text."""
        return next(iter(self.standing.values())) if len(self.standing) == 1 else ""


@dataclass(frozen=True, slots=True)
class _ProjectFrames:
    """What is known of frames of all videos, read once.

    Attributes:
        held_out, truth: frames by video.
        asked: open requests.
    """

    held_out: Mapping[int, set[int]]
    truth: Mapping[int, set[int]]
    asked: Sequence[LabelRequest]

    @classmethod
    def of(cls, ledger: Ledger) -> "_ProjectFrames":
        """Read it."""
        return cls(_by_video(ledger.holdout_frames()), _by_video(ledger.truth_frames()), ledger.requests(status="open"))


@dataclass(frozen=True, slots=True)
class _Known:
    """What the project knows of one video.

    Attributes:
        labels: of the same purpose, by frame, with names of categories.
        answered: frames that people or imports labelled for the loop.
        held_out: frames that the loop must not learn from.
        asked: frames that people are being asked for, with the round that asks.
        categories: that the labels for the loop give each number.
    """

    purpose: str
    labels: Mapping[int, tuple[DrawnMask, ...]]
    answered: frozenset[int]
    held_out: frozenset[int]
    asked: Mapping[int, int]
    has_truth: bool
    categories: Mapping[int, set[str | None]]

    @classmethod
    def of(
        cls, ledger: Ledger, project: _ProjectFrames, video: Video, purpose: str, indices: Sequence[int]
    ) -> "_Known":
        """Return what is known of a video, and of these frames of it."""
        names = ledger.categories()
        for_loop = ledger.human_labels(video.video_id)
        if purpose == "prelabel":
            mine = list(ledger.prelabels([FrameRef(video.video_id, i) for i in indices]).values())
        else:
            mine = for_loop if purpose == "label" else ledger.human_labels(video.video_id, purpose=purpose)
            mine = [label for label in mine if label.complete]
        categories: defaultdict[int, set[str | None]] = defaultdict(set)
        for label in for_loop:
            for mask in label.objects:
                categories[mask.track_id].add(names[mask.category_id])
        asked = [request for request in project.asked if request.frame.video_id == video.video_id]
        return cls(
            purpose,
            {label.frame.frame_idx: _as_drawn(label, names) for label in mine},
            frozenset(label.frame.frame_idx for label in for_loop if label.complete),
            frozenset(project.held_out.get(video.video_id, ())),
            {request.frame.frame_idx: request.round_id for request in asked},
            video.video_id in project.truth,
            categories,
        )

    def only_tracks(self) -> dict[str, int]:
        """Return the number of the only object of each category that the labels for the loop show."""
        found: defaultdict[str, list[int]] = defaultdict(list)
        for track, names in self.categories.items():
            for name in names:
                found[str(name)].append(track)
        return {name: tracks[0] for name, tracks in found.items() if len(tracks) == 1}

    def same(self, index: int, drawn: DrawnFrame) -> bool:
        """Tell whether this is what is known of a frame."""
        known = self.labels.get(index)
        return known is not None and sorted(known, key=_order) == sorted(drawn.masks, key=_order)

    def refusal(self, name: str, index: int, drawn: DrawnFrame) -> str:
        """Return why a frame cannot be taken; empty where it can."""
        wrong = [m for m in drawn.objects if (found := self.categories.get(m.track_id)) and m.category not in found]
        if self.purpose == "holdout" and index in self.answered:
            return f"{name}: the loop learns from a label of this frame, so it cannot measure; choose others"
        if self.purpose == "holdout" and index in self.asked:
            return (
                f"{name}: round {self.asked[index]} asks people for this frame, so it cannot be held out; choose others"
            )
        if self.purpose != "holdout" and index in self.held_out:
            return f"{name}: the frame is held out, so the loop may not learn from it; import it with --as holdout"
        if self.purpose != "prelabel" and index in self.labels and not self.same(index, drawn):
            return (
                f"{name}: the frame has another label already; to replace it, first take that back with: fewframes "
                f"rollback --frame {name}"
            )
        if wrong:
            there = " and ".join(sorted(map(str, self.categories[wrong[0].track_id])))
            return (
                f"{name}: object {wrong[0].track_id} is a {wrong[0].category} there, and a {there} in the labels of "
                "the project: the same number is the same object over the whole video. Number it otherwise"
            )
        return ""


def _by_video(frames: Mapping[str, NDArray[np.int64]]) -> dict[int, set[int]]:
    found: defaultdict[int, set[int]] = defaultdict(set)
    for video_id, frame_idx in zip(frames["video_id"].tolist(), frames["frame_idx"].tolist(), strict=True):
        found[video_id].add(frame_idx)
    return dict(found)


def _named(
    frames: Mapping[FrameRef, DrawnFrame], wish: Wish, known: _Categories, faults: list[str]
) -> tuple[dict[FrameRef, DrawnFrame], list[str]]:
    """Return frames with the project's names of categories, and the names that it does not know."""
    given = {mask.category for drawn in frames.values() for mask in drawn.objects}
    for old in wish.renamed:
        if old not in given:
            raise UnknownName("category in these files", old, filter(None, given))
    alone = wish.category or known.only
    names = {name: known.now(alone if name is None else wish.renamed.get(name, name)) for name in given}
    unclear = {name: words for name, meant in names.items() if (words := _unclear(name, meant, wish, known))}
    faults += unclear.values()
    told = {
        frame: replace(drawn, masks=tuple(_renamed(mask, names) for mask in drawn.masks))
        for frame, drawn in frames.items()
        if not any(mask.category in unclear for mask in drawn.objects)
    }
    return told, sorted({meant for name, meant in names.items() if name not in unclear} - set(known.standing.values()))


def _renamed(mask: DrawnMask, names: Mapping[str | None, str]) -> DrawnMask:
    return mask if mask.track_id == IGNORE_TRACK else replace(mask, category=names[mask.category])


def _unclear(name: str | None, meant: str, wish: Wish, known: _Categories) -> str:
    """Return what has to be said about a category before its objects can be taken; empty where it is clear."""
    if not meant:
        return "the files do not say which category objects are of; tell with --category NAME"
    names = known.standing.values()
    near = "" if meant in names or name in wish.renamed else did_you_mean(meant, names)
    if not near:
        return ""
    return (
        f"category {name!r} is not one of the project's ({', '.join(names)}).{near} Say which it is "
        f"with --map {name}=..., or that it is a new one with --map {name}={name}"
    )


def _numbered(
    video: Video, frames: Mapping[int, DrawnFrame], known: _Known, faults: list[str], notes: list[str]
) -> tuple[Mapping[int, DrawnFrame], bool]:
    """Return frames with numbered objects, and whether the video's objects lose their lasting numbers by that."""
    if video.identities is Identities.PER_FRAME:
        return frames, False
    numbered = number_objects(frames, known.only_tracks())
    # Held-out frames are compared one by one, and whoever corrects a mask also corrects its number.
    if numbered.lasting or known.purpose != "label":
        return numbered.frames, False
    if not known.answered and not known.has_truth:
        notes.append(
            f"{video.name}: the files do not number objects, and show several of one category in a frame: which is "
            "which in other frames is found out by how they move"
        )
        return numbered.frames, True
    lacking = [index for index, drawn in frames.items() if not drawn.numbered]
    faults += [
        f"{video.name}:{index}: its objects have no numbers, those of the other labels of {video.name} have: give "
        "each a track_id that it keeps in all frames"
        for index in lacking
    ]
    return {index: drawn for index, drawn in frames.items() if drawn.numbered}, False


def _as_drawn(label: FrameLabel, names: Mapping[int, str]) -> tuple[DrawnMask, ...]:
    return tuple(
        DrawnMask(m.track_id, None if m.track_id == IGNORE_TRACK else names[m.category_id], m.rle, m.attributes)
        for m in label.masks
    )


def _order(mask: DrawnMask) -> tuple[int, str]:
    return mask.track_id, mask.rle.counts
