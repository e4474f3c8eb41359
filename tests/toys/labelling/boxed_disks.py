"""Two disks on plain ground, one with a mask and one with a box."""

import numpy as np

from al_core.networks.shapes.box_crops import BoxedObject, window_around


def disk(x, y, radius=10, size=(48, 64)):
    rows, columns = np.mgrid[: size[0], : size[1]]
    return (columns - x) ** 2 + (rows - y) ** 2 <= radius**2


def scene(masked=True):
    """A red disk with a mask and a blue one with a box on grey ground."""
    red, blue = disk(18, 20), disk(46, 26)
    image = np.full((48, 64, 3), 110, np.uint8)
    image[red], image[blue] = (210, 40, 40), (40, 50, 220)
    boxes = window_around(red), window_around(blue)
    return image, [
        BoxedObject(image, boxes[0], 0, red if masked else None, boxes[1:]),
        BoxedObject(image, boxes[1], 1, None, boxes[:1]),
    ]
