"""What the teachers are worth, on labels that they were not trained on."""

from collections.abc import Sequence

from al_core.fusion.survey import Judged, judge
from al_core.records import FrameLabel
from al_core.stores.predictions import read_predictions
from tasks.steps.context import RoundContext


def judged_before(context: RoundContext, videos: Sequence[int]) -> dict[int, dict[int, Judged]]:
    """Return how the teachers of the round before did on what people have said of videos since, by video and category.

    The teachers of this round learnt from these labels too and are likely to be better; nothing else is known of them
    that they did not see themselves.
    """
    before, found = context.before, {video: dict[int, Judged]() for video in videos}
    # Round 0 is none, and what it predicts is what was discovered: no teachers saw that.
    paths = context.ledger.prediction_paths(before.round_id) if before.round_id else {}
    if not paths:
        return found
    learnt = {label.frame for label in before.labels_collected}
    new: dict[int, dict[int, FrameLabel]] = {}
    for label in context.labels_collected:
        if label.complete and label.frame not in learnt:
            new.setdefault(label.frame.video_id, {})[label.frame.frame_idx] = label
    for video in found.keys() & new.keys() & paths.keys():
        predicted = read_predictions(context.project.absolute(paths[video]), sorted(new[video]))
        found[video] = judge(new[video].values(), predicted)
    return found
