"""Messages about rounds: a webhook gets them, and Prefect's page of the run shows a summary."""

from dataclasses import replace

from al_core.campaign.waiting import Until, deadline
from al_core.ledger.store import Ledger
from al_core.project import Project
from al_core.settings import NotifySettings
from tasks.auditing.round_estimates import RoundEstimates, estimates_now
from tasks.certificates.accepted_counts import counts_with_accepted
from tasks.report.certificate_words import looks_during, of_one
from tasks.report.estimate_words import jf_of, rests_on, with_span
from tasks.report.formatting import duration, many, percent, score
from tasks.report.round_rows import RoundRow, round_rows
from tasks.reviews.approvals import approvals_of
from tasks.scheduling.notify import Event, notify
from tasks.scheduling.published import publish_summary
from tasks.steps.context import verdict_of


def tell_ready(project: Project, ledger: Ledger, round_id: int, asked: int) -> None:
    """Tell that a round has put its frames before people."""
    settings = ledger.round(round_id).settings
    if settings.annotator.backend == "simulated" or not asked:
        return
    text = f"Round {round_id} of {project.root.name} is ready: {many(asked, 'frame')} to label."
    notify(project, settings.notify, Event.ROUND_READY, text, round_id=round_id, counts={"asked": asked})


def tell_finished(project: Project, ledger: Ledger, round_id: int) -> None:
    """Tell that a round is finished, and perhaps the campaign with it."""
    this = ledger.round(round_id)
    rows = round_rows(ledger, estimates_now(project, ledger), counts_with_accepted(project, ledger))
    row = next(row for row in rows if row.round_id == round_id)
    good = row.estimated.best("good") if row.estimated else None
    seconds = {step.name: step.seconds for step in ledger.steps(round_id)}
    expired = len(ledger.requests(round_id, "expired"))
    figures = f"{row.answered} of {row.requested} frames answered, masks on {percent(row.coverage)} of all"
    figures += f", estimated good {with_span(good)}, {rests_on(good)}" if good is not None else ""
    looks = looks_during(ledger.certificates(), this)
    figures += "".join(f", {of_one(look)}" for look in looks)
    figures += f", J&F {jf_of(row)}" if jf_of(row) != "–" else ""
    over = f" The campaign is over: {this.stop_reason}." if this.stop_reason else ""
    text = f"Round {round_id} of {project.root.name} is finished: {figures}.{over}"
    counts = {
        "asked": row.requested,
        "answered": row.answered,
        "expired": expired,
        "frames": row.n_frames,
        "labelled": row.covered or 0,
        "human_frames": row.human_frames,
    }
    publish_summary(_summary(replace(row, state=this.stop_reason or "finished"), expired, seconds))
    notify(project, this.settings.notify, Event.ROUND_FINISHED, text, round_id=round_id, counts=counts)


def tell_failed(project: Project, ledger: Ledger, error: str) -> None:
    """Tell that a run ended early, and will not be started again by itself."""
    last = ledger.last_round()
    notify(
        project,
        last.settings.notify if last else NotifySettings(),
        Event.FAILED,
        f"A run of {project.root.name} ended early: {error}",
        round_id=last.round_id if last else None,
        mend=f"look at the reason, mend it, then: fewframes run {project.option}",
    )


def tell_need(project: Project, ledger: Ledger, need: str) -> None:
    """Tell that a round goes on only when somebody sees to it (see :func:`need_of`)."""
    last = ledger.last_round()
    if last is not None:
        text = f"Round {last.round_id} of {project.root.name} needs you: {need}."
        waiting = ledger.waiting(last.round_id)
        counts = {"answered": waiting.answered, "open": waiting.open}
        counts |= {"unapproved": waiting.unapproved} if waiting.unapproved else {}
        notify(project, last.settings.notify, Event.NEEDS_YOU, text, round_id=last.round_id, counts=counts)


def need_of(ledger: Ledger) -> str | None:
    """Return why a round will not go on by itself; None where it does, or where it simply waits for answers."""
    last = ledger.last_round()
    if last is None or last.status != "running":
        return None
    waiting = ledger.waiting(last.round_id)
    if waiting.unapproved and (approvals := approvals_of(ledger)).stuck:
        return f"{approvals.in_words()}: add a reviewer"
    if not waiting.open:
        return None
    if ledger.flagged() >= waiting.open:
        return f"{many(waiting.open, 'frame')} left, all flagged for a lead"
    over = deadline(last.settings.schedule, waiting)
    if over is not None and waiting.as_of >= over and verdict_of(ledger, last).until is Until.ANSWERED:
        return verdict_of(ledger, last).reason
    return None


def _summary(row: RoundRow, expired: int, seconds: dict[str, float]) -> str:
    """Return a round as a Markdown table."""
    figures = {
        "frames asked": f"{row.requested:,}",
        "answered": f"{row.answered:,}",
        "withdrawn unanswered": f"{expired:,}",
        "human frames so far": f"{row.human_frames:,}",
        "human time so far": duration(row.human_seconds),
        "frames that have masks": f"{row.covered or 0:,} of {row.n_frames:,} ({percent(row.coverage)})",
        **{f"masks, {provenance}": f"{n:,}" for provenance, n in sorted(row.masks_by.items())},
        **_estimated(row.estimated),
        "J&F": jf_of(row),
        "AP50": score(row.ap50),
        **{f"step {name}": duration(spent) for name, spent in seconds.items()},
        "state": row.state,
    }
    lines = [f"| {name} | {value} |" for name, value in figures.items()]
    return "\n".join([f"# Round {row.round_id}", "", "| figure | value |", "|---|---|", *lines])


def _estimated(found: RoundEstimates | None) -> dict[str, str]:
    """Return what an audit says of a round, with what it rests on, by name."""
    told = {"good masks, estimated": "good", "missed objects per 100 frames": "missed"}
    figures = {} if found is None else {name: found.best(metric) for name, metric in told.items()}
    return {name: f"{with_span(figure)}, {rests_on(figure)}" for name, figure in figures.items() if figure is not None}
