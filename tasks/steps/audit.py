"""Audit what a round delivers, credit its labels with what they changed, and close the round."""

from collections.abc import Callable, Container, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from al_core.campaign.audited import AuditSize, full_size
from al_core.campaign.budget import effective_limits
from al_core.campaign.stopping import Assured, History, stop_reason
from al_core.ledger.campaign.categories import standing
from al_core.ledger.store import Ledger
from al_core.project import Project
from al_core.records import FrameLabel, FrameRef, Identities, Progress, Video, fingerprint_labels, whole_video
from al_core.selection.gain import measure_worth
from al_core.settings import Settings, StoppingSettings
from al_core.stores.delivered import read_delivered
from tasks.auditing.asking_audits import draw_audit
from tasks.auditing.round_estimates import NEARLY_ALL, lower_bound, refresh_estimates, stored_estimates
from tasks.auditing.target_outlook import METRICS
from tasks.certificates.certifying_rounds import certify_delivery
from tasks.progress import progress_of
from tasks.project.outlook import plan_of
from tasks.steps.context import Audited, Chosen, RoundContext, asking_rounds, standing_rounds

if TYPE_CHECKING:
    from al_core.evaluation.video_quality import Measurement

READ_AT_ONCE = 64
"""Videos whose truth is read together: each question to the ledger takes longer than to read that of one."""


def audit_inputs(context: RoundContext) -> dict[str, Any]:
    """Return what the audit depends on."""
    delivered = sorted(context.ledger.delivered_paths(context.round_id).items())
    return {"delivered": delivered, "labels": fingerprint_labels(context.labels_collected)}


def audit_work(context: RoundContext) -> Audited:
    """Measure the delivered masks against truth and held-out labels, which the loop has not seen."""
    tell = progress_of(Audited.step)
    ledger = context.ledger
    # Of other videos nothing can be measured.
    measured = set(ledger.truth_frames()["video_id"].tolist())
    measured |= {row.video_id for row in ledger.quality(context.round_id)}
    audit_videos(context, [video for video in context.videos if video.video_id in measured], tell)
    measure_holdout(context.project, context.ledger)
    refresh_estimates(context.project, context.ledger)
    counts = bool(over(context)) or context.settings.certificates.automatic
    draw_audit(context, counts=True if counts else target_in_reach(context.ledger, context.settings))
    refresh_estimates(context.project, context.ledger)
    return Audited(len(context.videos), round_credits(context))


def audit_videos(
    context: RoundContext, videos: Sequence[Video], on_progress: Callable[[Progress], None] = lambda progress: None
) -> "dict[int, list[Measurement]]":
    """Measure what a round delivers for some videos and store the figures; the same call twice is the same as once.

    Returns:
        The stored rows by video; none for one without ground truth, or when people labelled all of it.
    """
    # The gain below is shown by commands that start without scipy.
    from al_core.evaluation.video_quality import evaluate_video

    ledger, paths = context.ledger, context.ledger.delivered_paths(context.round_id)
    human: dict[int, set[int]] = {}
    for label in ledger.human_labels(up_to_round=context.round_id) if videos else ():
        human.setdefault(label.frame.video_id, set()).add(label.frame.frame_idx)
    ended = ledger.ended_categories()
    rows: dict[int, list[Measurement]] = {}
    for done, (video, truth) in enumerate(_with_truth(ledger, videos, paths), start=1):
        path, mine = paths.get(video.video_id), human.get(video.video_id, set())
        rows[video.video_id] = []
        if truth and path is not None:
            found = read_delivered(context.project.absolute(path), sorted(set(truth) | mine))
            delivered = {index: list(standing(masks, ended)) for index, masks in found}
            rows[video.video_id] = evaluate_video(delivered, truth, mine, video.identities)
        on_progress(Progress(done, len(videos), video.name))
    ledger.put_qualities(context.round_id, list(rows.items()))
    return rows


def _with_truth(
    ledger: Ledger, videos: Sequence[Video], wanted: Container[int]
) -> Iterator[tuple[Video, dict[int, FrameLabel]]]:
    """Yield each video with the truth of its frames; none of those that are not ``wanted``."""
    for first in range(0, len(videos), READ_AT_ONCE):
        some = videos[first : first + READ_AT_ONCE]
        truths = ledger.truths([video.video_id for video in some if video.video_id in wanted])
        yield from ((video, truths.get(video.video_id, {})) for video in some)


def measure_holdout(project: Project, ledger: Ledger) -> int:
    """Measure what every round delivered on the held-out frames that have labels by now, so that rounds compare; the
    same call twice is the same as once.

    Objects are paired frame by frame: who labels a held-out frame sees no other labels, and cannot know their numbers.

    Returns:
        How many frames were measured.
    """
    from al_core.evaluation.video_quality import evaluate_video

    labels = {label.frame: label for label in ledger.human_labels(purpose="holdout")}
    by_video: dict[int, dict[int, FrameLabel]] = {video: {} for video in ledger.video_lengths()}
    for frame, label in labels.items():
        by_video[frame.video_id][frame.frame_idx] = label
    noted = {(row.round_id, row.video_id) for row in ledger.quality(reference="holdout")}
    for this in standing_rounds(ledger):
        found = []
        for video_id, path in ledger.delivered_paths(this.round_id).items():
            mine = by_video[video_id]
            if not mine and (this.round_id, video_id) not in noted:
                continue
            delivered = dict(read_delivered(project.absolute(path), sorted(mine))) if mine else {}
            rows = evaluate_video(delivered, mine, set(), Identities.PER_FRAME)
            found.append((video_id, rows))
        if found:
            ledger.put_qualities(this.round_id, found, "holdout")
    return len(labels)


