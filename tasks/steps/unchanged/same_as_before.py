"""Results of the round before that still hold: a round refers to them and makes only the others."""

from collections.abc import Collection, Mapping
from pathlib import Path

from tasks.steps.context import Predicted, Propagated, RoundContext


def link_predictions(context: RoundContext, made_from: Mapping[int, str]) -> dict[int, str]:
    """Predict again what the round before predicted of videos of which nothing changed since; safe to be interrupted.

    Args:
        made_from: by video, see :func:`tasks.steps.unchanged.made_from.predictions_made_from`.

    Returns:
        The videos that are predicted by that, each with the hash of its file.
    """
    before, noted = context.before, context.before.result(Predicted)
    if noted is None:
        return {}
    earlier = context.ledger.predicted_from(before.round_id)
    same = {v for v, made in earlier.items() if made and made == made_from.get(v)}
    linked = _whole(context, context.ledger.prediction_paths(before.round_id), noted.hashes, same)
    if linked:
        context.ledger.link_predictions(context.round_id, before.round_id, sorted(linked))
    return {v: noted.hashes[str(v)] for v in linked}


def link_delivered(
    context: RoundContext, made_from: Mapping[int, str], calibration: str
) -> tuple[dict[int, str], dict[int, Path]]:
    """Deliver again what the round before delivered of videos of which nothing changed since; safe to be interrupted.

    Args:
        made_from: by video, see :func:`tasks.steps.unchanged.made_from.delivered_made_from`.
        calibration: of the confidences that are delivered.

    Returns:
        The videos that are delivered by that, each with the hash of its file; and of those of which the calibration
        only changed, the files of the round before.
    """
    before, noted = context.before, context.before.result(Propagated)
    if noted is None:
        return {}, {}
    earlier = context.ledger.delivered_from(before.round_id)
    same = {v for v, (made, _) in earlier.items() if made and made == made_from.get(v)}
    files = _whole(context, context.ledger.delivered_paths(before.round_id), noted.hashes, same)
    linked = {v: noted.hashes[str(v)] for v in files if earlier[v][1] == calibration}
    if linked:
        context.ledger.link_delivered(context.round_id, before.round_id, sorted(linked))
    return linked, {v: file for v, file in files.items() if v not in linked}


def _whole(
    context: RoundContext, paths: Mapping[int, str], hashes: Mapping[str, str], videos: Collection[int]
) -> dict[int, Path]:
    """Return the files of some videos; those that are not as they were left are not among them."""
    files = {v: context.project.absolute(paths[v]) for v in sorted(videos)}
    return context.whole_files(files, hashes)
