"""One frame of a video as a round delivered it, or as two rounds did, side by side."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from markupsafe import Markup

from al_core.errors import FewframesError
from al_core.export.palette import PROVENANCE_COLOURS
from al_core.ledger.store import Ledger
from al_core.project import Project
from al_core.records import IGNORE_TRACK, DeliveredMask, FrameRef, Video
from al_core.settings import StudentSettings
from al_core.stores.delivered import read_delivered
from al_core.stores.frames import FrameStore
from tasks.project.run_settings import settings_in_force
from tasks.report.content import last_predicted_round
from tasks.report.pages.depth_pictures import coloured, network_of
from tasks.report.pages.document import render
from tasks.report.thumbnails import Shown, data_uri, full_picture


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
        depth: the frame as it is and how near what it shows is, JPEG data URIs; None where nobody asked.
        no_depth: why it cannot be shown; "" where it can, or nobody asked.
    """

    frame_idx: int
    time_us: int
    looks: tuple[Look, ...]
    uncertainty: Mapping[str, float]
    reasons: tuple[tuple[int, str], ...]
    depth: tuple[str, str] | None = None
    no_depth: str = ""


def gather_frame(
    project: Project,
    ledger: Ledger,
    frames: FrameStore,
    video: Video,
    frame_idx: int,
    rounds: Sequence[int],
    depth: bool = False,
) -> FrameView:
    """Read what some rounds delivered in a frame, and how near what it shows is where ``depth`` is asked for."""
    ref = FrameRef(video.video_id, frame_idx)
    with ledger.held():
        paths = {round_id: ledger.delivered_paths(round_id).get(video.video_id) for round_id in rounds}
        times = ledger.frame_times_us(video.video_id)
        known = ledger.rounds()
        predicted = last_predicted_round(ledger)
        parts = {} if predicted is None else ledger.components_of(predicted, [ref]).get(ref, {})
        chosen = {r.round_id: [s for s in ledger.selection(r.round_id) if s.frame == ref] for r in known}
    looks = []
    for round_id, path in paths.items():
        found = dict(read_delivered(project.absolute(path), [frame_idx])) if path is not None else {}
        masks = tuple(m for m in found.get(frame_idx, ()) if m.track_id != IGNORE_TRACK)
        drawn = Shown(tuple((m.track_id, m.rle) for m in masks))
        looks.append(Look(round_id, full_picture(frames, ref, drawn), masks))
    reasons = tuple((round_id, s.reason) for round_id, found in chosen.items() for s in found)
    view = FrameView(frame_idx, int(times[frame_idx] - times[0]), tuple(looks), parts, reasons)
    return _with_depth(view, project, settings_in_force(ledger).student, frames, ref) if depth else view


def _with_depth(
    view: FrameView, project: Project, student: StudentSettings, frames: FrameStore, ref: FrameRef
) -> FrameView:
    try:
        image = frames.read(ref)
        near = network_of(project, student).nearness(image)
    except FewframesError as error:
        return replace(view, no_depth=str(error))
    return replace(view, depth=(data_uri(image), data_uri(coloured(near))))


def frame_view(view: FrameView, categories: Mapping[int, str]) -> Markup:
    """Render the frame."""
    return render("frame.html", view=view, categories=categories, provenance_colours=PROVENANCE_COLOURS)


def viewer(video: Video, rounds: Sequence[int], compared: tuple[int, int] | None, depth: bool = False) -> Markup:
    """Render the place where frames are shown, and the choice of which rounds.

    Args:
        rounds: those that delivered masks, in order.
        compared: the two that are compared, or None when there is only one.
        depth: the project has learnt it, and it can be shown beside the labels.
    """
    return render("viewer.html", video=video, rounds=rounds, compared=compared, depth=depth)
