"""What frames turned out to be worth that were expected to be right by so much, as the labels of this project show it.

What a round delivered for a frame that people label in the next one is an honest sample: nobody knew the answer. The
more of them, the less the shipped map counts, see :func:`al_core.evaluation.calibration.fit`.
"""

from collections.abc import Iterator, Mapping

from al_core.evaluation.calibration import Calibration, Samples, fit
from al_core.records import FrameLabel, FrameRef, LabelKind
from al_core.selection.presence import TOLD
from tasks.steps.context import RoundContext, standing_rounds
from tasks.steps.expected_error import expectations_of
from tasks.steps.model_selection.training_worth import overlap

NEWEST_ROUNDS = 3
"""The frames of so many rounds are enough."""

MOST_VIDEOS = 8
"""Of a round, those with the most new labels."""


def frame_worth(context: RoundContext) -> Calibration:
    """Return what frames of this project turn out to be worth that are expected to be right by so much.

    The overlap (IoU) with what people drew stands for J&F. What was accepted as it was delivered does not count, nor
    frames in which nothing was known to be.
    """
    ledger, known = context.ledger, {label.frame: label for label in context.labels_before}
    rounds = [this.round_id for this in standing_rounds(ledger) if this.round_id < context.round_id]
    samples = Samples.of(row for number in rounds[-NEWEST_ROUNDS:] for row in _rows(context.of_round(number), known))
    return fit(samples, TOLD)


def _rows(context: RoundContext, known: Mapping[FrameRef, FrameLabel]) -> Iterator[tuple[float, float, int]]:
    """Yield, of each frame that a round asked for, how right it was expected to be, how right it was, and its video."""
    expectations = expectations_of(context)
    if expectations is None:
        return
    asked: dict[int, list[FrameLabel]] = {}
    for frame in sorted({request.frame for request in context.ledger.requests(context.round_id)} & known.keys()):
        label = known[frame]
        if label.complete and not any(mask.kind is LabelKind.ACCEPT for mask in label.objects):
            asked.setdefault(frame.video_id, []).append(label)
    for video_id in sorted(asked, key=lambda video_id: (-len(asked[video_id]), video_id))[:MOST_VIDEOS]:
        delivered = expectations.delivered(video_id)
        found = expectations.of(video_id, None, delivered)
        for label in asked[video_id]:
            i = label.frame.frame_idx
            if i not in found.expected.vacant and i not in found.labelled:
                right = 1 - float(found.expected.error[i])
                yield right, overlap(delivered.get(i, ()), label), video_id