# ---- what each label brought


def round_credits(context: RoundContext) -> tuple[tuple[float, float, float], ...]:
    """Return what the labels of a round changed, as (control 0 or 1, human seconds, worth) of each label.

    Labels of abandoned rounds since the one before count too. Empty for a round before which nothing was delivered.
    """
    ledger, round_id = context.ledger, context.round_id
    before, after = ledger.delivered_paths(context.before.round_id), ledger.delivered_paths(round_id)
    seconds: dict[FrameRef, float] = {}
    control: dict[FrameRef, bool] = {}
    with ledger.held():
        for labelled in (*context.passed_over, round_id):
            seconds |= ledger.label_seconds(labelled)
            control |= {s.frame: s.control for s in ledger.selection(labelled)}
        lengths = ledger.video_lengths()
    found = []
    for video_id in sorted(before.keys() & after.keys()):
        mine = sorted(ref.frame_idx for ref in seconds if ref.video_id == video_id)
        if not mine:
            continue
        old, new = (dict(read_delivered(context.project.absolute(paths[video_id]))) for paths in (before, after))
        changed = measure_worth(old, new, mine, lengths[video_id], context.shots_of(video_id))
        for frame_idx, worth in changed.items():
            ref = FrameRef(video_id, frame_idx)
            found.append((float(control.get(ref, False)), seconds[ref], worth))
    return tuple(found)


# ---- the end of a round


def finish_round(context: RoundContext) -> str | None:
    """Close the round; returns why the campaign ends with it, or None when it goes on."""
    ledger = context.ledger
    refresh_estimates(context.project, ledger)
    certify_delivery(context, context.round_id)
    reason = over(context)
    if reason:
        # Nobody will use what was asked ahead.
        ledger.replace_requests(context.round_id + 1)
    ledger.finish_round(context.round_id, reason)
    return reason


def over(context: RoundContext) -> str | None:
    """Return why the campaign ends with this round, as far as it is known by now; None when it goes on."""
    ledger = context.ledger
    with ledger.held():
        settings, chosen = context.settings, context.result(Chosen)
        empty = chosen.empty if chosen is not None else ""
        return empty or stop_reason(limits_of(ledger, settings), campaign_history(ledger, settings))


def limits_of(ledger: Ledger, settings: Settings) -> StoppingSettings:
    """Return the stopping rules of a campaign, in numbers."""
    return effective_limits(settings.stopping, plan_of(ledger, settings))


def campaign_history(ledger: Ledger, settings: Settings) -> History:
    """Return rounds, human frames and seconds, coverage and quality of a project up to now."""
    rows = ledger.coverage()
    last = rows[-1] if rows else None
    delivered = ledger.last_delivered_round()
    covered = ledger.frames_covered(delivered) if delivered is not None else 0
    lengths, held_out = ledger.pool_lengths(), ledger.holdout_frames()["video_id"].tolist()
    total = sum(lengths.values())
    human_frames = last["human_frames"] if last else 0
    return History(
        rounds=len(asking_rounds(ledger)),
        human_frames=human_frames - (last["imported"] if last else 0),
        human_seconds=last["human_seconds"] if last else 0.0,
        coverage=min(1.0, covered / total) if total else 0.0,
        qualities=_mean_quality(ledger),
        assured=_assured(ledger, settings),
        frames_left=total - human_frames + ledger.frames_set_aside() - sum(video in lengths for video in held_out),
    )


def target_in_reach(ledger: Ledger, settings: Settings) -> bool | None:
    """Tell whether the quality of this delivery may end the campaign, by what is known of those before; None where
    nothing is known yet."""
    target = settings.stopping.target_quality
    if not target:
        return False
    known = [each.best(settings.stopping.target_metric) for each in stored_estimates(ledger) if each.figures]
    return None if not known or known[-1] is None else known[-1].high >= target


def _assured(ledger: Ledger, settings: Settings) -> Assured | None:
    """Return the quality that the newest audit assures that was drawn in full and is nearly all answered, by the grade
    with more answers."""
    stopping, full = settings.stopping, full_size(settings)
    if not stopping.target_quality:
        return None
    in_full = [
        each
        for each in stored_estimates(ledger)
        if each.figures
        and each.answered >= NEARLY_ALL * each.asked
        and any(AuditSize(*sample.asked) == full for sample in ledger.audit_samples(each.round_id))
    ]
    audited = in_full[-1] if in_full else None
    figure = None if audited is None else audited.best(stopping.target_metric)
    if audited is None or figure is None:
        return None
    least = lower_bound(figure, stopping.target_confidence)
    return Assured(audited.round_id, METRICS[stopping.target_metric], least, figure.value, figure.grade.value)


def _mean_quality(ledger: Ledger) -> tuple[float, ...]:
    """Return a figure of each round that has one, in order: mean J&F over videos by truth, else by held-out labels,
    else the share of good masks as audits estimate it."""
    if not (ledger.quality() or ledger.quality(reference="holdout")):
        found = [each.best("good") for each in stored_estimates(ledger)]
        return tuple(figure.value for figure in found if figure is not None)
    by_round: dict[int, list[float]] = {this.round_id: [] for this in standing_rounds(ledger)}
    for row in whole_video(ledger.quality() or ledger.quality(reference="holdout"), "jf"):
        if row.round_id in by_round:
            by_round[row.round_id].append(row.value)
    return tuple(sum(v) / len(v) for _, v in sorted(by_round.items()) if v)
