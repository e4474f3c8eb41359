"""Footage with masks, laid out as DAVIS does."""

import numpy as np

from tests.toys.footage.clips import write_frames, write_mask

BLANK = np.zeros((6, 8), int)
LEFT = np.array([[1, 1, 1, 0, 0, 0, 0, 0]] * 6)
RIGHT = np.array([[0, 0, 0, 0, 0, 2, 2, 255]] * 6)


def davis(root, sequence="dog", level="480p", masks=(LEFT + RIGHT, LEFT)):
    write_frames(root / "JPEGImages" / level / sequence)
    for i, mask in enumerate(masks):
        write_mask(root / "Annotations" / level / sequence / f"{i:05d}.png", mask)
    return root


def truth_of(source):
    return source.truth(source.probe())
