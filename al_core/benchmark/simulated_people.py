"""People of a simulation in memory: who answers with which kinds of label, and what the selection expects of them."""

import numpy as np

from al_core.benchmark.world import Annotate, Label, Labels, Masks, World, exact_masks
from al_core.campaign.pricing import default_prices
from al_core.masks.rle import decode, encode
from al_core.oracle import SimulatedAnnotator
from al_core.records import FrameLabel, FrameRef, LabelKind, LabelRequest, MaskLabel, Selected
from al_core.selection.offers import DRAWN, LOOKS
from al_core.selection.offers import offers_of as offered
from al_core.selection.plan import Offer
from al_core.settings import AnnotatorSettings, Table

NAMES: Table[tuple[LabelKind, ...]] = Table(
    "kinds of label", {str(kind): (kind,) for kind in (*DRAWN, *LOOKS)} | {"all": DRAWN}
)
"""What people may be asked for, by name; several names are joined by "+"."""


def kinds_named(names: str) -> tuple[LabelKind, ...]:
    """Return the kinds that a choice such as "click+mask" stands for. Plain masks are drawn exactly; every other choice
    begins with a look at what would be delivered, and what is right already is accepted.

    Raises:
        UnknownName: no such kinds.
    """
    return tuple(dict.fromkeys(kind for name in names.split("+") for kind in NAMES[name]))


def offers_of(kinds: str, settings: AnnotatorSettings) -> tuple[Offer, ...]:
    """Return what the selection may plan, with the prices of the settings.

    Raises:
        UnknownName: no such kinds.
    """
    return offered(kinds_named(kinds), default_prices(settings))


def annotator_of(world: World, kinds: str, settings: AnnotatorSettings) -> Annotate:
    """Return the person who answers; where there is only one kind, that kind is given whatever is asked for.

    Raises:
        UnknownName: no such kinds.
    """
    if kinds == "mask":
        return exact_masks(world, settings)
    known = kinds_named(kinds)
    only = known[0] if len(known) == 1 else None
    person = SimulatedAnnotator(lambda ref: frame_label(ref, world.clips[ref.video_id].truth(ref.frame_idx)), settings)

    def annotate(
        video: int, frame_idx: int, kind: LabelKind, labels: Labels, rng: np.random.Generator
    ) -> tuple[Label | None, LabelKind, float]:
        ref = FrameRef(video, frame_idx)
        shown = world.delivered(video, labels, frame_idx) if labels else {}
        shown = {track: mask for track, mask in shown.items() if (mask > 0.5).any()}
        request = LabelRequest.of(1, Selected(ref, 0, 0.0, "", only or kind))
        proposal = frame_label(ref, {track: mask > 0.5 for track, mask in shown.items()})
        image = world.clips[video].read(frame_idx)
        answer = person.answer(request, rng, proposal, image, shown)
        if not answer.label.complete:
            return None, answer.kind, answer.seconds or 0.0
        masks = {m.track_id: decode(m.rle) for m in answer.label.objects}
        key = ";".join(f"{m.track_id}:{m.rle.counts}" for m in answer.label.objects)
        return Label(masks, key), answer.kind, answer.seconds or 0.0

    return annotate


def frame_label(ref: FrameRef, masks: Masks) -> FrameLabel:
    """Make a label of a frame's masks, all objects of one category."""
    return FrameLabel(ref, tuple(MaskLabel(t, 1, encode(m)) for t, m in sorted(masks.items())))
