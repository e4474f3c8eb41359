"""The pages of the dashboard: the report's sections, one page each, as the server shows them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from al_core.evaluation.bootstrap import Estimate
from al_core.evaluation.calibration import Samples, expected_calibration_error
from al_core.evaluation.label_diff import LabelDiff
from al_core.ledger.labelling.queue import QueueState
from al_core.ledger.store import Round, Step
from al_core.records import Video, whole_video
from tasks.project.annotator_stats import PersonRow
from tasks.report.content import Content
from tasks.report.figures import round_figures
from tasks.report.formatting import duration, many, percent, score
from tasks.report.pages import sections
from tasks.report.pages.document import served_document
from tasks.report.pages.html import Charts, Markup, empty, note, table
from tasks.report.pages.video_section import one_video
from tasks.report.people_tables import people_section
from tasks.report.viewer import frame_link, viewer

MAX_CHANGES = 20
MAX_ROUNDS = 20
FOOTER = "fewframes. Every figure names whose masks it is about; the page follows the ledger by itself."


@dataclass(frozen=True, slots=True)
class Frame:
    """What surrounds a page.

    Attributes:
        static: address of styles and scripts.
        links: (name, address) of the pages that this person may see.
    """

    static: str
    links: Sequence[tuple[str, str]]

    def page(self, content: Content, here: str, header: str, parts: Mapping[str, str], charts: Charts) -> str:
        """A whole page."""
        title = f"{here} · {content.name}"
        return served_document(title, header, self.links, parts, charts, FOOTER, self.static, here)


def overview(content: Content, queue: QueueState, age_seconds: float | None, overdue: int | None, frame: Frame) -> str:
    """How far the videos are labelled, what people are asked now, and the rounds.

    Args:
        age_seconds: of the oldest open request; None without one.
        overdue: open requests of a round whose deadline has passed; None where rounds have no deadline.
    """
    charts = Charts()
    parts = {
        "Queue": _queue(queue, age_seconds, overdue),
        "Labels": sections.labels(content, charts),
        "Rounds": sections.rounds(content),
    }
    return frame.page(content, "Overview", sections.header(content), parts, charts)


def quality(content: Content, samples: Mapping[str, Samples], frame: Frame) -> str:
    """How good the labels are, what more labelling buys, and whether confidences can be trusted."""
    charts = Charts()
    parts = {"Quality": sections.quality(content, charts), "Calibration": _calibration(samples, charts)}
    return frame.page(content, "Quality", _title("Quality", content), parts, charts)


def videos(content: Content, peaks: Mapping[int, float], frame: Frame) -> str:
    """A line per video, the least certain first.

    Args:
        peaks: uncertainty of each video's least certain frame, by id.
    """
    newest = {row.video_id: row.value for row in whole_video(content.quality, "jf")}
    ranked = sorted(content.videos, key=lambda v: (-peaks.get(v.video_id, -1.0), v.video_id))
    rows = [
        [
            Markup(f'<a href="/dashboard/videos/{v.video_id}">{escape(v.name)}</a>'),
            f"{v.n_frames:,}",
            f"{v.width} × {v.height}",
            duration(float(v.n_frames / v.fps)),
            f"{peaks[v.video_id]:.3f}" if v.video_id in peaks else "–",
            score(newest.get(v.video_id)),
        ]
        for v in ranked
    ]
    head = ["video", "frames", "size", "length", "highest uncertainty", "J&F"]
    body = table(head, rows, text=[0]) if rows else empty("The project has no videos yet.")
    parts = {
        "Videos": note("The videos with the least certain frames come first. J&F is that of the newest round.") + body
    }
    return frame.page(content, "Videos", _title("Videos", content), parts, Charts())


def video(
    content: Content, this: Video, compared: LabelDiff | None, rounds: tuple[int, int] | None, frame: Frame
) -> str:
    """One video: its time line, its frames, and what changed between two rounds."""
    charts = Charts()
    parts = {"Time line": one_video(content, charts)}
    delivered = [r.round_id for r in content.rounds if r.covered is not None]
    if delivered:
        parts["Frames"] = viewer(this, delivered, rounds)
    if compared is not None and rounds is not None:
        parts["Changes"] = _changes(compared, rounds)
    header = f'<h1>{escape(this.name)}</h1><p class="lead">{many(this.n_frames, "frame")} of {escape(content.name)}</p>'
    return frame.page(content, "Videos", header, parts, charts)


def people(content: Content, rows: Sequence[PersonRow], frame: Frame) -> str:
    """Who labels, how fast, and how well their labels hold."""
    body = (
        people_section(rows) if rows else empty("Nobody has access yet; the lead adds people: fewframes annotator add.")
    )
    return frame.page(content, "People", _title("People", content), {"People": body}, Charts())


def mine(name: str, row: PersonRow, frame: Frame) -> str:
    """What one person did, for that person's own eyes."""
    drawn = ", ".join(f"{kind} {seconds:.1f} s" for kind, seconds in row.seconds.items()) or "nothing yet"
    facts = [
        ("Frames", f"{row.frames:,}", f"{many(row.set_aside, 'frame')} skipped or flagged"),
        ("Active time", duration(row.human_seconds), f"median of a frame: {drawn}"),
        ("Accepted as shown", percent(row.accepted), "of the frames with masks to start from"),
        ("Agreement with others", score(row.agreement_j), "mean J on frames that two people answered"),
    ]
    tiles = "".join(
        f'<dl class="tile"><dt>{escape(what)}</dt><dd>{escape(value)}</dd><dd>{escape(more)}</dd></dl>'
        for what, value, more in facts
    )
    said = f"What you labelled in {escape(name)}. Reviewers and leads see the same of everybody."
    title = f'<h1>{escape(row.name)}</h1><p class="lead">{said}</p>'
    parts = {"Your work": f'<div class="tiles">{tiles}</div>'}
    return served_document(f"{row.name} · {name}", title, frame.links, parts, Charts(), FOOTER, frame.static, "My work")


