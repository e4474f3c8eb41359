"""A clip of tiny frames with masks that can be checked by eye, as an exporter gets it."""

from fractions import Fraction

import numpy as np

from al_core.exchange.drawn import Asked
from al_core.exchange.label_files import read_label_file
from al_core.export.contents import ExportClip
from al_core.masks import rle
from al_core.records import DeliveredMask, Identities, Provenance, Video

HUMAN, PROPAGATED, TEACHER, ACCEPTED = (
    Provenance.HUMAN,
    Provenance.PROPAGATED,
    Provenance.TEACHER,
    Provenance.ACCEPTED,
)

RING = np.array(
    [
        [0, 0, 0, 0, 0, 0],
        [0, 1, 1, 1, 0, 0],
        [0, 1, 0, 1, 0, 0],
        [0, 1, 1, 1, 0, 0],
        [0, 0, 0, 0, 0, 0],
    ],
    bool,
)
"""A ring of 8 pixels around one hole, in a frame of 5x6 pixels."""

CORNER = np.array(
    [
        [0, 0, 0, 0, 1, 1],
        [0, 0, 0, 0, 1, 1],
        [0, 0, 0, 0, 0, 0],
        [0, 0, 0, 0, 0, 0],
        [0, 0, 0, 0, 0, 0],
    ],
    bool,
)
"""4 pixels in the upper right, apart from the ring."""


def delivered(frame_idx, track_id, mask, provenance=PROPAGATED, confidence=0.5, category_id=1):
    """A delivered mask."""
    return DeliveredMask(frame_idx, track_id, category_id, provenance, confidence, rle.encode(mask))


def image(frame_idx, height=5, width=6):
    """A grey frame; its level tells its number."""
    return np.full((height, width, 3), 10 * frame_idx, np.uint8)


def make_clip(
    masks,
    n_frames=4,
    human=(),
    size=(5, 6),
    name="toy",
    fps=Fraction(25),
    video_id=1,
    identities=Identities.PERSISTENT,
    **fields,
):
    """A clip whose delivered masks are ``masks``: a list of DeliveredMask in any order."""
    height, width = size
    video = Video(
        video_id,
        name,
        f"/videos/{name}.mp4",
        "file",
        "0" * 64,
        fps,
        n_frames,
        height,
        width,
        identities=identities,
    )
    by_frame = {}
    for mask in masks:
        by_frame.setdefault(mask.frame_idx, []).append(mask)
    return ExportClip(
        video,
        lambda: iter(sorted(by_frame.items())),
        lambda indices: ((i, image(i, height, width)) for i in indices),
        frozenset(human),
        **{"round_id": 2, **fields},
    )


def usual_clip(**fields):
    """Frame 0 is human, 1 propagated and teacher, 2 empty, 3 teacher only."""
    masks = [
        delivered(0, 1, RING, HUMAN, 1.0),
        delivered(1, 1, RING, PROPAGATED, 0.75),
        delivered(1, 2, CORNER, TEACHER, 0.5, category_id=2),
        delivered(3, 2, CORNER, TEACHER, 0.25, category_id=2),
    ]
    return make_clip(masks, human=[0], **fields)


def read_coco(path, size=(5, 6), categories=("dog", "cat")):
    """What the inbox would read of a COCO file of one video: frame number -> [(track, category, RLE)]."""
    frames = read_label_file(path, lambda name: Asked(name.stem, *size, True), categories).frames
    return {int(name): [(m.track_id, m.category, m.rle) for m in frame.masks] for name, frame in frames.items()}
