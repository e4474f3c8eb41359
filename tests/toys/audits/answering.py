"""An audit of what a round delivered, and what people answer to it, told in a word for each unit."""

import numpy as np

from al_core.audit.audit_records import Grade
from al_core.audit.audit_sample import draw_sample
from al_core.masks.rle import encode
from al_core.records import Answer, FrameLabel, Gesture, LabelKind, MaskLabel
from tasks.auditing.missing_objects import MISSING
from tasks.auditing.samples import request_names, store_sample
from tasks.certificates.delivered_population import population_of
from tests.toys.labelled_project import mask_at


def drawn(project, ledger, round_id=2, judged=60, blind=2, frames=3, draw=1):
    """The sample that is drawn from a round's delivery and asked for."""
    numbers = {"judged": judged, "blind": blind, "frames": frames, "draw": draw}
    sample = draw_sample(population_of(project, ledger, round_id), seed=0, **numbers)
    store_sample(ledger, sample, np.random.default_rng(0))
    return sample


def say(ledger, sample, unit, good=True, missing=0, mask=None, person="ann"):
    """A person answers one unit: a yes or no, how many objects are missing, or a mask."""
    name = request_names(sample)[unit.key]
    if unit.grade is Grade.MEASURED:
        shape = mask_at(unit.frame.frame_idx) if mask is None else mask
        masks = (MaskLabel(1, 1, encode(np.asarray(shape, bool))),)
        answer = Answer(f"{name}-{person}", name, FrameLabel(unit.frame, masks), LabelKind.MASK, 40.0, person)
    else:
        kind = LabelKind.REJECT if missing or not good else LabelKind.ACCEPT
        label = FrameLabel(unit.frame, (), complete=False)
        answer = Answer(f"{name}-{person}", name, label, kind, 3.0, person, (Gesture(MISSING, 0),) * missing)
    ledger.put_answer(answer)
    return answer
