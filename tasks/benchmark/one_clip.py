"""Propagate along one sequence of a DAVIS-layout folder, without a project: some of its masks are the labels."""

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from al_core.errors import BadLabel
from al_core.evaluation.metrics import JAndF
from al_core.evaluation.video_quality import evaluate_video
from al_core.export.davis import index_image, write_index_png
from al_core.files import check_spared
from al_core.footage.clips import Clip, ClipFrames, clips_of
from al_core.fusion import combine, fuse, members, propagations
from al_core.fusion.choice import Choice, choose
from al_core.masks.rle import encode
from al_core.propagation import Resources
from al_core.records import (
    ALL,
    IGNORE_CATEGORY,
    IGNORE_TRACK,
    DeliveredMask,
    FrameLabel,
    FrameRef,
    Identities,
    MaskLabel,
    Progress,
)
from al_core.settings import AUTO, Settings
from tasks.steps.propagate import Decoded

CATEGORY = 1
MAX_INDEX = 254
"""Index 255 means "ignore"."""


@dataclass(frozen=True)
class ClipReport:
    """What came of a propagation.

    Attributes:
        labelled: number of frames whose masks were given.
        seconds: from the first to the last frame.
        figures: mean J and F over the ``measured`` frames, which have a mask and were not given, each object weighing
            the same; None without such frames.
        switches: how often an object of them was found as another one than before.
        choice: of propagators; None where they were named.
    """

    n_frames: int
    labelled: int
    seconds: float
    figures: JAndF | None
    measured: int
    switches: int
    choice: Choice | None = None

    def describe(self) -> str:
        """Describe the result for a person."""
        chosen = f"{self.choice.describe()}; " if self.choice is not None else ""
        n_frames = f"{chosen}{self.n_frames} frames"
        speed = f"{n_frames} from {self.labelled} labels, {self.n_frames / self.seconds:.1f} frames/s"
        if self.figures is None:
            return f"{speed}; no other frame has a mask to measure against"
        j, f = self.figures
        figures = f"J {j:.3f}, F {f:.3f}, J&F {self.figures.jf:.3f} over {self.measured} frames"
        return f"{speed}; {figures}, {self.switches} identity switch{'' if self.switches == 1 else 'es'}"


def propagate_sequence(
    data: Path,
    name: str,
    labelled: int | Sequence[int],
    methods: Sequence[str],
    out: Path,
    cache: Path,
    settings: Settings,
    on_progress: Callable[[Progress], None] | None = None,
) -> ClipReport:
    """Carry some masks of a sequence to all of its frames, write them below ``out / name``, and measure them.

    Args:
        labelled: frames whose masks are the labels, or how many evenly spaced ones.
        methods: propagators, by name; several are fused. With "auto" one is chosen for each object.

    Raises:
        BadVideo: there is no such folder, or no sequence in it.
        UnknownName: a sequence or a propagator that is not there.
        BadLabel: a frame that is not there, or has no mask.
        OutputExists: ``out / name`` is where the sequence's own frames or masks are.
    """
    (clip,) = clips_of(data, [name])
    check_spared(out / name, filter(None, (clip.source.path, clip.source.masks)))
    marks = evenly(clip.n_frames, labelled) if isinstance(labelled, int) else labelled
    labels = labels_of(clip, marks)
    frames = Clip(clip.source, settings.frames.working_long_side)
    resources = Resources(settings.propagation, cache, seed=settings.seed, on_progress=on_progress)
    started = time.perf_counter()
    choice = choose(resources, frames, Decoded(labels)) if AUTO in methods else None
    seconds = time.perf_counter() - started
    delivered = propagate_clip(frames, labels, clip.size, methods, resources, choice)
    report = write_masks(delivered, clip, labels, out / name, on_progress)
    return report if choice is None else replace(report, seconds=report.seconds + seconds, choice=choice)


def evenly(n_frames: int, n_labels: int) -> list[int]:
    """Choose frames to label, evenly spaced with half a step at both ends.

    Raises:
        BadLabel: more labels than frames.
    """
    if n_labels > n_frames:
        raise BadLabel(f"{n_labels} labels were asked for, the sequence has {n_frames} frames; ask for fewer")
    return [int(n_frames * (i + 0.5) / n_labels) for i in range(n_labels)]


