"""Audit: what a round delivers, measured where there is held-back ground truth."""

from al_core.evaluation.video_quality import VideoFigure, evaluate_video
from al_core.ledger.store import Ledger
from al_core.project import Project
from al_core.records import Video
from al_core.stores.delivered import read_delivered


def audit_video(project: Project, ledger: Ledger, video: Video, round_id: int) -> list[VideoFigure]:
    """Measure what a round delivers for one video and store the figures; the same call twice is the same as
    once.

    Returns:
        The stored rows; empty for a video without ground truth, or when people labelled all of it.
    """
    truth = ledger.truth(video.video_id)
    human = {label.frame.frame_idx for label in ledger.human_labels(video.video_id, up_to_round=round_id)}
    path = ledger.delivered_paths(round_id).get(video.video_id)
    rows: list[VideoFigure] = []
    if truth and path is not None:
        delivered = dict(read_delivered(project.absolute(path), sorted(set(truth) | human)))
        rows = evaluate_video(delivered, truth, human, video.identities)
    ledger.put_quality(round_id, video.video_id, rows)
    return rows