def runs(content: Content, rounds: Sequence[Round], flow_runs: str, frame: Frame) -> str:
    """What the machine did: training, time, and every step with its inputs and results.

    Args:
        flow_runs: address of Prefect's pages of flow runs, to which an id is added; empty where there are none.
    """
    charts = Charts()
    parts = {"Training": sections.training(content, charts)}
    for this in sorted(rounds, key=lambda r: -r.round_id)[:MAX_ROUNDS]:
        steps = [s for s in content.steps if s.round_id == this.round_id]
        parts[f"Round {this.round_id}"] = _round(this, steps, flow_runs)
    if len(rounds) > MAX_ROUNDS:
        parts["Earlier rounds"] = note(f"The newest {MAX_ROUNDS} of {len(rounds):,} rounds are shown.")
    return frame.page(content, "Runs", _title("Runs", content), parts, charts)


def _title(name: str, content: Content) -> str:
    return f'<h1>{escape(name)}</h1><p class="lead">{escape(content.name)}</p>'


def _queue(state: QueueState, age_seconds: float | None, overdue: int | None) -> str:
    counts = {
        "Open": state.open,
        "In hand now": state.in_hand,
        "Flagged for the lead": state.flagged,
        "Answered": state.done,
        "Dropped": state.dropped,
        "Expired": state.expired,
    }
    if overdue is not None:
        counts["Overdue"] = overdue
    shown = {name: f"{count:,}" for name, count in counts.items()}
    shown["Oldest open"] = "–" if age_seconds is None else duration(age_seconds)
    tiles = "".join(f'<dl class="tile"><dt>{escape(name)}</dt><dd>{value}</dd></dl>' for name, value in shown.items())
    return f'<div class="tiles">{tiles}</div>'


def _calibration(samples: Mapping[str, Samples], charts: Charts) -> str:
    if not samples:
        return empty(
            "Nothing can be compared yet: it takes a round that delivers masks, and a later one in which a person "
            "labels some of the same frames."
        )
    rows = [
        [f"{name} masks", f"{len(found):,}", _with_span(expected_calibration_error(found))]
        for name, found in samples.items()
    ]
    explained = (
        "Each mask that a round delivered for a frame which a person labelled in the next one: the confidence that it "
        "was delivered with, and its overlap with what the person drew. On the dotted line a confidence means what it "
        "says; the expected calibration error is the mean distance from it."
    )
    listed = table(["provenance", "masks", "expected calibration error"], rows, text=[0])
    chart = charts.card(round_figures.calibration(samples), "Reliability")
    return f'{note(explained)}<div class="charts">{chart}</div>{listed}'


def _with_span(estimate: Estimate) -> str:
    return f"{estimate.value:.3f}" + (f" ({estimate.low:.3f} to {estimate.high:.3f})" if estimate.known else "")


def _changes(found: LabelDiff, rounds: tuple[int, int]) -> str:
    counts = ", ".join(f"{count:,} {name}" for name, count in found.counts.items())
    agreement = "" if found.mean_iou is None else f" Mean IoU {found.mean_iou:.3f}."
    rows = [
        [
            frame_link(change.frame_idx),
            str(change.track_id),
            change.what,
            f"{change.iou:.3f}",
            *(p.value if p else "–" for p in (change.before, change.after)),
        ]
        for change in found.changes[:MAX_CHANGES]
    ]
    text = f"From round {rounds[0]} to round {rounds[1]}: of {many(found.n_masks, 'mask')} {counts}.{agreement}"
    listed = table(["frame", "track", "change", "IoU", "was", "is"], rows, text=[2, 4, 5]) if rows else ""
    return note(text) + listed


def _round(this: Round, steps: Sequence[Step], flow_runs: str) -> str:
    rows = [
        [
            s.name,
            "failed" if s.error else s.status,
            str(s.attempts),
            duration(s.seconds) if s.status == "finished" and s.seconds is not None else "–",
            f"{s.started_at:%Y-%m-%d %H:%M:%S}",
            s.inputs_sha256[:12],
            s.code or "–",
            s.error or _result(s.result),
        ]
        for s in steps
    ]
    state = this.stop_reason or this.status
    facts = escape(f"seed {this.settings.seed} · settings {this.settings.sha256[:12]} · {state}")
    if this.flow_run_id:
        name = f"Prefect run {escape(this.flow_run_id)}"
        facts += f' · <a href="{escape(flow_runs + this.flow_run_id)}">{name}</a>' if flow_runs else f" · {name}"
    head = ["step", "state", "attempts", "time", "started (UTC)", "inputs", "code", "result"]
    settings = escape(this.settings.model_dump_json(indent=1))
    return (
        f'<p class="meta">{facts}</p>{table(head, rows, text=[0, 1, 5, 6], wide=[7])}'
        f"<details><summary>Settings</summary><pre>{settings}</pre></details>"
    )


def _result(result: Mapping[str, Any] | None) -> str:
    """The plain values of a step's result; lists are counted."""
    told = []
    for name, value in (result or {}).items():
        shown = f"{len(value):,}" if isinstance(value, list | dict) else str(value)
        told.append(f"{name} {shown[:40]}")
    return " · ".join(told)