def labels_of(clip: Clip, labelled: Collection[int]) -> dict[int, FrameLabel]:
    """Return the masks of some frames, as if a person had drawn them.

    Raises:
        BadLabel: a frame that the sequence does not have, or that has no mask.
    """
    known = set(clip.truth_frames)
    for frame in labelled:
        if not 0 <= frame < clip.n_frames:
            raise BadLabel(f"{clip.name}: expected labels for frames 0 to {clip.n_frames - 1}, got {frame}")
        if frame not in known:
            raise BadLabel(f"{clip.name}: frame {frame} has no mask; masks are there for {_listed(sorted(known))}")
    return {i: FrameLabel(FrameRef(1, i), tuple(_truth(clip, i).objects)) for i in sorted(labelled)}


def propagate_clip(
    frames: ClipFrames,
    labels: Mapping[int, FrameLabel],
    size: tuple[int, int],
    methods: Sequence[str],
    resources: Resources,
    choice: Choice | None = None,
) -> Iterator[tuple[int, list[DeliveredMask]]]:
    """Carry the labels to every frame, in order, by the named propagators together; masks have (height, width) size.

    Args:
        choice: of propagators, by object, instead of the named ones.

    Raises:
        UnknownName: there is no propagator of that name.
    """
    sources = propagations(members(methods) if choice is None else choice.names, resources, frames, Decoded(labels))
    propagated = combine(sources, labels) if choice is None else choice.of(sources, labels)
    return fuse(labels, propagated, None, size, resources.settings, shots=resources.shots)


def write_masks(
    delivered: Iterable[tuple[int, list[DeliveredMask]]],
    clip: Clip,
    labelled: Collection[int],
    out: Path,
    on_progress: Callable[[Progress], None] | None = None,
) -> ClipReport:
    """Write an index PNG per frame, named like the frame of the full-size clip, and measure where there is truth.

    Raises:
        BadLabel: an object number that an index image cannot hold.
    """
    too_high = [track for track in clip.tracks if track > MAX_INDEX]
    if too_high:
        raise BadLabel(f"{clip.name}: an index image holds objects 1 to {MAX_INDEX}, got {_listed(too_high)}")
    out.mkdir(parents=True, exist_ok=True)
    found: dict[int, list[DeliveredMask]] = {}
    height, width = clip.size
    started = time.perf_counter()
    for frame, masks in delivered:
        shown = [mask for mask in masks if mask.track_id != IGNORE_TRACK]
        image, _ = index_image(shown, {m.track_id: m.track_id for m in shown}, height, width)
        write_index_png(out / f"{clip.files[frame].stem}.png", image)
        found[frame] = shown
        if on_progress is not None:
            on_progress(Progress(frame + 1, clip.n_frames, clip.name))
    seconds = time.perf_counter() - started
    truth = {frame: _truth(clip, frame) for frame in clip.truth_frames}
    rows = evaluate_video(found, truth, set(labelled), Identities.PERSISTENT)
    whole = {row.metric: row.value for row in rows if (row.track_id, row.provenance) == (None, ALL)}
    figures = JAndF(whole["j"], whole["f"]) if "j" in whole else None
    measured = len(set(truth) - set(labelled))
    return ClipReport(clip.n_frames, len(labelled), seconds, figures, measured, int(whole.get("switches", 0)))


def _truth(clip: Clip, frame: int) -> FrameLabel:
    """Return the objects of a frame and what is to be ignored in it."""
    masks = [MaskLabel(track, CATEGORY, encode(mask)) for track, mask in clip.truth(frame).items()]
    ignored = clip.ignore(frame)
    if ignored is not None:
        masks.append(MaskLabel(IGNORE_TRACK, IGNORE_CATEGORY, encode(ignored)))
    return FrameLabel(FrameRef(1, frame), tuple(masks))


def _listed(numbers: Sequence[int]) -> str:
    shown = ", ".join(str(n) for n in numbers[:10])
    return f"{shown} and {len(numbers) - 10} more" if len(numbers) > 10 else shown or "none"
