"""Write what a round delivered in a format that others read."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from al_core.errors import NotReady, UnknownName
from al_core.export.contents import ExportClip, ExportOptions, ExportReport, OnProgress
from al_core.export.exporters import EXPORTERS, write_export
from al_core.export.splits import Leak, leaks, sampled, split_videos
from al_core.footage.video import decode
from al_core.ledger.store import Ledger
from al_core.project import Project
from al_core.records import FrameRef, Video
from al_core.stores.delivered import read_delivered
from al_core.stores.frames import FrameStore


def export_project(
    project: Project,
    ledger: Ledger,
    frames: FrameStore,
    format: str,
    out: Path,
    options: ExportOptions | None = None,
    *,
    round_id: int | None = None,
    videos: Sequence[str] | None = None,
    on_progress: OnProgress | None = None,
) -> ExportReport:
    """Export the masks that a round delivered.

    Args:
        format: a key of ``al_core.export.FORMATS``.
        out: a folder, or a file where the format is one (see ``al_core.export.exporters.write_export``).
        round_id: masks as that round delivered them; None takes the newest ones.
        videos: names; None takes all that have delivered masks.

    Raises:
        UnknownName: no such format, video or round.
        NotReady: nothing was delivered yet.
        OutputExists: ``out`` is there and must not be replaced.
    """
    EXPORTERS.check(format)
    clips = _clips(project, ledger, frames, round_id, videos)
    return write_export(format, clips, ledger.categories(), out, options, on_progress)


@dataclass(frozen=True, slots=True)
class SplitReport:
    """What an export in splits wrote.

    Attributes:
        leaks: videos of different splits that show the same.
    """

    reports: dict[str, ExportReport]
    videos: dict[str, list[str]]
    leaks: tuple[Leak, ...]

    def describe(self) -> str:
        """Say what was written, for the person who asked; every leak is a line of its own."""
        lines = [f"{name}: {report.describe()}" for name, report in self.reports.items()]
        lines += [
            f"warning: {leak.first} frame {leak.first_frame} and {leak.second} frame {leak.second_frame} are almost "
            "the same and in different splits; put both videos into one"
            for leak in self.leaks
        ]
        return "\n".join(lines)


def export_splits(
    project: Project,
    ledger: Ledger,
    frames: FrameStore,
    format: str,
    out: Path,
    shares: Mapping[str, float],
    seed: int,
    options: ExportOptions | None = None,
    *,
    round_id: int | None = None,
    videos: Sequence[str] | None = None,
    on_progress: OnProgress | None = None,
) -> SplitReport:
    """Export to a folder for each split, videos whole, and look for frames that are the same on both sides.

    Args:
        shares: of the frames, by name of the split, adding up to 1.

    The other arguments are as for :func:`export_project`.

    Raises:
        BadSettings: fewer videos than splits.
    """
    EXPORTERS.check(format)
    clips = {clip.video.name: clip for clip in _clips(project, ledger, frames, round_id, videos)}
    lengths = {name: clip.video.n_frames for name, clip in clips.items()}
    splits = split_videos(lengths, shares, np.random.default_rng(seed))
    categories, reports = ledger.categories(), {}
    for split, names in splits.items():
        members = [clip for name, clip in clips.items() if name in names]
        reports[split] = write_export(format, members, categories, out / split, options, on_progress)
    numbers = {name: sampled(n) for name, n in lengths.items()}
    thumbnails = {
        name: (numbers[name], frames.thumbnails(clip.video.video_id, numbers[name].tolist()))
        for name, clip in clips.items()
    }
    return SplitReport(reports, splits, tuple(leaks(splits, thumbnails)))


def full_frames(frames: FrameStore, video: Video, indices: Sequence[int]) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """Yield frames at full resolution, RGB uint8 [height, width, 3], in rising order, decoded in one pass."""
    if video.kind == "file" and Path(video.uri).is_file():
        yield from decode(Path(video.uri), list(indices))
        return
    for index in indices:
        yield index, frames.read_full(FrameRef(video.video_id, index))


def _clips(
    project: Project, ledger: Ledger, frames: FrameStore, round_id: int | None, names: Sequence[str] | None
) -> list[ExportClip]:
    round_id = _round(ledger, round_id)
    paths = ledger.delivered_paths(round_id)
    known = {video.name: video for video in ledger.videos() if video.video_id in paths}
    for name in names or ():
        if name not in known:
            raise UnknownName(f"video with masks of round {round_id}", name, known)
    return [
        ExportClip(
            video,
            partial(read_delivered, project.absolute(paths[video.video_id])),
            partial(full_frames, frames, video),
            frozenset(label.frame.frame_idx for label in ledger.human_labels(video.video_id, up_to_round=round_id)),
            round_id,
            ledger.frame_times_us(video.video_id),
        )
        for name, video in known.items()
        if names is None or name in names
    ]


def _round(ledger: Ledger, round_id: int | None) -> int:
    last = ledger.last_delivered_round()
    if last is None:
        raise NotReady("no round has delivered masks yet; run one first: fewframes run --project DIR")
    if round_id is None:
        return last
    if not ledger.delivered_paths(round_id):
        delivered = [str(r.round_id) for r in ledger.rounds() if ledger.delivered_paths(r.round_id)]
        raise UnknownName("round with delivered masks", str(round_id), delivered)
    return round_id
