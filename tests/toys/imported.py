"""Label files of other tools for the clip of :mod:`tests.toys.labelled_project`."""

import json

from al_core.masks.rle import encode
from tests.toys.labelled_project import HEIGHT, WIDTH, mask_at


def coco_file(folder, frames, name="old.json", category="square", video="clip", track=None, shift=0):
    """A COCO file with a square in each of these frames; returns its path.

    Args:
        track: number of the object; None for a file that numbers nothing.
        shift: the square is drawn as it is so many frames later.
    """
    images = [{"id": i, "file_name": f"{video}/{i:05d}.jpg", "height": HEIGHT, "width": WIDTH} for i in frames]
    numbered = {} if track is None else {"track_id": track}
    annotations = [
        {"id": i, "image_id": i, "category_id": 4, "segmentation": encode(mask_at(i + shift)).to_coco()} | numbered
        for i in frames
    ]
    content = {"images": images, "annotations": annotations, "categories": [{"id": 4, "name": category}]}
    path = folder / name
    path.write_text(json.dumps(content), encoding="utf-8")
    return path
