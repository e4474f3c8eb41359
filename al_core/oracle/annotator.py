"""Answers of every kind from held-back truth.

Prices are those of the settings (see :mod:`al_core.campaign.pricing`).
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from al_core.campaign.pricing import MOST_CLICKS, correction_seconds, label_seconds
from al_core.errors import BadLabel
from al_core.interactive import (
    Click,
    ClickMemory,
    filled,
    refine_with_box,
    refine_with_clicks,
    refine_with_outline,
    refine_with_scribble,
    starting_from,
)
from al_core.interactive.gestures import box_around, displaced, next_click, outline, strokes
from al_core.masks.matching import matched
from al_core.masks.rle import Rle, decode, encode, iou
from al_core.records import Answer, FrameLabel, FrameRef, LabelKind, LabelRequest, MaskLabel
from al_core.settings import AnnotatorSettings

ACCEPT_IOU = 0.9
"""A proposed mask at least this like the object is taken as it is."""

START_IOU = 0.05
"""A proposed mask less like an object than this is no start for correcting it."""

TruthLookup = Callable[[FrameRef], FrameLabel | None]
"""What is really in a frame; None where it is unknown."""

Probabilities = Mapping[int, NDArray[np.float32]]
"""Track of a proposed mask -> its probability, float32 [h, w] in [0, 1]."""

REFINED = frozenset({LabelKind.CLICK, LabelKind.BOX, LabelKind.SCRIBBLE, LabelKind.POLYGON})
"""Kinds that become masks by what is seen in the image."""

_LOOKING = (LabelKind.ACCEPT, LabelKind.REJECT, LabelKind.ABSENT)


def request_rng(seed: int, request_id: str) -> np.random.Generator:
    """Return the generator of one request: a run that was killed and continues draws the same noise."""
    digest = hashlib.sha256(request_id.encode()).digest()
    return np.random.default_rng([seed, int.from_bytes(digest[:8], "big")])


@dataclass(frozen=True, eq=False)
class _Seen:
    """What a person makes of a frame at first sight.

    Attributes:
        accepted: proposed mask by the track of the object that it seems good enough for.
        starts: proposed mask by the track of an object that it can be corrected for, accepted ones included.
    """

    truth: FrameLabel
    shown: Sequence[MaskLabel]
    accepted: Mapping[int, MaskLabel]
    starts: Mapping[int, MaskLabel]


@dataclass(frozen=True, eq=False)
class _Corrected:
    """One object after a person worked on it; ``kind`` is what the person did."""

    mask: NDArray[np.bool_]
    kind: LabelKind
    seconds: float


@dataclass(frozen=True, eq=False)
class SimulatedAnnotator:
    """Answers as a person would who sees the truth, with the noise and the prices of the settings."""

    truth: TruthLookup
    settings: AnnotatorSettings

    def answer(
        self,
        request: LabelRequest,
        rng: np.random.Generator,
        proposal: FrameLabel | None = None,
        image: NDArray[np.uint8] | None = None,
        probabilities: Probabilities | None = None,
    ) -> Answer:
        """Label the frame of a request, doing no more than its kind.

        A proposed mask whose IoU with an object seems to be at least ``ACCEPT_IOU`` is accepted as it is, with the
        object's own track and category; ``judgement_error`` is the standard deviation of how it seems. Where the kind
        is ``ACCEPT``, that is all: the frame is accepted or rejected as a whole. Otherwise each other object is
        corrected with the kind that was asked for; one without a proposal gets a box at least, and so does one that
        clicks or strokes lost. A proposal that belongs to no object is removed with a click. Clicks end when the mask
        seems good, after ``MOST_CLICKS`` at the latest.

        Args:
            rng: see :func:`request_rng`.
            proposal: masks that the person is shown.
            image: the frame, RGB uint8 [h, w, 3] at the masks' size; not needed for ``MASK`` and ``ACCEPT``.
            probabilities: of proposed masks, where known; the others count as certain.

        Returns:
            Its kind is "absent" when nothing is there, "accept" when no object needed work, "reject" (without masks)
            when one did and looking was all, "tag" (without masks) when that was asked for, "box" when only boxes were
            drawn, else the kind asked for. Ignore regions of the truth come along and cost nothing.

        Raises:
            BadLabel: there is no truth for the frame, or no image where one is needed.
        """
        truth = self._known(request)
        if not truth.objects:
            return _answered(request, truth, LabelKind.ABSENT, self._seconds(LabelKind.ABSENT))
        seen = self._seen(truth, () if proposal is None else proposal.objects, rng)
        if request.kind is LabelKind.TAG:
            # Something is here: what it is and where is left open.
            unknown = FrameLabel(request.frame, (), complete=False)
            return _answered(request, unknown, LabelKind.TAG, self._seconds(LabelKind.TAG, len(truth.objects)))
        if request.kind in _LOOKING:
            return self._looked_at(request, seen)
        if request.kind is LabelKind.MASK:
            return self._drawn(request, seen, rng)
        if image is None:
            raise BadLabel(f"{request.request_id}: a {request.kind} becomes a mask by looking at the image: give it")
        return self._refined(request, seen, image, probabilities or {}, rng)

    def _known(self, request: LabelRequest) -> FrameLabel:
        truth = self.truth(request.frame)
        if truth is None:
            raise BadLabel(
                f"{request.request_id}: the simulated annotator knows no truth of this frame: ingest masks "
                "for it, or let people label (annotator.backend = 'inbox')"
            )
        return truth

    def _seconds(self, kind: LabelKind, n: int = 1) -> float:
        return label_seconds(self.settings, kind, n)

    def _seems_good(self, overlap: float, rng: np.random.Generator) -> bool:
        return overlap + rng.normal(0, self.settings.judgement_error) >= ACCEPT_IOU

    def _seen(self, truth: FrameLabel, shown: Sequence[MaskLabel], rng: np.random.Generator) -> _Seen:
        matches = _matches(truth.objects, shown)
        accepted = {track: mask for track, (mask, overlap) in matches.items() if self._seems_good(overlap, rng)}
        starts = {track: mask for track, (mask, overlap) in matches.items() if overlap >= START_IOU}
        return _Seen(truth, shown, accepted, starts | accepted)

    def _looked_at(self, request: LabelRequest, seen: _Seen) -> Answer:
        seconds = self._seconds(LabelKind.ACCEPT, max(1, len(seen.shown)))
        if len(seen.accepted) < max(len(seen.truth.objects), len(seen.shown)):
            return _answered(request, FrameLabel(request.frame, (), complete=False), LabelKind.REJECT, seconds)
        return _answered(request, _with_shapes(seen.truth, _shapes(seen.accepted)), LabelKind.ACCEPT, seconds)

    def _drawn(self, request: LabelRequest, seen: _Seen, rng: np.random.Generator) -> Answer:
        """Draw whole masks: what is not accepted is corrected, in a time that follows its error, or drawn."""
        drawn = [mask for mask in seen.truth.objects if mask.track_id not in seen.accepted]
        noisy = displaced([decode(m.rle) for m in drawn], self.settings.noise_pixels, rng)
        shapes = {mask.track_id: encode(m) for mask, m in zip(drawn, noisy, strict=True)} | _shapes(seen.accepted)
        seconds = self._seconds(LabelKind.ACCEPT, len(seen.accepted))
        for mask in drawn:
            start = seen.starts.get(mask.track_id)
            wrong = 1.0 if start is None else 1 - float(iou([start.rle], [mask.rle])[0, 0])
            seconds += correction_seconds(self.settings, wrong)
        seconds += (len(seen.shown) - len(seen.starts)) * self._seconds(LabelKind.CLICK)
        kind = LabelKind.MASK if drawn else LabelKind.ACCEPT
        return _answered(request, _with_shapes(seen.truth, shapes), kind, seconds)

    def _refined(
        self,
        request: LabelRequest,
        seen: _Seen,
        image: NDArray[np.uint8],
        probabilities: Probabilities,
        rng: np.random.Generator,
    ) -> Answer:
        """Correct what is not accepted from what is shown."""
        done: dict[int, _Corrected] = {}
        for mask in seen.truth.objects:
            if mask.track_id not in seen.accepted:
                start = seen.starts.get(mask.track_id)
                current = None
                if start is not None:
                    current = probabilities.get(start.track_id, decode(start.rle).astype(np.float32))
                done[mask.track_id] = self._corrected(request.kind, image, decode(mask.rle), current, rng)
        seconds = self._seconds(LabelKind.ACCEPT, len(seen.shown)) + sum(c.seconds for c in done.values())
        seconds += (len(seen.shown) - len(seen.starts)) * self._seconds(LabelKind.CLICK)
        kept = {track: decode(mask.rle) for track, mask in seen.accepted.items()}
        masks = _apart(seen.truth, kept | {track: c.mask for track, c in done.items()})
        shapes = {track: encode(mask) for track, mask in masks.items()}
        return _answered(request, _with_shapes(seen.truth, shapes), _kind_of(request, done), seconds)

    def _corrected(
        self,
        kind: LabelKind,
        image: NDArray[np.uint8],
        truth: NDArray[np.bool_],
        current: NDArray[np.float32] | None,
        rng: np.random.Generator,
    ) -> _Corrected:
        known = np.zeros(truth.shape, np.float32) if current is None else current
        if kind is LabelKind.POLYGON:
            polygons = outline(truth, self.settings.click_noise_pixels, rng)
            mask = refine_with_outline(image, known, filled((truth.shape[0], truth.shape[1]), polygons))
            return _Corrected(mask, kind, self._seconds(kind))
        if kind is LabelKind.BOX or current is None:
            box = box_around(truth, self.settings.box_noise_pixels, rng)
            return _Corrected(refine_with_box(image, known, box), LabelKind.BOX, self._seconds(LabelKind.BOX))
        if kind is LabelKind.SCRIBBLE:
            mask = refine_with_scribble(image, current, strokes(current > 0.5, truth))
            work = _Corrected(mask, kind, self._seconds(kind))
        else:
            work = self._clicked(image, truth, current, rng)
        if work.mask.any():
            return work
        boxed = self._corrected(LabelKind.BOX, image, truth, None, rng)
        return replace(boxed, seconds=boxed.seconds + work.seconds)

    def _clicked(
        self, image: NDArray[np.uint8], truth: NDArray[np.bool_], current: NDArray[np.float32], rng: np.random.Generator
    ) -> _Corrected:
        mask, clicks, memory = current > 0.5, list[Click](), ClickMemory()
        while len(clicks) < MOST_CLICKS:
            click = next_click(mask, truth, self.settings.click_noise_pixels, rng)
            if click is None or (clicks and self._seems_good(_overlap(mask, truth), rng)):
                break
            clicks.append(click)
            mask = refine_with_clicks(image, starting_from(current, clicks), clicks, memory)
        return _Corrected(mask, LabelKind.CLICK, self._seconds(LabelKind.CLICK, len(clicks)))


def _answered(request: LabelRequest, label: FrameLabel, kind: LabelKind, seconds: float) -> Answer:
    name = f"{request.request_id}-simulated"
    return Answer(name, request.request_id, replace(label, frame=request.frame), kind, seconds, "simulated")


def _kind_of(request: LabelRequest, done: Mapping[int, _Corrected]) -> LabelKind:
    kinds = {c.kind for c in done.values()}
    if not kinds:
        return LabelKind.ACCEPT
    return kinds.pop() if len(kinds) == 1 else request.kind


def _matches(objects: Sequence[MaskLabel], shown: Sequence[MaskLabel]) -> dict[int, tuple[MaskLabel, float]]:
    """Pair each object with the proposed mask that fits it best: (mask, IoU) by the object's track; one to one."""
    overlap = iou([m.rle for m in shown], [m.rle for m in objects])
    return {objects[j].track_id: (shown[i], float(overlap[i, j])) for i, j in matched(overlap)}


def _shapes(masks: Mapping[int, MaskLabel]) -> dict[int, Rle]:
    return {track: mask.rle for track, mask in masks.items()}


def _with_shapes(truth: FrameLabel, shapes: Mapping[int, Rle]) -> FrameLabel:
    return replace(truth, masks=tuple(replace(m, rle=shapes.get(m.track_id, m.rle)) for m in truth.masks))


def _apart(truth: FrameLabel, masks: Mapping[int, NDArray[np.bool_]]) -> dict[int, NDArray[np.bool_]]:
    """Keep masks of objects apart: a pixel that two claim goes to the first, but no mask is left empty."""
    counts = np.sum([decode(m.rle) for m in truth.objects], axis=0, dtype=np.int32)
    alone, free = {}, np.ones(counts.shape, bool)
    for track, mask in masks.items():
        mine = mask & (free | (counts > 1))
        alone[track] = mine if mine.any() else mask
        free &= ~mask
    return alone


def _overlap(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> float:
    return float(np.count_nonzero(first & second) / max(1, np.count_nonzero(first | second)))
