"""The pages of the dashboard: the report's sections, one page each, as the server shows them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from markupsafe import Markup

from al_core.audit.audit_records import Certificate
from al_core.evaluation.bootstrap import Estimate
from al_core.evaluation.calibration import Samples, expected_calibration_error
from al_core.evaluation.label_diff import LabelDiff
from al_core.ledger.labelling.queue import QueueState
from al_core.ledger.store import Round, Step
from al_core.records import Video
from tasks.languages.phrases import counted, heard, numeral, t
from tasks.project.annotator_stats import PersonRow
from tasks.report.content import Content
from tasks.report.formatting import duration, many, moment, percent, score, score_with_span
from tasks.report.pages import certificate_section, sections
from tasks.report.pages.document import Charts, document, header, note, render
from tasks.report.pages.estimate_section import estimates
from tasks.report.pages.video_section import videos as video_cards
from tasks.report.pages.viewer import viewer
from tasks.reviews.approvals import Approvals

MAX_CHANGES = 20
MAX_ROUNDS = 20
NO_LABELS = "1970-01-01T00:00:00"
"""What a step notes as the time of the newest answer where there is none."""

FOOTER = "fewframes. Every figure names whose masks it is about; the page follows the ledger by itself."


@dataclass(frozen=True, slots=True)
class Frame:
    """What surrounds a page.

    Attributes:
        project: its name.
        static: address of styles and scripts.
        links: (name, address) of the pages that this person may see.
    """

    project: str
    static: str
    links: Sequence[tuple[str, str]]

    def page(
        self, here: str, parts: Mapping[str, Markup], charts: Charts | None = None, head: Markup | None = None
    ) -> str:
        """Return a whole page.

        Args:
            here: the name of the page, also its title.
            head: what stands on top; by default the name of the page and of the project.
        """
        title = f"{t(here)} · {self.project}"
        head = header(t(here), self.project) if head is None else head
        return document(title, head, parts, charts or Charts(), t(FOOTER), self.links, here, self.static)


@dataclass(frozen=True, slots=True)
class Work:
    """What people are asked, did, and what is ahead.

    Attributes:
        age_seconds: of the oldest open request; None without one.
        overdue: open requests of a round whose deadline has passed; None where rounds have no deadline.
        ahead: sentences: what is next, what the round and the rest of the campaign take.
        hours: (name, frames, seconds) of everybody who answered.
        undelivered: the last message to the webhook, if nobody got it.
        approvals: answers that wait for a reviewer.
    """

    queue: QueueState
    age_seconds: float | None
    overdue: int | None
    ahead: Sequence[str]
    hours: Sequence[tuple[str, int, float]]
    undelivered: str = ""
    approvals: Approvals = field(default_factory=Approvals)


def overview(content: Content, work: Work, frame: Frame) -> str:
    """Show what is next, how far the videos are labelled, what people are asked now, and the rounds."""
    charts = Charts()
    hours = [(name, duration(seconds), many(frames, "frame")) for name, frames, seconds in work.hours]
    parts = {"Messages": note(t("Nobody was told: {why}.", why=heard(work.undelivered)))} if work.undelivered else {}
    parts |= {
        "What is ahead": Markup("").join(Markup("<p>{}</p>").format(line) for line in work.ahead),
        "Queue": _queue(work),
        **({"Time by person": render("tiles.html", tiles=hours)} if hours else {}),
        "Labels": sections.labels(content, charts),
        "Rounds": sections.rounds(content),
    }
    return frame.page("Overview", parts, charts, sections.header(content))


def quality(content: Content, samples: Mapping[str, Samples], frame: Frame) -> str:
    """Show how good the labels are, what more labelling buys, and whether confidences can be trusted."""
    charts = Charts()
    rows = [
        (t(f"{name} masks"), numeral(len(found), ","), _with_span(expected_calibration_error(found)))
        for name, found in samples.items()
    ]
    parts = {
        "Estimated quality": estimates(content, charts),
        "Certificates": certificate_section.certificates(content.certificates, "certificates/"),
        "Quality": sections.quality(content, charts),
        "Calibration": render("calibration.html", samples=samples, rows=rows, charts=charts),
    }
    return frame.page("Quality", parts, charts)


def certificates(looks: Sequence[Certificate], frame: Frame) -> str:
    """Show all looks at audits."""
    parts = {"Certificates": certificate_section.certificates(looks, "certificates/")}
    return frame.page("Quality", parts, head=header(t("Certificates"), frame.project))


def certificate(look: Certificate, categories: Mapping[int, str], findings: Sequence[str], frame: Frame) -> str:
    """Show one look at an audit.

    Args:
        categories: names by number.
        findings: what came of verifying it; empty where it was not verified now.
    """
    parts = {"Certificate": certificate_section.certificate(look, categories, findings)}
    return frame.page(
        "Quality", parts, head=header(look.certificate_id, t("A certificate of {project}.", project=frame.project))
    )


def videos(all_videos: Sequence[Video], quality: Mapping[int, float], peaks: Mapping[int, float], frame: Frame) -> str:
    """Show a line per video, the least certain first.

    Args:
        quality: J&F of the newest round that measured a video, by id.
        peaks: uncertainty of each video's least certain frame, by id.
    """
    ranked = sorted(all_videos, key=lambda v: (-peaks.get(v.video_id, -1.0), v.video_id))
    return frame.page("Videos", {"Videos": render("all_videos.html", videos=ranked, quality=quality, peaks=peaks)})


def video(
    content: Content,
    this: Video,
    compared: LabelDiff | None,
    rounds: tuple[int, int] | None,
    frame: Frame,
    depth: bool = False,
) -> str:
    """Show one video: its time line, its frames, and what changed between two rounds; depth where there is one."""
    charts = Charts()
    parts = {"Time line": video_cards(content, charts)}
    delivered = [r.round_id for r in content.rounds if r.covered is not None]
    if delivered:
        parts["Frames"] = viewer(this, delivered, rounds, depth)
    if compared is not None and rounds is not None:
        parts["Changes"] = _changes(compared, rounds)
    head = header(this.name, t("{frames} of {project}", frames=many(this.n_frames, "frame"), project=content.name))
    return frame.page("Videos", parts, charts, head)


def people(rows: Sequence[PersonRow], frame: Frame) -> str:
    """Show who labels, how fast, and how well their labels hold."""
    return frame.page("People", {"People": sections.people(rows)})


def mine(row: PersonRow, frame: Frame) -> str:
    """Show one person what that person did."""
    drawn = ", ".join(t(f"{kind} {{n}} s", n=numeral(seconds, ".1f")) for kind, seconds in row.seconds.items())
    skipped = counted(row.set_aside, "{n} frame skipped or flagged", "{n} frames skipped or flagged")
    tiles = [
        (t("Frames"), numeral(row.frames, ","), skipped),
        (
            t("Active time"),
            duration(row.human_seconds),
            t("median of a frame: {seconds}", seconds=drawn or t("nothing yet")),
        ),
        (t("Accepted as shown"), percent(row.accepted), t("of the frames with masks to start from")),
        (t("Agreement with others"), score(row.agreement_j), t("mean J on frames that two people answered")),
        (
            t("Reviewed"),
            numeral(row.reviewed, ","),
            t("{n} came back or were corrected", n=numeral(row.returned, ",")),
        ),
    ]
    lead = "What you labelled in {project}. Reviewers and leads see the same of everybody."
    head = header(row.name, t(lead, project=frame.project))
    return frame.page("My work", {"Your work": render("tiles.html", tiles=tiles)}, head=head)


def runs(
    rounds: Sequence[Round],
    steps: Sequence[Step],
    curves: Mapping[int, Sequence[tuple[int, float, float]]],
    flow_runs: str,
    frame: Frame,
) -> str:
    """Show what the machine did: training, time, and every step with its inputs and results.

    Args:
        curves: round -> (iteration, loss, learning rate).
        flow_runs: address of Prefect's pages of flow runs, to which an id is added; empty where there are none.
    """
    charts = Charts()
    parts = {"Training": sections.training(steps, curves, charts)}
    for this in sorted(rounds, key=lambda r: -r.round_id)[:MAX_ROUNDS]:
        rows = [_step(s) for s in steps if s.round_id == this.round_id]
        parts[f"Round {this.round_id}"] = render("round_steps.html", round=this, rows=rows, flow_runs=flow_runs)
    if len(rounds) > MAX_ROUNDS:
        parts["Earlier rounds"] = note(
            t("The newest {n} of {all} rounds are shown.", n=MAX_ROUNDS, all=numeral(len(rounds), ","))
        )
    return frame.page("Runs", parts, charts)


def _queue(work: Work) -> Markup:
    state = work.queue
    counts = {
        "Open": state.open,
        "In hand now": state.in_hand,
        "Flagged for the lead": state.flagged,
        "Answered": state.done,
        "Dropped": state.dropped,
        "Expired": state.expired,
        "Overdue": work.overdue,
    }
    tiles = [(t(name), numeral(count, ","), "") for name, count in counts.items() if count is not None]
    if work.approvals.due:
        held_back = t("{n} are not used before that", n=numeral(work.approvals.needed, ","))
        due = numeral(work.approvals.due, ",")
        tiles.append((t("Wait for a reviewer"), due, held_back if work.approvals.needed else ""))
    return render("tiles.html", tiles=[*tiles, (t("Oldest open"), duration(work.age_seconds), "")])


def _with_span(estimate: Estimate) -> str:
    return score_with_span(estimate) if estimate.known else score(estimate.value)


def _changes(found: LabelDiff, rounds: tuple[int, int]) -> Markup:
    counts = ", ".join(f"{numeral(count, ',')} {t(name)}" for name, count in found.counts.items())
    told = t(
        "From round {first} to round {last}: of {masks} {counts}.",
        first=rounds[0],
        last=rounds[1],
        masks=many(found.n_masks, "mask"),
        counts=counts,
    )
    if found.mean_iou is not None:
        told = f"{told} {t('Mean IoU {iou}.', iou=score(found.mean_iou))}"
    return render("changes.html", told=told, changes=found.changes[:MAX_CHANGES])


def _step(step: Step) -> tuple[str, ...]:
    return (
        t(step.name),
        t("failed" if step.error else step.status),
        str(step.attempts),
        duration(step.seconds if step.status == "finished" else None),
        moment(step.started_at),
        step.inputs_sha256[:12],
        step.code or "–",
        step.error or _result(step.result),
    )


def _result(result: Mapping[str, Any] | None) -> str:
    """Say the plain values of a step's result; lists are counted."""
    told = []
    for name, value in (result or {}).items():
        if value == NO_LABELS:
            continue
        shown = numeral(len(value), ",") if isinstance(value, list | dict) else str(value)
        told.append(f"{name} {shown[:40]}")
    return " · ".join(told)
