"""Toy sequences in DAVIS layout: the grey value of a frame tells its number."""

from pathlib import Path

import cv2
import numpy as np

SIDE = 16


def grey(frame_idx):
    """The value of the ground in a frame."""
    return 40 + 10 * frame_idx


def write_sequence(root: Path, name: str = "toy", n_frames: int = 6, masked=None, ignored: bool = True) -> Path:
    """Frames of 16x16 pixels, each of one grey; a square of 4x4 moves right by a pixel a frame.

    Args:
        masked: frames that have a mask; by default all.
        ignored: the last row of each mask is 255.
    """
    frames, masks = (root / part / "480p" / name for part in ("JPEGImages", "Annotations"))
    frames.mkdir(parents=True)
    masks.mkdir(parents=True)
    for i in range(n_frames):
        cv2.imwrite(str(frames / f"{i:05d}.png"), np.full((SIDE, SIDE, 3), grey(i), np.uint8))
        mask = np.zeros((SIDE, SIDE), np.uint8)
        mask[4:8, i : i + 4] = 3
        mask[-1] = 255 if ignored else 0
        if masked is None or i in masked:
            cv2.imwrite(str(masks / f"{i:05d}.png"), mask)
    return root


def write_still_scene(root: Path, name: str = "road", n_frames: int = 8) -> Path:
    """A camera that stands still: a bright square passes over a grey ramp."""
    frames, masks = (root / part / "480p" / name for part in ("JPEGImages", "Annotations"))
    frames.mkdir(parents=True)
    masks.mkdir(parents=True)
    for i in range(n_frames):
        image, mask = ramp(), np.zeros((SIDE, SIDE), np.uint8)
        image[4:8, i : i + 4] = 250
        mask[4:8, i : i + 4] = 1
        cv2.imwrite(str(frames / f"{i:05d}.png"), image)
        cv2.imwrite(str(masks / f"{i:05d}.png"), mask)
    return root


def ramp():
    """The still scene without its square, uint8 [16, 16, 3]."""
    return np.repeat(np.tile(np.arange(SIDE, dtype=np.uint8) * 10, (SIDE, 1))[..., None], 3, axis=-1)
