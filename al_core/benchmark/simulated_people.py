"""People of a simulation in memory: who answers with which kinds of label, and what the selection expects of them."""

import numpy as np

from al_core.benchmark.world import Annotate, Label, Labels, Masks, World, exact_masks
from al_core.campaign.pricing import default_prices
from al_core.masks.rle import decode, encode
from al_core.oracle import SimulatedAnnotator
from al_core.records import FrameLabel, FrameRef, LabelKind, LabelRequest, MaskLabel, Selected
from al_core.selection.plan import Offer
from al_core.settings import AnnotatorSettings, Table

_CHEAP = (LabelKind.CLICK, LabelKind.BOX, LabelKind.SCRIBBLE, LabelKind.POLYGON)
KINDS: Table[tuple[LabelKind, ...]] = Table(
    "kinds of label", {kind.value: (kind,) for kind in (LabelKind.MASK, *_CHEAP)} | {"all": (*_CHEAP, LabelKind.MASK)}
)
"""What people may be asked for, by the name of the choice. Plain masks are drawn exactly and from nothing; every
other kind begins with a look at what would be delivered, and what is right already is accepted."""

WHAT_KINDS_LEAVE: dict[LabelKind, tuple[float, float]] = {
    LabelKind.CLICK: (0.63, 0.03),
    LabelKind.BOX: (0.56, 0.05),
    LabelKind.SCRIBBLE: (0.59, 0.03),
    LabelKind.POLYGON: (0.19, 0.08),
    LabelKind.MASK: (0.0, 0.0),
}
"""(share of the present error (1 - J&F) that a label keeps, error that it has besides): straight lines through 96
corrections of each kind on 6 DAVIS clips with 2 or 4 labels."""

DRAWN_FROM_NOTHING: dict[LabelKind, float] = {LabelKind.BOX: 0.43, LabelKind.POLYGON: 0.16, LabelKind.MASK: 0.0}
"""Error (1 - J&F) of a label where nothing is known yet, of the kinds that can then be given: mean over 4 frames of
each of 14 clips."""


def offers_of(kinds: str, settings: AnnotatorSettings) -> tuple[Offer, ...]:
    """Return what the selection may ask for, with the prices of the settings.

    Raises:
        UnknownName: no such kinds.
    """
    prices = default_prices(settings).per_object
    return tuple(Offer(k, prices[k], *WHAT_KINDS_LEAVE[k], DRAWN_FROM_NOTHING.get(k)) for k in KINDS[kinds])


def annotator_of(world: World, kinds: str, settings: AnnotatorSettings) -> Annotate:
    """Return the person who answers; where there is only one kind, that kind is given whatever is asked for.

    Raises:
        UnknownName: no such kinds.
    """
    if kinds == "mask":
        return exact_masks(world, settings)
    only = KINDS[kinds][0] if len(KINDS[kinds]) == 1 else None
    person = SimulatedAnnotator(lambda ref: frame_label(ref, world.clips[ref.video_id].truth(ref.frame_idx)), settings)

    def annotate(
        video: int, frame_idx: int, kind: LabelKind, labels: Labels, rng: np.random.Generator
    ) -> tuple[Label, LabelKind, float]:
        ref = FrameRef(video, frame_idx)
        shown = world.delivered(video, labels, frame_idx) if labels else {}
        shown = {track: mask for track, mask in shown.items() if (mask > 0.5).any()}
        request = LabelRequest.of(1, Selected(ref, 0, 0.0, "", only or kind))
        proposal = frame_label(ref, {track: mask > 0.5 for track, mask in shown.items()})
        image = world.clips[video].read(frame_idx)
        answer = person.answer(request, rng, proposal, image, shown)
        masks = {m.track_id: decode(m.rle) for m in answer.label.objects}
        key = ";".join(f"{m.track_id}:{m.rle.counts}" for m in answer.label.objects)
        return Label(masks, key), answer.kind, answer.seconds or 0.0

    return annotate


def frame_label(ref: FrameRef, masks: Masks) -> FrameLabel:
    """Make a label of a frame's masks, all objects of one category."""
    return FrameLabel(ref, tuple(MaskLabel(t, 1, encode(m)) for t, m in sorted(masks.items())))
