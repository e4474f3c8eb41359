"""What the teachers are worth, on labels that they were not trained on."""

from al_core.fusion.survey import Judged, judge
from al_core.stores.predictions import read_predictions
from tasks.steps.context import RoundContext


def judged_before(context: RoundContext, video_id: int) -> dict[int, Judged]:
    """Return how the teachers of the round before did on what people have said of a video since, by category.

    The teachers of this round learnt from these labels too and are likely to be better; nothing else is known of them
    that they did not see themselves.
    """
    before = context.before
    path = context.ledger.prediction_paths(before.round_id).get(video_id)
    if path is None:
        return {}
    learnt = {label.frame for label in before.labels_collected}
    mine = [label for label in context.labels_collected if label.frame.video_id == video_id and label.complete]
    new = {label.frame.frame_idx: label for label in mine if label.frame not in learnt}
    if not new:
        return {}
    return judge(new.values(), read_predictions(context.project.absolute(path), sorted(new)))
