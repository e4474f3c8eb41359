"""A frame, how near what it shows is, and its labels, side by side: for the dashboard and as files."""

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from al_core.export.drawing import draw_masks
from al_core.export.palette import track_colour
from al_core.footage.images import png_bytes
from al_core.ledger.store import Ledger
from al_core.masks import rle
from al_core.project import Project
from al_core.records import IGNORE_TRACK, DeliveredMask, FrameRef, Video
from al_core.settings import StudentSettings
from al_core.stores.delivered import read_delivered
from al_core.stores.frames import FrameStore
from al_core.stores.pretrained import PretrainedNetworks, depth_of
from tasks.report.thumbnails import Shown, resized_mask, shown_masks

if TYPE_CHECKING:
    from al_core.depth.depth_network import DepthNetwork

PICTURES = 8
"""Frames of a video that are written, evenly spaced."""

_GAP = 4


def knows_depth(project: Project) -> bool:
    """Tell whether a project has learnt depth."""
    return PretrainedNetworks(project.pretrained).serving("depth", None) is not None


def network_of(project: Project, student: StudentSettings) -> "DepthNetwork":
    """Return the network of depth of a project, kept in memory once it was read.

    Raises:
        BadCheckpoint: there is none, or it has the backbone of another student.
    """
    networks = PretrainedNetworks(project.pretrained)
    return _network(networks.path(depth_of(networks, "depth")), student.model_dump_json())


@lru_cache(maxsize=1)
def _network(path: Path, student: str) -> "DepthNetwork":
    from al_core.depth.depth_network import load_depth_network

    return load_depth_network(path, StudentSettings.model_validate_json(student))


def coloured(nearness: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return nearness [h, w] in [0, 1] as RGB [h, w, 3]: dark where it is far, bright where it is near."""
    import cv2

    grey = np.rint(nearness * 255).astype(np.uint8)
    return np.asarray(cv2.applyColorMap(grey, cv2.COLORMAP_INFERNO)[..., ::-1], np.uint8)


def side_by_side(image: NDArray[np.uint8], nearness: NDArray[np.float32], shown: Shown) -> NDArray[np.uint8]:
    """Return a frame, its nearness and its masks beside each other, RGB [h, 3 w and two gaps, 3]."""
    masks = [(resized_mask(rle.decode(mask), image.shape), track_colour(track)) for track, mask in shown.masks]
    gap = np.full((image.shape[0], _GAP, 3), 255, np.uint8)
    return np.concatenate([image, gap, coloured(nearness), gap, draw_masks(image, masks, opacity=0.35, line=2)], axis=1)


def write_pictures(
    project: Project, ledger: Ledger, frames: FrameStore, student: StudentSettings, out: Path
) -> Iterator[Path]:
    """Write a folder for each video with some frames as PNG, each beside its depth and its labels; yields the files.

    Labels are people's where there are any, else what the newest round delivered.

    Raises:
        BadCheckpoint: the project has learnt no depth, or with the backbone of another student.
    """
    network = network_of(project, student)
    people = {label.frame: label for label in ledger.human_labels()}
    for video in ledger.videos():
        chosen = np.unique(np.linspace(0, video.n_frames - 1, PICTURES).round().astype(int)).tolist()
        delivered = _delivered(project, ledger, video, chosen)
        mine = {i: people[ref] for i in chosen if (ref := FrameRef(video.video_id, i)) in people}
        folder = out / video.name
        folder.mkdir(parents=True, exist_ok=True)
        for i in chosen:
            image = frames.read(FrameRef(video.video_id, i))
            path = folder / f"{i:06d}.png"
            path.write_bytes(png_bytes(side_by_side(image, network.nearness(image), shown_masks(i, mine, delivered))))
            yield path


def _delivered(
    project: Project, ledger: Ledger, video: Video, chosen: Sequence[int]
) -> Mapping[int, Sequence[DeliveredMask]]:
    newest = ledger.last_delivered_round()
    path = None if newest is None else ledger.delivered_paths(newest).get(video.video_id)
    if path is None:
        return {}
    found = read_delivered(project.absolute(path), chosen)
    return {i: [m for m in masks if m.track_id != IGNORE_TRACK] for i, masks in found}
