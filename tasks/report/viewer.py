"""One frame of a video as a round delivered it, or as two rounds did, side by side."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from al_core.export.palette import PROVENANCE_COLOURS, track_colour
from al_core.ledger.store import Ledger
from al_core.project import Project
from al_core.records import IGNORE_TRACK, DeliveredMask, FrameRef, Video
from al_core.stores.delivered import read_delivered
from al_core.stores.frames import FrameStore
from tasks.report.formatting import clock, score
from tasks.report.pages.html import Markup, chip, note, swatch, table
from tasks.report.thumbnails import Shown, full_picture


@dataclass(frozen=True, slots=True)
class Look:
    """What one round delivered in a frame.

    Attributes:
        image: JPEG data URI with the masks drawn; None when the frame cannot be read any more.
    """

    round_id: int
    image: str | None
    masks: tuple[DeliveredMask, ...]


@dataclass(frozen=True, slots=True)
class FrameView:
    """A frame, and all that is known of it.

    Attributes:
        looks: one per round that is shown.
        uncertainty: parts as the newest round predicted them, by name; empty where nothing was predicted.
        reasons: (round, why it was chosen then).
    """

    frame_idx: int
    time_us: int
    looks: tuple[Look, ...]
    uncertainty: Mapping[str, float]
    reasons: tuple[tuple[int, str], ...]


def gather_frame(
    project: Project, ledger: Ledger, frames: FrameStore, video: Video, frame_idx: int, rounds: Sequence[int]
) -> FrameView:
    """Read what some rounds delivered in a frame."""
    ref = FrameRef(video.video_id, frame_idx)
    with ledger.held():
        paths = {round_id: ledger.delivered_paths(round_id).get(video.video_id) for round_id in rounds}
        times = ledger.frame_times_us(video.video_id)
        known = ledger.rounds()
        predicted = next((r.round_id for r in reversed(known) if ledger.prediction_paths(r.round_id)), None)
        parts = {} if predicted is None else ledger.components_of(predicted, [ref]).get(ref, {})
        chosen = {r.round_id: [s for s in ledger.selection(r.round_id) if s.frame == ref] for r in known}
    looks = []
    for round_id, path in paths.items():
        found = dict(read_delivered(project.absolute(path), [frame_idx])) if path is not None else {}
        masks = tuple(m for m in found.get(frame_idx, ()) if m.track_id != IGNORE_TRACK)
        drawn = Shown(tuple((m.track_id, m.rle) for m in masks))
        looks.append(Look(round_id, full_picture(frames, ref, drawn), masks))
    reasons = tuple((round_id, s.reason) for round_id, found in chosen.items() for s in found)
    return FrameView(frame_idx, int(times[frame_idx] - times[0]), tuple(looks), parts, reasons)


def frame_view(view: FrameView, categories: Mapping[int, str]) -> str:
    """The frame as HTML."""
    looks = "".join(_look(look, view.frame_idx, categories) for look in view.looks)
    facts = [note(f"Chosen in round {round_id}: {reason}") for round_id, reason in view.reasons]
    if view.uncertainty:
        parts = ", ".join(f"{name.replace('_', ' ')} {value:.3f}" for name, value in view.uncertainty.items())
        facts.append(note(f"Uncertainty, part by part: {parts}"))
    title = f"<h4>Frame {view.frame_idx:,} at {clock(view.time_us)}</h4>"
    return f'{title}<div class="looks">{looks}</div>{"".join(facts)}'


def viewer(video: Video, rounds: Sequence[int], compared: tuple[int, int] | None) -> str:
    """The place where frames are shown, and the choice of which rounds.

    Args:
        rounds: those that delivered masks, in order.
        compared: the two that are compared, or None when there is only one.
    """
    shown = ",".join(map(str, compared or rounds[-1:]))
    pick = ""
    if compared is not None:
        before, after = (
            _select(name, rounds, chosen) for name, chosen in zip(("before", "after"), compared, strict=True)
        )
        pick = (
            f'<form class="pick" method="get"><label>Compare round {before}</label><label>with round {after}</label>'
            "<button>Compare</button></form>"
        )
    return (
        f'{pick}<form class="pick" id="viewer" data-address="/dashboard/videos/{video.video_id}/frames/" '
        f'data-rounds="{shown}"><label>Frame <input type="number" name="frame" min="0" max="{video.n_frames - 1}" '
        f'value="0" required></label><button>Show</button>'
        '<button type="button" data-step="-1" title="The frame before" aria-label="The frame before">‹</button>'
        '<button type="button" data-step="1" title="The next frame" aria-label="The next frame">›</button>'
        '<span class="note">or click a point of the time line</span></form><div id="shown" aria-live="polite"></div>'
    )


def frame_link(frame_idx: int) -> Markup:
    """A table's cell that shows a frame when it is clicked."""
    return Markup(f'<button type="button" class="link" data-frame="{frame_idx}">{frame_idx:,}</button>')


def _select(name: str, rounds: Sequence[int], chosen: int) -> str:
    options = "".join(f"<option{' selected' * (number == chosen)}>{number}</option>" for number in rounds)
    return f'<select name="{name}">{options}</select>'


def _look(look: Look, frame_idx: int, categories: Mapping[int, str]) -> str:
    where = f"Frame {frame_idx} as round {look.round_id} delivered it"
    if look.image is None:
        image = '<div class="gone">The frame cannot be read: its video is gone or was changed.</div>'
    else:
        image = f'<img src="{look.image}" alt="{escape(where)}">'
    rows = [
        [
            Markup(f'<span class="track">{swatch(track_colour(m.track_id))}{m.track_id}</span>'),
            categories.get(m.category_id, str(m.category_id)),
            Markup(chip(m.provenance.value, PROVENANCE_COLOURS[m.provenance.value])),
            score(m.confidence),
        ]
        for m in look.masks
    ]
    listed = (
        table(["object", "category", "provenance", "confidence"], rows, text=[0, 1, 2]) if rows else note("No mask.")
    )
    return f"<figure>{image}<figcaption><b>Round {look.round_id}</b></figcaption>{listed}</figure>"
