"""A strategy, a propagator, an exporter, a component of uncertainty and a refiner of our own, to begin from."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from al_core.export.contents import ExportClip, ExportOptions, Tally
from al_core.footage.clips import ClipFrames
from al_core.interactive.refiner import PlainRefiner
from al_core.masks.rle import decode
from al_core.masks.soft import SoftMask, Window
from al_core.propagation import Resources
from al_core.propagation.base import Labels, PropagatedFrame, PropagatedTrack
from al_core.records import Selected
from al_core.selection import Pool
from al_core.settings import SelectionSettings
from al_core.stores.predictions import FramePrediction


def widest_gap(pool: Pool, n: int, settings: SelectionSettings, rng: np.random.Generator) -> list[Selected]:
    """Choose up to n frames, each the one that is farthest in time from any that was or will be labelled."""
    taken: dict[int, list[int]] = {video: [] for video in pool.lengths}
    for i in range(len(pool.labelled)):
        frame = pool.labelled.ref(i)
        taken[frame.video_id].append(frame.frame_idx)
    candidates = [pool.candidates.ref(i) for i in range(len(pool.candidates))]
    chosen: list[Selected] = []
    while candidates and len(chosen) < n:
        gaps = [
            min((abs(frame.frame_idx - known) for known in taken[frame.video_id]), default=pool.lengths[frame.video_id])
            for frame in candidates
        ]
        best = int(np.argmax(gaps))
        if gaps[best] < max(settings.min_gap, 1):
            break
        frame = candidates.pop(best)
        taken[frame.video_id].append(frame.frame_idx)
        chosen.append(Selected(frame, len(chosen), float(gaps[best]), f"widest gap: {gaps[best]} frames to a label"))
    return chosen


widest_gap.seam_version = 1


class Nearest:
    """Gives each frame the masks of the labelled frame that is nearest in time."""

    seam_version = 1

    def __init__(self, resources: Resources) -> None:
        self._resources = resources

    def propagate(self, frames: ClipFrames, labels: Labels) -> Iterator[PropagatedFrame]:
        """Yield every frame of the clip, in order."""
        for i in range(frames.n_frames):
            nearest = min(labels, key=lambda known: (abs(known - i), known))
            sure = 1.0 if nearest == i else 0.9 / (1 + abs(nearest - i) / 10)
            masks = {track: PropagatedTrack(SoftMask.of(mask), sure) for track, mask in labels[nearest].items()}
            yield PropagatedFrame(i, masks)


def write_centres(
    clips: Sequence[ExportClip], categories: Mapping[int, str], out: Path, options: ExportOptions, tally: Tally
) -> None:
    """Write a CSV file for each video: frame, track, category, and the centre of the mask in pixels."""
    out.mkdir(parents=True)
    for clip in clips:
        lines = ["frame,track,category,x,y"]
        for frame_idx, masks in clip.masks():
            for mask in masks:
                rows, columns = np.nonzero(decode(mask.rle))
                where = f"{columns.mean():.1f},{rows.mean():.1f}"
                lines.append(f"{frame_idx},{mask.track_id},{categories[mask.category_id]},{where}")
        (out / f"{clip.video.name}.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
        tally.files += 1


write_centres.seam_version = 1


def sudden(frame: FramePrediction, before: FramePrediction | None) -> float:
    """Doubt a frame by how much the number of its objects differs from that of the frame before: in [0, 1]."""
    if before is None:
        return 0.0
    more, fewer = max(len(frame.objects), len(before.objects)), min(len(frame.objects), len(before.objects))
    return 1 - fewer / more if more else 0.0


sudden.seam_version = 1


class WholeBoxes(PlainRefiner):
    """Makes of a box the whole of it, and of clicks and strokes what the plain refiner makes of them."""

    seam_version = 1

    def with_box(
        self,
        image: np.ndarray,
        probability: np.ndarray,
        box: Window,
        going_on: Callable[[], None] = lambda: None,
    ) -> np.ndarray:
        """Return the box itself as a mask, bool [H, W]."""
        mask = np.zeros(probability.shape, bool)
        mask[box.y0 : box.y1, box.x0 : box.x1] = True
        return mask
